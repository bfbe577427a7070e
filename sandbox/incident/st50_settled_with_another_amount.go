package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// ST-50: the payment gateway carried out captures of another amount than the payments
// have; the ledger has the payments' own.
var _ = add(Incident{ID: "ST-50", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did, err := requestIncident{kind: "settlement", status: "CAPTURED", least: 2, most: 6, amounts: true, statements: []string{
			fmt.Sprintf("UPDATE settlement_request SET request_amount=request_amount+%d.%d WHERE payment_id IN (%%)", w.between(1, 900), w.between(0, 9)),
		}}.inject(ctx, w)
		did.Asks = append(did.Asks, askReconciliation())
		return did, err
	},
})
