package incident

import (
	"context"
	"maps"

	"payops-mcp/sandbox/ingest"
)

// TS-63: a build of the service does not export the metrics of the breaker around
// the payment gateway. Nothing else tells of it, and that nothing is shown does not
// say that it is closed.
var _ = add(Incident{ID: "TS-63", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askBreaker(), askPattern()}, Quotes: []string{ingest.PGAuthAPI}}
		err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			s.Breakers = maps.Clone(s.Breakers)
			delete(s.Breakers, ingest.PGAuthAPI)
			return s
		})
		if err != nil {
			return did, err
		}
		// What was scraped before counts for two intervals and a second.
		_, err = w.Stack.Prometheus.WaitFor(ctx, `absent_over_time(resilience4j_circuitbreaker_state{name="`+ingest.PGAuthAPI+`"}[5s])`)
		return did, err
	},
	Undo: restoreState,
})
