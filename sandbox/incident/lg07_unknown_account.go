package incident

import "payops-mcp/sandbox/stack"

// LG-07: postings to an account that nobody knows.
var _ = add(Incident{ID: "LG-07", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURED", least: 3, most: 6, statements: []string{
		"UPDATE ledger_entry SET credit_account='cash_suspense' WHERE payment_id IN (%)",
	}, quotes: func([]victim) []string { return []string{"cash_suspense"} }}.inject,
})
