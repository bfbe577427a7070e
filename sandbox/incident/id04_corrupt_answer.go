package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// ID-04: what Redis keeps as the answer to an authorization is none. Ingest logs a
// warning and asks the database.
var _ = add(Incident{ID: "ID-04", Parts: stack.PartRedis, Undo: deleteKept,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		merchant, key := w.merchant(), fmt.Sprintf("order-%d", w.between(100_000, 999_999))
		at := seed.IdemKey(merchant, key)
		value := fmt.Sprintf("not-json-%d", w.between(1000, 9999))
		did := Injected{
			Asks:   []Ask{askIdempotency(merchant, key)},
			Quotes: []string{merchant, key, value},
			Kept:   map[string]string{"key": at},
		}
		return did, w.Stack.Redis.Admin().Set(ctx, at, value, time.Duration(w.between(300, 590))*time.Second).Err()
	},
})
