//go:build unix

package proc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Supervisor owns a temporary folder and the child processes in it. Its
// methods may be called side by side.
type Supervisor struct {
	dir    string
	cmd    *exec.Cmd
	in     io.WriteCloser
	gone   chan struct{} // closed when the helper has ended
	closed sync.Once

	mu       sync.Mutex
	nextID   int
	pending  map[int]question
	children map[int]*Child
}

// question is a request that the helper has not answered yet.
type question struct {
	answer chan reply
	child  *Child // what a start request is about, else nil
}

// New creates a folder named [Prefix] + something in parent and starts the
// helper that looks after it.
func New(parent string) (*Supervisor, error) {
	exe, err := executable()
	if err != nil {
		return nil, fmt.Errorf("find the running executable: %w", err)
	}
	dir, err := os.MkdirTemp(parent, Prefix)
	if err != nil {
		return nil, err
	}
	s, err := start(exe, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func start(exe, dir string) (*Supervisor, error) {
	log, err := os.Create(filepath.Join(dir, "supervisor.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(exe)
	cmd.Args = []string{"payops-sandbox-supervisor"} // for whoever looks at a list of processes
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	cmd.Dir = dir
	// Not our own stderr: whoever waits for its end, as "go test" does,
	// would wait for the helper as well.
	cmd.Stderr = log
	// A session of its own keeps Ctrl-C and a closing terminal away from it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		dir: dir, cmd: cmd, in: in,
		gone:    make(chan struct{}),
		nextID:  1,
		pending: map[int]question{}, children: map[int]*Child{},
	}
	ready := make(chan reply, 1)
	s.pending[s.nextID] = question{answer: ready}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the process supervisor: %w", err)
	}
	go s.listen(out)
	select {
	case r := <-ready:
		if r.Error != "" {
			return nil, errors.Join(errors.New(r.Error), s.Close())
		}
		return s, nil
	case <-s.gone:
		return nil, fmt.Errorf("the process supervisor ended at once: %s", tail(log.Name()))
	}
}

// Dir is the folder; it is removed when the supervisor ends.
func (s *Supervisor) Dir() string { return s.dir }

// listen hands on what the helper says, until it ends.
func (s *Supervisor) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		s.mu.Lock()
		if q, ok := s.pending[r.ID]; ok {
			delete(s.pending, r.ID)
			if q.child != nil && r.Error == "" {
				q.child.pid = r.Pid
				s.children[r.Pid] = q.child
			}
			q.answer <- r
		} else if c := s.children[r.Pid]; c != nil && r.ID == 0 {
			delete(s.children, r.Pid)
			c.finish(r.Ended)
		}
		s.mu.Unlock()
	}
	_ = s.cmd.Wait()
	s.mu.Lock()
	for pid, c := range s.children {
		delete(s.children, pid)
		c.finish("ended together with the process supervisor")
	}
	close(s.gone)
	s.mu.Unlock()
}

// ask sends one request and waits for its answer.
func (s *Supervisor) ask(r request, child *Child) error {
	answer := make(chan reply, 1)
	s.mu.Lock()
	s.nextID++
	r.ID = s.nextID
	s.pending[r.ID] = question{answer, child}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = s.in.Write(append(line, '\n'))
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	select {
	case got := <-answer:
		if got.Error != "" {
			return errors.New(got.Error)
		}
		return nil
	case <-s.gone:
		return ErrClosed
	}
}

// Start runs a program in the background.
func (s *Supervisor) Start(spec Spec) (*Child, error) {
	if spec.Dir == "" {
		spec.Dir = s.dir
	}
	if spec.Log == "" {
		spec.Log = filepath.Join(s.dir, spec.Name+".log")
	}
	if spec.Env == nil {
		spec.Env = os.Environ()
	}
	c := &Child{sup: s, name: spec.Name, log: spec.Log, done: make(chan struct{})}
	if err := s.ask(request{Start: &spec}, c); err != nil {
		return nil, fmt.Errorf("start %s (%s): %w", spec.Name, spec.Path, err)
	}
	return c, nil
}

// Run runs a program to its end; an error carries the end of its output.
func (s *Supervisor) Run(ctx context.Context, spec Spec) error {
	c, err := s.Start(spec)
	if err != nil {
		return err
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s: %w", spec.Name, ctx.Err()), c.Signal(Kill))
	}
	if c.Ended() != "exit status 0" {
		return fmt.Errorf("%s: %s: %s", spec.Name, c.Ended(), c.LogTail())
	}
	return nil
}

// Close kills all children, removes the folder and waits until both are done.
func (s *Supervisor) Close() error {
	var err error
	s.closed.Do(func() {
		err = s.in.Close()
		select {
		case <-s.gone:
		case <-time.After(20 * time.Second):
			err = errors.Join(err, errors.New("the process supervisor did not end within 20 s"), s.cmd.Process.Kill())
			<-s.gone
		}
		if s.cmd.ProcessState.Success() {
			return
		}
		err = errors.Join(err, fmt.Errorf("the process supervisor: %s", s.cmd.ProcessState), os.RemoveAll(s.dir))
	})
	return err
}
