package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/ingest/wire"
)

// CB-03: the breaker has been HALF_OPEN for minutes: of its trial calls it counts
// one in ten, and too few come. Kafka works, and nothing is held back.
var _ = add(Incident{ID: "CB-03", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		counted, of := w.between(0, 2), ingest.SettingsOf(ingest.KafkaPublisher).HalfOpenCalls
		did := Injected{Asks: []Ask{askWhyOpen()}, Quotes: []string{"HALF_OPEN", "none of its trial calls is counted yet"}}
		if counted > 0 {
			did.Quotes[1] = fmt.Sprintf("%d of the %d trial calls", counted, of)
		}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.HalfOpen, Successful: counted})
		}); err != nil {
			return did, err
		}
		// Less than two minutes is nothing to remark upon.
		return did, inState(ctx, w, ingest.KafkaPublisher, wire.HalfOpen, 125*time.Second)
	},
	Undo: restoreState,
})
