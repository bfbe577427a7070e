package incident

import (
	"context"
	"slices"

	"payops-mcp/sandbox/stack"
)

// ST-51: payments are captured, and nothing says by whom: no settlement, and no event
// of a direct capture.
var _ = add(Incident{ID: "ST-51", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		hit, err := w.older(ctx, shard, "CAPTURED", w.between(2, 6))
		if err != nil {
			return Injected{}, err
		}
		did := Injected{Asks: []Ask{askReconciliation(), askTrace(hit[0].ID)}, Quotes: slices.Concat(span(hit), worth(hit), []string{shard.Name()})}
		if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
			return did, err
		}
		return did, change(ctx, shard, ids(hit), "DELETE FROM settlement_request WHERE payment_id IN (%)")
	},
})
