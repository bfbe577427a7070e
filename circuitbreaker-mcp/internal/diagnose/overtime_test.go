package diagnose

import (
	"slices"
	"testing"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
)

// What was judged as of one moment was ruled out for all of a time: a gateway that failed
// half an hour ago, or a breaker that was DISABLED while another one was looked at.
func TestOverTime(t *testing.T) {
	t.Parallel()
	var all []catalog.Code
	for _, r := range rules {
		all = append(all, r.code)
	}
	for _, r := range versusRules {
		all = append(all, r.code)
	}
	states := []catalog.Code{catalog.CBOpen, catalog.CBForcedOpen, catalog.CBDisabled, catalog.PGAuthBreakerOpen}
	quiet := stays("CLOSED", 60.0)
	gateway := func(change func(*promql.PastBreaker)) promql.Past {
		p := hourOf(PGAuthAPI, quiet)
		change(&p.Instances[0].Breakers[0])
		return p
	}
	for name, x := range map[string]struct {
		p   promql.Past
		not []catalog.Code // that are ruled out no longer when the time ends now
	}{
		"quiet":              {hourOf(KafkaPublisher, quiet, quiet), nil},
		"was open":           {hourOf(KafkaPublisher, quiet, stays("CLOSED", 20.0, "OPEN", 1.0, "CLOSED", 39.0)), []catalog.Code{catalog.CBOpen, catalog.CBInstanceDivergence, catalog.CBFalseTrip}},
		"was disabled":       {hourOf(KafkaPublisher, stays("CLOSED", 20.0, "OPEN", 1.0, "DISABLED", 9.0, "CLOSED", 30.0)), []catalog.Code{catalog.CBOpen, catalog.CBInstanceDivergence, catalog.CBFalseTrip, catalog.CBDisabled}},
		"was forced":         {hourOf(KafkaPublisher, stays("CLOSED", 20.0, "FORCED_OPEN", 1.0, "CLOSED", 39.0)), []catalog.Code{catalog.CBForcedOpen, catalog.CBInstanceDivergence}},
		"the gateway failed": {gateway(func(b *promql.PastBreaker) { b.FailureRate = new(31.0) }), []catalog.Code{catalog.PGAuthFailures}},
		"the gateway hardly": {gateway(func(b *promql.PastBreaker) { b.FailureRate, b.SlowCallRate = new(3.0), new(2.0) }), nil},
		"the gateway slowly": {gateway(func(b *promql.PastBreaker) { b.SlowCallRate = new(70.0) }), []catalog.Code{catalog.PGAuthDegradedSlow}},
		"between two scrapes": {gateway(func(b *promql.PastBreaker) { b.NotPermitted = new(12.0) }),
			[]catalog.Code{catalog.PGAuthBreakerOpen, catalog.PGAuthDegradedSlow, catalog.PGAuthFailures}},
	} {
		t.Run(name, func(t *testing.T) {
			ran := OverTime(all, x.p)
			for _, c := range all {
				if slices.Contains(ran, c) == slices.Contains(x.not, c) {
					t.Errorf("%s ruled out: %v", c, slices.Contains(ran, c))
				}
			}
			x.p.Live = false
			ran = OverTime(all, x.p)
			for _, c := range all {
				if want := slices.Contains(states, c) && !slices.Contains(x.not, c); slices.Contains(ran, c) != want {
					t.Errorf("over, %s ruled out: %v", c, !want)
				}
			}
			x.p.Instances = slices.Clone(x.p.Instances)
			for n := range x.p.Instances {
				x.p.Instances[n].Gaps = []promql.Gap{{From: minute(30), To: minute(50)}}
			}
			if ran := OverTime(all, x.p); len(ran) > 0 {
				t.Errorf("not seen throughout, ruled out: %v", ran)
			}
			x.p.Live = true
			if ran := OverTime(all, x.p); slices.ContainsFunc(ran, func(c catalog.Code) bool { _, of := overTime[c]; return of }) {
				t.Errorf("not seen throughout, and it ends now, ruled out: %v", ran)
			}
		})
	}
}
