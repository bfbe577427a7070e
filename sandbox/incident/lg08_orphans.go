package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// LG-08: postings of payments that there are not, written past the foreign key.
var _ = add(Incident{ID: "LG-08", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askReconciliation()}}
		shard, place := w.anyShard()
		var most int64
		if err := shard.Admin().QueryRowContext(ctx, "SELECT MAX(payment_id) FROM payment").Scan(&most); err != nil {
			return did, err
		}
		var strange []int64
		for range w.between(3, 7) {
			strange = append(strange, most+int64(1000+w.Rand.IntN(1_000_000)))
		}
		did.Quotes = []string{strconv.Itoa(len(strange)), shard.Name()}
		if !w.Stack.Has(stack.PartPaysim) { // which makes more of them
			did.Quotes = append(did.Quotes, strconv.FormatInt(most, 10))
		}
		if err := keepBooks(ctx, w, &did, place, strange); err != nil {
			return did, err
		}
		for _, id := range strange {
			// One call of several statements, so that the setting is of this session.
			_, err := shard.Admin().ExecContext(ctx, `SET foreign_key_checks=0;
INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (?, 'merchant_receivable', 'cash', ?);
SET foreign_key_checks=1`, id, w.between(1000, 90_000))
			if err != nil {
				return did, err
			}
		}
		return did, nil
	},
})
