package incident

import (
	"context"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// LG-50: postings that were made long after what they are of. The books are right by
// now, and lacked them for a while. A ledger tells by the order of its entries, where
// it keeps the time of the event, or else by the time of writing.
var _ = add(Incident{ID: "LG-50", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askReconciliation()}}
		switch late, err := count(ctx, w, postedLate); {
		case err != nil:
			return did, err
		case late > 0:
			return did, fmt.Errorf("%d postings have come late already, and would be told besides", late)
		}
		shard, place := w.anyShard()
		hit, err := w.older(ctx, shard, "CAPTURED", w.between(5, 12))
		if err != nil {
			return did, err
		}
		did.Quotes = []string{strconv.Itoa(len(hit)), shard.Name()}
		if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
			return did, err
		}
		return did, change(ctx, shard, ids(hit), []string{
			fmt.Sprintf("UPDATE ledger_entry SET entry_id=entry_id+%d WHERE payment_id IN (%%)", w.between(20_000, 30_000)),
			fmt.Sprintf("UPDATE ledger_entry SET occurred_at=occurred_at + INTERVAL %d MINUTE WHERE payment_id IN (%%)", w.between(10, 50)),
		}[w.Rand.IntN(2)])
	},
})

// postedLate counts postings that a ledger tells to be late by minutes, as those are
// that a worker made after it had been held up.
const postedLate = `SELECT COUNT(*) FROM (
  SELECT l.occurred_at, p.updated_at, p.status, MAX(l.occurred_at) OVER (ORDER BY l.entry_id) AS newest
  FROM ledger_entry l JOIN payment p ON p.payment_id=l.payment_id) posting
WHERE occurred_at < newest - INTERVAL 5 MINUTE OR status='CAPTURED' AND updated_at < occurred_at - INTERVAL 5 MINUTE`
