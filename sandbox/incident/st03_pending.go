package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// ST-03: a settlement is PENDING for hours, which healthy code never commits.
var _ = add(Incident{ID: "ST-03", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		return requestIncident{kind: "settlement", status: "CAPTURED", least: 1, most: 3, ids: true, amounts: true, statements: []string{
			"UPDATE payment SET status='CAPTURE_REQUESTED', updated_at=updated_at WHERE payment_id IN (%)",
			"DELETE FROM ledger_entry WHERE payment_id IN (%)",
			fmt.Sprintf("UPDATE settlement_request SET status='PENDING', completed_at=NULL, pg_transaction_id=NULL, pg_response_code=NULL, requested_at=NOW(3) - INTERVAL %d MINUTE WHERE payment_id IN (%%)", w.between(60, 300)),
		}}.inject(ctx, w)
	},
})
