package soak

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/watch"
	"payops-mcp/shared/catalog"
)

// Every fault can happen to a living system, and what must be found is what its
// incident is about.
func TestFaults(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Faults() {
		if names[f.Name] {
			t.Errorf("two are called %s", f.Name)
		}
		names[f.Name] = true
		if f.Why == "" {
			t.Errorf("%s: nobody knows where its window is from", f.Name)
		}
		if e, ok := catalog.Find(f.Root); !ok || e.Severity == catalog.Info || !f.allowed()[f.Root] {
			t.Errorf("%s: %q must be found", f.Name, f.Root)
		}
		if f.Break != nil {
			continue
		}
		i, err := incident.Get(f.Incident)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		if !slices.Contains(i.Row().Root, f.Root) {
			t.Errorf("%s: %s is about %v, not %s", f.Name, i.ID, i.Row().Root, f.Root)
		}
	}
}

// answers makes answers as the servers give them, at moments after a beginning.
type answers struct {
	*soak
	begin time.Time
}

func (a answers) hears(after time.Duration, tool string, codes ...catalog.Code) []string {
	seen := watch.Seen{Began: a.begin.Add(after), Took: time.Second, Tool: tool, Of: 2, Answer: host.Answer{Text: "text"}, Said: incident.Said{Verdict: catalog.OK}}
	for _, c := range codes {
		e, _ := catalog.Find(c)
		seen.Said.Verdict = e.Verdict
		seen.Said.Findings = append(seen.Said.Findings, incident.Finding{Code: c, Kind: e.Kind, Severity: e.Severity})
	}
	return a.heard(seen)
}

func TestATrial(t *testing.T) {
	fault := Fault{Name: "the lock held", Incident: "OB-02", Root: catalog.OutboxLockStuck, Window: time.Minute, Why: "a test"}
	trial := newTrial(fault)
	begin := time.Now().Add(-time.Hour) // so long ago that nothing is waited for
	trial.Broken, trial.Holds = begin, begin.Add(fault.Window)
	a := answers{&soak{trials: []*Trial{trial}}, begin}

	for _, x := range []struct {
		after time.Duration
		tool  string
		codes []catalog.Code
		wrong string
	}{
		{-time.Second, "check_outbox_status", []catalog.Code{catalog.OutboxLockStuck}, ""}, // of what was before
		{10 * time.Second, "check_outbox_status", nil, ""},
		{20 * time.Second, "cache_stats", []catalog.Code{catalog.RedisSlow}, "cache_stats reports REDIS_SLOW"},
		{70 * time.Second, "check_outbox_status", []catalog.Code{catalog.OutboxLockStuck, catalog.OutboxBacklog}, ""}, // which it explains
		{80 * time.Second, "cache_stats", nil, ""},                                                                    // has never named it
		{80 * time.Second, "check_outbox_status", nil, "check_outbox_status concludes ok, has named OUTBOX_LOCK_STUCK"},
		{85 * time.Second, "check_outbox_status", []catalog.Code{catalog.OutboxBacklog}, ""}, // not by its name, and not well either
	} {
		wrong := a.hears(x.after, x.tool, x.codes...)
		if (x.wrong == "") != (len(wrong) == 0) || !strings.Contains(fmt.Sprint(wrong), x.wrong) {
			t.Errorf("after %s: %q, want %q", x.after, wrong, x.wrong)
		}
	}
	if got := trial.Found.Sub(trial.Holds); got != 11*time.Second || trial.Lost != 2 {
		t.Errorf("found after %s, lost %d times", got, trial.Lost)
	}
	if late := trial.Late(); fmt.Sprint(late) != "[not repaired not well again]" {
		t.Errorf("%q", late)
	}

	trial.Ended = begin.Add(2*time.Minute - time.Second)
	if wrong := a.hears(119*time.Second, "check_outbox_status"); len(wrong) > 0 {
		t.Errorf("while it is repaired it may be well: %q", wrong)
	}
	trial.Repaired = begin.Add(2 * time.Minute)
	trial.Gone = trial.Repaired
	a.hears(119*time.Second, "cache_stats") // asked before the repair: says nothing of it
	a.hears(125*time.Second, "check_outbox_status", catalog.OutboxLockStuck)
	a.hears(125*time.Second, "cache_stats")
	if trial.Gone.Sub(trial.Repaired) != 6*time.Second {
		t.Errorf("gone after %s", trial.Gone.Sub(trial.Repaired))
	}
	if a.awaitQuiet(t.Context(), trial) {
		t.Error("it is well while one tool has said otherwise last")
	}
	a.hears(130*time.Second, "check_outbox_status")
	if a.awaitQuiet(t.Context(), trial) {
		t.Error("it is well though the other tool was not asked since")
	}
	a.hears(131*time.Second, "cache_stats")
	if !a.awaitQuiet(t.Context(), trial) || trial.Quiet.IsZero() {
		t.Error("all is well, and it does not count")
	}
	if late := trial.Late(); len(late) > 0 {
		t.Errorf("%q", late)
	}
	trial.Found = trial.Holds.Add(Within + time.Second)
	trial.Gone = trial.Repaired.Add(Within + time.Second)
	if late := trial.Late(); fmt.Sprint(late) != "[found late named too long]" {
		t.Errorf("%q", late)
	}
}

// Each thing that a soak is to find makes it fail, and nothing else does.
func TestFailed(t *testing.T) {
	begin := time.Now()
	fault := Fault{Name: "the lock held", Root: catalog.OutboxLockStuck, Window: time.Minute, Clears: 15 * time.Second}
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	trial := Trial{Fault: fault, Broken: begin, Holds: after(time.Minute), Found: after(2 * time.Minute), Ended: after(3 * time.Minute),
		Repaired: after(4 * time.Minute), Gone: after(5*time.Minute + 15*time.Second), Quiet: after(6 * time.Minute)}
	for name, x := range map[string]struct {
		trials []func(*Trial)
		wrong  []string // in the answers
		want   string
	}{
		"all in time, if only just": {[]func(*Trial){func(*Trial) {}, func(*Trial) {}}, nil, "[]"},
		"nothing came":              {nil, nil, "[no fault has come: nothing is proven]"},
		"found late":                {[]func(*Trial){func(t *Trial) { t.Found = after(2*time.Minute + 1) }}, nil, "[the lock held: found late]"},
		"never found":               {[]func(*Trial){func(t *Trial) { t.Found = time.Time{} }}, nil, "[the lock held: not found]"},
		"named too long":            {[]func(*Trial){func(t *Trial) { t.Gone = t.Gone.Add(1) }}, nil, "[the lock held: named too long]"},
		"one of two":                {[]func(*Trial){func(*Trial) {}, func(t *Trial) { t.Quiet = time.Time{} }}, nil, "[the lock held: not well again]"},
		"a wrong answer":            {[]func(*Trial){func(*Trial) {}}, []string{"cache_stats reports REDIS_SLOW"}, "[1 things in the answers that nothing explains]"},
	} {
		r := Result{Summary: watch.NewSummary()}
		for _, change := range x.trials {
			one := trial
			change(&one)
			r.Trials = append(r.Trials, &one)
		}
		r.Summary.Add(watch.Seen{Tool: "cache_stats"}, x.wrong)
		if got := fmt.Sprint(r.Failed()); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
}
