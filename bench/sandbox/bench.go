package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/result"
	"payops-mcp/sandbox/stack"
)

// Options say how much is measured.
type Options struct {
	Runs     int       // whole runs; the median of them counts
	Payments int       // that are authorized in a run
	Log      io.Writer // gets progress lines for a human
}

// linked are the modules whose versions a results file tells.
var linked = []string{
	"github.com/segmentio/kafka-go", "github.com/redis/go-redis/v9", "github.com/go-sql-driver/mysql", "github.com/dolthub/go-mysql-server",
	"github.com/alicebob/miniredis/v2", "github.com/twmb/franz-go/pkg/kfake", "github.com/prometheus/prometheus",
}

// bench holds what all measures use.
type bench struct {
	Options
	figures result.Figures
	program string // the sandbox's command
}

// Run measures. It returns the figures and the versions of what was measured.
func Run(ctx context.Context, o Options) (figures []result.Figure, versions []string, err error) {
	b := &bench{Options: o}
	dir, err := os.MkdirTemp("", "payops-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b.say("building the sandbox")
	built, err := programs.Build(ctx, dir, "sandbox/cmd/sandbox")
	if err != nil {
		return nil, nil, err
	}
	b.program = built["sandbox"]
	if err := b.demo(ctx); err != nil {
		return nil, nil, fmt.Errorf("the demo: %w", err)
	}
	if missing := stack.Missing(stack.Living); len(missing) > 0 {
		b.figures.Skip(authorizeName, authorizeSubject, authorizeUnit, missing[0].Name+" is not installed")
	} else if err := b.authorize(ctx); err != nil {
		return nil, nil, fmt.Errorf("authorizations: %w", err)
	}
	versions, err = programs.Versions(b.program, linked...)
	return b.figures.Judged(), versions, err
}

func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.Log, format+"\n", args...) }
