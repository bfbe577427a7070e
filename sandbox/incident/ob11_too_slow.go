package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// OB-11: for a quarter of an hour more events have come than are published. The
// poller works all the time, and the oldest event is minutes old.
var _ = add(Incident{ID: "OB-11", Parts: stack.PartMariaDB, Undo: removeEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		did := Injected{Asks: []Ask{askOutbox()}, Quotes: []string{shard.Name(), "never"}}
		const lasted = 900 // seconds
		n, oldest := w.between(1500, 3000), w.between(330, 480)
		share := 1 - float64(oldest)/lasted // that is published of what comes
		done := fmt.Sprintf("n < %.4f * %d", share, n)
		at := func(seconds string) string {
			return fmt.Sprintf("NOW(3) - INTERVAL %d SECOND + INTERVAL ROUND(1000000 * %s) MICROSECOND", lasted, seconds)
		}
		came := fmt.Sprintf("n * %d / %d", lasted, n)
		err := plantEvents(ctx, w, &did, place, event{
			published: done, publishedAt: fmt.Sprintf("IF(%s, %s, NULL)", done, at(fmt.Sprintf("%s / %.4f", came, share))), createdAt: at(came),
		}, fmt.Sprintf(`SELECT p.payment_id, p.amount, s.seq AS n FROM seq_0_to_%d AS s
JOIN (SELECT payment_id, amount, ROW_NUMBER() OVER (ORDER BY payment_id) - 1 AS row FROM payment) AS p ON p.row = s.seq MOD (SELECT COUNT(*) FROM payment)`, n-1))
		if err != nil {
			return did, err
		}
		// With those that wait on any system.
		var wait int
		if err := shard.Admin().QueryRowContext(ctx, "SELECT COUNT(*) FROM outbox_event WHERE "+live).Scan(&wait); err != nil {
			return did, fmt.Errorf("%s: %w", shard.Name(), err)
		}
		did.Quotes = append(did.Quotes, fmt.Sprintf("%d wait", wait))
		return did, quoteOldest(ctx, &did, shard)
	},
})
