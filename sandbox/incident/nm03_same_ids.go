package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/stack"
)

// NM-03: both shards have payments of the same ids, as each counts its own. The
// data always has that.
var _ = add(Incident{ID: "NM-03", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		if len(w.Stack.Shards) < 2 {
			return Injected{}, errors.New("the stack has no second shard")
		}
		for _, shard := range w.Stack.Shards[:2] {
			var n int
			if err := shard.Admin().QueryRowContext(ctx, "SELECT COUNT(*) FROM payment WHERE payment_id=?", w.Stack.Plan.FirstID).Scan(&n); err != nil || n != 1 {
				return Injected{}, errors.Join(err, errors.New(shard.Name()+" does not have the first id"))
			}
		}
		return Injected{Asks: askOfDatabases(), Quotes: []string{"shard1", "shard2"}}, nil
	},
	Undo: func(context.Context, *World, Injected) error { return nil },
})
