// Command rediscache-mcp answers questions about the payment system's Redis over
// MCP: rate limits, cached idempotent answers, and what of Redis itself decides
// whether they hold.
package main

import (
	"payops-mcp/rediscache-mcp/internal/audit"
	"payops-mcp/rediscache-mcp/internal/config"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/token"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/env"
	"payops-mcp/shared/prompts"
	"payops-mcp/shared/serve"
)

func main() { serve.Main(app()) }

func app() serve.App {
	var s config.Settings
	return serve.App{
		Name:        "rediscache-mcp",
		Title:       "Payment Redis",
		Description: "Rate limits, idempotent answers, TTLs and the state of Redis; read-only unless clear_rate_limit is allowed.",
		Instructions: "Reads the payment system's Redis and changes nothing, unless clear_rate_limit is among its tools. " +
			"check_rate_limit: is one merchant limited (HTTP 429) and why; find_merchants_hitting_limits: which ones are; " +
			"idempotency_lookup: what a repeated request is answered with; cache_stats: is Redis itself all right; ttl_analysis: what never ends. " +
			"Ask circuitbreaker-mcp about 429 rates over time and Kafka, dbquery-mcp about payments. " +
			"Verdict unknown means that something could not be looked at; never read it as healthy.",
		Prompts: prompts.All(),
		Config:  &s, Common: &s.Common,
		Build: func([]env.Value) serve.Parts {
			db := open(s.Redis)
			deps := tools.Deps{Redis: db, RateKey: s.RateKey, Limits: s.Limits, IdemKey: s.IdemKey, IdemTTL: s.IdemTTL.Lifetime,
				Scope: s.MerchantScope, Zone: s.Zone.Location}
			checks := []serve.Check{db.Check(s.RateKey.Key(keyspace.Authorize, "payops-mcp-check"))}
			if s.AllowClear {
				log := audit.New(s.AuditLog)
				deps.Clearance = &tools.Clearance{Log: log, Mint: token.NewMint()}
				checks = append(checks, log.Check)
			}
			return serve.Parts{Tools: tools.All(deps), Checks: checks}
		},
	}
}

func open(r config.Redis) *redisdb.DB {
	if r.Missing != "" {
		return redisdb.Unset(r.Missing, config.NextStep)
	}
	return redisdb.Open(r.Target)
}
