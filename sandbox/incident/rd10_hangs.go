package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// RD-10: Redis takes connections and answers nothing.
var _ = add(Incident{ID: "RD-10", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats(), askRateLimit(w.merchant(), w.anyAction()), askWhyOpen()}, Quotes: []string{"timeout", w.Stack.Redis.ClientAddr()}}
		return did, w.Stack.Redis.Pause(ctx)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return w.Stack.Redis.Resume(ctx) },
})
