package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// CX-03: the second shard's database is gone, and so is one broker with its
// partitions: two causes, and nothing to do with each other.
var _ = add(func() Incident {
	i := both("CX-03", "HT-03", "KF-01")
	i.Parts, i.Brokers = i.Parts|stack.PartPrometheus, 3
	inject := i.Inject
	i.Inject = func(ctx context.Context, w *World) (Injected, error) {
		did, err := inject(ctx, w)
		did.Aside = append(did.Aside, "get_circuit_breaker_status", "query_payments")
		return did, err
	}
	return i
}())
