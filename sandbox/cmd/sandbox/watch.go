package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/watch"
)

// watching is what the commands share that poll a living system.
type watching struct {
	sys   system
	lasts time.Duration
	every time.Duration
	out   string
	seed  uint64
}

func (w *watching) flags(fs *flag.FlagSet, lasts time.Duration) {
	w.sys.brokers = 3
	w.sys.flags(fs, stackChildren, "living")
	fs.DurationVar(&w.lasts, "for", lasts, "how long")
	fs.DurationVar(&w.every, "every", 5*time.Second, "how often each tool is asked")
	fs.StringVar(&w.out, "out", "", "`FILE` to which a line of JSON is appended for each answer that is not as it should be; by default stdout")
	fs.Uint64Var(&w.seed, "seed", uint64(time.Now().UnixNano()), "`N` from which what is left to chance is drawn")
}

// run starts a living system and the servers, and polls.
func (w *watching) run(ctx context.Context, do func(context.Context, watch.Options) error) (err error) {
	lines := io.Writer(os.Stdout)
	if w.out != "" {
		f, err := os.OpenFile(w.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // for everybody to read
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // each line is in it when it was written
		lines = f
	}
	programs, s, err := w.sys.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	servers, err := watch.Start(ctx, programs, incident.ServerSettings(s))
	if err != nil {
		return err
	}
	defer servers.Close()
	return do(ctx, watch.Options{
		Stack: s, Servers: servers, For: w.lasts, Every: w.every, Seed: w.seed, Lines: lines, Log: os.Stderr,
	})
}

func watchHealthy(ctx context.Context, args []string) error {
	var w watching
	fs := flag.NewFlagSet("watch", flag.ContinueOnError)
	w.flags(fs, time.Hour)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return w.run(ctx, func(ctx context.Context, o watch.Options) error {
		sum, err := watch.Healthy(ctx, o)
		if sum != nil {
			err = errors.Join(err, sum.Print(os.Stderr))
			if sum.Wrong() > 0 {
				err = errors.Join(err, fmt.Errorf("%d things in the answers are wrong for a healthy system", sum.Wrong()))
			}
		}
		return err
	})
}
