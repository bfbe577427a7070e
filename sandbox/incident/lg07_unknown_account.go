package incident

import (
	"context"

	"payops-mcp/sandbox/stack"
)

// LG-07: postings to an account that nobody knows.
var _ = add(Incident{ID: "LG-07", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		names := []string{"cash_suspense", "clearing", "cash_2", "fees_payable", "rounding", "merchant_reserve"}
		account := names[w.Rand.IntN(len(names))]
		return ledgerIncident{status: "CAPTURED", least: 3, most: 6, statements: []string{
			"UPDATE ledger_entry SET credit_account='" + account + "' WHERE payment_id IN (%)",
		}, quotes: func([]victim) []string { return []string{account} }}.inject(ctx, w)
	},
})
