// Command dbquery-mcp is an MCP server that answers questions about payments from
// the payment databases. It can only read.
package main

import (
	"payops-mcp/dbquery-mcp/internal/config"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/tools"
	"payops-mcp/shared/env"
	"payops-mcp/shared/prompts"
	"payops-mcp/shared/serve"
)

const instructions = "Payments and their money, asked of the payment system's MariaDB shards themselves; read-only. " +
	"One payment that is stuck: trace_payment. Payments by words: query_payments. Do events leave: check_outbox_status. Settled and refunded at the payment gateway: check_settlements. " +
	"Is money missing, doubled or wrong: reconciliation_check; its entries and sums: query_ledgers. More or fewer than usual: payment_statistics. Paid twice: find_duplicate_idempotency. The databases themselves: check_database_health. " +
	"A payment id is one of its shard: the same id on another shard is another payment. Sums never go across currencies. " +
	"Verdict unknown means that a shard did not answer or was not read whole, never that all is well; `sources` and `coverage` say which and what to do. " +
	"Ask circuitbreaker-mcp about breakers, Kafka and rates over time, rediscache-mcp about rate limits."

func main() { serve.Main(app()) }

func app() serve.App {
	var c config.Config
	return serve.App{
		Name:         "dbquery-mcp",
		Title:        "Payment databases",
		Description:  "answers questions about payments from the payment system's MariaDB shards, read-only",
		Instructions: instructions,
		Prompts:      prompts.All(),
		Config:       &c,
		Common:       &c.Common,
		Build:        func([]env.Value) serve.Parts { return build(c) },
	}
}

// build makes the sources and tools of the settings. It dials nothing.
func build(c config.Config) serve.Parts {
	db := open(c)
	var checks []serve.Check
	for place := range db.Shards() {
		checks = append(checks, db.Check(place))
	}
	return serve.Parts{
		Tools:  tools.All(tools.Deps{DB: db, Scope: c.MerchantScope, Zone: c.Zone.Location, Outbox: c.Outbox.OutboxLimits, LedgerGrace: c.LedgerGrace, AllowSelect: c.AllowSelect}),
		Checks: checks,
	}
}

func open(c config.Config) *paydb.DB {
	if c.DB.Missing != "" {
		return paydb.Unset(c.DB.Shards[0].Name, c.DB.Missing, config.NextStep)
	}
	var shards []paydb.Settings
	for _, s := range c.DB.Shards {
		shards = append(shards, paydb.Settings{Name: s.Name, Host: s.Host, Port: s.Port, User: s.User, Password: s.Password, Database: s.Database, TLS: c.DB.TLS})
	}
	return paydb.New(shards, paydb.Options{StatementTimeout: c.StatementTimeout, RequireReadOnly: c.RequireReadOnly})
}
