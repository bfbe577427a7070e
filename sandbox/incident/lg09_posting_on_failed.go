package incident

import "payops-mcp/sandbox/stack"

// LG-09: captures posted for payments whose capture failed.
var _ = add(Incident{ID: "LG-09", Parts: stack.PartMariaDB, OfFailed: true, Undo: restoreBooks,
	Inject: ledgerIncident{status: "CAPTURE_FAILED", least: 3, most: 6, statements: []string{
		"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'merchant_receivable', 'cash', amount, updated_at FROM payment WHERE payment_id IN (%)",
	}}.inject,
})
