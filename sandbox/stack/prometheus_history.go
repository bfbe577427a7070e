package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Relive gives Prometheus another past: what it has scraped, as OpenMetrics text
// with a time for each sample. Its own is set aside until Remember; it goes on
// scraping. Only where its files are at hand.
func (p *Prometheus) Relive(ctx context.Context, past string) error {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		return fmt.Errorf("write into the past of prometheus: %w", err)
	}
	if p.dir == "" {
		return fmt.Errorf("write into the past of prometheus: %w", ErrAttached)
	}
	if err := p.Stop(ctx); err != nil {
		return err
	}
	file := filepath.Join(p.dir, "past.om")
	err = errors.Join(os.Rename(p.data(), p.own()), os.WriteFile(file, []byte(past), 0o600))
	if err == nil {
		said, failed := exec.CommandContext(ctx, tool, "tsdb", "create-blocks-from", "openmetrics", file, p.data()).CombinedOutput()
		if failed != nil {
			err = fmt.Errorf("promtool: %w: %s", failed, said)
		}
	}
	return errors.Join(err, p.Start(ctx))
}

// Remember gives Prometheus its own past back, if Relive took it.
func (p *Prometheus) Remember(ctx context.Context) error {
	if p.dir == "" {
		return nil
	}
	if _, err := os.Stat(p.own()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(p.data()), os.Rename(p.own(), p.data()), p.Start(ctx))
}

func (p *Prometheus) data() string { return filepath.Join(p.dir, "data") }

func (p *Prometheus) own() string { return filepath.Join(p.dir, "data.own") }
