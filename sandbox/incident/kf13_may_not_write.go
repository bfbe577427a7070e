package incident

import (
	"context"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// mayNotWrite takes from the payment system's account the right to write the
// topics of the outbox.
var mayNotWrite = denial{
	user: stack.KafkaPaymentsUser, kind: kafka.ResourceTypeTopic, what: kafka.ACLOperationTypeWrite,
	names: []string{bus.Authorized, bus.CaptureRequested, bus.RefundRequested},
}

// KF-13: the ingest service's account may no longer write to Kafka. Kafka answers
// everybody else, and the service's breaker opens.
var _ = add(Incident{ID: "KF-13", Parts: paying | stack.PartPrometheus, Accounts: true,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{
			Asks:   []Ask{askWhyOpen(), askStack(), askKafka()},
			Aside:  []string{"check_kafka_health"},
			Quotes: []string{"ingest-service may not write to Kafka", "TopicAuthorizationException"},
		}
		if err := deny(ctx, w, mayNotWrite); err != nil {
			return did, err
		}
		if err := awaitBreaker(ctx, w, wire.KafkaPublisher, wire.Open, wire.HalfOpen); err != nil {
			return did, err
		}
		// A rate takes two scrapes.
		if err := w.Stack.WaitScraped(ctx); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return allow(ctx, w, mayNotWrite) },
})
