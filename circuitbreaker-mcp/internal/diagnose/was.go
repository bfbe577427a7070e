package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// WasOpen finds breakers that held calls back in a time that is over, or protected
// nothing, and no longer did at its end, or were not seen then: what they did at the end
// is judged as of then.
func WasOpen(p promql.Past) []report.Finding {
	return append(wasOpen(p, func(some []Episode, state string) []Episode {
		return slices.DeleteFunc(some, func(e Episode) bool { return e.lastsIn(state) })
	}), wasDisabled(p)...)
}

// WasOpenAround finds breakers that held calls back in a time that is over, beside what
// they did at a moment of it: one that was CLOSED then may have opened later and still
// be open at the end. Those that were in a state at the moment, and are at the end, are
// judged as of then, unless there is more to tell of that state.
func WasOpenAround(p promql.Past, moment Status) []report.Finding {
	return wasOpen(p, func(some []Episode, state string) []Episode {
		told := func(e Episode) bool {
			return e.lastsIn(state) && slices.ContainsFunc(moment.of(e.Breaker), func(r Reading) bool { return r.Label == e.Instance && r.State == state })
		}
		if !slices.ContainsFunc(some, func(e Episode) bool { return !told(e) }) {
			return nil
		}
		return some
	})
}

// lastsIn reports whether it ends with the time, in that state.
func (e Episode) lastsIn(state string) bool { return e.Lasts && e.Final == state }

// lostIn reports whether it was in that state when it was last seen.
func (e Episode) lostIn(state string) bool { return e.Lost && e.Final == state }

// isOver reports whether it was seen to leave that state.
func (e Episode) isOver(state string) bool { return !e.lastsIn(state) && !e.lostIn(state) }

// times are when it was in that state, in words.
func (e Episode) times(state string) string {
	from := e.From.Format(time.TimeOnly)
	switch {
	case e.lastsIn(state):
		return from + " on, still at the end"
	case e.lostIn(state):
		return from + " on, last seen so at " + e.To.Format(time.TimeOnly) + ", not scraped since"
	}
	return from + "-" + e.To.Format(time.TimeOnly)
}

// holding is a state in which a breaker held calls back, for how long of an episode, and
// what that came to.
type holding struct {
	state string
	of    func(Episode) time.Duration
	tell  func(breaker string, f report.Finding) report.Finding
}

var heldBack = []holding{
	{"OPEN", func(e Episode) time.Duration { return e.Open - e.Forced }, func(breaker string, f report.Finding) report.Finding {
		if breaker == PGAuthAPI {
			return f.Hurts(answered409).
				Then("Give the payment gateway's provider these times", "Tell support that nothing was charged by those 409s")
		}
		return f.Hurts("the outbox events of that time: they waited").
			Then("check_outbox_status: are there events left that have used up their retries", "reconciliation_check over these times: did every capture reach the ledger")
	}},
	{"FORCED_OPEN", func(e Episode) time.Duration { return e.Forced }, func(breaker string, f report.Finding) report.Finding {
		switch breaker {
		case PGAuthAPI:
			f = f.Hurts(answered409)
		case KafkaPublisher:
			f = f.Hurts("events went on being sent: the publisher holds back in OPEN only, not in FORCED_OPEN")
		}
		return f.Then("Find out who forced it and why")
	}},
}

const answered409 = "the authorizations of that time: answered 409 with paymentId null, not charged"

// openCode is what it is called that a breaker was in a state that held calls back.
func openCode(breaker, state string) catalog.Code {
	switch {
	case state == "FORCED_OPEN":
		return catalog.CBForcedOpen
	case breaker == PGAuthAPI:
		return catalog.PGAuthBreakerOpen
	}
	return catalog.CBOpen
}

// wasOpen finds breakers that were open in a time that is over, by themselves or by a
// person; of tells which of the episodes of one code are told. They take the place of
// what was found at a moment under that code, so that it is of all breakers.
func wasOpen(p promql.Past, of func(some []Episode, state string) []Episode) (found []report.Finding) {
	if p.Live {
		return nil
	}
	episodes := Episodes(p)
	for _, h := range heldBack {
		held := slices.DeleteFunc(slices.Clone(episodes), func(e Episode) bool { return h.of(e) <= 0 && !e.lostIn(h.state) })
		_, codes := grouped(held, func(e Episode) catalog.Code { return openCode(e.Breaker, h.state) })
		for _, some := range codes {
			breakers, by := grouped(of(some, h.state), func(e Episode) string { return e.Breaker })
			for n, breaker := range breakers {
				found = append(found, h.finding(breaker, by[n]))
			}
		}
	}
	return found
}

// grouped puts episodes together by a key, in the order in which keys come.
func grouped[K comparable](all []Episode, of func(Episode) K) (keys []K, groups [][]Episode) {
	for _, e := range all {
		n := slices.Index(keys, of(e))
		if n < 0 {
			n, keys, groups = len(keys), append(keys, of(e)), append(groups, nil)
		}
		groups[n] = append(groups[n], e)
	}
	return keys, groups
}

// finding tells of the episodes in which a breaker was in a state; there is one.
func (h holding) finding(breaker string, some []Episode) report.Finding {
	// What went on at the end is told before what was over by then.
	slices.SortStableFunc(some, func(a, b Episode) int { return h.over(a) - h.over(b) })
	var spans []string
	for _, e := range some {
		spans = append(spans, fmt.Sprintf("%s %s (%s for %s)", Name(e.Instance), e.times(h.state), h.state, short(h.of(e))))
	}
	over := ""
	if some[0].isOver(h.state) {
		over = "; it is over"
	}
	first := slices.MinFunc(some, func(a, b Episode) int { return a.From.Compare(b.From) })
	f := report.NewFinding(openCode(breaker, h.state), "%s was %s: %s%s", Name(breaker), h.state, strings.Join(few(spans, maxNames, "more"), ", "), over).
		With("prometheus", stateOf(breaker), h.state+" in the episode from then on", first.From)
	return h.tell(breaker, f).ConfirmWith("analyze_failure_pattern")
}

// stateOf is the query of a breaker's state.
func stateOf(breaker string) string {
	return fmt.Sprintf(`resilience4j_circuitbreaker_state{job="ingest-service",name=%q}`, breaker)
}

// wasDisabled finds breakers that protected nothing in a time that is over, and do
// again at its end, or were not seen then.
func wasDisabled(p promql.Past) (found []report.Finding) {
	if p.Live {
		return nil
	}
	told := map[string]bool{}
	for _, e := range Episodes(p) {
		if e.Lasts || told[e.Breaker] || e.Worst != "DISABLED" && e.Worst != "METRICS_ONLY" {
			continue
		}
		told[e.Breaker] = true
		over := ""
		if e.isOver(e.Worst) {
			over = "; it is over"
		}
		found = append(found, report.NewFinding(catalog.CBDisabled, "%s was %s: %s %s%s", Name(e.Breaker), e.Worst, Name(e.Instance), e.times(e.Worst), over).
			With("prometheus", stateOf(e.Breaker), e.Worst+" seen first", e.From).
			Hurts("the calls of that time: each was let through, whatever failed").
			Then("Ask its owners whether that was meant").ConfirmWith("analyze_failure_pattern"))
	}
	return found
}

func (h holding) over(e Episode) int {
	if e.isOver(h.state) {
		return 1
	}
	return 0
}
