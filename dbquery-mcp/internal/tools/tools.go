// Package tools declares the tools of dbquery-mcp.
package tools

import (
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/scope"
	"payops-mcp/shared/tool"
)

// Deps are what the tools need.
type Deps struct {
	DB    *paydb.DB
	Scope scope.Merchants
	Zone  *time.Location // in which times are read and shown
	// AllowSelect lists run_select.
	AllowSelect bool
}

// All returns every tool of the server.
func All(d Deps) []tool.Tool {
	all := []tool.Tool{
		d.queryPayments(),
	}
	if d.AllowSelect {
		all = append(all, d.runSelect())
	}
	return all
}
