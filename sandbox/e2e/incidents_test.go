package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/testseed"
)

// TestIncidents injects every incident there is into the running system. Each
// must be named, nothing else may be, and after the repair all is well again.
func TestIncidents(t *testing.T) {
	t.Parallel() // beside TestLivingIncidents, which has a system of its own and mostly waits
	everyIncident(t, false)
}

// TestLivingIncidents does the same with those that happen to the payment system
// itself.
func TestLivingIncidents(t *testing.T) {
	t.Parallel()
	everyIncident(t, true)
}

func everyIncident(t *testing.T, living bool) {
	all := incident.All()
	// What only looks bad comes first: five minutes of requests are judged, and those
	// that an incident has left are really bad.
	place := func(i incident.Incident) int {
		if i.Row().Healthy() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b incident.Incident) int { return cmp.Compare(place(a), place(b)) })
	for _, i := range all {
		if s := (drill.Scenario{Incidents: []incident.Incident{i}}); s.Living() == living {
			t.Run(i.ID, func(t *testing.T) {
				happens(t, s)
				if living {
					eventsHaveTheirTime(t)
				}
			})
		}
	}
}

// eventsHaveTheirTime says that no event is from before its payment: what an incident
// does to times must end with it, or what comes later is judged by them.
func eventsHaveTheirTime(t *testing.T) {
	t.Helper()
	for _, shard := range living.running(t).Shards {
		var early int
		err := shard.Admin().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM outbox_event JOIN payment ON payment_id = aggregate_id WHERE created_at < requested_at - INTERVAL 10 SECOND").Scan(&early)
		if err != nil || early > 0 {
			t.Errorf("%s: %d events are from before their payment (%v)", shard.Name(), early, err)
		}
	}
}

// pairsInCI is how many pairs are tried here; the benchmark tries them all.
const pairsInCI = 5

// TestPairs has two incidents happen at the same time. Both must be named.
func TestPairs(t *testing.T) {
	var pairs []drill.Scenario
	for _, p := range incident.Pairs() {
		s := drill.Scenario{Incidents: p[:]}
		if s.Mode() == drill.Pair && !s.Living() && slices.Contains(baseline(t).Right, s.Name()) {
			pairs = append(pairs, s)
		}
	}
	if len(pairs) < pairsInCI {
		t.Fatalf("the baseline has %d pairs on a static system, want at least %d", len(pairs), pairsInCI)
	}
	for n := range pairsInCI { // of as many families as possible: they are sorted by them
		s := pairs[(2*n+1)*len(pairs)/(2*pairsInCI)]
		t.Run(s.Name(), func(t *testing.T) { happens(t, s) })
	}
}

// TestRedisIncidentsOnTopOfNearMisses injects each incident of Redis while all that
// looks bad there and is not holds too: it must be named as before, and nothing
// besides.
func TestRedisIncidentsOnTopOfNearMisses(t *testing.T) {
	for _, i := range incident.All() {
		if i.Parts != stack.PartRedis || i.Row().Healthy() {
			continue
		}
		near := slices.DeleteFunc(i.NearMisses(), func(n incident.Incident) bool { return n.Parts != stack.PartRedis })
		t.Run(i.ID, func(t *testing.T) { happens(t, drill.Scenario{Near: near, Incidents: []incident.Incident{i}}) })
	}
}

// happens has a scenario happen to the system for it, with names and numbers of the
// test's seed; the benchmark draws others each time.
func happens(t *testing.T, s drill.Scenario) {
	t.Helper()
	system := static
	if s.Living() {
		system = living
	}
	happensTo(t, system.running(t), s)
}

// beginnings is how often it is tried to bring an incident about: a broker that is
// slow to come back says nothing of the answers. What is answered counts the first time.
const beginnings = 2

func happensTo(t *testing.T, to *stack.Stack, s drill.Scenario) {
	t.Helper()
	seed := testseed.Of(t)
	var out drill.Outcome
	var err error
	for try := range beginnings {
		s.Seed = seed + uint64(try)
		out, err = drill.Run(t.Context(), desk(t, to), s)
		if !errors.Is(err, drill.ErrNotBegun) || len(out.Wrong) > 0 {
			break
		}
		if try+1 < beginnings {
			t.Logf("once more: %v", err)
		}
	}
	// What is known not to be right yet is told of, and fails nobody else's change.
	_, open := baseline(t).Open[s.Name()]
	for _, w := range out.Wrong {
		if text := fmt.Sprintf("%s: %s", w.Phase, w.Text); open {
			t.Log(text)
		} else {
			t.Error(text)
		}
	}
	if err != nil {
		t.Error(err)
	}
	for _, c := range out.Calls {
		wrong := slices.ContainsFunc(out.Wrong, func(w drill.Wrong) bool { return w.Phase == c.Phase })
		if wrong || testing.Verbose() {
			t.Logf("%s %s %v:\n%s", c.Phase, c.Tool, c.Args, c.Text)
		}
	}
}

// TestAHealthySystemIsCalledHealthy asks every question while nothing is wrong.
func TestAHealthySystemIsCalledHealthy(t *testing.T) {
	for name, system := range map[string]*system{"static": static, "living": living} {
		t.Run(name, func(t *testing.T) { calledHealthy(t, system.running(t)) })
	}
}

func calledHealthy(t *testing.T, s *stack.Stack) {
	t.Helper()
	if err := s.WaitWarm(t.Context()); err != nil {
		t.Fatal(err)
	}
	asks := drill.EveryQuestion(random(t))
	replies, err := desk(t, s).Ask(t.Context(), asks...)
	if err != nil {
		t.Fatal(err)
	}
	for _, mistake := range incident.Assess([]incident.Happening{drill.Healthy()}, drill.Said(replies)) {
		t.Error(mistake)
	}
	for _, r := range replies {
		// Also where a source is not needed for a verdict.
		if len(r.Said.Missing) > 0 {
			t.Errorf("%s: no answer from %s", r.Ask.Tool, strings.Join(r.Said.Missing, ", "))
		}
		if t.Failed() || testing.Verbose() {
			t.Logf("%s:\n%s", r.Ask.Tool, r.Said.Text)
		}
	}
}
