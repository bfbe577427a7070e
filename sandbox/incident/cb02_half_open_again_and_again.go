package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/ingest/wire"
)

// CB-02: Kafka is gone, and a timer sets the breaker HALF_OPEN again and again.
// Whoever asks in such a moment sees no failures.
var _ = add(Incident{ID: "CB-02", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return Injected{}, err
		}
		did := Injected{Asks: []Ask{askWhyOpen(), askPattern(), askKafka()}, Aside: []string{"analyze_failure_pattern"}, Quotes: []string{"HALF_OPEN", w.Stack.KafkaBootstrap()}}
		if err := kafka.Kill(ctx); err != nil {
			return did, err
		}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.Open, Failed: 5})
		}); err != nil {
			return did, err
		}
		again := Injected{}
		for range w.between(2, 3) {
			for _, b := range []ingest.Breaker{{State: ingest.Open, Failed: 5}, {State: ingest.HalfOpen}} {
				if err := w.Stack.WaitScraped(ctx); err != nil {
					return did, err
				}
				if err := changeState(ctx, w, &again, func(s ingest.State) ingest.State { return s.With(ingest.KafkaPublisher, b) }); err != nil {
					return did, err
				}
			}
		}
		return did, inState(ctx, w, ingest.KafkaPublisher, wire.HalfOpen, 0)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return err
		}
		return errors.Join(restoreState(ctx, w, did), kafka.Start(ctx))
	},
})
