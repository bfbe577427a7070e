package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"text/tabwriter"
	"time"

	"payops-mcp/sandbox/incident"
)

func incidents(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == "list" {
		return list()
	}
	if len(args) < 2 {
		return errors.New("want list, start ID or stop ID")
	}
	i, err := incident.Get(args[1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "start":
		return start(ctx, i, args[2:])
	case "stop":
		return stop(ctx, i)
	}
	return fmt.Errorf("unknown word %q: want list, start or stop", args[0])
}

func list() error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, i := range incident.All() {
		r := i.Row()
		fmt.Fprintf(t, "%s\t%s\t%v\t%s\n", i.ID, r.Name, r.Root, r.Symptoms)
	}
	return t.Flush()
}

func start(ctx context.Context, i incident.Incident, args []string) error {
	fs := flag.NewFlagSet("incident start", flag.ContinueOnError)
	seed := fs.Uint64("seed", uint64(time.Now().UnixNano()), "`N` from which names and numbers are drawn")
	if err := fs.Parse(args); err != nil {
		return err
	}
	s, r, err := attach()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // what was attached to goes on running
	if _, on := r.Incidents[i.ID]; on {
		return fmt.Errorf("%s is on already; stop it first", i.ID)
	}
	did, err := i.Start(ctx, &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(*seed, 0))})
	if err != nil {
		return err
	}
	if r.Incidents == nil {
		r.Incidents = map[string]incident.Injected{}
	}
	r.Incidents[i.ID] = did
	fmt.Fprintf(os.Stdout, "%s %s (seed %d)\n", i.ID, i.Row().Name, *seed)
	for _, a := range did.Asks {
		fmt.Fprintf(os.Stdout, "ask %s: %s %v\n", a.Server, a.Tool, a.Args)
	}
	return remember(r)
}

func stop(ctx context.Context, i incident.Incident) error {
	s, r, err := attach()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // what was attached to goes on running
	did, on := r.Incidents[i.ID]
	if !on {
		return fmt.Errorf("%s was not started", i.ID)
	}
	if err := i.Undo(ctx, &incident.World{Stack: s}, did); err != nil {
		return fmt.Errorf("undo %s: %w", i.ID, err)
	}
	delete(r.Incidents, i.ID)
	fmt.Fprintf(os.Stdout, "%s is over\n", i.ID)
	return remember(r)
}
