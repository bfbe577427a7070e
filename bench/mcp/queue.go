package mcp

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/bench/internal/ends"
	"payops-mcp/bench/internal/subject"
)

const (
	slowCalls = 8
	fastCalls = 300
	// fastOfIdle is what "not slowed" means: ratios within a run drift by less.
	fastOfIdle = 1.3
	// slowAnswer is how long each slow call of the floor takes.
	slowAnswer = 2 * time.Second
	// patience is how long slow calls may take to be under way.
	patience = 2 * time.Second
	// settled is how long no connection was made when all are.
	settled = 20 * time.Millisecond
)

// fastBehindSlow measures a call that is refused for its arguments, first on an
// idle server, then while eight calls wait for systems that never answer. The same
// for the floor shows that there is something to measure: the library's default of
// five workers lets the fast call wait for the slow ones, which there take 2 s. At
// last the server has to leave while the eight still wait.
func (b *bench) fastBehindSlow(ctx context.Context) error {
	for _, s := range b.servers {
		p, _, err := subject.Start(ctx, b.program[s.name], s.everythingAt(b.hole.Addr()))
		if err != nil {
			return err
		}
		err = b.behind(ctx, p, s)
		p.Kill()
		if err != nil {
			return err
		}
	}
	return b.floorBehind(ctx)
}

func (b *bench) behind(ctx context.Context, p *subject.Process, s server) error {
	const warm, idle, behind = "warm", "idle", "behind"
	took := samples{}
	fast := func(when string) error {
		for range fastCalls {
			a, err := p.Call(ctx, s.wrong())
			if err != nil {
				return err
			}
			if !a.IsError {
				return fmt.Errorf("void: %s takes an unknown argument", s.question.Tool)
			}
			took.add(when, ms(a.Took))
		}
		return nil
	}
	for _, when := range []string{warm, idle} { // the first calls are slower than all others
		if err := fast(when); err != nil {
			return err
		}
	}
	slow, err := b.sendSlow(ctx, p, s.question)
	if err != nil {
		return err
	}
	if err := fast(behind); err != nil {
		return err
	}
	for _, w := range slow {
		if w.Answered() {
			return fmt.Errorf("void: a slow call of %s was answered while the fast ones were timed", s.name)
		}
	}
	b.figures.Add("fast call, idle", s.name, "ms", took.median(idle))
	b.figures.Add("fast call behind 8 slow ones", s.name, "ms", took.median(behind))
	b.figures.Add("fast call behind 8 slow ones, of idle", s.name, "times", took.ratio(behind, idle)).AtMost(fastOfIdle)
	end, err := p.End()
	if err != nil {
		return fmt.Errorf("%s, its stdin ended while 8 calls wait: %w", s.name, err)
	}
	b.figures.Add("exit after stdin ends, 8 calls waiting", s.name, "ms", ms(end)).AtMost(endWithin)
	return nil
}

func (b *bench) floorBehind(ctx context.Context) error {
	slow, err := ends.NewSlow(slowAnswer)
	if err != nil {
		return err
	}
	defer slow.Close()
	p, _, err := subject.Start(ctx, b.program[floorName], map[string]string{"FLOOR_GET_URL": slow.URL()})
	if err != nil {
		return err
	}
	defer p.Kill()
	for range slowCalls {
		if _, err := p.Send("tools/call", subject.Call{Tool: "get"}); err != nil {
			return err
		}
	}
	time.Sleep(settled)
	a, err := expect(subject.Call{Tool: "ok"}, "ok")(ctx, p)
	if err != nil {
		return err
	}
	b.figures.Add("fast call behind 8 slow ones", floorName, "ms", ms(a.Took)).Says("slow ones take %s; the library's pool of 5", slowAnswer)
	return nil
}

// sendSlow sends calls that wait for the black hole, and returns when they do.
func (b *bench) sendSlow(ctx context.Context, p *subject.Process, c subject.Call) (slow []subject.Pending, err error) {
	before := b.hole.Accepted()
	for range slowCalls {
		w, err := p.Send("tools/call", c)
		if err != nil {
			return nil, err
		}
		slow = append(slow, w)
	}
	last, since := before, time.Now()
	for deadline := time.Now().Add(patience); last == before || time.Since(since) < settled; {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, fmt.Errorf("void: %s does not ask its systems", c.Tool)
		}
		time.Sleep(time.Millisecond)
		if now := b.hole.Accepted(); now != last {
			last, since = now, time.Now()
		}
	}
	return slow, nil
}
