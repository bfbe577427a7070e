package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// OB-05: a build polls only even payment ids on the first shard and only odd ones
// on the second. The others never leave, while all looks busy.
var _ = add(Incident{ID: "OB-05", Parts: stack.PartMariaDB, Undo: removeEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askOutbox()}}
		if len(w.shards()) < 2 {
			return did, errors.New("the stack has one shard")
		}
		for place := range w.shards() {
			n := w.between(150, 400)
			did.Quotes = append(did.Quotes, strconv.Itoa(n))
			created := fmt.Sprintf("NOW(3) - INTERVAL %d MINUTE + INTERVAL n * %d SECOND", w.between(100, 140), 5500/n)
			if err := plantEvents(ctx, w, &did, place, event{createdAt: created}, numbered(fmt.Sprintf("payment_id MOD 2 = %d", 1-place), n)); err != nil {
				return did, err
			}
		}
		return did, nil
	},
})
