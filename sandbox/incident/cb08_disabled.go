package incident

import (
	"context"

	"payops-mcp/sandbox/ingest"
)

// CB-08: the breaker is switched off, in one of the two ways there are.
var _ = add(Incident{ID: "CB-08", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		off := []ingest.BreakerState{ingest.Disabled, ingest.MetricsOnly}[w.Rand.IntN(2)]
		did := Injected{Asks: []Ask{askBreaker(), askWhyOpen()}, Quotes: []string{string(off)}}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: off})
		}); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
	Undo: restoreState,
})
