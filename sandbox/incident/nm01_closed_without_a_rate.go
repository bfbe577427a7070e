package incident

import (
	"context"

	"payops-mcp/sandbox/ingest"
)

// NM-01: the breaker is CLOSED and has seen too few calls for a rate, which the
// API writes as -1.00%.
var _ = add(Incident{ID: "NM-01", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askBreaker(), askWhyOpen(), askPattern(), askStack()}, Quotes: []string{"CLOSED"}, Never: []string{"-1%", "-1.00", "-1 %"}}
		return did, changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			// While it is CLOSED the service records failures only.
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.Closed, Failed: w.between(0, 4)})
		})
	},
	Undo: restoreState,
})
