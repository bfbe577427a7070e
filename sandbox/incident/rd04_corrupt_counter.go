package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/stack"
)

// RD-04: something else has written to a merchant's counters. INCR fails, and the
// limiter lets every request pass.
var _ = add(Incident{ID: "RD-04", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		merchant, word := w.merchant(), fmt.Sprintf("v%dx", w.between(1000, 9999))
		did := Injected{
			Asks:   []Ask{{"Is merchant " + merchant + " at its rate limit?", "rediscache-mcp", "check_rate_limit", map[string]any{"merchant_id": merchant}}, askHitting()},
			Quotes: []string{merchant, word, "list"},
			Kept:   map[string]string{"merchant": merchant},
		}
		admin := w.Stack.Redis.Admin()
		if err := admin.Set(ctx, "rate:authorize:"+merchant, word, time.Hour).Err(); err != nil {
			return did, err
		}
		return did, admin.LPush(ctx, "rate:refund:"+merchant, word).Err()
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		merchant := did.Kept["merchant"]
		return w.Stack.Redis.Admin().Del(ctx, "rate:authorize:"+merchant, "rate:refund:"+merchant).Err()
	},
})
