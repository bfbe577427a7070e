package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// RF-05: the payment gateway has refunded, and the payment says that it failed.
var _ = add(Incident{ID: "RF-05", Parts: stack.PartMariaDB, OfFailed: true, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		gateway := fmt.Sprintf("CXL-%d", w.between(100_000, 999_999))
		did, err := requestIncident{kind: "refund", status: "REFUND_FAILED", least: 1, most: 3, ids: true, statements: []string{
			"UPDATE refund_request SET status='SUCCESS', pg_response_code='0000', pg_cancel_transaction_id='" + gateway + "', completed_at=NOW(3) - INTERVAL 30 MINUTE WHERE payment_id IN (%)",
		}}.inject(ctx, w)
		did.Quotes = append(did.Quotes, gateway)
		did.Asks = append(did.Asks, askReconciliation())
		return did, err
	},
})
