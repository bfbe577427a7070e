package incident

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// KF-11: a topic is not there. Which one is left to chance among those that
// nobody consumes, so that the repair leaves no other trace.
var _ = add(Incident{ID: "KF-11", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		topic := []string{bus.Authorized, bus.SettlementDLQ, bus.RefundDLQ}[w.Rand.IntN(3)]
		did := Injected{Asks: []Ask{askKafka()}, Quotes: []string{topic, "7 of 8 there"}, Kept: map[string]string{"topic": topic}}
		err := withKafka(w, func(c *kafka.Client) error {
			resp, err := c.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
			if err == nil {
				err = resp.Errors[topic]
			}
			return err
		})
		if err != nil {
			return did, err
		}
		return did, await(ctx, "brokers that do not know "+topic, func(ctx context.Context) (bool, error) {
			var known error
			err := withKafka(w, func(c *kafka.Client) error {
				meta, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
				if err == nil {
					known = meta.Topics[0].Error
				}
				return err
			})
			return errors.Is(known, kafka.UnknownTopicOrPartition), err
		})
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		for _, t := range stack.PaymentTopics(1) {
			if t.Name == did.Kept["topic"] {
				return stack.CreateTopics(ctx, w.Stack.KafkaAdminAddr(), t)
			}
		}
		return nil
	},
})
