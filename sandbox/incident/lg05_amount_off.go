package incident

import "payops-mcp/sandbox/stack"

// LG-05: postings of another amount than their payments, by one unit.
var _ = add(Incident{ID: "LG-05", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURED", least: 5, most: 9, statements: []string{
		"UPDATE ledger_entry SET amount=amount+1 WHERE payment_id IN (%)",
	}}.inject,
})
