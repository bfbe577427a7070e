package diagnose

import (
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// forcedOpen finds breakers that a person has opened.
func forcedOpen(s Status) (found []report.Finding) {
	for _, breaker := range s.Breakers() {
		all := s.of(breaker)
		some := filter(all, inState("FORCED_OPEN"))
		if len(some) == 0 {
			continue
		}
		f := report.NewFinding(catalog.CBForcedOpen, "%s is FORCED_OPEN %s: set by hand, it never recovers by itself", Name(breaker), Where(some, all)).
			Then("Find out who forced it and why", "Have its owners set it back when the reason is gone").
			ConfirmWith("diagnose_circuit_breaker")
		switch breaker {
		case KafkaPublisher:
			f = f.Hurts("events go on being sent: the publisher holds back in OPEN only, not in FORCED_OPEN").ConfirmWith("check_kafka_health")
		case PGAuthAPI:
			f = f.Hurts("every authorization there is answered 409 with paymentId null and not charged")
		}
		found = append(found, cite(f, some))
	}
	return found
}
