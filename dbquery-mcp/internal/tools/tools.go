// Package tools declares the tools of dbquery-mcp.
package tools

import (
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/scope"
	"payops-mcp/shared/tool"
)

// Deps are what the tools need.
type Deps struct {
	DB    *paydb.DB
	Scope scope.Merchants
	Zone  *time.Location // in which times are read and shown
	// Outbox are the payment system's own settings of its outbox; the zero value
	// stands for its defaults.
	Outbox diagnose.OutboxLimits
	// LedgerGrace is how long postings may take; 0 stands for the default.
	LedgerGrace time.Duration
	// AllowSelect lists run_select.
	AllowSelect bool
}

// All returns every tool of the server.
func All(d Deps) []tool.Tool {
	all := []tool.Tool{
		d.queryPayments(),
		d.queryLedgers(),
		d.reconciliationCheck(),
		d.checkOutboxStatus(),
		d.checkSettlements(),
		d.tracePayment(),
		d.paymentStatistics(),
		d.findDuplicateIdempotency(),
		d.checkDatabaseHealth(),
	}
	if d.AllowSelect {
		all = append(all, d.runSelect())
	}
	return all
}
