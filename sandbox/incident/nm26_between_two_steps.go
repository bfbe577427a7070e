package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// NM-26: the limiter sets the TTL in a step of its own, so a new counter is without
// one for a moment. Here that moment comes again and again.
var _ = add(Incident{ID: "NM-26", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		c := counter{merchant: w.merchant(), action: w.anyAction()}
		did := Injected{Asks: []Ask{askTTLs(), askRateLimit(c.merchant, c.action), askHitting()}, Kept: map[string]string{"key": c.key()}}
		admin := w.Stack.Redis.Admin()
		// A cached answer that Undo takes away says that this lasts: whoever undoes
		// it may be another process.
		did.Kept["lasts"] = seed.IdemKey(c.merchant, w.token(12))
		body := fmt.Sprintf(`{"paymentId":%d,"status":"CAPTURE_REQUESTED","amount":%d,"currency":"KRW"}`, w.between(1, 2000), w.between(1000, 90_000))
		if err := admin.Set(ctx, did.Kept["lasts"], body, 9*time.Minute).Err(); err != nil {
			return did, err
		}
		go func() {
			for admin.Exists(ctx, did.Kept["lasts"]).Val() == 1 {
				admin.Del(ctx, c.key())
				admin.Incr(ctx, c.key())
				select {
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
				admin.Expire(ctx, c.key(), window*time.Second)
				select {
				case <-ctx.Done():
				case <-time.After(150 * time.Millisecond):
				}
			}
			admin.Del(ctx, c.key())
		}()
		return did, nil
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return w.Stack.Redis.Admin().Del(ctx, did.Kept["lasts"], did.Kept["key"]).Err()
	},
})
