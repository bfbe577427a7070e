package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// NM-25: there is no key payment:<id>, because nothing writes them.
var _ = add(Incident{ID: "NM-25", Parts: stack.PartRedis, Undo: nothingToUndo,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats(), askTTLs()}}
		iter := w.Stack.Redis.Admin().Scan(ctx, 0, "payment:*", 1000).Iterator()
		if iter.Next(ctx) {
			return did, fmt.Errorf("redis: there is a key %q", iter.Val())
		}
		return did, iter.Err()
	},
})
