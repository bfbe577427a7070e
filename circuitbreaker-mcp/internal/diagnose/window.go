package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Transition is a change of a breaker's state, as scrapes saw it: it came after
// the one and no later than the other.
type Transition struct {
	Breaker, Instance string
	From, To          string
	After, At         time.Time // the last scrape with From, the first with To
	Restarted         bool      // the process started in between
	Unscraped         bool      // more than the usual time lies in between
}

// Transitions are the changes of state in a time, in their order.
func Transitions(p promql.Past) (all []Transition) {
	for _, i := range p.Instances {
		for _, b := range i.Breakers {
			for n := 1; n < len(b.Stays); n++ {
				from, to := b.Stays[n-1], b.Stays[n]
				t := Transition{Breaker: b.Name.String(), Instance: i.Name.String(), From: from.State, To: to.State, After: from.Last, At: to.First}
				t.Unscraped = t.At.Sub(t.After) > 5*cmp.Or(i.Interval, assumedInterval)/2
				t.Restarted = slices.ContainsFunc(p.Starts, func(s promql.Start) bool {
					return s.Instance == i.Name && s.At.After(t.After) && !s.At.After(t.At)
				})
				all = append(all, t)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Transition) int { return a.At.Compare(b.At) })
	return all
}

// Episode is a time in which a breaker was not CLOSED, on one instance.
type Episode struct {
	Breaker, Instance string
	From, To          time.Time // scrapes; To is the first that saw it CLOSED again, or the last of all
	Open              time.Duration
	Opened            int    // times it came to OPEN or FORCED_OPEN
	Worst             string // state
	Begun             bool   // it was so before the time began
	Lasts             bool   // it was so at the end
}

// Episodes are the times in which breakers were not CLOSED, in their order.
func Episodes(p promql.Past) (all []Episode) {
	for _, i := range p.Instances {
		for _, b := range i.Breakers {
			var e *Episode
			for n, s := range b.Stays {
				end := s.Last
				if n+1 < len(b.Stays) {
					end = b.Stays[n+1].First
				}
				if s.State == "CLOSED" {
					e = nil
					continue
				}
				if e == nil {
					all = append(all, Episode{Breaker: b.Name.String(), Instance: i.Name.String(), From: s.First, Begun: n == 0, Worst: s.State})
					e = &all[len(all)-1]
				}
				e.To, e.Lasts = end, n+1 == len(b.Stays)
				if s.State == "OPEN" || s.State == "FORCED_OPEN" {
					e.Open += end.Sub(s.First)
					e.Opened++
				}
				if slices.Index(byBadness, s.State) >= 0 && slices.Index(byBadness, s.State) < slices.Index(byBadness, e.Worst) {
					e.Worst = s.State
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Episode) int { return a.From.Compare(b.From) })
	return all
}

var byBadness = []string{"OPEN", "FORCED_OPEN", "HALF_OPEN", "DISABLED", "METRICS_ONLY", "another", "CLOSED"}

// windowRules are the judges of a time that Prometheus shows.
var windowRules = []struct {
	code  catalog.Code
	judge func(promql.Past) []report.Finding
	seen  func(promql.Past) bool
}{
	{catalog.KafkaProduceUnauthorized, produceUnauthorized, pastKnown},
	{catalog.DBPoolExhausted, poolExhausted, poolsKnown},
	{catalog.Ingest5xxSpike, spike5xx, trafficKnown},
	{catalog.Ingest409Spike, spike409, trafficKnown},
	{catalog.Ingest429Spike, spike429, trafficKnown},
	{catalog.IngestLatencyHigh, latencyHigh, latencyKnown},
	{catalog.IngestNoTraffic, noTraffic, pastKnown},
}

func pastKnown(p promql.Past) bool { return p.Source.OK() && len(p.Instances) > 0 }

func trafficKnown(p promql.Past) bool { return pastKnown(p) && len(p.HTTP.Routes) > 0 }

// InWindow runs the rules. A time that ends now is judged by what goes on at its
// end; one that is over, by the worst of it. ran are the codes of those that had
// what they need: the worst of a time that was seen in part alone is not known.
func InWindow(p promql.Past) (found []report.Finding, ran []catalog.Code) {
	whole := p.Live || len(WindowDoubts(p)) == 0
	for _, r := range windowRules {
		found = append(found, r.judge(p)...)
		if whole && r.seen(p) {
			ran = append(ran, r.code)
		}
	}
	return found, ran
}

// WasOpen finds breakers that held calls back in a time that is over, or protected
// nothing, and no longer did at its end: what they did at the end is judged as of then.
func WasOpen(p promql.Past) []report.Finding {
	return append(wasOpen(p, func(some []Episode) []Episode {
		return slices.DeleteFunc(some, func(e Episode) bool { return e.Lasts })
	}), wasDisabled(p)...)
}

// WasOpenAround finds breakers that held calls back in a time that is over, beside what
// they did at a moment of it: one that was CLOSED then may have opened later and still
// be open at the end. Those that were not CLOSED at the moment, and at the end neither,
// are judged as of then, unless there is more to tell.
func WasOpenAround(p promql.Past, moment Status) []report.Finding {
	told := func(e Episode) bool {
		return e.Lasts && slices.ContainsFunc(moment.of(e.Breaker), func(r Reading) bool { return r.Label == e.Instance && r.State != "CLOSED" })
	}
	return wasOpen(p, func(some []Episode) []Episode {
		if !slices.ContainsFunc(some, func(e Episode) bool { return !told(e) }) {
			return nil
		}
		return some
	})
}

// wasOpen finds breakers that were open in a time that is over; of tells which of a
// breaker's episodes are told.
func wasOpen(p promql.Past, of func([]Episode) []Episode) (found []report.Finding) {
	if p.Live {
		return nil
	}
	by := map[string][]Episode{}
	var order []string
	for _, e := range Episodes(p) {
		if e.Open > 0 {
			if by[e.Breaker] == nil {
				order = append(order, e.Breaker)
			}
			by[e.Breaker] = append(by[e.Breaker], e)
		}
	}
	for _, breaker := range order {
		some := of(by[breaker])
		if len(some) == 0 {
			continue
		}
		code := catalog.CBOpen
		if breaker == PGAuthAPI {
			code = catalog.PGAuthBreakerOpen
		}
		// What went on at the end is told before what was over by then.
		slices.SortStableFunc(some, func(a, b Episode) int { return lasting(b) - lasting(a) })
		var spans []string
		for _, e := range some {
			until := "-" + e.To.Format(time.TimeOnly)
			if e.Lasts {
				until = " on, still at the end"
			}
			spans = append(spans, fmt.Sprintf("%s %s%s (OPEN for %s)", Name(e.Instance), e.From.Format(time.TimeOnly), until, short(e.Open)))
		}
		over := "; it is over"
		if some[0].Lasts {
			over = ""
		}
		f := report.NewFinding(code, "%s was OPEN: %s%s", Name(breaker), strings.Join(few(spans, maxNames, "more"), ", "), over)
		first := slices.MinFunc(some, func(a, b Episode) int { return a.From.Compare(b.From) })
		f = f.With("prometheus", fmt.Sprintf(`resilience4j_circuitbreaker_state{job="ingest-service",name=%q}`, breaker), "OPEN seen first", first.From)
		if breaker == PGAuthAPI {
			f = f.Hurts("the authorizations of that time: answered 409 with paymentId null, not charged").
				Then("Give the payment gateway's provider these times", "Tell support that nothing was charged by those 409s")
		} else {
			f = f.Hurts("the outbox events of that time: they waited").
				Then("check_outbox_status: are there events left that have used up their retries", "reconciliation_check over these times: did every capture reach the ledger")
		}
		found = append(found, f.ConfirmWith("analyze_failure_pattern"))
	}
	return found
}

// wasDisabled finds breakers that protected nothing in a time that is over, and do
// again at its end.
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
		found = append(found, report.NewFinding(catalog.CBDisabled, "%s was %s: %s %s-%s; it is over", Name(e.Breaker), e.Worst, Name(e.Instance), e.From.Format(time.TimeOnly), e.To.Format(time.TimeOnly)).
			With("prometheus", fmt.Sprintf(`resilience4j_circuitbreaker_state{job="ingest-service",name=%q}`, e.Breaker), e.Worst+" seen first", e.From).
			Hurts("the calls of that time: each was let through, whatever failed").
			Then("Ask its owners whether that was meant").ConfirmWith("analyze_failure_pattern"))
	}
	return found
}

func lasting(e Episode) int {
	if e.Lasts {
		return 1
	}
	return 0
}
