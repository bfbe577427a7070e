package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// NM-13: payments captured three seconds ago, whose postings are on their way.
var _ = add(Incident{ID: "NM-13", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askReconciliation()}, Quotes: []string{"in flight", "120 s"}}
		shard, place := w.anyShard()
		hit, err := w.victims(ctx, shard, "CAPTURED", w.between(15, 25))
		if err != nil {
			return did, err
		}
		if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
			return did, err
		}
		return did, change(ctx, shard, ids(hit),
			"DELETE FROM ledger_entry WHERE payment_id IN (%)",
			"UPDATE payment SET updated_at=UTC_TIMESTAMP(3) - INTERVAL 3 SECOND WHERE payment_id IN (%)")
	},
})
