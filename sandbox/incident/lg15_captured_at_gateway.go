package incident

import "payops-mcp/sandbox/stack"

// LG-15: the payment gateway captured, and the payment does not know.
var _ = add(Incident{ID: "LG-15", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURED", least: 2, most: 5, statements: []string{
		"UPDATE payment SET status='CAPTURE_REQUESTED', updated_at=updated_at WHERE payment_id IN (%)",
		"DELETE FROM ledger_entry WHERE payment_id IN (%)",
	}}.inject,
})
