//go:build unix

package stack_test

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// startOwner runs the owner program until its stack is up, and attaches to it.
func startOwner(t *testing.T) (*exec.Cmd, *stack.Stack, map[string]string) {
	t.Helper()
	stacktest.Require(t, stack.All&^stack.PartKafka)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerEnv+"=1")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	env := map[string]string{}
	if err := json.NewDecoder(out).Decode(&env); err != nil {
		t.Fatalf("the owner program said nothing useful: %v", err)
	}
	s, err := stack.Attach(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return cmd, s, env
}

// servers are the pids of processes that work in a folder.
func servers(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,stat=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); strings.Contains(line, dir) && !strings.HasPrefix(fields[1], "Z") {
			pids = append(pids, fields[0])
		}
	}
	return pids
}

// A program that has a stack may be killed in any way: the servers end, the
// ports close and the folder goes.
func TestKilledOwner(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, s, _ := startOwner(t)
			var addrs []string
			for _, p := range s.Parts() {
				addrs = append(addrs, p.Addr(), p.ClientAddr())
			}
			slices.Sort(addrs)
			addrs = slices.Compact(addrs)
			// Two shards, Redis and Prometheus with a proxy each, two
			// instances of ingest.
			if len(addrs) != 10 {
				t.Fatalf("the stack listens on %v, want 10 addresses", addrs)
			}
			for _, a := range addrs {
				if closed(a) {
					t.Errorf("nobody listens on %s", a)
				}
			}
			// Redis writes another title over its arguments.
			if n := len(servers(t, s.Dir)); n < 3 {
				t.Errorf("%d servers work in %s, want at least 3", n, s.Dir)
			}
			if _, err := os.Stat(filepath.Join(s.Dir, "shard1")); err != nil {
				t.Error(err)
			}

			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			for _, a := range addrs {
				stacktest.Eventually(t, a+" closed", func() bool { return closed(a) })
			}
			stacktest.Eventually(t, "servers gone", func() bool { return len(servers(t, s.Dir)) == 0 })
			stacktest.Eventually(t, "folder gone", func() bool {
				_, err := os.Lstat(s.Dir)
				return os.IsNotExist(err)
			})
		})
	}
}

// closed says that a dial is refused.
func closed(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return true
	}
	_ = c.Close()
	return false
}

// What one process runs, another one breaks and mends.
func TestControlFromAnotherProcess(t *testing.T) {
	t.Parallel()
	_, s, env := startOwner(t)
	checkLifecycle(t, s)
	checkNetwork(t, s)
	if s.Plan == nil || s.Plan.Options.Payments != 100 {
		t.Errorf("the plan of the data did not come along: %+v", s.Plan)
	}
	if err := s.PauseFresh(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.ResumeFresh(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.Env(); got["REDIS_URL"] != env["REDIS_URL"] || got["PAYMENT_DB_PORT_SHARD2"] != env["PAYMENT_DB_PORT_SHARD2"] || got["PAYMENT_DB_PASSWORD"] != env["PAYMENT_DB_PASSWORD"] || got["API_BASE_URL"] != env["API_BASE_URL"] || got["PROMETHEUS_URL"] != env["PROMETHEUS_URL"] {
		t.Errorf("the attached stack hands out %v, its owner %v", got, env)
	}
	for name, value := range s.AdminEnv() {
		if env[name] != value {
			t.Errorf("%s: attached %q, owner %q", name, value, env[name])
		}
	}
}
