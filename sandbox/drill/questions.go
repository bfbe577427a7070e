package drill

import (
	"fmt"
	"math/rand/v2"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/incident"
)

// Plain are the diagnosing tools that require nothing, by server.
var Plain = map[string][]string{
	binaries.CircuitBreaker: {
		"get_circuit_breaker_status", "diagnose_circuit_breaker", "check_kafka_health", "analyze_failure_pattern",
		"inspect_dead_letters", "check_stack_health",
	},
	binaries.DBQuery: {
		"check_outbox_status", "find_duplicate_idempotency", "payment_statistics", "reconciliation_check", "check_settlements",
		"check_database_health",
	},
	binaries.RedisCache: {"cache_stats", "list_rate_limit_keys", "find_merchants_hitting_limits", "ttl_analysis"},
}

// EveryQuestion is each diagnosing tool that can be asked without knowing what is
// wrong. Names in the questions are drawn from r.
func EveryQuestion(r *rand.Rand) []incident.Ask {
	var all []incident.Ask
	for _, server := range binaries.Servers() {
		for _, tool := range Plain[server] {
			all = append(all, incident.Ask{Server: server, Tool: tool, Args: map[string]any{}})
		}
	}
	merchant := fmt.Sprintf("M-%06d", r.IntN(1_000_000))
	return append(all,
		incident.Ask{Server: binaries.DBQuery, Tool: "query_payments", Args: map[string]any{"filter": "payments today over 1000 KRW"}},
		incident.Ask{Server: binaries.DBQuery, Tool: "query_ledgers", Args: map[string]any{"query_type": "totals"}},
		incident.Ask{Server: binaries.RedisCache, Tool: "check_rate_limit", Args: map[string]any{"merchant_id": merchant}},
		incident.Ask{Server: binaries.RedisCache, Tool: "idempotency_lookup",
			Args: map[string]any{"merchant_id": merchant, "idempotency_key": fmt.Sprintf("order-%d", r.IntN(1_000_000))}},
	)
}
