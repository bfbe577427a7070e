// Package tools declares the tools of circuitbreaker-mcp.
package tools

import (
	"context"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/runbook"
	"payops-mcp/shared/about"
	"payops-mcp/shared/env"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/scope"
	"payops-mcp/shared/tool"
)

// Sources are the systems that the tools ask.
type Sources struct {
	Ingest     *ingest.Client
	Prometheus *promql.Client
	Kafka      Kafka
	Runbooks   *runbook.Library
	Zone       *time.Location // in which times are shown
	Settings   []env.Value    // those in effect, for show_config
	Scope      scope.Merchants
}

// All returns every tool of the server.
func All(s Sources) []tool.Tool {
	return []tool.Tool{
		getCircuitBreakerStatus(s),
		checkKafkaHealth(s),
		inspectConsumerLag(s),
		inspectDeadLetters(s),
		analyzeFailurePattern(s),
		diagnoseCircuitBreaker(s),
		queryMetrics(s),
		checkStackHealth(s),
		searchRunbooks(s),
		readRunbook(s),
		about.ExplainFinding(),
		about.ShowConfig(s.Settings),
	}
}

const (
	// SourceTimeout is how long one system may take to answer.
	SourceTimeout = 4 * time.Second
	// spare is what is left of a call for judging and telling of a source that
	// did not answer.
	spare = 100 * time.Millisecond
)

// sourceContext bounds what one system may take, below what is left of the call:
// a system that hangs must not keep the others from being told of.
func sourceContext(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := SourceTimeout
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		limit = min(limit, max(left-spare, left/2))
	}
	return context.WithTimeout(ctx, limit)
}

// Bounded gives a question to one system the time that a system may take.
func Bounded(ask func(context.Context) fault.Source) func(context.Context) fault.Source {
	return func(ctx context.Context) fault.Source {
		ctx, cancel := sourceContext(ctx)
		defer cancel()
		return ask(ctx)
	}
}
