package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/shared/env"
)

// values are settings as a system has them; one has what shells and JSON take amiss.
var values = map[string]string{
	"API_BASE_URL":                   "http://127.0.0.1:8080,http://127.0.0.1:8081",
	"KAFKA_BOOTSTRAP_SERVERS":        "127.0.0.1:9092",
	"PROMETHEUS_URL":                 "http://127.0.0.1:9090",
	"PAYMENT_DB_HOST":                "127.0.0.1",
	"PAYMENT_DB_PASSWORD":            `a b$c"d\e&<f>;#`,
	"PAYMENT_DB_HOST_SHARD2":         "127.0.0.1",
	"REDIS_URL":                      "redis://payro:x@127.0.0.1:6379/0",
	"APP_RATE_LIMIT_REFUND_CAPACITY": "12000",
}

func printed(t *testing.T, name, only string) (text string, all []entry) {
	t.Helper()
	programs := map[string]string{}
	for _, s := range binaries.Servers() {
		programs[s] = filepath.Join(t.TempDir(), "it's here", s)
	}
	all, err := entries(programs, values, only)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(forms, func(f form) bool { return f.name == name })
	var b bytes.Buffer
	if err := forms[at].write(&b, slices.Clone(all)); err != nil {
		t.Fatal(err)
	}
	return b.String(), all
}

// Each server is told what belongs to it, and none what belongs to another.
func TestEntries(t *testing.T) {
	_, all := printed(t, "desktop", "")
	told := map[string]int{}
	for _, e := range all {
		for k := range e.Env {
			told[k]++
		}
	}
	if len(all) != 3 || len(told) != len(values) {
		t.Errorf("%d servers are told %v", len(all), told)
	}
	for k, n := range told {
		if n != 1 {
			t.Errorf("%s is told to %d servers", k, n)
		}
	}
	if _, err := entries(nil, nil, "kafka-mcp"); err == nil || !strings.Contains(err.Error(), "there are circuitbreaker-mcp, ") {
		t.Errorf("an unknown server: %v", err)
	}
}

// The JSON forms say what was meant, under the name that the host reads.
func TestFormsInJSON(t *testing.T) {
	for name, root := range map[string]string{"desktop": "mcpServers", "cursor": "mcpServers", "vscode": "servers"} {
		text, all := printed(t, name, "")
		var said map[string]map[string]struct {
			Type, Command string
			Env           map[string]string
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&said); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, e := range all {
			got := said[root][e.name]
			if got.Command != e.Command || !maps.Equal(got.Env, e.Env) || (got.Type == "stdio") != (name == "vscode") {
				t.Errorf("%s: %s is %+v, want %+v", name, e.name, got, e)
			}
		}
	}
}

// shell runs a script and returns what it prints.
func shell(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
	return string(out)
}

// The commands reach Claude Code word by word, whatever is in them.
func TestFormAsCommands(t *testing.T) {
	text, all := printed(t, "claude", "")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d commands for %d servers", len(lines), len(all))
	}
	for i, e := range all {
		want := []string{"mcp", "add", e.name}
		for _, k := range slices.Sorted(maps.Keys(e.Env)) {
			want = append(want, "--env", k+"="+e.Env[k])
		}
		want = append(want, "--", e.Command)
		got := strings.Split(strings.TrimSuffix(shell(t, `claude() { printf '%s\n' "$@"; }`+"\n"+lines[i]), "\n"), "\n")
		if !slices.Equal(got, want) {
			t.Errorf("claude gets\n%q, want\n%q", got, want)
		}
	}
}

// The lines mean the same to a shell and to a server's --config.
func TestFormAsEnvironment(t *testing.T) {
	text, all := printed(t, "env", "")
	file := written(t, text)
	for _, e := range all {
		for k, v := range e.Env {
			if got := shell(t, "set -a; . '"+file+`'; printf %s "$`+k+`"`); got != v {
				t.Errorf("a shell has %s=%q, want %q", k, got, v)
			}
		}
	}
	text, all = printed(t, "env", binaries.DBQuery)
	var read struct {
		Host     string `env:"PAYMENT_DB_HOST" help:"h"`
		Password string `env:"PAYMENT_DB_PASSWORD" help:"h"`
		Second   string `env:"PAYMENT_DB_HOST_SHARD2" help:"h"`
	}
	if err := env.Load(&read, nil, written(t, text)); err != nil {
		t.Fatal(err)
	}
	if want := all[0].Env; len(all) != 1 || len(want) != 3 || read.Host != want["PAYMENT_DB_HOST"] || read.Password != want["PAYMENT_DB_PASSWORD"] || read.Second != want["PAYMENT_DB_HOST_SHARD2"] {
		t.Errorf("a server reads %+v, want %v", read, want)
	}
	if err := printEnvironment(&bytes.Buffer{}, []entry{{Env: map[string]string{"X": "it's"}}}); err == nil {
		t.Error("a quote was written that no line can hold")
	}
}

func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUnknownForm(t *testing.T) {
	if err := config(t.Context(), []string{"--for", "emacs"}); err == nil || !strings.Contains(err.Error(), "want one of desktop (") {
		t.Errorf("%v", err)
	}
}
