package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// RD-51: Redis has died. Its address refuses every connection.
var _ = add(Incident{ID: "RD-51", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{
			Asks:   []Ask{askCacheStats(), askRateLimit(w.merchant(), w.anyAction()), askHitting(), askTTLs()},
			Quotes: []string{w.Stack.Redis.ClientAddr(), "unreachable"},
		}
		return did, w.Stack.Redis.Kill(ctx)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return w.Stack.Redis.Start(ctx) },
})
