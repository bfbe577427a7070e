package fleet

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"payops-mcp/sandbox/stack/proc"
)

// child runs a member as a child process.
type child struct {
	sup    *proc.Supervisor
	member *Member
	proc   *proc.Child // nil before the first start
}

// startWithin bounds how long a process may take until it listens.
const startWithin = 60 * time.Second

func (c *child) running() bool { return c.proc != nil && c.proc.Ended() == "" }

func (c *child) start(ctx context.Context) error {
	if c.running() {
		return nil
	}
	env := append(os.Environ(), childEnv+"=1")
	for k, v := range c.member.env {
		env = append(env, k+"="+v)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if c.proc, err = c.sup.Start(proc.Spec{Name: c.member.name, Path: exe, Env: env}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.listens(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-c.proc.Done():
			return fmt.Errorf("%s ended: %s: %s", c.member.name, c.proc.Ended(), c.proc.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w: %s", c.member.name, err, c.proc.LogTail())
		}
	}
}

// listens asks once whether the process answers.
func (c *child) listens(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.member.ControlURL()+"/status", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (c *child) signal(s proc.Signal) error {
	ends := s == proc.Kill || s == proc.Terminate
	switch {
	case !c.running() && ends:
		return nil
	case !c.running():
		return fmt.Errorf("%s %s: it is not running", s, c.member.name)
	case s == proc.Terminate:
		// A frozen process does not hear that it should end.
		if err := c.proc.Signal(proc.Resume); err != nil && c.running() {
			return err
		}
	}
	if err := c.proc.Signal(s); err != nil && c.running() {
		return err
	}
	if ends {
		<-c.proc.Done()
	}
	return nil
}

func (c *child) logTail() string {
	if c.proc == nil {
		return ""
	}
	return c.proc.LogTail()
}
