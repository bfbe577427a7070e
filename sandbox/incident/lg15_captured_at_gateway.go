package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// LG-15: the payment gateway captured, and the payment does not know.
var _ = add(Incident{ID: "LG-15", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did, err := ledgerIncident{status: "CAPTURED", least: 2, most: 5, statements: []string{
			"UPDATE payment SET status='CAPTURE_REQUESTED', updated_at=updated_at WHERE payment_id IN (%)",
			"DELETE FROM ledger_entry WHERE payment_id IN (%)",
		}}.inject(ctx, w)
		did.Asks = append(did.Asks, askSettlements("settlement"))
		return did, err
	},
})
