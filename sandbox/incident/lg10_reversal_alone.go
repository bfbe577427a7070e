package incident

import "payops-mcp/sandbox/stack"

// LG-10: refunded payments that have their reversal and not their capture.
var _ = add(Incident{ID: "LG-10", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "REFUNDED", least: 2, most: 4, statements: []string{
		"DELETE FROM ledger_entry WHERE payment_id IN (%) AND " + isCapture,
	}}.inject,
})
