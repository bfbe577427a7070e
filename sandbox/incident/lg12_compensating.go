package incident

import (
	"context"
	"errors"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// LG-12: one capture is missing, another of the same amount is there twice. Counts
// and totals are as they should be.
var _ = add(Incident{ID: "LG-12", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askReconciliation()}}
		shard, place := w.anyShard()
		all, err := w.settled(ctx, shard, "CAPTURED")
		if err != nil {
			return did, err
		}
		w.Rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		type worth struct {
			amount   int64
			currency string
		}
		seen := map[worth]victim{}
		for _, v := range all {
			other, ok := seen[worth{v.Amount, v.Currency}]
			if !ok {
				seen[worth{v.Amount, v.Currency}] = v
				continue
			}
			if err := keepBooks(ctx, w, &did, place, []int64{v.ID, other.ID}); err != nil {
				return did, err
			}
			did.Quotes = []string{strconv.FormatInt(v.ID, 10), strconv.FormatInt(other.ID, 10), strconv.FormatInt(v.Amount, 10), "BALANCED"}
			if err := change(ctx, shard, []int64{v.ID}, "DELETE FROM ledger_entry WHERE payment_id IN (%)"); err != nil {
				return did, err
			}
			return did, change(ctx, shard, []int64{other.ID},
				"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, debit_account, credit_account, amount, occurred_at FROM ledger_entry WHERE payment_id IN (%)")
		}
		return did, errors.New("no two payments have one amount")
	},
})
