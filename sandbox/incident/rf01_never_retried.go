package incident

import "payops-mcp/sandbox/stack"

// RF-01: refunds failed once, and the retry never selects them.
var _ = add(Incident{ID: "RF-01", Parts: stack.PartMariaDB, OfFailed: true, Undo: restoreBooks,
	Inject: requestIncident{kind: "refund", status: "REFUND_FAILED", least: 5, most: 10, amounts: true, statements: []string{
		"UPDATE refund_request SET retry_count=0, last_retry_at=NULL WHERE payment_id IN (%)",
	}}.inject,
})
