package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// Programs finds the program of a server by its name; binaries.Path is one.
type Programs func(server string) (path string, err error)

// Desk is where questions about a stack are asked: of the servers, as programs over
// stdio, each started when it is asked for the first time and asked again as the
// same process. It is not for use by several at a time.
type Desk struct {
	stack    *stack.Stack
	programs Programs
	settings Settings // of the incident
	servers  map[string]*host.Server
}

// NewDesk asks about a stack with these programs.
func NewDesk(s *stack.Stack, programs Programs) *Desk {
	return &Desk{stack: s, programs: programs, servers: map[string]*host.Server{}}
}

// Reply is an answer, and what it cost.
type Reply struct {
	Ask  incident.Ask
	Said incident.Said
	Took time.Duration
}

// ErrNoAnswer says that a server did not answer, or that the two forms of its answer
// differ: its mistake, whatever happens to the system.
var ErrNoAnswer = errors.New("no answer")

// Ask puts questions one after the other. An answer that is an error is an answer.
func (d *Desk) Ask(ctx context.Context, asks ...incident.Ask) ([]Reply, error) {
	var all []Reply
	for _, a := range asks {
		server, err := d.server(ctx, a.Server)
		if err != nil {
			return all, err
		}
		begin := time.Now()
		answer, err := server.Call(ctx, a.Tool, a.Args)
		took := time.Since(begin)
		if err != nil {
			return all, fmt.Errorf("%w of %s: %w", ErrNoAnswer, a.Tool, err)
		}
		said, err := answer.Said(a.Server, a.Tool)
		if err != nil {
			return all, fmt.Errorf("%w of %s: %w", ErrNoAnswer, a.Tool, err)
		}
		said.Args = a.Args
		all = append(all, Reply{a, said, took})
	}
	return all, nil
}

// Said are the replies as they are judged.
func Said(replies []Reply) []incident.Said {
	said := make([]incident.Said, 0, len(replies))
	for _, r := range replies {
		said = append(said, r.Said)
	}
	return said
}

func (d *Desk) server(ctx context.Context, name string) (*host.Server, error) {
	if s := d.servers[name]; s != nil {
		return s, nil
	}
	program, err := d.programs(name)
	if err != nil {
		return nil, err
	}
	settings := incident.ServerSettings(d.stack)
	maps.Copy(settings, d.settings[name])
	// The server outlives the question that it is started for.
	s, err := host.Start(context.WithoutCancel(ctx), name, program, settings)
	if err != nil {
		return nil, err
	}
	d.servers[name] = s
	return s, nil
}

// Settings are what servers run with on top of the stack's, by server.
type Settings map[string]map[string]string

// Add has the servers that are asked run with some more.
func (s Settings) Add(asks []incident.Ask, more map[string]string) {
	for _, a := range asks {
		if s[a.Server] == nil {
			s[a.Server] = map[string]string{}
		}
		maps.Copy(s[a.Server], more)
	}
}

// Configure has servers run with these settings from the next question on. Those that
// run with others are ended; the rest still know what they have seen.
func (d *Desk) Configure(settings Settings) error {
	was := d.settings
	d.settings = settings
	return d.end(func(name string) bool { return !maps.Equal(was[name], settings[name]) })
}

// Close ends the servers; what is asked afterwards starts them anew.
func (d *Desk) Close() error { return d.end(func(string) bool { return true }) }

func (d *Desk) end(which func(name string) bool) error {
	var errs []error
	for name, s := range d.servers {
		if !which(name) {
			continue
		}
		delete(d.servers, name)
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
