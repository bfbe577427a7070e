package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// RF-50: the payment gateway gave back more than the payments were worth.
var _ = add(Incident{ID: "RF-50", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did, err := requestIncident{kind: "refund", status: "REFUNDED", least: 2, most: 5, amounts: true, statements: []string{
			fmt.Sprintf("UPDATE refund_request SET refund_amount=refund_amount+%d WHERE payment_id IN (%%) AND status='SUCCESS'", w.between(1, 5000)),
		}}.inject(ctx, w)
		did.Asks = append(did.Asks, askReconciliation())
		return did, err
	},
})
