//go:build unix

package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// init turns this process into the helper when it was started as one. It runs
// before main, and so before a test binary looks at its arguments.
func init() {
	dir := os.Getenv(helperEnv)
	if dir == "" {
		return
	}
	// The kernel kills children when the thread that started them ends
	// (see sysProcAttr). Only the main thread lives as long as the process.
	runtime.LockOSThread()
	if err := os.Unsetenv(helperEnv); err != nil {
		os.Exit(1)
	}
	os.Exit(help(dir, os.Stdin, os.Stdout))
}

// helper is the state of the helper process.
type helper struct {
	dir string
	out io.Writer

	mu       sync.Mutex
	children map[int]*exec.Cmd // by pid, until reaped
	wait     sync.WaitGroup
}

// help serves requests until the parent's end of the pipe closes, then kills
// every child and removes the folder. It returns the exit code.
func help(dir string, in io.Reader, out io.Writer) int {
	// Ctrl-C and a closing terminal are the parent's business; it ends us by
	// closing the pipe. Writing to a parent that is gone must not end us
	// before the children are. Caught, not ignored: children would inherit
	// that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)

	h := &helper{dir: dir, out: out, children: map[int]*exec.Cmd{}}
	lock, err := lockFolder(dir)
	if err != nil {
		h.send(reply{ID: 1, Error: err.Error()})
		return 1
	}
	defer func() { _ = lock.Close() }()
	h.send(reply{ID: 1, Pid: os.Getpid()})

	// Starting happens on this, the main thread; reading must not hold it
	// up when a signal to end arrives.
	requests := make(chan request)
	go func() {
		defer close(requests)
		for dec := json.NewDecoder(in); ; {
			var r request
			if dec.Decode(&r) != nil {
				return
			}
			requests <- r
		}
	}()
	for open := true; open; {
		select {
		case r, ok := <-requests:
			if open = ok; ok {
				h.serve(r)
			}
		case <-terminated:
			open = false
		}
	}

	h.mu.Lock()
	for pid := range h.children {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	h.mu.Unlock()
	h.wait.Wait()
	if err := os.RemoveAll(dir); err != nil {
		return 1
	}
	return 0
}

// lockFolder marks the folder as owned by this process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

// send writes one line to the parent.
func (h *helper) send(r reply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write(r)
}

// write is send for holders of the lock.
func (h *helper) write(r reply) {
	line, err := json.Marshal(r)
	if err != nil {
		return
	}
	// A failed write means that the parent is gone; the closed pipe on the
	// reading side says the same and is acted on there.
	_, _ = h.out.Write(append(line, '\n'))
}

// serve answers one request. The lock is held from before a child exists
// until its birth was announced, so that its end cannot overtake that.
func (h *helper) serve(r request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	answer := reply{ID: r.ID, Pid: r.Pid}
	var err error
	if r.Start != nil {
		answer.Pid, err = h.start(*r.Start)
	} else {
		err = h.signal(r.Pid, r.Signal)
	}
	if err != nil {
		answer.Error = err.Error()
	}
	h.write(answer)
}

// start runs a child; the lock is held.
func (h *helper) start(spec Spec) (int, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = sysProcAttr()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	h.children[pid] = cmd
	h.wait.Go(func() { h.reap(cmd) })
	return pid, nil
}

// reap waits for one child, ends what it left behind in its group, and tells
// the parent.
func (h *helper) reap(cmd *exec.Cmd) {
	pid := cmd.Process.Pid
	_ = cmd.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.children, pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	h.write(reply{Pid: pid, Ended: cmd.ProcessState.String()})
}

// signals maps the wire's words to the kernel's numbers.
var signals = map[Signal]syscall.Signal{
	Terminate: syscall.SIGTERM,
	Kill:      syscall.SIGKILL,
	Pause:     syscall.SIGSTOP,
	Resume:    syscall.SIGCONT,
}

// signal reaches a child's whole process group; the lock is held.
func (h *helper) signal(pid int, s Signal) error {
	number, ok := signals[s]
	if !ok {
		return fmt.Errorf("unknown signal %q", s)
	}
	// Only children that were not reaped yet: any other number may by now
	// belong to a stranger.
	if h.children[pid] == nil {
		return fmt.Errorf("process %d has already ended", pid)
	}
	return syscall.Kill(-pid, number)
}
