package incident

import "payops-mcp/sandbox/stack"

// ST-04: payments have two settlement requests each. The worker, which expects one,
// throws, and they stay where they are.
var _ = add(Incident{ID: "ST-04", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: requestIncident{kind: "settlement", status: "CAPTURED", least: 1, most: 3, ids: true, statements: []string{
		"UPDATE payment SET status='CAPTURE_REQUESTED', updated_at=updated_at WHERE payment_id IN (%)",
		"DELETE FROM ledger_entry WHERE payment_id IN (%)",
		"UPDATE settlement_request SET status='FAILED', completed_at=NULL, pg_transaction_id=NULL, pg_response_code='PG_TIMEOUT', retry_count=2, last_retry_at=NOW(3) WHERE payment_id IN (%)",
		"INSERT INTO settlement_request (payment_id, request_amount, status, pg_response_code, retry_count, last_retry_at, requested_at) " +
			"SELECT payment_id, request_amount, status, pg_response_code, 1, last_retry_at, requested_at + INTERVAL 3 SECOND FROM settlement_request WHERE payment_id IN (%)",
	}}.inject,
})
