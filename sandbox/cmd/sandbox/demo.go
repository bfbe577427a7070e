package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/scenario"
	"payops-mcp/sandbox/stack"
)

func demo(ctx context.Context, args []string) (err error) {
	var sys system
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	sys.flags(fs, stackEmbedded, "")
	once := fs.Bool("once", false, "end after the investigation instead of staying up")
	id := fs.String("incident", "CB-01", "the incident that happens; `ID` as sandbox incident list shows it")
	seed := fs.Uint64("seed", uint64(time.Now().UnixNano()), "`N` from which names and numbers are drawn")
	if err := fs.Parse(args); err != nil {
		return err
	}
	what, err := incident.Get(*id)
	if err != nil {
		return err
	}
	sys.suit(what)
	step("Starting a payment system on this machine, and building the three servers (the first time this takes a minute or two) …")
	programs, s, err := sys.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	forget, err := note(s)
	if err != nil {
		return err
	}
	defer func() { _ = forget() }()

	d := player{out: os.Stdout, programs: programs, servers: scenario.Servers{}}
	defer d.close()
	if err := d.start(ctx, incident.ServerSettings(s)); err != nil {
		return err
	}
	wrong := d.play(ctx, s, what, *seed)
	if wrong != nil && (*once || ctx.Err() != nil) {
		return wrong
	}
	step("Claude Desktop configuration for this system (claude_desktop_config.json):")
	if err := printConfig(os.Stdout, programs, incident.ServerSettings(s)); err != nil {
		return err
	}
	if *once {
		return nil
	}
	if wrong != nil {
		step("%v", wrong)
	}
	step("The system stays up, with the incident, until Ctrl-C. In another terminal: go run ./sandbox/cmd/sandbox incident list")
	<-ctx.Done()
	return nil
}

// prepare starts the system and builds the servers, side by side.
func (sys *system) prepare(ctx context.Context) (programs map[string]string, s *stack.Stack, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := time.Now()
	built := make(chan error, 1)
	go func() {
		var err error
		programs, err = install(ctx, progress(os.Stderr))
		if err == nil {
			fmt.Fprintf(os.Stderr, "servers built (%.1f s)\n", time.Since(begin).Seconds())
		}
		built <- err
	}()
	s, err = sys.start(ctx, os.Stderr)
	if err != nil {
		cancel() // the servers are of no use any more
	}
	if failed := <-built; failed != nil && err == nil {
		return nil, nil, errors.Join(failed, s.Close())
	}
	return programs, s, err
}
