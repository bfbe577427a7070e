package drill

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/shared/catalog"
)

// Phase is when something was asked.
type Phase string

// The phases of a scenario.
const (
	Before Phase = "before" // on the healthy system, and with the near misses alone
	During Phase = "during"
	After  Phase = "after" // after the repair
)

// Wrong is a mistake and when it was made.
type Wrong struct {
	Phase Phase `json:"phase"`
	incident.Mistake
}

// Call is what one question cost.
type Call struct {
	Phase  Phase           `json:"phase"`
	Server string          `json:"server"`
	Tool   string          `json:"tool"`
	Args   map[string]any  `json:"args,omitempty"`
	Took   time.Duration   `json:"took_ns"`
	Says   catalog.Verdict `json:"verdict"`
	Text   string          `json:"text,omitempty"`
}

// Outcome is what became of a scenario.
type Outcome struct {
	Roots []catalog.Code `json:"roots,omitempty"` // what had to be named
	Wrong []Wrong        `json:"wrong,omitempty"` // empty: it is fully right
	Calls []Call         `json:"calls"`
	// Took is the whole scenario, with what must be waited for.
	Took time.Duration `json:"took_ns"`
}

// Right says that nothing is wrong.
func (o Outcome) Right() bool { return len(o.Wrong) == 0 }

func (o *Outcome) note(p Phase, replies []Reply, mistakes []incident.Mistake) {
	for _, r := range replies {
		o.Calls = append(o.Calls, Call{p, r.Ask.Server, r.Ask.Tool, r.Ask.Args, r.Took, r.Said.Verdict, r.Said.Text})
	}
	for _, m := range mistakes {
		o.Wrong = append(o.Wrong, Wrong{p, m})
	}
}

// World is what the incidents of a scenario act on. Two scenarios of one seed draw
// different numbers.
func (d *Desk) World(s Scenario) *incident.World {
	name := fnv.New64a()
	_, _ = name.Write([]byte(s.Name()))
	return &incident.World{Stack: d.stack, Rand: rand.New(rand.NewPCG(s.Seed, name.Sum64())),
		Ask: func(ctx context.Context, a incident.Ask) error {
			_, err := d.Ask(ctx, a)
			return err
		}}
}

// Run has a scenario happen and undoes it. The error says that it could not be had
// at all; the system may be in any state then.
//
// On a static system some tools, drawn by the seed, are asked while nothing is wrong;
// then, where there are near misses, their questions while nothing else lasts. The
// incidents happen, and their questions are asked and judged. After the repair they
// are asked again until the answers are those of a healthy system, or of the near
// misses.
func Run(ctx context.Context, d *Desk, s Scenario) (out Outcome, err error) {
	begin := time.Now()
	w := d.World(s)
	if err := d.rest(ctx); err != nil {
		return out, err
	}
	// A living system still shows, and rightly, what was a few minutes ago, and its
	// books what was ever late.
	if len(d.stack.Paysim) == 0 {
		if err := d.baseline(ctx, w, &out); err != nil {
			return out, err
		}
	}
	var near, on events
	defer func() {
		// Also when the caller has had enough.
		ctx := context.WithoutCancel(ctx)
		err = errors.Join(err, on.end(ctx), near.end(ctx), d.Configure(nil))
		out.Took = time.Since(begin)
	}()
	if near, err = beginAll(ctx, w, s.Near); err != nil {
		return out, err
	}
	if len(near) > 0 {
		replies, err := d.Ask(ctx, near.asks()...)
		if err != nil {
			return out, err
		}
		out.note(Before, replies, incident.Assess(append(near.happenings(), d.remembered()...), Said(replies)))
	}
	if len(s.Incidents) == 0 {
		return out, nil
	}
	if on, err = beginAll(ctx, w, s.Incidents); err != nil {
		return out, err
	}
	for _, e := range on {
		out.Roots = append(out.Roots, e.Incident.Row().Root...)
	}
	if err := d.Configure(on.settings()); err != nil {
		return out, err
	}
	asks := on.asks()
	replies, err := d.Ask(ctx, asks...)
	if err != nil {
		return out, err
	}
	out.note(During, replies, incident.Assess(append(on.happenings(), unasked(near.happenings())...), Said(replies)))

	if err := on.end(ctx); err != nil {
		return out, err
	}
	if err := d.Configure(nil); err != nil { // what was repaired may be how they are configured
		return out, err
	}
	replies, wrong, err := d.WellAgain(ctx, wellWithin(d.stack), asks, append(near.happenings(), d.remembered()...)...)
	if err != nil {
		return out, err
	}
	out.note(After, replies, wrong)
	return out, nil
}

func beginAll(ctx context.Context, w *incident.World, all []incident.Incident) (begun events, err error) {
	for _, i := range all {
		e, err := Begin(ctx, w, i)
		if err != nil {
			return begun, err
		}
		begun = append(begun, e)
	}
	return begun, nil
}

// rest waits until the system has got over what was before.
func (d *Desk) rest(ctx context.Context) error {
	if len(d.stack.Paysim) > 0 {
		if err := incident.Calm(ctx, d.stack); err != nil {
			return err
		}
	}
	return d.stack.WaitScraped(ctx)
}

// baselineTools is how many tools are asked before a scenario.
const baselineTools = 2

// baseline asks some tools, drawn at random, while nothing is wrong. What was before is
// rightly told of for some seconds, as after a repair.
func (d *Desk) baseline(ctx context.Context, w *incident.World, out *Outcome) error {
	// Their own numbers: what happens must not depend on what is asked before.
	r := rand.New(rand.NewPCG(w.Rand.Uint64(), 0))
	all := EveryQuestion(r)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	replies, wrong, err := d.WellAgain(ctx, wellWithin(d.stack), all[:baselineTools])
	if err != nil {
		return fmt.Errorf("before anything happened: %w", err)
	}
	out.note(Before, replies, wrong)
	return nil
}
