package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// LG-03: captures that were delivered, and posted, twice.
var _ = add(Incident{ID: "LG-03", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		return ledgerIncident{status: "CAPTURED", least: 10, most: 20, statements: []string{
			fmt.Sprintf("INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, debit_account, credit_account, amount, occurred_at + INTERVAL %d SECOND FROM ledger_entry WHERE payment_id IN (%%)", w.between(1, 40)),
		}}.inject(ctx, w)
	},
})
