package stack

import (
	"context"
	"errors"
	"fmt"

	"payops-mcp/sandbox/faultnet"
)

// Part is one service of a stack, which can be taken away and brought back on
// the same port with its data. For a part of a stack that was attached to and
// that has no control address these methods return [ErrAttached].
type Part interface {
	// Name is unique in the stack, as in "shard1".
	Name() string
	// Addr is where the service itself listens, as host:port.
	Addr() string
	// ClientAddr is where Env sends its clients: the proxy in front of it
	// when there is one, else Addr.
	ClientAddr() string
	// Stop ends it in good order. Stopping what is stopped is no error.
	Stop(ctx context.Context) error
	// Start brings back what Stop or Kill took away, and waits until it
	// answers. Starting what runs is no error.
	Start(ctx context.Context) error
	// Kill ends it at once.
	Kill(ctx context.Context) error
	// Pause freezes it: connections stay open and nothing answers.
	Pause(ctx context.Context) error
	// Resume wakes it up again.
	Resume(ctx context.Context) error
	// SetNetwork breaks or mends the network in front of it; it needs a
	// stack started with Options.Proxied.
	SetNetwork(ctx context.Context, f faultnet.Fault) error
}

// ErrAttached says that a service was started by somebody else, who gave no
// means to control it.
var ErrAttached = errors.New("the service was started by somebody else and can only be used, not stopped, started or paused from here; run it with the sandbox's own stack for that")

// ErrNotProxied says that there is no proxy in front of a service.
var ErrNotProxied = errors.New("there is no proxy in front of the service; start the stack with Options.Proxied")

// The verbs of Part, as the control address knows them.
const (
	verbStart  = "start"
	verbStop   = "stop"
	verbKill   = "kill"
	verbPause  = "pause"
	verbResume = "resume"
	verbLaunch = "launch" // of Redis alone; see Redis.Launch
)

// control is how a service is reached for the verbs: as a child process, over
// the control address of the program that has it as one, or not at all.
type control interface {
	do(ctx context.Context, verb string) error
	network(ctx context.Context, f faultnet.Fault) error
}

// service is what the parts that are real servers have in common.
type service struct {
	name, addr, clientAddr string
	control                control
}

func (s *service) Name() string       { return s.name }
func (s *service) Addr() string       { return s.addr }
func (s *service) ClientAddr() string { return s.clientAddr }

func (s *service) Start(ctx context.Context) error  { return s.do(ctx, verbStart) }
func (s *service) Stop(ctx context.Context) error   { return s.do(ctx, verbStop) }
func (s *service) Kill(ctx context.Context) error   { return s.do(ctx, verbKill) }
func (s *service) Pause(ctx context.Context) error  { return s.do(ctx, verbPause) }
func (s *service) Resume(ctx context.Context) error { return s.do(ctx, verbResume) }

func (s *service) do(ctx context.Context, verb string) error {
	if err := s.control.do(ctx, verb); err != nil {
		return fmt.Errorf("%s %s: %w", verb, s.name, err)
	}
	return nil
}

func (s *service) SetNetwork(ctx context.Context, f faultnet.Fault) error {
	if err := s.control.network(ctx, f); err != nil {
		return fmt.Errorf("network in front of %s: %w", s.name, err)
	}
	return nil
}

// foreign controls nothing.
type foreign struct{}

func (foreign) do(context.Context, string) error              { return ErrAttached }
func (foreign) network(context.Context, faultnet.Fault) error { return ErrAttached }
