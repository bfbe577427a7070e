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
		whole := context.WithoutCancel(ctx) // a turn that is begun is brought to its end
		go func() {
			for on := true; on; {
				// No answer is no end: what a restart cut short is mended by the next turn.
				if n, err := admin.Exists(whole, did.Kept["lasts"]).Result(); err == nil && n == 0 {
					break
				}
				admin.Del(whole, c.key())
				admin.Incr(whole, c.key())
				time.Sleep(time.Millisecond)
				admin.Expire(whole, c.key(), window*time.Second)
				select {
				case <-ctx.Done():
					on = false
				case <-time.After(between):
				}
			}
			admin.Del(whole, c.key())
		}()
		return did, nil
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		admin := w.Stack.Redis.Admin()
		if err := admin.Del(ctx, did.Kept["lasts"]).Err(); err != nil {
			return err
		}
		// Whoever writes the counter sees it within one of its turns.
		return await(ctx, "a counter that nobody writes any more", func(ctx context.Context) (bool, error) {
			if err := admin.Del(ctx, did.Kept["key"]).Err(); err != nil {
				return false, err
			}
			time.Sleep(2 * between)
			n, err := admin.Exists(ctx, did.Kept["key"]).Result()
			return n == 0, err
		})
	},
})

// between is how long the counter of NM-26 is left alone after each turn.
const between = 150 * time.Millisecond
