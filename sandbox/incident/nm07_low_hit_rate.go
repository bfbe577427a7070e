package incident

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// NM-07: every new payment looks for an answer that cannot be there yet, so a hit
// rate near 0 % is what a healthy system has.
var _ = add(Incident{ID: "NM-07", Parts: stack.PartRedis, Undo: nothingToUndo,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		for range w.between(500, 1000) {
			err := w.Stack.Redis.Admin().Get(ctx, seed.IdemKey(w.merchant(), w.token(10))).Err()
			if err != nil && !errors.Is(err, redis.Nil) {
				return Injected{}, err
			}
		}
		return Injected{Asks: []Ask{askCacheStats()}}, nil
	},
})

func nothingToUndo(context.Context, *World, Injected) error { return nil }
