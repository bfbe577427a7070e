package incident

import (
	"context"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// RD-54: something writes cached answers that never end: an instance that is
// configured so, or a script.
var _ = add(Incident{ID: "RD-54", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		merchant, first, n := w.merchant(), w.between(100_000, 900_000), w.between(12, 60)
		payment := w.between(1_000_000, 9_000_000)
		did := Injected{
			Asks:   []Ask{askTTLs(), askIdempotency(merchant, orderKey(first))},
			Quotes: []string{strconv.Itoa(n), merchant, strconv.Itoa(payment)},
			Kept:   map[string]string{"merchant": merchant, "first": strconv.Itoa(first), "n": strconv.Itoa(n)},
		}
		pipe := w.Stack.Redis.Admin().Pipeline()
		for i := range n {
			body := fmt.Sprintf(`{"paymentId":%d,"status":"CAPTURE_REQUESTED","amount":%d,"currency":"KRW","createdAt":"2026-01-01T00:00:00Z","ledgerEntries":[],"message":"ok"}`,
				payment+i, w.between(1000, 900_000))
			pipe.Set(ctx, seed.IdemKey(merchant, orderKey(first+i)), body, 0)
		}
		_, err := pipe.Exec(ctx)
		return did, err
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		var first, n int
		if _, err := fmt.Sscan(did.Kept["first"]+" "+did.Kept["n"], &first, &n); err != nil {
			return err
		}
		pipe := w.Stack.Redis.Admin().Pipeline()
		for i := range n {
			pipe.Del(ctx, seed.IdemKey(did.Kept["merchant"], orderKey(first+i)))
		}
		_, err := pipe.Exec(ctx)
		return err
	},
})

func orderKey(n int) string { return fmt.Sprintf("order-%d", n) }
