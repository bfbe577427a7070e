package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// ID-02: a request was repeated while its merchant was routed to the other shard,
// which did not know the key: two payments, and the customer is charged twice.
var _ = add(Incident{ID: "ID-02", Parts: stack.PartMariaDB, Undo: removePlanted,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askDuplicates()}}
		if _, err := w.second(); err != nil {
			return did, err
		}
		home := w.Rand.IntN(2)
		v, key, err := w.recent(ctx, w.Stack.Shards[home])
		if err != nil {
			return did, err
		}
		twin, err := plantPayment(ctx, w.Stack.Shards[1-home], &did, v.Merchant, key, v.Currency, v.Amount, w.justCaptured())
		did.Quotes = []string{v.Merchant, key, strconv.FormatInt(v.ID, 10), strconv.FormatInt(twin, 10), strconv.FormatInt(v.Amount, 10), "shard1", "shard2"}
		return did, err
	},
})
