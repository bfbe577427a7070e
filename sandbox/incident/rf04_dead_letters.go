package incident

import "payops-mcp/sandbox/stack"

// RF-04: refunds have failed ten times and are given up.
var _ = add(asking(Incident{ID: "RF-04", Parts: stack.PartMariaDB, OfFailed: true, Undo: restoreBooks,
	Inject: requestIncident{kind: "refund", status: "REFUND_FAILED", least: 3, most: 8, amounts: true, statements: []string{
		"UPDATE refund_request SET retry_count=10, last_retry_at=NOW(3) - INTERVAL 1 HOUR WHERE payment_id IN (%)",
	}}.inject,
}, askKafka()))
