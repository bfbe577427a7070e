package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// What the catalog calls slow and failing, in percent of calls.
const (
	slowPercent   = 50
	tailPercent   = 5 // of slow calls, over 2 s each: with more of them p95 is over 2 s
	failedPercent = 10
	brokenPercent = 50 // from here on the breaker opens
	fewFailures   = 3  // in five minutes; fewer are chance, whatever part of the calls they are
)

// pgAuthOpen finds that authorizations are turned away before the payment gateway
// is asked.
func pgAuthOpen(s Status) []report.Finding {
	all := s.of(PGAuthAPI)
	some := filter(all, inState("OPEN"))
	if len(some) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.PGAuthBreakerOpen, "%s is OPEN %s%s%s: the payment gateway is not asked", PGAuthAPI, Where(some, all), worstRates(some), turnedAway(some)).
		Hurts("authorizations: each is answered 409 DUPLICATE_REQUEST with paymentId null and is not charged").
		Then("Escalate to the payment gateway's provider with these rates and times",
			"Tell support: 409 with paymentId null is no duplicate, and nothing was charged",
			"Ask again after a minute: it tries the gateway again by itself").
		ConfirmWith("analyze_failure_pattern")
	return []report.Finding{cite(f, some)}
}

// turnedAway is the sum of calls that breakers turn away, where there are any.
func turnedAway(some []Reading) string {
	sum := 0.0
	for _, r := range some {
		if p := r.fresh(); p != nil && p.NotPermittedPerSecond != nil {
			sum += *p.NotPermittedPerSecond
		}
	}
	if sum == 0 {
		return ""
	}
	return ", " + number(sum) + " calls/s turned away"
}

// pgAuthSlow finds that the payment gateway answers, but slowly.
func pgAuthSlow(s Status) []report.Finding {
	all := s.of(PGAuthAPI)
	some := filter(all, func(r Reading) bool {
		slow, failed := r.SlowCallRate(), r.FailureRate()
		return slow != nil && *slow >= slowPercent && failed != nil && *failed < brokenPercent
	})
	if len(some) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.PGAuthDegradedSlow, "the payment gateway is slow %s: %s%% of its calls take longer than 2 s (the repository's limit), %s%% fail",
		Where(some, all), number(*some[0].SlowCallRate()), number(*some[0].FailureRate())).
		Hurts("authorizations: slow, and turned away with 409 as soon as the breaker opens at %d%%", slowPercent).
		Then("Escalate to the payment gateway's provider as latency, not as errors",
			"Do not raise the limit to silence it: threads would wait instead").
		ConfirmWith("analyze_failure_pattern")
	return []report.Finding{cite(f, some)}
}

// worstFailureRate is the highest failure rate of some readings; all have one.
func worstFailureRate(some []Reading) float64 {
	worst := 0.0
	for _, r := range some {
		worst = max(worst, *r.FailureRate())
	}
	return worst
}

// pgAuthFailures finds that calls to the payment gateway fail now, though the
// breaker is closed. Where it is open on another instance these are the same
// failures, and that says it all.
func pgAuthFailures(s Status) []report.Finding {
	all := s.of(PGAuthAPI)
	if len(filter(all, inState("OPEN"))) > 0 {
		return nil
	}
	some := filter(all, func(r Reading) bool {
		rate, p := r.FailureRate(), r.fresh()
		return r.State == "CLOSED" && rate != nil && *rate >= failedPercent &&
			p != nil && p.FailedPerSecond != nil && *p.FailedPerSecond > 0
	})
	if len(some) == 0 {
		return nil
	}
	sum := 0.0 // in five minutes; Prometheus extrapolates to fractions
	for _, r := range some {
		sum += math.Round(*r.Prom.FailedPerSecond * spikeWindow.Seconds())
	}
	if sum < fewFailures {
		return nil
	}
	worst, closed := worstFailureRate(some), fmt.Sprintf("the breaker stays closed below %d%%", brokenPercent)
	if worst >= brokenPercent {
		closed = fmt.Sprintf("the breaker is closed all the same: it is not set to the repository's %d%%", brokenPercent)
	}
	f := report.NewFinding(catalog.PGAuthFailures, "calls to the payment gateway fail %s: failure rate %s%%, %s failures in 5 min; %s",
		Where(some, all), number(worst), whole(sum), closed).
		Hurts("the authorizations that fail: answered 409 with paymentId null, not charged").
		Then("Look at the provider's status page", "Sample the error codes (PG_TIMEOUT and others) in the ingest log").
		ConfirmWith("analyze_failure_pattern")
	return []report.Finding{cite(f, some)}
}

// failuresTold reports whether it is told how many of a breaker's calls fail, by a rate
// or by their number.
func (r Reading) failuresTold() bool {
	failed, _ := r.Counts()
	return r.FailureRate() != nil || failed != nil || unmeasured(r.State)
}

// slownessTold reports whether it is told how many of them are slow: by a rate, as none,
// or as too few calls for that to mean something.
func (r Reading) slownessTold() bool {
	p := r.fresh()
	none := p != nil && p.SlowSuccessful != nil && p.SlowFailed != nil && *p.SlowSuccessful+*p.SlowFailed == 0
	return r.SlowCallRate() != nil || none || r.TooFewCalls() || unmeasured(r.State)
}

// failedWithoutRate is how many of the remembered calls failed where these are too few
// for a rate, so that no rule can judge them.
func (r Reading) failedWithoutRate() int {
	failed, _ := r.Counts()
	if failed == nil || r.FailureRate() != nil || unmeasured(r.State) {
		return 0
	}
	return *failed
}

// failsUnjudged reports whether so many calls failed that the gateway may be failing,
// and no rate tells. Those of long ago say nothing of now, unless none succeeded since.
func failsUnjudged(r Reading) bool {
	n, all, p := r.failedWithoutRate(), r.Buffered(), r.fresh()
	lately := p != nil && numberOr(p.FailedPerSecond) > 0
	return n >= fewFailures && all != nil && 100*n >= failedPercent**all && (lately || n == *all)
}

// slowTail reports whether so many calls are slow that their p95 is over the limit.
func slowTail(r Reading) bool {
	slow := r.SlowCallRate()
	return slow != nil && *slow > tailPercent
}

// slowNow reports whether that is of enough calls to mean something, and of late: where
// few calls come, those that are remembered are of long ago.
func slowNow(r Reading) bool {
	all, p := r.Buffered(), r.fresh()
	if !slowTail(r) || *r.SlowCallRate() >= slowPercent || all == nil || *all < minRequests || p == nil {
		return false
	}
	return (numberOr(p.SuccessfulPerSecond)+numberOr(p.FailedPerSecond))*spikeWindow.Seconds() >= minRequests
}

// pgAuthSlowDoubt tells of instances on which the gateway is slow for some calls.
func pgAuthSlowDoubt(s Status) (doubts []string) {
	all := s.of(PGAuthAPI)
	some := filter(all, slowNow)
	if len(some) == 0 {
		return nil
	}
	worst := slices.MaxFunc(some, func(a, b Reading) int { return cmp.Compare(*a.SlowCallRate(), *b.SlowCallRate()) })
	return []string{fmt.Sprintf("%s%% of the last %d calls to the payment gateway took longer than 2 s %s: their p95 is over that, and the breaker stays closed below %d%%", number(*worst.SlowCallRate()), *worst.Buffered(), Where(some, all), slowPercent)}
}

// pgAuthUntold tells of instances that call the gateway, and of which Prometheus has no
// number of how that goes: the series are missing, or NaN.
func pgAuthUntold(s Status) (doubts []string) {
	all := s.of(PGAuthAPI)
	calling := filter(all, func(r Reading) bool {
		p := r.fresh()
		return r.State != "" && p != nil && numberOr(p.SuccessfulPerSecond)+numberOr(p.FailedPerSecond) > 0
	})
	for _, x := range []struct {
		what string
		told func(Reading) bool
	}{{"fail", Reading.failuresTold}, {"are slow", Reading.slownessTold}} {
		if some := filter(calling, func(r Reading) bool { return !x.told(r) }); len(some) > 0 {
			doubts = append(doubts, fmt.Sprintf("how many calls to the payment gateway %s is not known %s: Prometheus has no number of it", x.what, Where(some, all)))
		}
	}
	return doubts
}

// pgAuthDoubt tells of instances whose calls to the gateway fail and are too few for a
// rate.
func pgAuthDoubt(s Status) (doubts []string) {
	all := s.of(PGAuthAPI)
	some := filter(all, failsUnjudged)
	if len(some) == 0 {
		return nil
	}
	worst := slices.MaxFunc(some, func(a, b Reading) int { return a.failedWithoutRate() - b.failedWithoutRate() })
	return []string{fmt.Sprintf("%d of the last %d calls to the payment gateway failed %s: too few calls for a failure rate", worst.failedWithoutRate(), *worst.Buffered(), Where(some, all))}
}
