package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// RD-05: Redis has reached its memory limit and refuses writes: the limiter cannot
// count and lets everything pass.
var _ = add(Incident{ID: "RD-05", Parts: stack.PartRedis, Undo: restoreRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats(), askRateLimit(w.merchant(), w.anyAction())}}
		used, err := usedMemory(ctx, w)
		if err != nil {
			return did, err
		}
		limit := strconv.FormatInt(used*int64(w.between(60, 80))/100, 10)
		did.Quotes = []string{limit, "noeviction"}
		if err := setRedis(ctx, w, &did, "maxmemory-policy", "noeviction", "maxmemory", limit); err != nil {
			return did, err
		}
		return did, refusedWith(ctx, w, "OOM")
	},
})
