package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// KF-08: somebody writes records to payment.captured that are no JSON. The
// ledger's worker puts them into payment.dlq and goes on.
var _ = add(Incident{ID: "KF-08", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		n := w.between(2, 5)
		did := Injected{
			Asks:   []Ask{askKafka(), askDeadLetters(), askReconciliation()},
			Quotes: []string{bus.PaymentDLQ, "JsonParseException", fmt.Sprintf("+%d", n)}, Kept: map[string]string{},
		}
		before, err := logEnds(ctx, w, bus.PaymentDLQ)
		if err != nil {
			return did, err
		}
		var broken []kafka.Message
		for range n {
			broken = append(broken, kafka.Message{Topic: bus.Captured, Value: fmt.Appendf(nil, `{"paymentId":%d,"status":"CAPTURED","amount":`, w.between(100_000, 900_000))})
		}
		if err := send(ctx, w, broken...); err != nil {
			return did, err
		}
		return did, await(ctx, "dead letters", func(ctx context.Context) (bool, error) {
			now, err := logEnds(ctx, w, bus.PaymentDLQ)
			grown := int64(0)
			for p := range now {
				grown += now[p] - before[p]
				did.Kept[strconv.Itoa(p)] = strconv.FormatInt(now[p], 10)
			}
			return grown >= int64(n), err
		})
	},
	// The letters are taken away: they would be new for a quarter of an hour.
	Undo: func(ctx context.Context, w *World, did Injected) error {
		var errs []error
		for partition, end := range did.Kept {
			p, err := strconv.Atoi(partition)
			if err != nil {
				return err
			}
			offset, err := strconv.ParseInt(end, 10, 64)
			if err != nil {
				return err
			}
			errs = append(errs, stack.DeleteRecords(ctx, w.Stack.KafkaAdminAddr(), bus.PaymentDLQ, p, offset))
		}
		return errors.Join(errs...)
	},
})
