//go:build unix

package proc

import "fmt"

// Child is one running, or ended, program.
type Child struct {
	sup   *Supervisor
	name  string
	log   string
	pid   int
	done  chan struct{}
	ended string // written before done is closed
}

// Pid is the process id, and the id of its process group.
func (c *Child) Pid() int { return c.pid }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Ended says how the process ended, as in "exit status 0" or "signal:
// killed"; "" while it runs.
func (c *Child) Ended() string {
	select {
	case <-c.done:
		return c.ended
	default:
		return ""
	}
}

// LogTail is the end of what the process wrote.
func (c *Child) LogTail() string { return tail(c.log) }

// Signal sends a signal to the process and everything it has started.
func (c *Child) Signal(s Signal) error {
	if err := c.sup.ask(request{Pid: c.pid, Signal: s}, nil); err != nil {
		return fmt.Errorf("%s %s (pid %d): %w", s, c.name, c.pid, err)
	}
	return nil
}

func (c *Child) finish(how string) {
	c.ended = how
	close(c.done)
}
