package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/stack"
)

// TS-73: one of those who write takes its local time for UTC: what it writes lies
// hours in the future, and looks young until then.
var _ = add(Incident{ID: "TS-73", Parts: stack.PartMariaDB, Undo: removePlanted,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, _ := w.anyShard()
		zone := []time.Duration{9 * time.Hour, 5*time.Hour + 30*time.Minute, time.Hour}[w.Rand.IntN(3)]
		did := Injected{Asks: []Ask{askPayments("payments last hour"), askStatistics(), askOutbox(), askSettlements("settlement")}, Quotes: []string{shard.Name()}}
		v, _, err := w.recent(ctx, shard)
		if err != nil {
			return did, err
		}
		for range w.between(2, 4) {
			_, err := plantPayment(ctx, shard, &did, v.Merchant, "order-"+w.token(10), "KRW", int64(w.between(100, 90_000)), time.Duration(w.between(1, 4))*time.Minute-zone)
			if err != nil {
				return did, fmt.Errorf("a payment of another zone: %w", err)
			}
		}
		return did, nil
	},
})
