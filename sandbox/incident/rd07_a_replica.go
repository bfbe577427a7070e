package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// RD-07: after a failover the payment system still writes to what is a replica now.
var _ = add(Incident{ID: "RD-07", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats(), askRateLimit(w.merchant(), w.anyAction())}, Quotes: []string{"slave"}}
		// Nothing listens on port 1, so no foreign data takes the place of ours.
		if err := w.Stack.Redis.Admin().Do(ctx, "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
			return did, err
		}
		return did, refusedWith(ctx, w, "READONLY")
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return w.Stack.Redis.Admin().Do(ctx, "REPLICAOF", "NO", "ONE").Err()
	},
})
