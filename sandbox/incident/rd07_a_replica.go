package incident

import (
	"context"
	"time"

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
		if err := refusedWith(ctx, w, "READONLY"); err != nil {
			return did, err
		}
		go writeUntilTaken(ctx, w, "rate:authorize:"+w.merchant())
		return did, nil
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return w.Stack.Redis.Admin().Do(ctx, "REPLICAOF", "NO", "ONE").Err()
	},
})

// writeUntilTaken writes a key as ingest goes on doing, until a write is taken: then
// the replica is a master again, and the key goes.
func writeUntilTaken(ctx context.Context, w *World, key string) {
	admin := w.Stack.Redis.Admin()
	for ctx.Err() == nil {
		if admin.Set(ctx, key, 1, window*time.Second).Err() == nil {
			admin.Del(context.WithoutCancel(ctx), key)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
	}
}
