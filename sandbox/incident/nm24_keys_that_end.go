package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/stack"
)

// NM-24: counters end while they are looked at, between two steps of a scan.
var _ = add(Incident{ID: "NM-24", Parts: stack.PartRedis, Undo: nothingToUndo,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		pipe := w.Stack.Redis.Admin().Pipeline()
		for i := range 5000 {
			key := fmt.Sprintf("rate:authorize:%s-%d", w.merchant(), i)
			pipe.Set(ctx, key, w.between(1, 100), time.Duration(w.between(1, 1500))*time.Millisecond)
		}
		_, err := pipe.Exec(ctx)
		return Injected{Asks: []Ask{askTTLs(), askHitting(), askTTLs()}}, err
	},
})
