package stack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/stack/proc"
)

// child controls a service that is a child process of ours.
type child struct {
	sup   *proc.Supervisor
	spec  proc.Spec
	ready func(context.Context) error // asks once whether it serves
	proxy *faultnet.Proxy             // nil without Options.Proxied

	mu   sync.Mutex
	proc *proc.Child // nil before the first start and after a stop
}

// startWithin and stopWithin bound what a server may take; a loaded machine
// with two cores needs a tenth of them.
const (
	startWithin = 60 * time.Second
	stopWithin  = 30 * time.Second
)

func (c *child) do(ctx context.Context, verb string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch verb {
	case verbStart:
		return c.start(ctx)
	case verbLaunch:
		return c.launch()
	case verbStop:
		return c.stop(ctx)
	case verbKill:
		return c.kill()
	case verbPause:
		return c.pause(ctx)
	case verbResume:
		return c.signal(proc.Resume)
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
}

func (c *child) network(_ context.Context, f faultnet.Fault) error {
	if c.proxy == nil {
		return ErrNotProxied
	}
	return c.proxy.Set(f)
}

func (c *child) running() bool { return c.proc != nil && c.proc.Ended() == "" }

func (c *child) start(ctx context.Context) error {
	if c.running() {
		return nil
	}
	p, err := c.sup.Start(c.spec)
	if err != nil {
		return err
	}
	c.proc = p
	if err := c.awaitReady(ctx); err != nil {
		return errors.Join(err, c.kill())
	}
	return c.reachable()
}

// launch is start that does not wait until the server is ready.
func (c *child) launch() error {
	if c.running() {
		return nil
	}
	p, err := c.sup.Start(c.spec)
	if err != nil {
		return err
	}
	c.proc = p
	return c.reachable()
}

// reachable lets clients through to a server that was gone.
func (c *child) reachable() error {
	// A stop made the proxy refuse; see gone.
	if c.proxy != nil && c.proxy.Fault().Mode == faultnet.Refuse {
		return c.proxy.Set(faultnet.Fault{})
	}
	return nil
}

// errEnded says that a server ended instead of getting ready.
var errEnded = errors.New("ended instead of getting ready")

// awaitReady asks until the server serves, it has ended, or time is up.
func (c *child) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var last error
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		once, stop := context.WithTimeout(ctx, 5*time.Second)
		err := c.ready(once)
		stop()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-c.proc.Done():
			return fmt.Errorf("%w (%s): %s", errEnded, c.proc.Ended(), c.proc.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w; last answer: %w; log: %s", ctx.Err(), last, c.proc.LogTail())
		case <-time.After(wait):
		}
	}
}

func (c *child) stop(ctx context.Context) error {
	if !c.running() {
		return nil
	}
	// A paused process does not hear that it should end.
	if err := errors.Join(c.proc.Signal(proc.Resume), c.proc.Signal(proc.Terminate)); err != nil && c.running() {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	select {
	case <-c.proc.Done():
		return c.gone()
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("did not end when asked to (%w) and was killed", ctx.Err()), c.kill())
	}
}

func (c *child) kill() error {
	if !c.running() {
		return nil
	}
	if err := c.proc.Signal(proc.Kill); err != nil && c.running() {
		return err
	}
	<-c.proc.Done()
	return c.gone()
}

// pause returns when nothing answers any more: threads take a moment to freeze.
func (c *child) pause(ctx context.Context) error {
	if err := c.signal(proc.Pause); err != nil {
		return err
	}
	for ctx.Err() == nil {
		once, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		answers := c.ready(once) == nil
		stop()
		if !answers {
			return nil
		}
	}
	return ctx.Err()
}

// gone makes the proxy refuse as the server's own port now does; it would
// otherwise accept and reset.
func (c *child) gone() error {
	c.proc = nil
	if c.proxy != nil {
		return c.proxy.Set(faultnet.Fault{Mode: faultnet.Refuse})
	}
	return nil
}

func (c *child) signal(s proc.Signal) error {
	if !c.running() {
		return errors.New("it is not running")
	}
	return c.proc.Signal(s)
}

// close ends the proxy; the supervisor ends the process.
func (c *child) close() error {
	if c.proxy == nil {
		return nil
	}
	return c.proxy.Close()
}
