package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// NM-08: no lookups at all, so there is no hit rate, neither 0 % nor NaN.
var _ = add(Incident{ID: "NM-08", Parts: stack.PartRedis, Undo: nothingToUndo,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats()}, Quotes: []string{"n/a"}, Never: []string{"NaN"}}
		return did, w.Stack.Redis.Admin().ConfigResetStat(ctx).Err()
	},
})
