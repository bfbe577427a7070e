package incident

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"payops-mcp/sandbox/stack"
)

// RD-52: Redis is to save its data and cannot, so it refuses writes and the limiter
// lets everything pass. A folder stands where the snapshot belongs.
var _ = add(Incident{ID: "RD-52", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats(), askRateLimit(w.merchant(), w.anyAction())}, Quotes: []string{"rdb_last_bgsave_status", "err"}}
		place, err := snapshot(ctx, w)
		if err != nil {
			return did, err
		}
		if err := os.Mkdir(place, 0o700); err != nil {
			return did, err
		}
		did.Kept = map[string]string{"folder": place}
		if err := setRedis(ctx, w, &did, "save", "3600 1", "stop-writes-on-bgsave-error", "yes"); err != nil {
			return did, err
		}
		if err := w.Stack.Redis.Admin().BgSave(ctx).Err(); err != nil {
			return did, err
		}
		err = waitRedis(ctx, w, "persistence", "saving to fail", func(info string) bool { return strings.Contains(info, "rdb_last_bgsave_status:err") })
		return did, errors.Join(err, refusedWith(ctx, w, "MISCONF"))
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		place, made := did.Kept["folder"]
		if !made {
			return nil
		}
		// Only a snapshot that succeeds makes Redis forget the one that failed.
		err := errors.Join(os.Remove(place), w.Stack.Redis.Admin().BgSave(ctx).Err(),
			waitRedis(ctx, w, "persistence", "saving to succeed", func(info string) bool {
				return strings.Contains(info, "rdb_last_bgsave_status:ok") && strings.Contains(info, "rdb_bgsave_in_progress:0")
			}))
		return errors.Join(err, restoreRedis(ctx, w, did), os.Remove(place))
	},
})

// snapshot is the file that Redis saves to.
func snapshot(ctx context.Context, w *World) (string, error) {
	dir := w.Stack.RedisDir()
	if dir == "" {
		return "", errors.New("redis: its folder is not on this machine")
	}
	name, err := w.Stack.Redis.Admin().ConfigGet(ctx, "dbfilename").Result()
	return filepath.Join(dir, name["dbfilename"]), err
}
