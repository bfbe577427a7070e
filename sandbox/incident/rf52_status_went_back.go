package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// RF-52: a refund was asked for, and a late capture wrote its own status over it: the
// payment is captured as if nobody had asked.
var _ = add(Incident{ID: "RF-52", Parts: stack.PartMariaDB, Undo: restoreBooksAndEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		hit, err := w.older(ctx, shard, "CAPTURED", w.between(2, 5))
		if err != nil {
			return Injected{}, err
		}
		did := Injected{Asks: []Ask{askOutbox(), askTrace(hit[0].ID)}, Quotes: append(worth(hit), shard.Name())}
		for _, v := range hit {
			did.Quotes = append(did.Quotes, fmt.Sprint(v.ID))
		}
		if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
			return did, err
		}
		asked := w.between(20, 50) // minutes ago
		at := fmt.Sprintf("NOW(3) - INTERVAL %d MINUTE", asked)
		if err := change(ctx, shard, ids(hit), fmt.Sprintf("UPDATE payment SET updated_at=NOW(3) - INTERVAL %d MINUTE WHERE payment_id IN (%%)", w.between(5, asked-5))); err != nil {
			return did, err
		}
		return did, plantEvents(ctx, w, &did, place, event{
			kind: "'PAYMENT_REFUND_REQUESTED'", published: "1", publishedAt: at + " + INTERVAL 500000 MICROSECOND", createdAt: at,
		}, numbered("payment_id IN ("+list(ids(hit))+")", len(hit)))
	},
})
