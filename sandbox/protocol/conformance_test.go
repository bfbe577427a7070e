package protocol_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// scenarios are those of the official conformance suite that fit any server; the
// others want tools, prompts and resources of certain names.
var scenarios = map[string][]string{
	legacy: {
		"server-initialize", "ping", "tools-list", "prompts-list", "resources-list", "completion-complete",
		"server-sse-multiple-streams", "dns-rebinding-protection",
	},
	modern: {
		"tools-list", "prompts-list", "resources-list", "sep-2164-resource-not-found", "dns-rebinding-protection", "caching",
		"http-header-validation", "server-sse-multiple-streams", "input-required-result-unsupported-methods",
		"input-required-result-validate-input", "completion-complete", "server-stateless",
	},
}

// baseline names the checks of server-stateless that want diagnostic tools which
// no server but a test's own has.
const baseline = `server:
  - server-stateless:sep-2575-server-rejects-undeclared-capability
  - server-stateless:sep-2575-missing-capability-http-400
  - server-stateless:sep-2575-http-server-no-independent-requests-on-stream
  - server-stateless:sep-2575-server-no-log-without-loglevel
`

// tries is how often a scenario may be run: server-stateless fails about one time
// in five by a race in the library that serves HTTP, whatever the server.
func tries(scenario string) int {
	if scenario == "server-stateless" {
		return 3
	}
	return 1
}

// TestConformance runs the official scenarios against each server over HTTP.
func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, _ server, program string) {
		in := node(t)
		suite := filepath.Join(in.modules, "@modelcontextprotocol", "conformance", "dist", "index.js")
		expected := filepath.Join(t.TempDir(), "baseline.yml")
		if err := os.WriteFile(expected, []byte(baseline), 0o600); err != nil {
			t.Fatal(err)
		}
		url := overHTTP(t, program)
		for version, names := range scenarios {
			for _, name := range names {
				t.Run(version+"/"+name, func(t *testing.T) {
					t.Parallel()
					args := []string{suite, "server", "--url", url, "--scenario", name, "--spec-version", version, "--output-dir", t.TempDir()}
					if name == "server-stateless" {
						args = append(args, "--expected-failures", expected)
					}
					for left := tries(name); ; left-- {
						stdout, stderr, err := in.script(t, args...)
						if err == nil {
							return
						}
						if left == 1 {
							t.Fatalf("%v\n%s%s", err, stdout, stderr)
						}
						t.Logf("again after %v\n%s", err, stdout)
					}
				})
			}
		}
	})
}

var servingAt = regexp.MustCompile(`url=(http://\S+/mcp)`)

// overHTTP starts a server that serves over HTTP and returns its address, which
// its log tells.
func overHTTP(t *testing.T, program string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, "--http", net.JoinHostPort("127.0.0.1", "0"))
	command.WaitDelay = time.Second
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	})
	url := make(chan string, 1)
	go func() {
		defer close(url)
		for log := bufio.NewScanner(stderr); log.Scan(); { // to its end: nobody must wait for a reader
			if found := servingAt.FindStringSubmatch(log.Text()); found != nil {
				url <- found[1]
			}
		}
	}()
	select {
	case at, ok := <-url:
		if !ok {
			t.Fatal("the server ended at once")
		}
		return at
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not serve over HTTP")
	}
	return ""
}
