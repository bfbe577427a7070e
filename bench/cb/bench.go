package cb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"payops-mcp/bench/internal/ends"
	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/stack"
)

// Options say how much is measured.
type Options struct {
	Runs  int       // whole runs; the median of them counts
	Calls int       // of each tool in a run
	Log   io.Writer // gets progress lines for a human
}

// linked are the modules whose versions a results file tells.
var linked = []string{
	"github.com/mark3labs/mcp-go", "github.com/prometheus/client_golang", "github.com/prometheus/prometheus", "github.com/valyala/fastjson", "github.com/segmentio/kafka-go",
}

// bench holds what all measures use.
type bench struct {
	Options
	figures result.Figures
	stack   *stack.Stack
	program string
	healthy map[string]string // settings that reach every system
	hole    *ends.BlackHole
}

// Run measures. It returns the figures and the versions of what was measured.
func Run(ctx context.Context, o Options) (figures []result.Figure, versions []string, err error) {
	const parts = stack.PartIngest | stack.PartPrometheus | stack.PartKafka
	if missing := stack.Missing(parts); len(missing) > 0 {
		return nil, nil, fmt.Errorf("not installed: %s", missing[0].Name)
	}
	b := &bench{Options: o}
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	b.say("building the server")
	built, err := programs.Build(ctx, dir, binaries.CircuitBreaker)
	if err != nil {
		return nil, nil, err
	}
	b.program = built[binaries.CircuitBreaker]
	if b.hole, err = ends.NewBlackHole(); err != nil {
		return nil, nil, err
	}
	defer b.hole.Close()
	b.say("starting the systems that it asks")
	if b.stack, err = stack.Start(ctx, stack.Options{Parts: parts, KeepFresh: -1}); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, b.stack.Close()) }()
	b.healthy = b.stack.Env()
	measures := []struct {
		name string
		run  func(context.Context) error
	}{
		{"an answer beside its slowest source", b.besideSlowest},
		{"an answer while a source hangs", b.whileOneHangs},
		{"the lags of many groups", b.lags},
	}
	if err := b.history(ctx); err != nil {
		return nil, nil, err
	}
	for run := range o.Runs {
		for _, m := range measures {
			b.say("run %d of %d: %s", run+1, o.Runs, m.name)
			if err := m.run(ctx); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	b.say("sizes of answers")
	if err := b.answers(ctx); err != nil {
		return nil, nil, fmt.Errorf("sizes: %w", err)
	}
	of, err := programs.Versions(b.program, linked...)
	for _, v := range of {
		versions = append(versions, binaries.CircuitBreaker+": "+v)
	}
	return b.figures.Judged(), versions, err
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.Log, format+"\n", args...) }
