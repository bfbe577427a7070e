package incident

import "payops-mcp/sandbox/stack"

// LG-06: captures posted the wrong way round.
var _ = add(Incident{ID: "LG-06", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURED", least: 4, most: 8, statements: []string{
		"UPDATE ledger_entry SET debit_account='cash', credit_account='merchant_receivable' WHERE payment_id IN (%)",
	}}.inject,
})
