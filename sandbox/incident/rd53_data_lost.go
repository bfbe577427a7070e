package incident

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"payops-mcp/sandbox/stack"
)

// onDisk is what Redis may keep its data in.
var onDisk = []string{"appendonlydir", "appendonly.aof"}

// RD-53: Redis was started anew without its data, as on a host that lost its disk.
// Whoever looked at it before knows what is gone.
var _ = add(Incident{ID: "RD-53", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askCacheStats()}, Quotes: []string{"run_id"}, Kept: map[string]string{}}
		dir := w.Stack.RedisDir()
		if dir == "" {
			return did, errors.New("redis: its folder is not on this machine")
		}
		// Far more than is counted anew at once.
		if err := cacheAnswers(ctx, w, w.between(400, 900)); err != nil {
			return did, err
		}
		if err := w.asked(ctx, askCacheStats()); err != nil {
			return did, err
		}
		if err := w.Stack.Redis.Stop(ctx); err != nil {
			return did, err
		}
		for _, name := range onDisk {
			err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+".lost"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return did, err
			}
			if err == nil {
				did.Kept[name] = "lost"
			}
		}
		if len(did.Kept) == 0 {
			return did, errors.New("redis: it keeps no data in its folder")
		}
		return did, w.Stack.Redis.Start(ctx)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		if len(did.Kept) == 0 {
			return w.Stack.Redis.Start(ctx)
		}
		errs := []error{w.Stack.Redis.Stop(ctx)}
		for name := range did.Kept {
			at := filepath.Join(w.Stack.RedisDir(), name)
			errs = append(errs, os.RemoveAll(at), os.Rename(at+".lost", at))
		}
		return errors.Join(append(errs, w.Stack.Redis.Start(ctx))...)
	},
})
