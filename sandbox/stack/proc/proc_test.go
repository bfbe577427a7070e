//go:build unix

package proc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"payops-mcp/sandbox/stack/proc"
	"payops-mcp/sandbox/stack/stacktest"
)

// parentEnv turns this test binary into a program that starts children and
// then waits to be killed.
const parentEnv = "PROC_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentEnv); dir != "" {
		if err := parent(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// family is what the parent program tells about itself.
type family struct {
	Dir  string
	Pids []int
}

// parent starts a child that has a child of its own, says so on stdout, and
// waits for the end of stdin.
func parent(dir string) error {
	s, err := proc.New(dir)
	if err != nil {
		return err
	}
	pidFile := filepath.Join(s.Dir(), "grandchild")
	c, err := s.Start(proc.Spec{Name: "family", Path: "/bin/sh", Args: []string{"-c", "sleep 600 & echo $! > " + pidFile + "; wait"}})
	if err != nil {
		return err
	}
	var grandchild int
	for grandchild == 0 {
		text, _ := os.ReadFile(pidFile)
		grandchild, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		time.Sleep(time.Millisecond)
	}
	if err := json.NewEncoder(os.Stdout).Encode(family{s.Dir(), []int{c.Pid(), grandchild, helperOf(c.Pid())}}); err != nil {
		return err
	}
	_, err = os.Stdin.Read(make([]byte, 1))
	return errors.Join(err, s.Close())
}

// helperOf is the parent process of a child, that is, the helper.
func helperOf(pid int) int {
	out, _ := exec.Command("ps", "-o", "ppid=", "-p", strconv.Itoa(pid)).Output()
	ppid, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	return ppid
}

// gone is also true of a process that is dead but that nobody has asked about
// yet: orphans are reaped by process 1, in its own time.
func gone(pid int) bool {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	state := strings.TrimSpace(string(out))
	return state == "" || strings.HasPrefix(state, "Z")
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// startParent runs the parent program until it has told about its family.
func startParent(t *testing.T, dir string) (*exec.Cmd, family) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"="+dir)
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
	var f family
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&f); err != nil {
		t.Fatalf("the parent program said nothing useful: %v", err)
	}
	return cmd, f
}

// However the parent ends, nothing of it stays behind.
func TestNothingOutlivesTheParent(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, f := startParent(t, t.TempDir())
			for _, pid := range f.Pids {
				if gone(pid) {
					t.Fatalf("process %d should be running", pid)
				}
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			for _, pid := range f.Pids {
				stacktest.Eventually(t, fmt.Sprintf("process %d gone", pid), func() bool { return gone(pid) })
			}
			stacktest.Eventually(t, "folder gone", func() bool { return missing(f.Dir) })
		})
	}
}

// A helper that is killed cannot clean up: the kernel ends the children on
// Linux, and the next Sweep removes the folder once its owner is gone.
func TestSweepAfterTheHelperWasKilled(t *testing.T) {
	dir := t.TempDir()
	cmd, f := startParent(t, dir)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(f.Dir, old, old); err != nil {
		t.Fatal(err)
	}
	if removed, err := proc.Sweep(dir); err != nil || len(removed) != 0 {
		t.Fatalf("Sweep removed %v (%v) although the owner lives", removed, err)
	}
	child, helper := f.Pids[0], f.Pids[2]
	if err := syscall.Kill(helper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	stacktest.Eventually(t, "helper gone", func() bool { return gone(helper) })
	if _, err := os.Stat("/proc/self"); err == nil {
		stacktest.Eventually(t, "child gone", func() bool { return gone(child) })
	} else {
		_ = syscall.Kill(-child, syscall.SIGKILL)
	}
	if missing(f.Dir) {
		t.Fatal("nobody was left to remove the folder, yet it is gone")
	}
	if err := os.Chtimes(f.Dir, old, old); err != nil {
		t.Fatal(err)
	}
	removed, err := proc.Sweep(dir)
	if err != nil || len(removed) != 1 || !missing(f.Dir) {
		t.Fatalf("Sweep removed %v (%v), want %s", removed, err, f.Dir)
	}
}

// A folder that is still being set up has no lock yet and must survive.
func TestSweepSparesTheYoungAndTheForeign(t *testing.T) {
	dir := t.TempDir()
	young, foreign := filepath.Join(dir, proc.Prefix+"young"), filepath.Join(dir, "other")
	for _, d := range []string{young, foreign} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(foreign, old, old); err != nil {
		t.Fatal(err)
	}
	if removed, err := proc.Sweep(dir); err != nil || len(removed) != 0 {
		t.Fatalf("Sweep removed %v (%v), want nothing", removed, err)
	}
}

func newSupervisor(t *testing.T) *proc.Supervisor {
	t.Helper()
	s, err := proc.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !missing(s.Dir()) {
			t.Errorf("%s is still there after Close", s.Dir())
		}
	})
	return s
}

func TestSignals(t *testing.T) {
	s := newSupervisor(t)
	c, err := s.Start(proc.Spec{Name: "sleeper", Path: "/bin/sh", Args: []string{"-c", "sleep 600"}})
	if err != nil {
		t.Fatal(err)
	}
	state := func() string {
		out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(c.Pid())).Output()
		return string(out)
	}
	for _, step := range []struct {
		signal proc.Signal
		want   bool // paused
	}{{proc.Pause, true}, {proc.Resume, false}, {proc.Pause, true}} {
		if err := c.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		stacktest.Eventually(t, string(step.signal), func() bool { return strings.HasPrefix(state(), "T") == step.want })
	}
	if got := c.Ended(); got != "" {
		t.Fatalf("ended %q while paused", got)
	}
	if err := c.Signal(proc.Kill); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if got := c.Ended(); !strings.Contains(got, "killed") {
		t.Errorf("ended %q, want killed", got)
	}
	if err := c.Signal(proc.Kill); err == nil {
		t.Error("a signal to an ended process must be refused: its number may be a stranger's")
	}
}

// The end of a child that ends at once must not be missed.
func TestRunReportsFailureWithOutput(t *testing.T) {
	s := newSupervisor(t)
	for range 50 {
		if err := s.Run(t.Context(), proc.Spec{Name: "true", Path: "/bin/sh", Args: []string{"-c", "exit 0"}}); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Run(t.Context(), proc.Spec{Name: "loser", Path: "/bin/sh", Args: []string{"-c", "echo no luck >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "no luck") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want the exit status and the output", err)
	}
	if _, err := s.Start(proc.Spec{Name: "nobody", Path: "/does/not/exist"}); err == nil {
		t.Error("starting a program that does not exist must fail")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx, proc.Spec{Name: "slow", Path: "/bin/sh", Args: []string{"-c", "sleep 600"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}

// A child must meet the signals it gets as any program does.
func TestChildInheritsNoIgnoredSignals(t *testing.T) {
	s := newSupervisor(t)
	// A shell cannot trap what was ignored when it began.
	script := `trap "exit 7" INT HUP PIPE; for s in INT HUP PIPE; do (trap "exit 7" $s; kill -$s $(exec sh -c 'echo $PPID'); exit 1); [ $? = 7 ] || { echo $s is ignored; exit 1; }; done`
	if err := s.Run(t.Context(), proc.Spec{Name: "traps", Path: "/bin/sh", Args: []string{"-c", script}}); err != nil {
		t.Error(err)
	}
}

// A child that is a program like ours must not take itself for the helper.
func TestChildDoesNotSeeTheHelpersVariable(t *testing.T) {
	s := newSupervisor(t)
	out := filepath.Join(s.Dir(), "out")
	if err := s.Run(t.Context(), proc.Spec{Name: "env", Path: "/bin/sh", Args: []string{"-c", "env > " + out}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "SUPERVISOR") {
		t.Errorf("the child's environment names the supervisor:\n%s", text)
	}
}

func TestClosedSupervisor(t *testing.T) {
	s := newSupervisor(t)
	c, err := s.Start(proc.Spec{Name: "sleeper", Path: "/bin/sh", Args: []string{"-c", "sleep 600"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if !gone(c.Pid()) {
		t.Errorf("process %d outlived Close", c.Pid())
	}
	if _, err := s.Start(proc.Spec{Name: "late", Path: "/bin/sh"}); !errors.Is(err, proc.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
