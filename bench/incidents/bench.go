package incidents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"payops-mcp/bench/internal/programs"
	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/stack"
)

// Options say what is run.
type Options struct {
	Plan   []drill.Scenario // see Plan and Shard
	Resume string           // a file of records: what stands in it is not run again, what is run is added; empty for none
	Log    io.Writer        // gets progress lines for a human
}

// linked are the modules whose versions a results file tells.
var linked = []string{"github.com/mark3labs/mcp-go", "github.com/segmentio/kafka-go", "github.com/redis/go-redis/v9", "github.com/go-sql-driver/mysql"}

// bench runs scenarios, one after the other, each on a system that is well.
type bench struct {
	Options
	programs map[string]string
	system   *stack.Stack
	living   bool // which the system is
	fresh    bool // nothing has happened to it
	desk     *drill.Desk
}

// Run runs the scenarios that are not in the file yet. It returns the records of the
// whole plan and the versions of what was measured.
func Run(ctx context.Context, o Options) (records []Record, versions []string, err error) {
	b := &bench{Options: o}
	if o.Resume != "" {
		if records, err = read(o.Resume); err != nil {
			return nil, nil, err
		}
	}
	// What another plan has left in the file is not of this one.
	records = slices.DeleteFunc(records, func(r Record) bool {
		return !slices.ContainsFunc(o.Plan, func(s drill.Scenario) bool { return key(s) == r.key() })
	})
	left := slices.DeleteFunc(slices.Clone(o.Plan), func(s drill.Scenario) bool {
		return slices.ContainsFunc(records, func(r Record) bool { return key(s) == r.key() })
	})
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, b.end(), os.RemoveAll(dir)) }()
	b.say("building the servers")
	if b.programs, err = programs.Build(ctx, dir, binaries.Servers()...); err != nil {
		return nil, nil, err
	}
	for n, s := range left {
		r, err := b.run(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		b.say("%d of %d: %s (seed %d, %.0f s): %s", n+1, len(left), r.Name, r.Seed, r.Seconds, r.inWords())
		records = append(records, r)
		if o.Resume != "" {
			if err := add(o.Resume, r); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, name := range binaries.Servers() {
		some, err := programs.Versions(b.programs[name], linked...)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range some {
			versions = append(versions, name+": "+v)
		}
	}
	return records, versions, nil
}

func key(s drill.Scenario) string { return Record{Name: s.Name(), Seed: s.Seed}.key() }

func (r Record) inWords() string {
	switch {
	case r.Error != "":
		return "could not be tried: " + r.Error
	case r.Right():
		return "right"
	}
	var words []string
	for _, w := range r.Wrong {
		words = append(words, string(w.Phase)+": "+w.Text)
	}
	return "WRONG: " + strings.Join(words, "; ")
}

// run runs one scenario. Where it could not be had, as when those before it have used up
// the payments that it needs, it gets another system, and where that does not help, the
// next one does. What was answered until then counts: wrong is not asked a second time.
func (b *bench) run(ctx context.Context, s drill.Scenario) (Record, error) {
	for {
		if err := b.provide(ctx, s.Living()); err != nil {
			return Record{}, err
		}
		fresh := b.fresh
		b.fresh = false
		out, failed := drill.Run(ctx, b.desk, s)
		if failed == nil {
			return record(s, out, nil)
		}
		if ctx.Err() != nil {
			return Record{}, ctx.Err()
		}
		if err := b.end(); err != nil {
			b.say("end what it happened to: %v", err)
		}
		if fresh || len(out.Wrong) > 0 || errors.Is(failed, drill.ErrNoAnswer) {
			return record(s, out, failed)
		}
		b.say("again, on another system: %s could not be tried: %v", s.Name(), failed)
	}
}

// provide starts the system that a scenario needs, in place of the other one: two
// cores are not enough for both.
func (b *bench) provide(ctx context.Context, living bool) (err error) {
	if b.system != nil && b.living == living {
		return nil
	}
	if err := b.end(); err != nil {
		return err
	}
	options := drill.Static()
	if living {
		options = drill.Living()
	}
	if missing := stack.Missing(options.Parts); len(missing) > 0 {
		return fmt.Errorf("%s is not installed; scripts/test installs what is missing", missing[0].Name)
	}
	b.say("starting a payment system (%s)", options.Parts)
	if b.system, err = stack.Start(ctx, options); err != nil {
		return err
	}
	b.living, b.fresh = living, true
	b.desk = drill.NewDesk(b.system, func(server string) (string, error) { return b.programs[server], nil })
	return nil
}

// end ends the system and the servers.
func (b *bench) end() error {
	if b.system == nil {
		return nil
	}
	err := errors.Join(b.desk.Close(), b.system.Close())
	b.system, b.desk = nil, nil
	return err
}

func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.Log, format+"\n", args...) }
