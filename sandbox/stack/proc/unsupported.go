//go:build !unix

package proc

import "context"

// Supervisor cannot exist on this operating system.
type Supervisor struct{}

// New returns ErrUnsupported.
func New(string) (*Supervisor, error) { return nil, ErrUnsupported }

// Dir is never reached.
func (*Supervisor) Dir() string { return "" }

// Start returns ErrUnsupported.
func (*Supervisor) Start(Spec) (*Child, error) { return nil, ErrUnsupported }

// Run returns ErrUnsupported.
func (*Supervisor) Run(context.Context, Spec) error { return ErrUnsupported }

// Close does nothing.
func (*Supervisor) Close() error { return nil }

// Child cannot exist on this operating system.
type Child struct{}

// Pid is never reached.
func (*Child) Pid() int { return 0 }

// Done is never reached.
func (*Child) Done() <-chan struct{} { return nil }

// Ended is never reached.
func (*Child) Ended() string { return "" }

// LogTail is never reached.
func (*Child) LogTail() string { return "" }

// Signal returns ErrUnsupported.
func (*Child) Signal(Signal) error { return ErrUnsupported }

// Sweep finds nothing: no folder was ever made.
func Sweep(string) ([]string, error) { return nil, nil }
