package incident

import (
	"context"
)

// CB-52: Kafka is gone, and the breaker is closed: where no metadata is to be had a
// send fails before the breaker counts it.
var _ = add(Incident{ID: "CB-52", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return Injected{}, err
		}
		did := Injected{Asks: []Ask{askKafka(), askStack()}, Quotes: []string{"CLOSED", "refused", w.Stack.KafkaBootstrap()}}
		return did, kafka.Kill(ctx)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		kafka, err := w.Stack.Part("kafka")
		if err != nil {
			return err
		}
		return kafka.Start(ctx)
	},
})
