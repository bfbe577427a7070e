package incident

import (
	"context"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// TS-04: the service answers and its metrics do not: what Prometheus has of it is
// old.
var _ = add(Incident{ID: "TS-04", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askPattern()}, Quotes: []string{"up 0"}}
		err := w.eachIngest(func(in *stack.Ingest) error {
			return in.SetFault(ctx, ingest.Fault{Kind: ingest.Reply, Status: 500, ContentType: "text/plain", Body: "broken", Path: "/actuator/prometheus", Scrape: true})
		})
		if err != nil {
			return did, err
		}
		_, err = w.Stack.Prometheus.WaitFor(ctx, `max(up{job="ingest-service"}) == 0 and on() (absent(resilience4j_circuitbreaker_state))`)
		return did, err
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return w.eachIngest(func(in *stack.Ingest) error { return in.SetFault(ctx, ingest.Fault{}) })
	},
})
