// Package diagnose judges what the sources say. Judges are pure: facts in,
// findings out. One rule, one func, one table test.
package diagnose

import (
	"slices"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Status is what the sources say of the circuit breakers, put together.
type Status struct {
	API      []ingest.Instance
	Prom     promql.Facts
	Readings []Reading // by breaker, then instance
	Gone     []promql.Instance
	Expected []string // the breakers that there must be a reading of
	Instance string   // the one that was asked for; empty for all
	// KafkaExplains is whether what Kafka says of itself explains every breaker around it
	// that is not CLOSED.
	KafkaExplains bool
}

// Select keeps one breaker and one instance; an empty name keeps all. An instance
// goes by its configured address or by Prometheus' label.
func (s Status) Select(breaker, instance string) Status {
	if breaker != "" {
		s.Readings = filter(s.Readings, func(r Reading) bool { return r.Breaker == breaker })
		s.Expected = []string{breaker}
	}
	if instance == "" {
		return s
	}
	s.Instance = instance
	s.Readings = filter(s.Readings, func(r Reading) bool { return r.Instance == instance || r.Label == instance })
	s.API = slices.DeleteFunc(slices.Clone(s.API), func(a ingest.Instance) bool {
		return a.Name != instance && !slices.ContainsFunc(s.Readings, func(r Reading) bool { return r.Instance == a.Name })
	})
	mine := func(p promql.Instance) bool {
		label := p.Name.String()
		return label == instance || slices.ContainsFunc(s.Readings, func(r Reading) bool { return r.Label == label }) ||
			slices.ContainsFunc(s.API, func(a ingest.Instance) bool { return same(a, p, s.Prom.Local) })
	}
	s.Prom.Instances = slices.DeleteFunc(slices.Clone(s.Prom.Instances), func(p promql.Instance) bool { return !mine(p) })
	s.Gone = slices.DeleteFunc(slices.Clone(s.Gone), func(p promql.Instance) bool { return !mine(p) })
	return s
}

// Instances are the names that an instance goes by, in alphabetical order.
func (s Status) Instances() []string {
	var names []string
	for _, a := range s.API {
		names = append(names, a.Name)
	}
	for _, p := range s.Prom.Instances {
		names = append(names, p.Name.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rule is one judge. seen says whether the facts that it needs were there, so
// that finding nothing means that nothing is.
type rule struct {
	code  catalog.Code
	judge func(Status) []report.Finding
	seen  func(Status) bool
}

// rules are the judges of get_circuit_breaker_status.
var rules = []rule{
	{catalog.CBOpen, open, Status.statesKnown},
	{catalog.CBForcedOpen, forcedOpen, Status.statesKnown},
	{catalog.CBDisabled, disabled, Status.statesKnown},
	{catalog.CBHalfOpenFlapping, flapping, Status.swingsKnown},
	{catalog.CBInstanceDivergence, divergence, Status.settled},
	{catalog.PGAuthBreakerOpen, pgAuthOpen, Status.pgAuthKnown},
	{catalog.PGAuthDegradedSlow, pgAuthSlow, Status.pgAuthSpeedKnown},
	{catalog.PGAuthFailures, pgAuthFailures, Status.pgAuthKnown},
	{catalog.IngestDown, ingestDown, Status.ingestKnown},
}

// Breakers runs the rules. ran are the codes of those that had what they need.
func Breakers(s Status) (found []report.Finding, ran []catalog.Code) {
	for _, r := range rules {
		found = append(found, r.judge(s)...)
		if r.seen(s) {
			ran = append(ran, r.code)
		}
	}
	// That a source answered is said of each source, so these are never listed
	// as ruled out.
	found = append(found, apiFailures(s)...)
	found = append(found, promFailures(s)...)
	return found, ran
}

// Scraped runs the rules that need no answer of the instances themselves.
func Scraped(s Status) (found []report.Finding, ran []catalog.Code) {
	found, ran = Breakers(s)
	return found, slices.DeleteFunc(ran, func(c catalog.Code) bool { return c == catalog.IngestDown })
}

// statesKnown reports whether every expected breaker has readings and each of
// them a state.
func (s Status) statesKnown() bool {
	for _, r := range s.Readings {
		if r.State == "" {
			return false
		}
	}
	for _, name := range s.Expected {
		if len(s.of(name)) == 0 {
			return false
		}
	}
	return len(s.Readings) > 0
}

// historyKnown reports whether Prometheus shows how each breaker came to its
// state.
func (s Status) historyKnown() bool {
	for _, r := range s.Readings {
		if r.fresh() == nil {
			return false
		}
	}
	return s.statesKnown() && s.Prom.Source.OK()
}

// swingsKnown reports whether the history of each breaker is as long as that in which its
// swings are counted, or as its process: after a Prometheus that lost its past, or is
// new, a breaker may have gone to and fro unseen.
func (s Status) swingsKnown() bool {
	return s.historyKnown() && !slices.ContainsFunc(s.Readings, func(r Reading) bool {
		from := r.Prom.History.From
		return from.IsZero() || !r.reaches(later(r.Prom.At.Add(-swingsIn), r.Started))
	})
}

// pgAuthKnown reports whether Prometheus shows the present numbers of the
// payment gateway's breaker, and they tell how the gateway is.
func (s Status) pgAuthKnown() bool {
	readings := s.of(PGAuthAPI)
	return len(readings) > 0 && s.Prom.Source.OK() && !slices.ContainsFunc(readings, func(r Reading) bool {
		p := r.fresh()
		return p == nil || p.FailedPerSecond == nil || r.State == "HALF_OPEN" || !r.failuresTold() || r.failedWithoutRate() > 0
	})
}

// pgAuthSpeedKnown reports whether that is so of how long its calls take.
func (s Status) pgAuthSpeedKnown() bool {
	return s.pgAuthKnown() && !slices.ContainsFunc(s.of(PGAuthAPI), func(r Reading) bool { return !r.slownessTold() || slowTail(r) })
}

// ingestKnown reports whether each instance that does not answer is seen by Prometheus,
// up or down.
func (s Status) ingestKnown() bool {
	if len(s.API) == 0 {
		return s.Prom.Source.OK()
	}
	return !slices.ContainsFunc(s.API, func(a ingest.Instance) bool {
		return silent(a) && !slices.ContainsFunc(s.Prom.Instances, func(p promql.Instance) bool { return same(a, p, s.Prom.Local) && !gone(p, s.Prom.At) })
	})
}

// of returns the readings of one breaker.
func (s Status) of(breaker string) []Reading {
	var some []Reading
	for _, r := range s.Readings {
		if r.Breaker == breaker {
			some = append(some, r)
		}
	}
	return some
}

// Breakers returns the names of the breakers that there are readings of, in
// their order.
func (s Status) Breakers() []string {
	var names []string
	for _, r := range s.Readings {
		if len(names) == 0 || names[len(names)-1] != r.Breaker {
			names = append(names, r.Breaker)
		}
	}
	return names
}
