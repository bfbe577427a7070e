package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/ingest"
)

// CX-05: Kafka is gone and the breaker open, and Prometheus is gone as well: what
// the instances and Kafka say must be enough.
var _ = add(Incident{ID: "CX-05", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return Injected{}, err
		}
		did := Injected{Asks: []Ask{askWhyOpen()}, Quotes: []string{"refused", w.Stack.KafkaBootstrap()}}
		if err := kafka.Kill(ctx); err != nil {
			return did, err
		}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.Open, Failed: 5})
		}); err != nil {
			return did, err
		}
		return did, w.Stack.Prometheus.Stop(ctx)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return err
		}
		return errors.Join(restoreState(ctx, w, did), kafka.Start(ctx), w.Stack.Prometheus.Start(ctx))
	},
})
