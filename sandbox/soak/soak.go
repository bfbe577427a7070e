// Package soak breaks a living payment system again and again, one thing at a
// time, while the three servers are asked everything all the time: each fault must
// be found soon after its rule can hold, be gone from the answers soon after its
// repair, and nothing else may be reported.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/watch"
	"payops-mcp/shared/catalog"
)

// Within is how soon a fault must be found after its rule can hold, and gone after
// it no longer does.
const Within = time.Minute

const (
	// patience is how much longer than Within is waited, to tell how late it was.
	patience = 2 * time.Minute
	// settleWithin bounds how long a system takes to be well before the first fault
	// and after each.
	settleWithin = 5 * time.Minute
)

// Trial is one fault that came and went.
type Trial struct {
	Fault Fault
	// Broken is when it began, Holds the first moment at which its rule can hold.
	Broken, Holds time.Time
	// Found is when an answer named it, zero when none did.
	Found time.Time
	// Ended is when its repair began, Repaired when that was done: in between
	// there is some of both.
	Ended, Repaired time.Time
	// Gone is the last moment at which an answer that was asked for after the
	// repair still named it; Repaired when none did.
	Gone time.Time
	// Quiet is the same of anything above info. It is zero when that did not end.
	Quiet time.Time
	// Lost is how often what had named it was asked again, before the repair began,
	// and did not. Another name may be as right: a slow gateway has its breaker open,
	// a frozen Redis is not reached. That all is well is wrong, see heard.
	Lost int
	// Cut says that the soak was ended in the middle of it: nothing can be said of
	// what did not come.
	Cut bool

	allowed map[catalog.Code]bool
	namers  map[string]bool      // the questions whose answer has named it
	clean   map[string]time.Time // by tool, when it was last asked and all was well
	unclean time.Time            // when the last answer arrived that was not
}

// Late says what of the trial came too late; nothing when all was in time.
func (t *Trial) Late() (late []string) {
	if t.Cut {
		return nil
	}
	switch {
	case t.Found.IsZero():
		late = append(late, "not found")
	case t.Found.Sub(t.Holds) > Within:
		late = append(late, "found late")
	}
	switch {
	case t.Repaired.IsZero():
		late = append(late, "not repaired")
	case t.Gone.Sub(t.Repaired) > Within+t.Fault.Clears:
		late = append(late, "named too long")
	}
	if t.Quiet.IsZero() {
		late = append(late, "not well again")
	}
	return late
}

// soak is the state that the polling and the breaking share.
type soak struct {
	watch.Options
	world *incident.World

	mu      sync.Mutex
	trials  []*Trial
	tools   int // how many are polled, once known
	settled *Trial
}

// Result is what a soak came to.
type Result struct {
	Trials  []*Trial
	Summary *watch.Summary
}

// Run soaks for the time of the options, or until each fault has come once where that
// is 0, and longer until the last fault is over. Faults come in a random order, each
// before any comes again.
func Run(ctx context.Context, o watch.Options, faults []Fault) (Result, error) {
	if err := living(o.Stack, faults); err != nil {
		return Result{}, err
	}
	over := func(came int) bool { return came >= len(faults) }
	if o.For > 0 {
		until := time.Now().Add(o.For)
		over = func(int) bool { return !time.Now().Before(until) }
	}
	o.For = 0
	s := &soak{Options: o, world: &incident.World{Stack: o.Stack, Rand: rand.New(rand.NewPCG(o.Seed, 0)), RealTime: true}}
	if err := o.Stack.WaitWarm(ctx); err != nil {
		return Result{}, err
	}
	polling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		r     Result
		perr  error
		ended = make(chan struct{})
	)
	go func() {
		defer close(ended)
		r.Summary, perr = s.Poll(polling, s.heard)
		stop(perr)
	}()
	err := s.breakThings(polling, over, faults)
	stop(nil)
	<-ended
	if perr != nil && errors.Is(err, context.Canceled) {
		err = nil // nothing more could be found out
	}
	r.Trials = s.trials
	return r, errors.Join(err, perr)
}

// breakThings has faults come and go until so many came that it is over.
func (s *soak) breakThings(ctx context.Context, over func(came int) bool, faults []Fault) error {
	// What the first answers say of a system that is well.
	s.settled = newTrial(Fault{Name: "nothing"})
	s.settled.Repaired = time.Now()
	if !s.awaitQuiet(ctx, s.settled) {
		return errors.Join(errors.New("the system is not called well before anything was broken"), ctx.Err())
	}
	var coming []Fault
	for ctx.Err() == nil && !over(len(s.trials)) {
		if len(coming) == 0 {
			coming = slices.Clone(faults)
			s.world.Rand.Shuffle(len(coming), func(i, j int) { coming[i], coming[j] = coming[j], coming[i] })
		}
		t := newTrial(coming[0])
		coming = coming[1:]
		if err := s.try(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t.Fault.Name, errors.Join(err, context.Cause(ctx)))
		}
		s.mu.Lock()
		fmt.Fprintln(s.Log, t)
		s.mu.Unlock()
	}
	return context.Cause(ctx)
}

func newTrial(f Fault) *Trial {
	return &Trial{Fault: f, allowed: f.allowed(), namers: map[string]bool{}, clean: map[string]time.Time{}}
}

// try has one fault come and go.
func (s *soak) try(ctx context.Context, t *Trial) (err error) {
	s.mu.Lock()
	t.Broken = time.Now()
	t.Holds = t.Broken.Add(t.Fault.Window)
	s.trials = append(s.trials, t)
	s.mu.Unlock()
	fmt.Fprintf(s.Log, "%s now: %s\n", t.Broken.Format(time.TimeOnly), t.Fault.Name)
	repair, err := t.Fault.begin(ctx, s.world)
	if repair == nil {
		return err
	}
	if t.Fault.Noticed {
		s.mu.Lock()
		t.Holds = time.Now().Add(t.Fault.Window)
		s.mu.Unlock()
	}
	if err == nil {
		s.awaitFound(ctx, t)
		// It lasts on for some time: what was found stays found.
		pause(ctx, time.Duration(10+s.world.Rand.IntN(20))*time.Second)
	}
	s.mu.Lock()
	t.Ended = time.Now()
	s.mu.Unlock()
	if undo := repair(context.WithoutCancel(ctx)); undo != nil {
		return errors.Join(err, fmt.Errorf("repair: %w", undo))
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	t.Repaired = time.Now()
	t.Gone = t.Repaired
	s.mu.Unlock()
	if !s.awaitQuiet(ctx, t) && ctx.Err() != nil {
		t.Cut = true
	}
	return ctx.Err()
}

// awaitFound waits until the fault is found, or it is useless to wait any longer.
func (s *soak) awaitFound(ctx context.Context, t *Trial) {
	deadline := t.Holds.Add(Within + patience)
	s.await(ctx, deadline, func() bool { return !t.Found.IsZero() })
}

// awaitQuiet waits until every tool was asked and none said anything above info.
func (s *soak) awaitQuiet(ctx context.Context, t *Trial) bool {
	return s.await(ctx, t.Repaired.Add(settleWithin), func() bool {
		if s.tools == 0 || len(t.clean) < s.tools {
			return false
		}
		since := t.Repaired
		if t.unclean.After(since) {
			since = t.unclean
		}
		for _, asked := range t.clean {
			if asked.Before(since) {
				return false
			}
		}
		t.Quiet = since
		return true
	})
}

// await looks again and again, with the state to itself.
func (s *soak) await(ctx context.Context, deadline time.Time, so func() bool) bool {
	for {
		s.mu.Lock()
		yes := so()
		s.mu.Unlock()
		if yes {
			return true
		}
		if time.Now().After(deadline) || !pause(ctx, 100*time.Millisecond) {
			return false
		}
	}
}

// pause waits, or says that the context has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// heard judges an answer by what is broken, and notes what it says of that.
func (s *soak) heard(seen watch.Seen) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tools = seen.Of
	wrong := seen.Wrong()
	if seen.Err != nil || seen.Said.IsError {
		return wrong
	}
	now := s.settled
	if len(s.trials) > 0 {
		now = s.trials[len(s.trials)-1]
	}
	end := seen.Began.Add(seen.Took)
	clean := seen.Said.Verdict == catalog.OK
	named := false
	for _, f := range seen.Said.Findings {
		if f.Code == now.Fault.Root {
			e, _ := catalog.Find(f.Code)
			named = named || f.Severity == e.Severity
		}
		if f.Severity == catalog.Info {
			continue
		}
		clean = false
		if !s.expected(f.Code, seen.Began) {
			wrong = append(wrong, fmt.Sprintf("%s reports %s (%s %s), and what is broken is: %s", seen.Tool, f.Code, f.Severity, f.Kind, now.Fault.Name))
		}
	}
	if seen.Said.Verdict == catalog.OK && now.lost(seen, named) {
		wrong = append(wrong, fmt.Sprintf("%s concludes %s, has named %s, and this lasts: %s", seen.Tool, seen.Said.Verdict, now.Fault.Root, now.Fault.Name))
	}
	now.note(seen, end, named, clean)
	return wrong
}

// expected reports whether a code may be reported by an answer that was asked for
// at a moment: because of the last fault, or of the one before if it was asked for
// before that one was over.
func (s *soak) expected(c catalog.Code, asked time.Time) bool {
	for i, t := range slices.Backward(s.trials) {
		if t.allowed[c] {
			return true
		}
		if asked.After(t.Broken) || i < len(s.trials)-1 {
			break
		}
	}
	return false
}

// note notes what an answer says of the trial.
func (t *Trial) note(seen watch.Seen, end time.Time, named, clean bool) {
	if seen.Began.Before(t.Broken) {
		return
	}
	switch {
	case t.Repaired.IsZero() && named:
		if t.Found.IsZero() {
			t.Found = end
		}
		t.namers[question(seen)] = true
	case t.lost(seen, named):
		t.Lost++
	case t.Repaired.IsZero() || seen.Began.Before(t.Repaired):
	case named:
		t.Gone = end
		fallthrough
	case !clean:
		t.unclean = end
	default:
		t.clean[seen.Tool] = seen.Began
	}
}

// lost reports whether an answer does not name what one to the same question has
// named, while the fault stands. The same tool asked of something else may see
// nothing of it: a payment of the other shard.
func (t *Trial) lost(seen watch.Seen, named bool) bool {
	return !named && t.Ended.IsZero() && t.namers[question(seen)]
}

func question(seen watch.Seen) string { return fmt.Sprint(seen.Tool, seen.Args) }

// String is the trial in a line.
func (t *Trial) String() string {
	late := "in time"
	if l := t.Late(); len(l) > 0 {
		late = fmt.Sprint(l)
	}
	return fmt.Sprintf("%s %s: found %s after it can hold, named for %s after its repair, quiet after %s: %s",
		t.Broken.Format(time.TimeOnly), t.Fault.Name, since(t.Holds, t.Found), since(t.Repaired, t.Gone), since(t.Repaired, t.Quiet), late)
}

// Print writes a table of the trials, and the summary of the polling.
func (r Result) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "fault\tfinding\tbroken at\tcan hold at\tfound after\trepaired at\tnamed for\tmay be for\tquiet after\tlost\t")
	for _, x := range r.Trials {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", x.Fault.Name, x.Fault.Root, clock(x.Broken), clock(x.Holds), since(x.Holds, x.Found),
			clock(x.Repaired), since(x.Repaired, x.Gone), Within+x.Fault.Clears, since(x.Repaired, x.Quiet), x.Lost, fmt.Sprint(x.Late()))
	}
	err := t.Flush()
	fmt.Fprintln(w, "\nWhen a rule can hold:")
	names := map[string]Fault{}
	for _, x := range r.Trials {
		names[x.Fault.Name] = x.Fault
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		from := "when it is broken"
		if f.Noticed {
			from = "when the system has noticed"
		}
		fmt.Fprintf(w, "  %s: %s after %s, and %s after its repair (%s)\n", name, f.Window, from, f.Clears, f.Why)
	}
	if r.Summary != nil {
		fmt.Fprintln(w)
		err = errors.Join(err, r.Summary.Print(w))
	}
	return err
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.TimeOnly)
}

// since is the time from one moment to a later one, to tenths of a second; what is
// before it is 0.
func since(from, to time.Time) string {
	if from.IsZero() || to.IsZero() {
		return "never"
	}
	return max(0, to.Sub(from)).Round(100 * time.Millisecond).String()
}

// Failed says what a soak has found wrong; empty when all was in time and nothing
// else was reported.
func (r Result) Failed() (failed []string) {
	if len(r.Trials) == 0 {
		failed = append(failed, "no fault has come: nothing is proven")
	}
	for _, t := range r.Trials {
		for _, late := range t.Late() {
			failed = append(failed, t.Fault.Name+": "+late)
		}
	}
	if r.Summary != nil && r.Summary.Wrong() > 0 {
		failed = append(failed, fmt.Sprintf("%d things in the answers that nothing explains", r.Summary.Wrong()))
	}
	return failed
}
