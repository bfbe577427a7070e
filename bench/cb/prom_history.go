package cb

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"payops-mcp/bench/internal/stat"
)

const (
	plantedMetric = "planted_busy"
	plantedSeries = 50
	plantedEvery  = 15 * time.Second
	// warmUp are the calls of a process before those that count.
	warmUp = 5
)

// history gives Prometheus the series of an hour that query_metrics is asked for.
// They are written while it does not run.
func (b *bench) history(ctx context.Context) error {
	var text strings.Builder
	end := time.Now()
	for n := range plantedSeries {
		for at := end.Add(-time.Hour); !at.After(end); at = at.Add(plantedEvery) {
			fmt.Fprintf(&text, "%s{job=\"ingest-service\",pool=\"HikariPool-1\",instance=\"10.1.%d.%d:8080\"} %.3f %.3f\n",
				plantedMetric, n/10, n%10, 10+float64(n)+5*math.Sin(float64(at.Unix())/300+float64(n)), float64(at.UnixMilli())/1000)
		}
	}
	text.WriteString("# EOF\n")
	if err := b.stack.Prometheus.Stop(ctx); err != nil {
		return err
	}
	dir := filepath.Join(b.stack.Dir, "prometheus")
	file := filepath.Join(dir, "planted.om")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return err
	}
	if said, err := exec.CommandContext(ctx, "promtool", "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		return fmt.Errorf("promtool: %w\n%s", err, said)
	}
	if err := b.stack.Prometheus.Start(ctx); err != nil {
		return err
	}
	if _, err := b.stack.Prometheus.WaitFor(ctx, fmt.Sprintf("count(%s) == %d", plantedMetric, plantedSeries)); err != nil {
		return err
	}
	return b.stack.WaitScraped(ctx)
}

// says makes sure that an answer says what it must.
func says(text, tool, want string) error {
	if !strings.Contains(text, want) {
		return fmt.Errorf("void: %s does not say %q:\n%s", tool, want, text)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(v []float64) float64 { return stat.Median(slices.Clone(v)) }
