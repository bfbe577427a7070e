package incident

import (
	"context"
	"strings"

	"payops-mcp/sandbox/ingest/wire"
)

// CB-01: Kafka is gone, all brokers at once. The next sends fail, the breaker
// opens, and events pile up in the outbox, while payments are authorized as ever.
var _ = add(Incident{ID: "CB-01", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return Injected{}, err
		}
		did := Injected{
			Asks:   []Ask{askBreaker(), askKafka(), askWhyOpen(), askOutbox()},
			Aside:  []string{"get_circuit_breaker_status"},
			Quotes: strings.Split(w.Stack.KafkaBootstrap(), ",")[:1],
		}
		if err := kafka.Kill(ctx); err != nil {
			return did, err
		}
		if err := awaitBreaker(ctx, w, wire.KafkaPublisher, wire.Open, wire.HalfOpen); err != nil {
			return did, err
		}
		return did, awaitWaiting(ctx, w, w.between(20, 60))
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return err
		}
		return kafka.Start(ctx)
	},
})
