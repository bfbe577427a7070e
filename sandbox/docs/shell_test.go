package docs_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/port"
)

// commandWords are the first words of what is a command also outside of a block.
var commandWords = regexp.MustCompile(`^(scripts/\w+|go (run|build|test|generate)|docker (compose|build|run) -|claude mcp add|curl -|curl http|set -a|NAME --|(\S*/)?(circuitbreaker|dbquery|rediscache)-mcp(\.exe)? --)`)

// TestCommands tries each command line of the documents: those of shell blocks and
// those in running text.
func TestCommands(t *testing.T) {
	for _, d := range documents(t) {
		c := commands{t: t, doc: d}
		for _, b := range d.blocks {
			if b.language != "sh" {
				continue
			}
			n := b.line
			for line := range strings.Lines(strings.ReplaceAll(b.text, "\\\n", " ")) {
				n++
				c.line(n, line)
			}
		}
		for _, s := range d.spans {
			if commandWords.MatchString(s.text) {
				c.line(s.line, s.text)
			}
		}
		if len(d.blocks) > 0 && c.tried == 0 && !strings.HasPrefix(d.name, "docs/") {
			t.Errorf("%s has no command at all", d.name)
		}
	}
}

// commands tries the commands of a document.
type commands struct {
	t     *testing.T
	doc   document
	at    int
	tried int
}

func (c *commands) wrong(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("%s: %s", c.doc.where(c.at), fmt.Sprintf(format, args...))
}

// line tries the commands of a line.
func (c *commands) line(n int, line string) {
	c.at = n
	for one := range strings.SplitSeq(strings.TrimSpace(line), ";") {
		words, err := split(one)
		if err != nil {
			c.wrong("%v", err)
			continue
		}
		settings := map[string]string{}
		for len(words) > 0 {
			name, value, ok := strings.Cut(words[0], "=")
			if !ok || strings.HasPrefix(name, "-") {
				break
			}
			settings[name], words = value, words[1:]
		}
		if len(words) > 0 {
			c.tried++
			c.command(settings, words[0], words[1:])
		}
	}
}

// split takes a line of shell apart into words; what stands behind # is a remark.
func split(line string) (words []string, err error) {
	var word strings.Builder
	begun, quote := false, rune(0)
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			begun, quote = true, r
		case r == '#' && !begun:
			return words, nil
		case r == ' ' || r == '\t':
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed in %s", line)
	}
	return words, nil
}

func (c *commands) command(settings map[string]string, name string, args []string) {
	c.t.Helper()
	server := strings.TrimSuffix(path.Base(strings.ReplaceAll(name, `\`, "/")), ".exe")
	switch {
	case slices.Contains(binaries.Servers(), server):
		c.server(server, settings, args)
	case server == "NAME":
		for _, each := range binaries.Servers() {
			c.server(each, settings, args)
		}
	case strings.HasPrefix(name, "scripts/"):
		c.script(name, args)
	case name == "go":
		c.goCommand(settings, args)
	case name == "docker":
		c.docker(args)
	case name == "claude":
		c.claude(args)
	case name == "curl":
		c.curl(args)
	case name == "set":
		if !slices.Equal(args, []string{"-a"}) && !slices.Equal(args, []string{"+a"}) {
			c.wrong("set %v", args)
		}
	case name == ".":
		c.exists(args[0])
	default:
		c.wrong("no test understands the command %s %s", name, strings.Join(args, " "))
	}
}

func (c *commands) exists(name string) {
	if _, err := os.Stat(at(c.t, filepath.FromSlash(name))); err != nil {
		c.wrong("%v", err)
	}
}

// server starts a server as the line says: with --check it asks nobody, and says so
// for each source.
func (c *commands) server(server string, settings map[string]string, args []string) {
	environ := []string{}
	for name, value := range settings {
		if !isSetting(c.t, server, name) {
			c.wrong("%s has no setting %s", server, name)
		}
		if strings.HasSuffix(name, "_FILE") {
			value = secret(c.t, value)
		}
		environ = append(environ, name+"="+value)
	}
	switch {
	case slices.Equal(args, []string{"--check"}):
		for name, value := range deaf {
			environ = append(environ, name+"="+value)
		}
		said, code := run(c.t, environ, program(c.t, server), "--check")
		if code != 1 || !strings.Contains(said, "FAILED") {
			c.wrong("%s --check without anybody to ask: exit code %d\n%s", server, code, said)
		}
	case len(args) == 1 && (args[0] == "--help" || args[0] == "--version"):
		if said, code := run(c.t, environ, program(c.t, server), args...); code != 0 || said == "" {
			c.wrong("%s %v: exit code %d\n%s", server, args, code, said)
		}
	case len(args) == 2 && args[0] == "--http":
		c.http(server, environ)
	default:
		c.wrong("no test understands %s with %v", server, args)
	}
}

// http serves on a free port and waits until it lives.
func (c *commands) http(server string, environ []string) {
	addr, err := port.Free()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), program(c.t, server), "--http", addr)
	cmd.Env = append(os.Environ(), environ...)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it serves until then
		_ = cmd.Wait()
	}()
	deadline := time.Now().Add(time.Minute)
	for _, p := range httpPaths {
		for {
			res, err := http.Get("http://" + addr + p)
			if err == nil {
				_ = res.Body.Close()
				if res.StatusCode == http.StatusNotFound {
					c.wrong("%s serves nothing at %s", server, p)
				}
				break
			}
			if time.Now().After(deadline) {
				c.wrong("%s --http %s: %v", server, addr, err)
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	}
}

// httpPaths are what the servers serve over HTTP.
var httpPaths = []string{"/healthz", "/readyz", "/metrics", "/mcp"}

func (c *commands) curl(args []string) {
	for _, a := range args {
		if strings.HasPrefix(a, "http") && !slices.ContainsFunc(httpPaths, func(p string) bool { return strings.HasSuffix(a, p) }) {
			c.wrong("the servers serve %v, not %s", httpPaths, a)
		}
	}
}

func (c *commands) script(name string, args []string) {
	info, err := os.Stat(at(c.t, filepath.FromSlash(name)))
	if err != nil || info.Mode()&0o100 == 0 {
		c.wrong("%s is no program: %v", name, err)
		return
	}
	switch name {
	case "scripts/demo":
		c.sandbox("demo", args)
	case "scripts/test":
		for _, a := range args {
			if strings.HasPrefix(a, "./") {
				c.packages(a)
			}
		}
	case "scripts/lint":
		if len(args) > 0 && !slices.Equal(args, []string{"--fix"}) {
			c.wrong("scripts/lint takes nothing but --fix, not %v", args)
		}
	case "scripts/bench":
		listed, _ := run(c.t, nil, "go", "run", "./bench/cmd/bench")
		for _, a := range args {
			for word := range strings.SplitSeq(a, "|") {
				if !regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(listed) {
					c.wrong("scripts/bench knows no %s:\n%s", word, listed)
				}
			}
		}
	case "scripts/release":
		if len(args) != 1 || !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(args[0]) {
			c.wrong("scripts/release wants a version such as v1.2.3, not %v", args)
		}
	default:
		c.wrong("no test understands %s", name)
	}
}

// packages checks that go knows a pattern.
func (c *commands) packages(pattern string) {
	if said, code := run(c.t, nil, "go", "list", pattern); code != 0 {
		c.wrong("go list %s: %s", pattern, said)
	}
}

func (c *commands) goCommand(settings map[string]string, args []string) {
	for name := range settings {
		if name != "UPDATE_GOLDEN" && name != "GOWORK" {
			c.wrong("go heeds no %s here", name)
		}
	}
	switch {
	case args[0] == "run" && strings.TrimPrefix(args[1], "./") == "sandbox/cmd/sandbox" && len(args) > 2:
		c.sandbox(args[2], args[3:])
	case args[0] == "build" && args[1] == "-o":
		if said, code := run(c.t, nil, "go", append([]string{"build", "-o", c.t.TempDir() + string(filepath.Separator)}, args[3:]...)...); code != 0 {
			c.wrong("%v: %s", args, said)
		}
	case args[0] == "test" || args[0] == "generate":
		if args[1] != "./..." && args[1] != "." && args[1] != "./catalog" { // in a module
			c.packages(args[1])
		}
	default:
		c.wrong("no test understands go %v", args)
	}
}

var incidentID = regexp.MustCompile(`^[A-Z]{2}-\d{2}$`)

// sandbox checks a command of the sandbox: that there is one of that name, that it
// has these flags, and that an incident of that id can be injected.
func (c *commands) sandbox(name string, args []string) {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	help, _ := run(c.t, nil, sandbox(c.t), name, "-h")
	if strings.Contains(help, "COMMAND") && !strings.Contains(help, "-h") && strings.Contains(help, "go run ./sandbox/cmd/sandbox COMMAND\n") {
		c.wrong("the sandbox has no command %s:\n%s", name, help)
		return
	}
	if name == "incident" && len(args) > 0 && args[0] == "list" {
		if said, code := run(c.t, nil, sandbox(c.t), "incident", "list"); code != 0 || !strings.Contains(said, "RD-01") {
			c.wrong("incident list: exit code %d\n%s", code, said)
		}
	}
	for _, a := range args {
		flag := strings.TrimLeft(a, "-")
		flag, _, _ = strings.Cut(flag, "=")
		switch {
		case strings.HasPrefix(a, "-") && name != "incident":
			if !regexp.MustCompile(`(?m)^\s+-` + regexp.QuoteMeta(flag) + `\b`).MatchString(help) {
				c.wrong("sandbox %s has no flag %s:\n%s", name, a, help)
			}
		case incidentID.MatchString(a):
			if _, err := incident.Get(a); err != nil {
				c.wrong("%v", err)
			}
		}
	}
}

func (c *commands) docker(args []string) {
	switch args[0] {
	case "compose":
		file, err := os.ReadFile(at(c.t, "docker-compose.yml"))
		if err != nil {
			c.t.Fatal(err)
		}
		for i, a := range args {
			switch {
			case i > 0 && args[i-1] == "--profile":
				if !strings.Contains(string(file), "profiles: ["+a+"]") {
					c.wrong("docker-compose.yml has no profile %s", a)
				}
			case !slices.Contains([]string{"compose", "--profile", "up", "--build", "--wait", "down", "--volumes"}, a):
				c.wrong("no test understands docker %v", args)
			}
		}
	case "build":
		file, err := os.ReadFile(at(c.t, "Dockerfile"))
		if err != nil {
			c.t.Fatal(err)
		}
		i := slices.Index(args, "--target")
		if i < 0 || !strings.Contains(string(file), " AS "+args[i+1]+"\n") || args[len(args)-1] != "." {
			c.wrong("the Dockerfile has no such target: %v", args)
		}
	case "run":
		server := args[len(args)-1]
		for i, a := range args {
			if args[max(0, i-1)] != "-e" {
				continue
			}
			if name, _, _ := strings.Cut(a, "="); !isSetting(c.t, server, name) {
				c.wrong("%s has no setting %s", server, name)
			}
		}
		if !slices.Contains(args, "-i") {
			c.wrong("without -i a container hears nothing: %v", args)
		}
	default:
		c.wrong("no test understands docker %v", args)
	}
}

// claude is claude mcp add: the program is started with the settings that it gives.
func (c *commands) claude(args []string) {
	if len(args) < 3 || args[0] != "mcp" || args[1] != "add" {
		c.wrong("no test understands claude %v", args)
		return
	}
	name, settings := "", map[string]string{}
	rest := args[2:]
	for len(rest) > 0 && rest[0] != "--" {
		switch {
		case (rest[0] == "--env" || rest[0] == "-e") && len(rest) > 1:
			k, v, _ := strings.Cut(rest[1], "=")
			settings[k], rest = v, rest[1:]
		case (rest[0] == "--transport" || rest[0] == "--scope" || rest[0] == "--header") && len(rest) > 1:
			rest = rest[1:]
		case strings.HasPrefix(rest[0], "http"):
			if !strings.HasSuffix(rest[0], "/mcp") {
				c.wrong("MCP is served at /mcp, not at %s", rest[0])
			}
		case name == "":
			name = rest[0]
		default:
			c.wrong("claude mcp add: %s is one too many", rest[0])
		}
		rest = rest[1:]
	}
	if !slices.Contains(binaries.Servers(), name) {
		c.wrong("claude mcp add of %q", name)
		return
	}
	if len(rest) == 0 {
		return // over HTTP
	}
	if len(rest) != 2 || path.Base(rest[1]) != name {
		c.wrong("claude mcp add %s starts %v", name, rest)
	}
	start(c.t, name, settings)
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                             nil,
		"a b  c":                       {"a", "b", "c"},
		`a "b c" 'd "e"'`:              {"a", "b c", `d "e"`},
		"a b#c # d":                    {"a", "b#c"},
		`A='x y' b --set='{"k": "v"}'`: {"A=x y", "b", `--set={"k": "v"}`},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	if _, err := split("a 'b"); err == nil {
		t.Error("an open quote was taken")
	}
}
