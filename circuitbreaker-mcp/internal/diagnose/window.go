package diagnose

import (
	"cmp"
	"slices"
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
	From, To          time.Time     // scrapes; To is the first that saw it CLOSED again, or the last of all
	Open              time.Duration // OPEN or FORCED_OPEN
	Forced            time.Duration // of it, FORCED_OPEN
	Opened            int           // times it came to OPEN or FORCED_OPEN
	Worst             string        // state
	Begun             bool          // it was so before the time began
	Lasts             bool          // it was so at the end
	Lost              bool          // it was so at the last scrape, which was too long before the end to tell of it
	Final             string        // the last state of it
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
				last, unseen := n+1 == len(b.Stays), tooOld(p.Until.Sub(s.Last), i.Interval)
				e.To, e.Lasts, e.Lost, e.Final = end, last && !unseen, last && unseen, s.State
				if s.State == "OPEN" || s.State == "FORCED_OPEN" {
					e.Open += end.Sub(s.First)
					e.Opened++
				}
				if s.State == "FORCED_OPEN" {
					e.Forced += end.Sub(s.First)
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
	{catalog.KafkaProduceUnauthorized, produceUnauthorized, sendsKnown},
	{catalog.DBPoolExhausted, poolExhausted, poolsKnown},
	{catalog.Ingest5xxSpike, spike5xx, failuresJudged},
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
