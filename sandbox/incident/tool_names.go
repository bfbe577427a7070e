package incident

import "slices"

// toolNames are the tools that the three servers list; a test asks them.
var toolNames = []string{
	// circuitbreaker-mcp
	"analyze_failure_pattern", "check_kafka_health", "check_stack_health", "diagnose_circuit_breaker", "get_circuit_breaker_status",
	"inspect_consumer_lag", "inspect_dead_letters", "query_metrics", "read_runbook", "search_runbooks",
	// dbquery-mcp
	"check_database_health", "check_outbox_status", "check_settlements", "find_duplicate_idempotency", "payment_statistics",
	"query_ledgers", "query_payments", "reconciliation_check", "trace_payment",
	// rediscache-mcp
	"cache_stats", "check_rate_limit", "find_merchants_hitting_limits", "idempotency_lookup", "list_rate_limit_keys", "ttl_analysis",
	// each
	"explain_finding", "show_config",
}

// ToolNames lists the tools of the three servers, each once, sorted.
func ToolNames() []string { return slices.Sorted(slices.Values(toolNames)) }
