package incident

import (
	"context"
	"time"

	"payops-mcp/sandbox/stack"
)

// betweenSteps is the key that says that NM-26 lasts.
const betweenSteps = "sandbox:nm26"

// NM-26: the limiter sets the TTL in a step of its own, so a new counter is without
// one for a moment. Here that moment comes again and again.
var _ = add(Incident{ID: "NM-26", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		c := counter{merchant: w.merchant(), action: w.anyAction()}
		did := Injected{Asks: []Ask{askTTLs(), askRateLimit(c.merchant, c.action), askHitting()}, Kept: map[string]string{"key": c.key()}}
		admin := w.Stack.Redis.Admin()
		if err := admin.Set(ctx, betweenSteps, 1, time.Minute).Err(); err != nil {
			return did, err
		}
		go func() {
			for admin.Exists(ctx, betweenSteps).Val() == 1 {
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
		return w.Stack.Redis.Admin().Del(ctx, betweenSteps, did.Kept["key"]).Err()
	},
})
