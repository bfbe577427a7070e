package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

func up(ctx context.Context, args []string) error {
	var sys system
	fs := flag.NewFlagSet("up", flag.ContinueOnError)
	sys.flags(fs, stackChildren, "all")
	if err := fs.Parse(args); err != nil {
		return err
	}
	s, err := sys.start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	forget, err := note(s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	fmt.Fprintln(os.Stderr, "up; Ctrl-C ends it. In another terminal: go run ./sandbox/cmd/sandbox incident list")
	<-ctx.Done()
	return errors.Join(forget(), s.Close())
}
