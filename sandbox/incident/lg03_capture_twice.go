package incident

import "payops-mcp/sandbox/stack"

// LG-03: captures that were delivered, and posted, twice.
var _ = add(Incident{ID: "LG-03", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURED", least: 10, most: 20, statements: []string{
		"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, debit_account, credit_account, amount, occurred_at + INTERVAL 3 SECOND FROM ledger_entry WHERE payment_id IN (%)",
	}}.inject,
})
