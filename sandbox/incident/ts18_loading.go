package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/stack"
)

const (
	ballastKeys  = 16_000
	loadMicros   = 5000   // a key, so that it lasts for more than a minute
	eachKilobyte = "1024" // of the file it answers what was asked meanwhile
)

// TS-18: Redis was restarted and is loading its data. It answers that, and nothing
// about keys.
var _ = add(Incident{ID: "TS-18", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: askOfRedis(w), Quotes: []string{"loading:1"}}
		admin := w.Stack.Redis.Admin()
		ballast := fmt.Sprintf("session:%s:", w.token(6))
		did.Kept = map[string]string{"filled": ballast}
		pipe := admin.Pipeline()
		for i := range ballastKeys {
			pipe.Set(ctx, ballast+strconv.Itoa(i), strings.Repeat("x", 100), time.Hour)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return did, err
		}
		// Into one file that is loaded key by key, and the pace of it into the
		// configuration that the next start reads.
		err := errors.Join(
			setRedis(ctx, w, &did, "key-load-delay", strconv.Itoa(loadMicros), "loading-process-events-interval-bytes", eachKilobyte),
			admin.ConfigRewrite(ctx).Err(), admin.BgRewriteAOF(ctx).Err(),
			waitRedis(ctx, w, "persistence", "the file to be written", func(info string) bool {
				return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") && strings.Contains(info, "aof_last_bgrewrite_status:ok")
			}),
			w.Stack.Redis.Kill(ctx), w.Stack.Redis.Launch(ctx))
		if err != nil {
			return did, err
		}
		return did, waitRedis(ctx, w, "persistence", "it to load", func(info string) bool { return strings.Contains(info, "\nloading:1") })
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		admin := w.Stack.Redis.Admin()
		err := errors.Join(w.Stack.Redis.Launch(ctx), // where it was not left running
			// The pace first: slow, and without answers in between, it would hang.
			admin.ConfigSet(ctx, "key-load-delay", "0").Err(), restoreRedis(ctx, w, did),
			waitRedis(ctx, w, "persistence", "its data", func(info string) bool { return strings.Contains(info, "\nloading:0") }))
		pipe := admin.Pipeline()
		for i := range ballastKeys {
			pipe.Unlink(ctx, did.Kept["filled"]+strconv.Itoa(i))
		}
		_, deleting := pipe.Exec(ctx)
		return errors.Join(err, deleting, admin.ConfigRewrite(ctx).Err())
	},
})

// waitRedis waits until what Redis says of itself, in a section of INFO, holds.
func waitRedis(ctx context.Context, w *World, section, what string, holds func(info string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		info, err := w.Stack.Redis.Admin().Info(ctx, section).Result()
		if err == nil && holds("\n"+info) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redis: waited for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
