package incident

import "payops-mcp/sandbox/stack"

// ST-03: a settlement is PENDING for hours, which healthy code never commits.
var _ = add(Incident{ID: "ST-03", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: requestIncident{kind: "settlement", status: "CAPTURED", least: 1, most: 2, ids: true, amounts: true, statements: []string{
		"UPDATE payment SET status='CAPTURE_REQUESTED', updated_at=updated_at WHERE payment_id IN (%)",
		"DELETE FROM ledger_entry WHERE payment_id IN (%)",
		"UPDATE settlement_request SET status='PENDING', completed_at=NULL, pg_transaction_id=NULL, pg_response_code=NULL, requested_at=NOW(3) - INTERVAL 3 HOUR WHERE payment_id IN (%)",
	}}.inject,
})
