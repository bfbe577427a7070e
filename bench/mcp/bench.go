package mcp

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"payops-mcp/bench/internal/ends"
	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// Options say how much is measured.
type Options struct {
	Runs int           // whole runs; the median of them counts
	Reps int           // starts of each server in a run
	Load int           // calls in turn before memory is looked at, and as many 32 at a time
	Rest time.Duration // after load, before memory is looked at once more; 0 for not at all
	Log  io.Writer     // gets progress lines for a human
}

// What is measured beside the servers: the bare mcp-go server, and the shared kit
// alone.
const (
	floorName = "floor"
	kitName   = "kit"
)

// linked are the modules whose versions a results file tells.
var linked = []string{
	"github.com/mark3labs/mcp-go", "github.com/prometheus/client_golang", "github.com/segmentio/kafka-go",
	"github.com/go-sql-driver/mysql", "github.com/redis/go-redis/v9",
}

// bench holds what all measures use.
type bench struct {
	Options
	figures result.Figures

	servers []server
	program map[string]string // by name, the floor and the kit among them
	healthy map[string]string // settings that reach real systems; nil where these are not installed
	why     string            // they are not
	hole    *ends.BlackHole
	refused string
}

// Run measures. It returns the figures and the versions of what was measured.
func Run(ctx context.Context, o Options) (figures []result.Figure, versions []string, err error) {
	b := &bench{Options: o}
	cleanUp, err := b.prepare(ctx)
	defer cleanUp()
	if err != nil {
		return nil, nil, err
	}
	measures := []struct {
		name string
		run  func(context.Context) error
	}{
		{"start and end", b.starts},
		{"start with every system down", b.startsWithoutSystems},
		{"a call beside its requests", b.callBesideRequests},
		{"a fast call behind slow ones", b.fastBehindSlow},
		{"load and memory", b.load},
	}
	for run := range o.Runs {
		for _, m := range measures {
			b.say("run %d of %d: %s", run+1, o.Runs, m.name)
			if err := m.run(ctx); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	b.say("sizes")
	if err := b.sizes(ctx); err != nil {
		return nil, nil, fmt.Errorf("sizes: %w", err)
	}
	for _, name := range b.names() {
		of, err := programs.Versions(b.program[name], linked...)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range of {
			versions = append(versions, name+": "+v)
		}
	}
	return b.figures.Judged(), versions, nil
}

// names are those of all programs, the servers last.
func (b *bench) names() []string {
	names := []string{floorName, kitName}
	for _, s := range b.servers {
		names = append(names, s.name)
	}
	return names
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.Log, format+"\n", args...) }

// prepare builds the programs and starts what they talk to. The function that it
// returns undoes it, as far as it came.
func (b *bench) prepare(ctx context.Context) (cleanUp func(), err error) {
	var undo []func()
	cleanUp = func() {
		for _, step := range slices.Backward(undo) {
			step()
		}
	}
	b.say("building the servers, the floor and the kit")
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err != nil {
		return cleanUp, err
	}
	undo = append(undo, func() { _ = os.RemoveAll(dir) })
	if b.program, err = programs.Build(ctx, dir, append([]string{"bench/" + floorName, "bench/" + kitName}, binaries.Servers()...)...); err != nil {
		return cleanUp, err
	}
	if b.hole, err = ends.NewBlackHole(); err != nil {
		return cleanUp, err
	}
	undo = append(undo, b.hole.Close)
	if b.refused, err = ends.Refused(); err != nil {
		return cleanUp, err
	}
	merchant := "M-1"
	const parts = stack.All &^ stack.PartKafka // no tool built so far asks Kafka
	if missing := stack.Missing(parts); len(missing) > 0 {
		b.why = "not installed: " + missing[0].Name
	} else {
		b.say("starting the systems that the servers ask")
		s, err := stack.Start(ctx, stack.Options{Parts: parts, Seed: &seed.Options{Payments: 2000}, IngestInstances: 1, KeepFresh: -1})
		if err != nil {
			return cleanUp, err
		}
		undo = append(undo, func() { _ = s.Close() })
		if _, err := s.Prometheus.WaitFor(ctx, `resilience4j_circuitbreaker_state`); err != nil {
			return cleanUp, err
		}
		b.healthy, merchant = incident.ServerSettings(s), s.Plan.Merchants[0][0]
	}
	b.servers = servers(merchant)
	return cleanUp, nil
}
