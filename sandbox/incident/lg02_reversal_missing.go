package incident

import "payops-mcp/sandbox/stack"

// LG-02: refunds that succeeded on a retry, which publishes nothing.
var _ = add(Incident{ID: "LG-02", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "REFUNDED", least: 5, most: 12, statements: []string{
		"DELETE FROM ledger_entry WHERE payment_id IN (%) AND " + isReversal,
		"UPDATE refund_request SET retry_count=2 WHERE payment_id IN (%)",
	}}.inject,
})
