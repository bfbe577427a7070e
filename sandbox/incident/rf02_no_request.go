package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// RF-02: refunds were asked for and their events published, and nothing came of it.
var _ = add(Incident{ID: "RF-02", Parts: stack.PartMariaDB, Undo: restoreBooksAndEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		asked := fmt.Sprintf("NOW(3) - INTERVAL %d MINUTE", w.between(15, 40))
		return requestIncident{kind: "refund", status: "CAPTURED", least: 3, most: 6, ids: true,
			statements: []string{"UPDATE payment SET status='REFUND_REQUESTED', updated_at=" + asked + " WHERE payment_id IN (%)"},
			then: func(ctx context.Context, w *World, did *Injected, place int, hit []victim) error {
				did.Asks = append(did.Asks, askTrace(hit[0].ID), askKafka())
				return plantEvents(ctx, w, did, place, event{
					kind: "'PAYMENT_REFUND_REQUESTED'", published: "1", publishedAt: asked + " + INTERVAL 500000 MICROSECOND", createdAt: asked,
				}, numbered("payment_id IN ("+list(ids(hit))+")", len(hit)))
			},
		}.inject(ctx, w)
	},
})
