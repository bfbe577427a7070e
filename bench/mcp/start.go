package mcp

import (
	"context"
	"time"

	"payops-mcp/bench/internal/stat"
	"payops-mcp/bench/internal/subject"
	"payops-mcp/sandbox/binaries"
)

// Bounds, from what the project has promised.
const (
	startOfFloor   = 2.0    // times the floor's
	drawnOfFloor   = 2.4    // the same, of the server that draws and searches
	startOfHealthy = 1.3    // times its own with every system up
	endWithin      = 2000.0 // ms
)

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// samples gathers the values of one run by what they are of.
type samples map[string][]float64

func (s samples) add(of string, v float64)     { s[of] = append(s[of], v) }
func (s samples) median(of string) float64     { return stat.Median(s[of]) }
func (s samples) ratio(a, base string) float64 { return s.median(a) / s.median(base) }

// starting are the samples of starts: wall time from before the fork to the answer
// to initialize, processor time used until then where it is known, and from the
// end of stdin to the end of the process.
type starting struct{ wall, cpu, end samples }

func newStarting() starting { return starting{samples{}, samples{}, samples{}} }

// start starts a program once, and lets it leave.
func (b *bench) start(ctx context.Context, s starting, as, name string, settings map[string]string) error {
	p, took, err := subject.Start(ctx, b.program[name], settings)
	if err != nil {
		return err
	}
	s.wall.add(as, ms(took))
	if cpu, known := p.CPU(); known {
		s.cpu.add(as, ms(cpu))
	}
	end, err := p.End()
	s.end.add(as, ms(end))
	return err
}

// starts measures the start and the end of every program, each in turn.
func (b *bench) starts(ctx context.Context) error {
	s := newStarting()
	for range b.Reps {
		for _, name := range b.names() {
			if err := b.start(ctx, s, name, name, nil); err != nil {
				return err
			}
		}
	}
	for _, name := range b.names() {
		f := b.figures.Add("start to initialize", name, "ms", s.wall.median(name))
		if len(s.cpu) > 0 {
			f.Processor(s.cpu.median(name))
		}
	}
	for _, name := range b.names()[1:] {
		bound := startOfFloor
		if name == binaries.CircuitBreaker {
			bound = drawnOfFloor
		}
		f := b.figures.Add("start to initialize, of the floor's", name, "times", s.wall.ratio(name, floorName)).AtMost(bound)
		if len(s.cpu) > 0 {
			f.Processor(s.cpu.ratio(name, floorName))
		}
	}
	for _, name := range b.names() {
		b.figures.Add("exit after stdin ends", name, "ms", s.end.median(name)).AtMost(endWithin)
	}
	return nil
}

// startsWithoutSystems measures the start with every system refusing, and with
// every one accepting and never answering, against the start with all of them up.
func (b *bench) startsWithoutSystems(ctx context.Context) error {
	const healthy, refused, hole = "healthy", "start, systems refuse, of healthy", "start, systems are black holes, of healthy"
	if b.healthy == nil {
		for _, s := range b.servers {
			b.figures.Skip(refused, s.name, "times", b.why)
			b.figures.Skip(hole, s.name, "times", b.why)
		}
		return nil
	}
	for _, of := range b.servers {
		s := newStarting()
		for range b.Reps {
			for _, state := range []struct {
				name     string
				settings map[string]string
			}{
				{healthy, of.from(b.healthy)},
				{refused, of.everythingAt(b.refused)},
				{hole, of.everythingAt(b.hole.Addr())},
			} {
				if err := b.start(ctx, s, state.name, of.name, state.settings); err != nil {
					return err
				}
			}
		}
		for _, state := range []string{refused, hole} {
			f := b.figures.Add(state, of.name, "times", s.wall.ratio(state, healthy)).AtMost(startOfHealthy)
			if len(s.cpu) > 0 {
				f.Processor(s.cpu.ratio(state, healthy))
			}
		}
	}
	return nil
}
