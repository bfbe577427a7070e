package fleet

import (
	"context"
	"sync"

	"payops-mcp/sandbox/stack/proc"
)

// Member is one process. Its methods may be called side by side.
type Member struct {
	name, role    string
	addr, control string
	env           map[string]string

	mu     sync.Mutex
	runner runner
}

// runner is how a member runs. The member locks.
type runner interface {
	start(ctx context.Context) error
	signal(s proc.Signal) error
	logTail() string
}

// Name is unique in the fleet.
func (m *Member) Name() string { return m.name }

// Role is which part of the payment system it plays, as paysim names them.
func (m *Member) Role() string { return m.role }

// URL is where it serves.
func (m *Member) URL() string { return "http://" + m.addr }

// ControlURL is where it is controlled; see package control.
func (m *Member) ControlURL() string { return "http://" + m.control }

// Start starts the process, if it does not run, and waits until it listens.
func (m *Member) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runner.start(ctx)
}

// Kill ends the process at once, as kill -9 does.
func (m *Member) Kill() error { return m.signal(proc.Kill) }

// Stop asks the process to end, and waits until it has.
func (m *Member) Stop() error { return m.signal(proc.Terminate) }

// Pause freezes the process: it accepts connections and stays silent.
func (m *Member) Pause() error { return m.signal(proc.Pause) }

// Resume wakes it up again.
func (m *Member) Resume() error { return m.signal(proc.Resume) }

func (m *Member) signal(s proc.Signal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runner.signal(s)
}

// LogTail is the end of what the process wrote.
func (m *Member) LogTail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runner.logTail()
}
