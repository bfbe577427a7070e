package incident

import "payops-mcp/sandbox/stack"

// LG-04: reversals posted twice, while each refund was carried out once.
var _ = add(Incident{ID: "LG-04", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: ledgerIncident{status: "REFUNDED", least: 2, most: 5, statements: []string{
		"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, debit_account, credit_account, amount, occurred_at + INTERVAL 2 SECOND FROM ledger_entry WHERE payment_id IN (%) AND " + isReversal,
	}}.inject,
})
