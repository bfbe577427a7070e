package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// OB-10: somebody has set events to published by hand. They have no time of it,
// and Kafka never got them.
var _ = add(Incident{ID: "OB-10", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, _ := w.anyShard()
		hit, err := w.victims(ctx, shard, "CAPTURED", w.between(60, 140))
		if err != nil {
			return Injected{}, err
		}
		did := Injected{Asks: []Ask{askOutbox()}, Quotes: append(worth(hit), strconv.Itoa(len(hit)))}
		return did, change(ctx, shard, ids(hit), "UPDATE outbox_event SET published_at=NULL WHERE published=1 AND event_type='PAYMENT_CAPTURE_REQUESTED' AND aggregate_id IN (%)")
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		for _, shard := range w.shards() {
			// When the seeded ones were published.
			if err := change(ctx, shard, nil, "UPDATE outbox_event SET published_at=created_at + INTERVAL 600000 MICROSECOND WHERE published=1 AND published_at IS NULL"); err != nil {
				return err
			}
		}
		return nil
	},
})
