package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"payops-mcp/sandbox/gameday"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

func rehearse(ctx context.Context, args []string) error {
	var sys system
	f := flag.NewFlagSet("gameday", flag.ContinueOnError)
	kind := stackChildren
	if len(stack.Missing(stack.Living)) > 0 {
		kind = stackEmbedded
	}
	sys.flags(f, kind, "living")
	seed := f.Uint64("seed", uint64(time.Now().UnixNano()), "`N` from which it is drawn what breaks")
	reveal := f.Bool("reveal", false, "tell what was broken")
	end := f.Bool("end", false, "repair it")
	if err := f.Parse(args); err != nil {
		return err
	}
	running, err := runningFile()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(running), "gameday")
	switch {
	case *reveal:
		secret, err := gameday.Read(path)
		if errors.Is(err, fs.ErrNotExist) {
			return errNoGameday
		}
		if err != nil {
			return err
		}
		return secret.Reveal(os.Stdout)
	case *end:
		return endGameday(ctx, path)
	}
	return sys.gameday(ctx, path, *seed)
}

var errNoGameday = errors.New("no rehearsal is on; begin one with: go run ./sandbox/cmd/sandbox gameday")

// endGameday repairs what is broken in the system that is up.
func endGameday(ctx context.Context, path string) error {
	secret, err := gameday.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoGameday
	}
	if err != nil {
		return err
	}
	s, _, err := attach()
	if err != nil || !secret.Of(s) {
		// The system is gone, and with it what was broken.
		return os.Remove(path)
	}
	defer func() { _ = s.Close() }() // what was attached to goes on running
	if err := secret.End(ctx, s); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	fmt.Fprintln(os.Stderr, "repaired")
	return os.Remove(path)
}

// gameday breaks something in the system that is up, or in one of its own, and
// stays until it is repaired: by Ctrl-C, or by --end in another terminal.
func (sys *system) gameday(ctx context.Context, path string, seed uint64) (err error) {
	s, _, err := attach()
	if err == nil {
		defer func() { _ = s.Close() }() // what was attached to goes on running
	} else {
		step("No system is up. Starting one, and building the three servers (the first time this takes a minute or two) …")
		if _, s, err = sys.prepare(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		forget, err := note(s)
		if err != nil {
			return err
		}
		defer func() { _ = forget() }()
	}
	if before, err := gameday.Read(path); err == nil && before.Of(s) {
		return errors.New("a rehearsal is on in this system; end it first: go run ./sandbox/cmd/sandbox gameday --end")
	}
	if s.Has(stack.PartPaysim) {
		if err := incident.Calm(ctx, s); err != nil {
			return err
		}
	}
	step("Something breaks now. Wait until it has …")
	secret, err := gameday.Begin(ctx, s, seed)
	if err != nil {
		return err
	}
	if err := secret.Keep(path); err != nil {
		return errors.Join(err, secret.End(context.WithoutCancel(ctx), s))
	}
	step(`It has happened. What is it, whom does it hurt, and what would you do?
Ask with a host on this system (go run ./sandbox/cmd/sandbox config prints its entries).
In another terminal, when you know it or give up: go run ./sandbox/cmd/sandbox gameday --reveal
Ctrl-C here, or gameday --end there, repairs it.`)
	return awaitEnd(ctx, s, path)
}

// awaitEnd returns when somebody has ended the rehearsal; when the context ends it
// does that itself.
func awaitEnd(ctx context.Context, s *stack.Stack, path string) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if secret, err := gameday.Read(path); err != nil || !secret.Of(s) {
				return nil
			}
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, "repairing …")
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
			defer cancel()
			return endGameday(ctx, path)
		}
	}
}
