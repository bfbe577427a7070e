package docs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
)

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m, func() error { return os.RemoveAll(built) }))
}

// within bounds one program that a document speaks of.
const within = 3 * time.Minute

func itoa(n int) string { return strconv.Itoa(n) }

// nobody is where nothing listens: what the documents show is tried without any
// system to ask, which each server must be able to say.
const nobody = "127.0.0.1:1"

// deaf are settings with which a server asks nobody.
var deaf = map[string]string{
	"API_BASE_URL": "http://" + nobody, "PROMETHEUS_URL": "http://" + nobody, "KAFKA_BOOTSTRAP_SERVERS": nobody,
	"PAYMENT_DB_HOST": "127.0.0.1", "PAYMENT_DB_PORT": "1", "REDIS_URL": "redis://" + nobody,
}

func program(t *testing.T, server string) string {
	t.Helper()
	path, err := binaries.Path(server)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program in the clone and returns what it printed.
func run(t *testing.T, environ []string, program string, args ...string) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = at(t), append(os.Environ(), environ...), time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

var built string // where the sandbox's program is

var buildSandbox = sync.OnceValues(func() (string, error) {
	dir, err := root()
	if err != nil {
		return "", err
	}
	if built, err = os.MkdirTemp("", "payops-docs-"); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", built+string(filepath.Separator), "./sandbox/cmd/sandbox")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the sandbox: %w\n%s", err, out)
	}
	return filepath.Join(built, "sandbox"), nil
})

func sandbox(t *testing.T) string {
	t.Helper()
	path, err := buildSandbox()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	settingLine = regexp.MustCompile(`(?m)^  ([A-Z][A-Z0-9_]+n?)\s.*?(\(secret\))?$`)
	helped      sync.Map // by server
)

// settingsOf are the names of the settings of a server, as its --help lists them,
// and each secret's _FILE.
func settingsOf(t *testing.T, server string) map[string]bool {
	t.Helper()
	if known, ok := helped.Load(server); ok {
		return known.(map[string]bool)
	}
	text, code := run(t, nil, program(t, server), "--help")
	all := map[string]bool{}
	for _, m := range settingLine.FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
		if m[2] != "" {
			all[m[1]+"_FILE"] = true
		}
	}
	if code != 0 || len(all) < 10 {
		t.Fatalf("%s --help: exit code %d, %d settings in\n%s", server, code, len(all), text)
	}
	helped.Store(server, all)
	return all
}

var shardNumber = regexp.MustCompile(`SHARD[1-9]\d*(_FILE)?$`)

// isSetting reports whether a server takes a setting of this name.
func isSetting(t *testing.T, server, name string) bool {
	known := settingsOf(t, server)
	return known[name] || known[shardNumber.ReplaceAllString(name, "SHARDn$1")]
}

// start starts a built server as a host would with these settings, and asks it
// for its tools. Files that the settings name are made.
func start(t *testing.T, server string, settings map[string]string) (*host.Server, []host.Tool) {
	t.Helper()
	settings = maps.Clone(settings)
	for name, value := range settings {
		if !isSetting(t, server, name) {
			t.Errorf("%s has no setting %s", server, name)
		}
		if strings.HasSuffix(name, "_FILE") || name == "REDIS_AUDIT_LOG" {
			settings[name] = secret(t, value)
		}
	}
	s, err := host.Start(t.Context(), server, program(t, server), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("end %s: %v", server, err)
		}
	})
	tools, err := s.Tools(t.Context())
	if err != nil || len(tools) == 0 {
		t.Fatalf("%s lists no tools: %v", server, err)
	}
	return s, tools
}

// secret is a file as a document names one, on this machine.
func secret(t *testing.T, named string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(strings.ReplaceAll(named, `\`, "/")))
	if err := os.WriteFile(path, []byte("not-a-real-secret-of-anybody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// everything are the settings with which a server lists every tool that it has.
var everything = map[string]map[string]string{
	binaries.DBQuery:    {"DB_ALLOW_RUN_SELECT": "true"},
	binaries.RedisCache: {"REDIS_ALLOW_CLEAR_RATE_LIMIT": "true", "REDIS_AUDIT_LOG": "audit.jsonl"},
}

// asked are the servers to ask, with every tool that they have and nobody behind
// them, and who has which tool.
func asked(t *testing.T) (servers map[string]*host.Server, has map[string]string) {
	t.Helper()
	servers, has = map[string]*host.Server{}, map[string]string{}
	for _, name := range binaries.Servers() {
		settings := map[string]string{"PAYOPS_CALL_TIMEOUT": "10s"}
		for k, v := range deaf {
			if isSetting(t, name, k) {
				settings[k] = v
			}
		}
		maps.Copy(settings, everything[name])
		s, tools := start(t, name, settings)
		servers[name] = s
		for _, tool := range tools {
			has[tool.Name] = name
		}
	}
	return servers, has
}

// call calls a tool with arguments as a document shows them.
func call(t *testing.T, s *host.Server, tool, arguments string) {
	t.Helper()
	var args map[string]any
	if err := json.Unmarshal([]byte(arguments), &args); err != nil {
		t.Errorf("%s %s: %v", tool, arguments, err)
		return
	}
	answer, err := s.Call(t.Context(), tool, args)
	if err != nil {
		t.Fatal(err)
	}
	if answer.IsError {
		t.Errorf("%s %s is refused: %s", tool, arguments, answer.Text)
	}
}
