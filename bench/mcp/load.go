package mcp

import (
	"context"
	"errors"
	"sync"
	"time"

	"payops-mcp/bench/internal/stat"
	"payops-mcp/bench/internal/subject"
)

const (
	residentAfterLoad = 24.0 // MB
	sideBySide        = 32
	mega              = 1e6
)

// load asks each server its question again and again, first one call after the
// other, then as many calls with 32 under way at all times, and measures memory
// after each. What a call takes is told besides: it is mostly its systems'.
func (b *bench) load(ctx context.Context) error {
	for _, s := range b.servers {
		if b.healthy == nil {
			b.figures.Skip(resident, s.name, "MB", b.why)
			continue
		}
		p, _, err := subject.Start(ctx, b.program[s.name], s.from(b.healthy))
		if err != nil {
			return err
		}
		err = b.loadOf(ctx, p, s)
		p.Kill()
		if err != nil {
			return err
		}
	}
	return nil
}

const resident = "memory resident after load"

func (b *bench) loadOf(ctx context.Context, p *subject.Process, s server) error {
	b.resident(p, s, "memory resident after the start")
	before, known := p.CPU()
	var took []float64
	for range b.Load {
		a, err := s.ask(ctx, p)
		if err != nil {
			return err
		}
		took = append(took, ms(a.Took))
	}
	f := b.figures.Add("call on real systems, p50", s.name, "ms", stat.Median(took)).Says("%s", s.question.Tool)
	if after, ok := p.CPU(); ok && known {
		f.Processor(ms(after-before) / float64(b.Load))
	}
	b.figures.Add("call on real systems, p99", s.name, "ms", stat.Quantile(took, 0.99))
	one := b.resident(p, s, "memory resident after calls in turn")

	begin := time.Now()
	took, err := s.askAtOnce(ctx, p, b.Load)
	if err != nil {
		return err
	}
	b.figures.Add("32 calls at a time, p99", s.name, "ms", stat.Quantile(took, 0.99))
	b.figures.Add("32 calls at a time, a second", s.name, "calls", float64(b.Load)/time.Since(begin).Seconds())
	many := b.resident(p, s, "memory resident after calls at a time")
	if b.Rest > 0 {
		time.Sleep(b.Rest)
		b.resident(p, s, "memory resident at rest after them")
	}
	if one == 0 || many == 0 {
		b.figures.Skip(resident, s.name, "MB", "known on Linux only")
		return nil
	}
	b.figures.Add(resident, s.name, "MB", max(one, many)).AtMost(residentAfterLoad).Says("the greater of the two; %d calls each", b.Load)
	return nil
}

// resident tells the memory of a server in MB, 0 where it is not known.
func (b *bench) resident(p *subject.Process, s server, figure string) float64 {
	bytes, known := p.Resident()
	if !known {
		return 0
	}
	b.figures.Add(figure, s.name, "MB", float64(bytes)/mega)
	return float64(bytes) / mega
}

// askAtOnce asks n times with 32 calls under way at all times, and returns how long
// each took in ms.
func (s server) askAtOnce(ctx context.Context, p *subject.Process, n int) ([]float64, error) {
	turns := make(chan struct{}, n)
	for range n {
		turns <- struct{}{}
	}
	close(turns)
	var mu sync.Mutex
	var took []float64
	var failed error
	var wg sync.WaitGroup
	for range sideBySide {
		wg.Go(func() {
			for range turns {
				a, err := s.ask(ctx, p)
				mu.Lock()
				took, failed = append(took, ms(a.Took)), errors.Join(failed, err)
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	return took, failed
}
