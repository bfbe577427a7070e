package diagnose

import (
	"fmt"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// trialsFor is how long a breaker is HALF_OPEN before its last trial says no more of
// now: one that fails opens it again within a poll or two of the outbox.
const trialsFor = 5 * time.Minute

// swingsIn is the time in which swings are counted.
const swingsIn = time.Hour

// rests reports whether a breaker has been HALF_OPEN for so long that it no longer
// goes to and fro.
func rests(p *promql.Breaker) bool {
	return p.State == "HALF_OPEN" && !p.History.Since.IsZero() && p.At.Sub(p.History.Since) > trialsFor
}

// flapping finds breakers whose trial calls fail: they have gone from HALF_OPEN
// back to OPEN since they were last closed, are not closed now, and have not come to
// rest.
func flapping(s Status) (found []report.Finding) {
	for _, breaker := range s.Breakers() {
		all := s.of(breaker)
		some := filter(all, func(r Reading) bool {
			p := r.fresh()
			return inState("OPEN", "HALF_OPEN")(r) && p != nil && p.History.Swings >= 2 && p.History.Reopened > 0 && (r.State == "OPEN" || !rests(p))
		})
		if len(some) == 0 {
			continue
		}
		swings := 0
		for _, r := range some {
			swings = max(swings, r.Prom.History.Swings)
		}
		f := report.NewFinding(catalog.CBHalfOpenFlapping,
			"%s goes to and fro between OPEN and HALF_OPEN %s, %d times in the last hour: its trial calls fail, HALF_OPEN is no recovery",
			Name(breaker), Where(some, all), swings)
		for _, r := range some[:min(len(some), maxNames)] {
			h := r.Prom.History
			f = f.With("prometheus", series("state", r)+"[1h]", fmt.Sprintf("%d changes between OPEN and HALF_OPEN, %d of them back to OPEN", h.Swings, h.Reopened), r.Prom.At)
		}
		if breaker == KafkaPublisher {
			f = f.Hurts("likely outbox events, which this tool does not see").
				Then("check_kafka_health: does Kafka itself answer", "check_outbox_status: does the oldest waiting event keep ageing",
					"Do not republish by hand: the poller sends what waits once the breaker lets it").
				ConfirmWith("check_outbox_status")
		} else {
			f = f.Then("diagnose_circuit_breaker: what fails").ConfirmWith("diagnose_circuit_breaker")
		}
		found = append(found, f)
	}
	return found
}
