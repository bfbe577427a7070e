package incident

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/stack"
)

// RD-06: Redis is too small and throws cached answers away before their time.
var _ = add(Incident{ID: "RD-06", Parts: stack.PartRedis, Undo: restoreRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats()}, Quotes: []string{"allkeys-lru"}}
		// There must be something to throw away: without it a write is refused.
		if err := cacheAnswers(ctx, w, 1000); err != nil {
			return did, err
		}
		used, err := usedMemory(ctx, w)
		if err != nil {
			return did, err
		}
		limit := used + 64<<10
		did.Quotes = append(did.Quotes, strconv.FormatInt(limit, 10))
		if err := setRedis(ctx, w, &did, "maxmemory-policy", "allkeys-lru", "maxmemory", strconv.FormatInt(limit, 10)); err != nil {
			return did, err
		}
		return did, cacheAnswers(ctx, w, w.between(100, 200)) // some 100 kB more than there is room for
	},
})

// answersLive is how long the cached answers of incidents live.
const answersLive = time.Minute

// cacheAnswers writes cached answers of a kilobyte each, which soon end.
func cacheAnswers(ctx context.Context, w *World, n int) error {
	for i := range n {
		key := fmt.Sprintf("idem:authorize:%s:%d", w.merchant(), i)
		if err := w.Stack.Redis.Admin().Set(ctx, key, strings.Repeat("x", 1000), answersLive).Err(); err != nil {
			return err
		}
	}
	return nil
}
