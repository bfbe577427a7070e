package incident

import "payops-mcp/sandbox/stack"

// LG-01: captured payments whose posting never came.
var _ = add(Incident{ID: "LG-01", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURED", least: 12, most: 30, statements: []string{
		"DELETE FROM ledger_entry WHERE payment_id IN (%)",
	}}.inject,
})
