package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// RF-51: refunds were carried out twice, each time half of the payment: a second request
// that nobody expects, though the sum is right.
var _ = add(Incident{ID: "RF-51", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did, err := requestIncident{kind: "refund", status: "REFUNDED", least: 2, most: 5, amounts: true, statements: []string{
			"UPDATE refund_request SET refund_amount=refund_amount/2 WHERE payment_id IN (%) AND status='SUCCESS'",
			"INSERT INTO refund_request (payment_id, refund_amount, refund_reason, status, pg_cancel_transaction_id, pg_response_code, requested_at, completed_at) " +
				"SELECT payment_id, refund_amount, refund_reason, status, CONCAT(pg_cancel_transaction_id, '-2'), pg_response_code, requested_at + INTERVAL 3 SECOND, completed_at + INTERVAL 3 SECOND " +
				"FROM refund_request WHERE payment_id IN (%) AND status='SUCCESS'",
		}}.inject(ctx, w)
		did.Asks = append(did.Asks, askReconciliation())
		return did, err
	},
})
