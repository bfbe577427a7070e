package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/stack"
)

// CX-10: everything that looks bad and is not, at once: a breaker that knows no
// rate, events that have waited for a moment, a dead-letter topic with old
// contents, a group of nobody's, and the low hit rate that Redis always has.
var _ = add(Incident{ID: "CX-10", Parts: paying | stack.PartPrometheus,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{
			Asks: slices.Concat(
				[]Ask{askOutbox()}, // first: what waits is fresh for a few minutes
				[]Ask{askBreaker(), askWhyOpen(), askPattern(), askKafka()}, askOfDatabases(), askOfRedis(w)),
			Kept: map[string]string{"group": fmt.Sprintf("report-%d", w.between(1000, 9999))},
		}
		err := w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error {
			// As the real service: what goes well is not recorded.
			return errors.Join(p.SetDefects(ctx, defect.LateRecording), p.SetBreaker(ctx, wire.KafkaPublisher, wire.Closed))
		})
		if err != nil {
			return did, err
		}
		if err := oldDeadLetters(ctx, w); err != nil {
			return did, err
		}
		if err := staleGroup(ctx, w, did.Kept["group"]); err != nil {
			return did, err
		}
		if err := holdEvents(ctx, w, did.Kept); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return errors.Join(releaseEvents(ctx, w, did),
			w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx) }),
			withKafka(w, func(c *kafka.Client) error {
				resp, err := c.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{did.Kept["group"]}})
				if err == nil && !errors.Is(resp.Errors[did.Kept["group"]], kafka.GroupIdNotFound) {
					err = resp.Errors[did.Kept["group"]]
				}
				return err
			}))
	},
})

// withKafka does something with a client that may do everything.
func withKafka(w *World, do func(*kafka.Client) error) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	return do(&kafka.Client{Addr: kafka.TCP(strings.Split(w.Stack.KafkaAdminAddr(), ",")...), Transport: transport, Timeout: 30 * time.Second})
}

// oldDeadLetters writes records into payment.dlq as they were days ago.
func oldDeadLetters(ctx context.Context, w *World) error {
	var records []kafka.Message
	for n := range w.between(10, 40) {
		at := time.Now().Add(-time.Duration(w.between(70, 130)) * time.Hour)
		records = append(records, kafka.Message{Topic: bus.PaymentDLQ, Time: at, Value: fmt.Appendf(nil,
			`{"originalTopic":%q,"partition":%d,"offset":%d,"payload":"{}","errorType":"IllegalStateException","errorMessage":"Payment not found","timestamp":%q}`,
			bus.Captured, n%6, w.between(1, 9000), at.UTC().Format(time.RFC3339))})
	}
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	writer := &kafka.Writer{Addr: kafka.TCP(strings.Split(w.Stack.KafkaAdminAddr(), ",")...), Transport: transport, BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll}
	return errors.Join(writer.WriteMessages(ctx, records...), writer.Close())
}

// staleGroup commits an offset in the name of somebody who once looked at a
// topic that none of the payment system's consumers reads.
func staleGroup(ctx context.Context, w *World, group string) error {
	return withKafka(w, func(c *kafka.Client) error {
		resp, err := c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{bus.Authorized: {{Partition: 0, Offset: 1}}}})
		if err != nil {
			return err
		}
		for _, p := range resp.Topics[bus.Authorized] {
			err = errors.Join(err, p.Error)
		}
		return err
	})
}
