package diagnose

import (
	"slices"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
)

// OverTime keeps of the codes that were judged as of one moment those that can be ruled
// out for all of a time. Of a time that is over these are the states that its scrapes
// show, where all of it was scraped; of one that ends now also what is judged of now,
// unless the breaker was otherwise before, or may have been unseen: one that was not
// CLOSED at the last scrape of its instance may be anything since.
func OverTime(ran []catalog.Code, p promql.Past) []catalog.Code {
	unseen := len(WindowDoubts(p)) > 0
	lost := len(Lost(p)) > 0
	if !p.Live && (!pastKnown(p) || unseen) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(ran), func(c catalog.Code) bool {
		r, known := overTime[c]
		judged := p.Live || known && r.states
		return !judged || known && (unseen || lost || anyBreaker(p, r.speaks))
	})
}

// overTime are the codes of which a time tells more than its end: what in it speaks for
// them, and whether the states that breakers had tell it all.
var overTime = map[catalog.Code]struct {
	states bool
	speaks func(promql.PastBreaker) bool
}{
	catalog.CBOpen:               {true, func(b promql.PastBreaker) bool { return b.Name.String() != PGAuthAPI && heldBackBy(b) }},
	catalog.CBForcedOpen:         {true, func(b promql.PastBreaker) bool { return wasIn(b, "FORCED_OPEN") }},
	catalog.CBDisabled:           {true, func(b promql.PastBreaker) bool { return wasIn(b, "DISABLED", "METRICS_ONLY") }},
	catalog.PGAuthBreakerOpen:    {true, func(b promql.PastBreaker) bool { return b.Name.String() == PGAuthAPI && heldBackBy(b) }},
	catalog.PGAuthDegradedSlow:   {false, func(b promql.PastBreaker) bool { return gatewayWas(b, b.SlowCallRate, tailPercent) }},
	catalog.PGAuthFailures:       {false, func(b promql.PastBreaker) bool { return gatewayWas(b, b.FailureRate, failedPercent) }},
	catalog.CBInstanceDivergence: {false, func(b promql.PastBreaker) bool { return wasIn(b, "OPEN", "HALF_OPEN", "FORCED_OPEN") }},
	catalog.CBFalseTrip:          {false, func(b promql.PastBreaker) bool { return b.Name.String() == KafkaPublisher && heldBackBy(b) }},
	catalog.CBHalfOpenStarved:    {false, func(b promql.PastBreaker) bool { return b.Name.String() == KafkaPublisher && wasIn(b, "HALF_OPEN") }},
}

func anyBreaker(p promql.Past, is func(promql.PastBreaker) bool) bool {
	return slices.ContainsFunc(p.Instances, func(i promql.PastInstance) bool { return slices.ContainsFunc(i.Breakers, is) })
}

// wasIn reports whether a scrape saw a breaker in one of some states.
func wasIn(b promql.PastBreaker, states ...string) bool {
	return slices.ContainsFunc(b.Stays, func(s promql.Stay) bool { return slices.Contains(states, s.State) })
}

// heldBackBy reports whether a breaker was OPEN, or turned calls away between two scrapes.
func heldBackBy(b promql.PastBreaker) bool {
	return wasIn(b, "OPEN") || numberOr(b.NotPermitted) >= 1 && !wasIn(b, "FORCED_OPEN")
}

// gatewayWas reports whether a rate of the payment gateway's breaker was ever raised. It
// is not known while calls are turned away or tried.
func gatewayWas(b promql.PastBreaker, rate *float64, raised float64) bool {
	return b.Name.String() == PGAuthAPI && (numberOr(rate) >= raised || heldBackBy(b) || wasIn(b, "HALF_OPEN", "FORCED_OPEN"))
}
