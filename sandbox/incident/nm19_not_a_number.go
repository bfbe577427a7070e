package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// NM-19: nothing was consumed for half a minute, so that the Kafka client's gauges
// are not a number. That is no lag, and no error.
var _ = add(Incident{ID: "NM-19", Parts: paying | stack.PartPrometheus,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const gauge = "kafka_consumer_fetch_manager_records_lag_max"
		did := Injected{
			Asks: []Ask{
				{Question: "How far behind are the consumers?", Server: "circuitbreaker-mcp", Tool: "query_metrics", Args: map[string]any{"promql": gauge, "time_range": "1m"}},
				{Question: "What has failed in the last 20 seconds?", Server: "circuitbreaker-mcp", Tool: "analyze_failure_pattern", Args: map[string]any{"time_range": "20s"}},
			},
			Quotes: []string{"no number"},
		}
		if err := changeLoad(ctx, w, &did, 0); err != nil {
			return did, err
		}
		// Nothing but what is not a number differs from itself.
		return did, awaitShown(ctx, w, noticedWithin, fmt.Sprintf("%[1]s != %[1]s", gauge))
	},
	Undo: restoreLoad,
})
