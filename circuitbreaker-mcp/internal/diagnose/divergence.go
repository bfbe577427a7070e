package diagnose

import (
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

const (
	// followsWithin is how long after one instance's breaker those of the others
	// open of the same trouble: each counts its own calls.
	followsWithin = 15 * time.Second
	// recoversWithin is the same of closing: trial calls come when traffic does.
	recoversWithin = 2 * time.Minute
	// deliveryTimeout is how long a record is tried for before its send fails. Of a Kafka
	// that takes nothing one instance learns that much sooner than another.
	deliveryTimeout = 2 * time.Minute
)

// divergence finds instances whose breakers disagree, and have for longer than one
// trouble takes to reach or to leave all of them: what fails is then at one
// instance and not at the system that all of them call.
func divergence(s Status) (found []report.Finding) {
	for _, breaker := range s.Breakers() {
		some := disagreeing(s.of(breaker))
		if len(some) == 0 || s.excused(breaker, some) {
			continue
		}
		var said []string
		for _, r := range some[:min(len(some), maxNames)] {
			said = append(said, Name(r.Instance)+" "+r.State)
		}
		f := report.NewFinding(catalog.CBInstanceDivergence, "%s differs between instances: %s", Name(breaker), strings.Join(said, ", ")).
			Hurts(unlike(some)).
			Then("Compare the instances: network to what they call, configuration, build, time of start",
				"diagnose_circuit_breaker: what failed at the one and not at the other").
			ConfirmWith("diagnose_circuit_breaker")
		found = append(found, cite(f, some))
	}
	return found
}

// settled reports whether it can be said that instances agree: none of those that
// do not has changed just now, or has a reason that is none of its own.
func (s Status) settled() bool {
	return s.statesKnown() && !slices.ContainsFunc(s.Breakers(), func(breaker string) bool {
		return s.excused(breaker, disagreeing(s.of(breaker)))
	})
}

// excused reports whether instances that disagree may be about to agree, or do so for a
// reason that is none of their own.
func (s Status) excused(breaker string, some []Reading) bool {
	return unsettled(some) || len(some) > 0 && breaker == KafkaPublisher && s.KafkaExplains
}

// unsettled reports whether instances that disagree may be about to agree.
func unsettled(some []Reading) bool {
	return slices.ContainsFunc(some, Reading.justChanged) || slices.ContainsFunc(some, Reading.justLeft) && slices.ContainsFunc(some, failing)
}

// justLeft reports whether a breaker around Kafka has been CLOSED so lately that sends of
// other instances, of the same trouble, may not all have failed yet.
func (r Reading) justLeft() bool {
	p := r.fresh()
	return r.Breaker == KafkaPublisher && side(r.State) == "OPEN" && p != nil && !p.History.Left.IsZero() && p.At.Sub(p.History.Left) < deliveryTimeout
}

// failing reports whether a breaker that is CLOSED has counted failures: it may be about
// to open too.
func failing(r Reading) bool {
	failed, _ := r.Counts()
	return r.State == "CLOSED" && failed != nil && *failed > 0
}

// justChanged reports whether a breaker has opened, or closed again, so lately that
// those of other instances may be about to follow it. By hand they are changed one
// by one.
func (r Reading) justChanged() bool {
	p := r.fresh()
	if p == nil || r.State != "OPEN" && r.State != "CLOSED" {
		return false
	}
	if r.Live && p.State != "" && side(p.State) != side(r.State) {
		return true // since the last scrape
	}
	since := p.History.Since
	switch {
	case since.IsZero() || r.Started.After(p.History.Before): // it was never otherwise, or began so
		return false
	case r.State == "OPEN":
		return p.History.Swings == 0 && p.At.Sub(since) < followsWithin
	}
	return p.At.Sub(since) < recoversWithin
}

// unlike is what disagreement hurts: a breaker that is switched off holds nothing
// back, it protects nothing.
func unlike(some []Reading) string {
	if len(filter(some, inState("OPEN", "HALF_OPEN", "FORCED_OPEN"))) == 0 {
		return "nothing yet: the instances that are not CLOSED have no protection"
	}
	return "the traffic of the instances that are not CLOSED; the others go on"
}

// disagreeing returns the readings that show disagreement at one moment: what the
// instances said themselves, or else what Prometheus saw of them when each is
// known to have had its state at the oldest of the scrapes.
func disagreeing(all []Reading) []Reading {
	live := filter(all, func(r Reading) bool { return r.Live && !r.Mixed })
	if differ(live) {
		return live
	}
	seen := filter(all, func(r Reading) bool {
		p := r.fresh()
		return p != nil && p.State != "" && side(p.State) == side(r.State)
	})
	if !differ(seen) || len(live) >= len(seen) { // what the instances say now is newer
		return nil
	}
	oldest := slices.MinFunc(seen, func(a, b Reading) int { return a.Prom.At.Compare(b.Prom.At) }).Prom.At
	if slices.ContainsFunc(seen, func(r Reading) bool { return !held(*r.Prom, oldest) }) {
		return nil
	}
	return seen
}

func differ(some []Reading) bool {
	return slices.ContainsFunc(some, func(r Reading) bool { return side(r.State) != side(some[0].State) })
}

// side makes OPEN and HALF_OPEN one: a breaker goes between them by a timer, so
// that instances with one and the same trouble are often in different ones.
func side(state string) string {
	if state == "HALF_OPEN" {
		return "OPEN"
	}
	return state
}

// held reports whether a breaker had its present state at a time.
func held(b promql.Breaker, at time.Time) bool { return !b.History.Since.After(at) }
