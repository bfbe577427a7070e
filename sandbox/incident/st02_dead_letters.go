package incident

import "payops-mcp/sandbox/stack"

// ST-02: settlements have failed ten times and are given up.
var _ = add(asking(Incident{ID: "ST-02", Parts: stack.PartMariaDB, OfFailed: true, Undo: restoreBooks,
	Inject: requestIncident{kind: "settlement", status: "CAPTURE_FAILED", least: 6, most: 14, amounts: true, statements: []string{
		"UPDATE settlement_request SET retry_count=10, last_retry_at=NOW(3) - INTERVAL 1 HOUR WHERE payment_id IN (%)",
	}}.inject,
}, askKafka()))
