package incident

import (
	"context"
	"errors"
	"fmt"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// KF-51: the refund worker is down, and for longer than its topic keeps records:
// Kafka has deleted some that it never read.
var _ = add(Incident{ID: "KF-51", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const group, topic = bus.RefundGroup, bus.RefundRequested
		did := Injected{Asks: []Ask{askKafka(), askLag(group)}, Quotes: []string{group, topic}}
		if err := w.eachPaysim(paysim.RoleRefund, func(p *stack.Paysim) error { return p.PauseLoop(ctx, group) }); err != nil {
			return did, err
		}
		if err := awaitGroup(ctx, w, group, "Empty"); err != nil {
			return did, err
		}
		gone := int64(w.between(3, 8))
		if err := awaitLag(ctx, w, group, topic, gone+3); err != nil {
			return did, err
		}
		done, err := committedBy(ctx, w, group, topic)
		if err != nil {
			return did, err
		}
		first := max(done[0], 0) + gone
		did.Quotes = append(did.Quotes, fmt.Sprintf("committed %d < first %d", done[0], first))
		return did, stack.DeleteRecords(ctx, w.Stack.KafkaAdminAddr(), topic, 0, first)
	},
	// The events of the deleted records are sent again.
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		var errs []error
		for _, shard := range w.shards() {
			_, err := shard.Admin().ExecContext(ctx, `UPDATE outbox_event SET published=0, published_at=NULL
WHERE published=1 AND event_type='PAYMENT_REFUND_REQUESTED' AND aggregate_id IN (SELECT payment_id FROM payment WHERE status='REFUND_REQUESTED')`)
			errs = append(errs, err)
		}
		errs = append(errs, w.eachPaysim(paysim.RoleRefund, func(p *stack.Paysim) error { return p.ResumeLoop(ctx, bus.RefundGroup) }))
		return errors.Join(errs...)
	},
})
