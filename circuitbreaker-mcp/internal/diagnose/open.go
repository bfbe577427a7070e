package diagnose

import (
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// open finds breakers that hold calls back. That of the payment gateway has a
// finding of its own.
func open(s Status) (found []report.Finding) {
	for _, breaker := range s.Breakers() {
		all := s.of(breaker)
		some := filter(all, inState("OPEN"))
		if len(some) == 0 || breaker == PGAuthAPI {
			continue
		}
		f := report.NewFinding(catalog.CBOpen, "%s is OPEN %s%s", Name(breaker), Where(some, all), worstRates(some))
		if breaker == KafkaPublisher {
			f = f.Hurts("outbox events of these instances wait in the outbox table; authorize, capture and refund go on answering").
				Then("check_kafka_health: does Kafka itself answer",
					"check_outbox_status: how old is the oldest event that waits, and whose is it",
					"Do not republish by hand: the poller sends what waits once the breaker lets it").
				ConfirmWith("check_kafka_health")
		} else {
			f = f.Then("diagnose_circuit_breaker: what failed before it opened").ConfirmWith("diagnose_circuit_breaker")
		}
		found = append(found, cite(f, some))
	}
	return found
}

// worstRates are the rates of the reading with the highest failure rate.
func worstRates(some []Reading) string {
	worst := some[0]
	for _, r := range some {
		if v, w := r.FailureRate(), worst.FailureRate(); v != nil && (w == nil || *v > *w) {
			worst = r
		}
	}
	return rates(worst.FailureRate(), worst.SlowCallRate())
}
