package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// LG-05: postings of another amount than their payments, by a little.
var _ = add(Incident{ID: "LG-05", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		return ledgerIncident{status: "CAPTURED", least: 5, most: 9, statements: []string{
			fmt.Sprintf("UPDATE ledger_entry SET amount=amount+%d WHERE payment_id IN (%%)", w.between(1, 90)),
		}}.inject(ctx, w)
	},
})
