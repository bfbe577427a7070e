package drill

import (
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// payments is how many a shard of a system has before anything happens to it.
const payments = 2000

// Static is a system in which the ingest service is a stand-in, and nothing happens
// but what is written into it.
func Static() stack.Options {
	return stack.Options{Parts: stack.All, Seed: &seed.Options{Payments: payments}}
}

// Living is a system in which merchants pay, and what is broken has its symptoms by
// itself.
func Living() stack.Options {
	return stack.Options{Parts: stack.Living, KafkaBrokers: 3, Proxied: true, Rate: 10,
		Seed: &seed.Options{Payments: payments}, Paysim: incident.LivingSettings()}
}

// wellWithin bounds how long a system may take to be well after a repair: an open
// breaker waits a minute before it tries again.
func wellWithin(s *stack.Stack) time.Duration {
	if s.Has(stack.PartPaysim) {
		return 3 * time.Minute
	}
	return 20 * time.Second
}
