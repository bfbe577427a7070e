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
		actions := []string{"authorize", "capture", "refund"}
		w.Rand.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
		text, other := "rate:"+actions[0]+":", "rate:"+actions[1]+":"
		merchant, word := w.merchant(), fmt.Sprintf("v%dx", w.between(1000, 9999))
		did := Injected{
			Asks:   []Ask{{"Is merchant " + merchant + " at its rate limit?", "rediscache-mcp", "check_rate_limit", map[string]any{"merchant_id": merchant}}, askHitting()},
			Quotes: []string{merchant, word, "list"},
			Kept:   map[string]string{"text": text + merchant, "list": other + merchant},
		}
		admin := w.Stack.Redis.Admin()
		if err := admin.Set(ctx, text+merchant, word, time.Duration(w.between(10, 90))*time.Minute).Err(); err != nil {
			return did, err
		}
		return did, admin.LPush(ctx, other+merchant, word).Err()
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return w.Stack.Redis.Admin().Del(ctx, did.Kept["text"], did.Kept["list"]).Err()
	},
})
