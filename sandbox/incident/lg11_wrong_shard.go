package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// LG-11: a capture of the second shard was posted on the first, where the same id is
// another merchant's payment.
var _ = add(Incident{ID: "LG-11", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askReconciliation()}}
		if len(w.Stack.Shards) < 2 {
			return did, errors.New("the stack has no second shard")
		}
		first, second := w.Stack.Shards[0], w.Stack.Shards[1]
		there, err := w.settled(ctx, first, "CAPTURED")
		if err != nil {
			return did, err
		}
		owed, err := w.settled(ctx, second, "CAPTURED")
		if err != nil {
			return did, err
		}
		w.Rand.Shuffle(len(owed), func(i, j int) { owed[i], owed[j] = owed[j], owed[i] })
		i := slices.IndexFunc(owed, func(v victim) bool {
			return slices.ContainsFunc(there, func(o victim) bool { return o.ID == v.ID && o.Amount != v.Amount })
		})
		if i < 0 {
			return did, errors.New("no id is captured on both shards")
		}
		v := owed[i]
		did.Quotes = []string{strconv.FormatInt(v.ID, 10), strconv.FormatInt(v.Amount, 10), first.Name(), second.Name()}
		for place := range 2 {
			if err := keepBooks(ctx, w, &did, place, []int64{v.ID}); err != nil {
				return did, err
			}
		}
		if err := change(ctx, second, []int64{v.ID}, "DELETE FROM ledger_entry WHERE payment_id IN (%)"); err != nil {
			return did, err
		}
		return did, change(ctx, first, []int64{v.ID}, fmt.Sprintf(
			"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (%%, 'merchant_receivable', 'cash', %d)", v.Amount))
	},
})
