// Package config holds the settings of dbquery-mcp.
package config

import (
	"time"

	"payops-mcp/shared/env"
)

// Config is every setting of this server.
type Config struct {
	env.Common
	DB               DB
	StatementTimeout time.Duration `env:"DB_STATEMENT_TIMEOUT" default:"5s" min:"10ms" max:"60s" help:"limit of one SQL statement, kept by the database; the account's own limit counts where it is shorter"`
	RequireReadOnly  bool          `env:"DB_REQUIRE_READONLY_ACCOUNT" default:"false" help:"refuse to ask with an account that may do more than read; else every answer says so"`
	Outbox           Outbox
	LedgerGrace      time.Duration `env:"LEDGER_GRACE" default:"120s" min:"1s" max:"24h" help:"how long after a change of a payment its postings may take before reconciliation_check misses them"`
	AllowSelect      bool          `env:"DB_ALLOW_RUN_SELECT" default:"false" help:"list the tool run_select, which runs one guarded SELECT that the caller wrote; closed all the same where PAYOPS_MERCHANT_SCOPE is set"`
}
