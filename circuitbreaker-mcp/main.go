// Command circuitbreaker-mcp is an MCP server that tells what the circuit
// breakers of the payment system do, and why. It changes nothing.
package main

import (
	"slices"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/config"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/runbook"
	"payops-mcp/circuitbreaker-mcp/internal/tools"
	"payops-mcp/shared/env"
	"payops-mcp/shared/prompts"
	"payops-mcp/shared/serve"
)

const instructions = "Why payments fail or stand still, asked of the ingest API, Prometheus and Kafka of a payment system; read-only. " +
	"Is the breaker closed: get_circuit_breaker_status. Why did it open, now or at 2 pm: diagnose_circuit_breaker. Is Kafka all right, which group lags, what is in the dead letters: check_kafka_health, inspect_consumer_lag, inspect_dead_letters. " +
	"What failed over time, with a picture: analyze_failure_pattern. One look at everything: check_stack_health. A number of Prometheus: query_metrics. " +
	"Verdict unknown means that a system asked did not answer: neither healthy nor an alarm; `sources` says which and what to do. " +
	"CLOSED does not prove that Kafka works, and HALF_OPEN is no sign of recovery. " +
	"What to do about a finding of any of the three servers: read_runbook takes its code; search_runbooks takes words, English and Korean. " +
	"Money, payments and the outbox: dbquery-mcp. Rate limits and idempotency keys: rediscache-mcp."

func main() {
	var c config.Config
	serve.Main(serve.App{
		Name:         "circuitbreaker-mcp",
		Title:        "Payment circuit breakers",
		Description:  "tells why the payment system's breakers open and what fails, from the ingest API, Prometheus and Kafka",
		Instructions: instructions,
		Prompts:      prompts.All(),
		Config:       &c,
		Common:       &c.Common,
		Build:        func(settings []env.Value) serve.Parts { return build(c, settings) },
	})
}

// build makes the sources and tools of the settings. It dials nothing.
func build(c config.Config, settings []env.Value) serve.Parts {
	api, prom, kafka := c.API, c.Prometheus, c.Kafka
	instances := ingest.New(ingest.Options{BaseURLs: api.BaseURLs, Token: api.Token.Reveal(), RootCAs: api.CA.Pool})
	prometheus := promql.New(promql.Options{
		URL: prom.URL.URL, BearerToken: prom.BearerToken.Reveal(), Username: prom.Username, Password: prom.Password.Reveal(),
		OrgID: prom.OrgID, RootCAs: prom.CA.Pool,
	})
	brokers := broker.New(broker.Options{
		Bootstrap: kafka.Bootstrap, Mechanism: string(kafka.Mechanism), Username: kafka.Username, Password: kafka.Password.Reveal(),
		TLS: kafka.TLS, RootCAs: kafka.CA.Pool, Assumed: assumed(settings, "KAFKA_BOOTSTRAP_SERVERS"),
	})
	var checks []serve.Check
	for _, ask := range append(slices.Concat(instances.Checks(), brokers.Checks()), prometheus.Check) {
		checks = append(checks, tools.Bounded(ask))
	}
	watched := tools.Kafka{Client: brokers, Topics: kafka.Topics, DeadLetters: kafka.DeadLetters}
	for _, g := range kafka.Groups {
		watched.Groups = append(watched.Groups, broker.GroupAsk(g))
	}
	library := runbook.New(c.RunbookDir, tools.SourceTimeout)
	return serve.Parts{
		Tools:     tools.All(tools.Sources{Ingest: instances, Prometheus: prometheus, Kafka: watched, Runbooks: library, Zone: c.Zone.Location, Scope: c.MerchantScope, Settings: settings}),
		Resources: tools.Runbooks(library),
		Checks:    checks,
	}
}

// assumed reports whether nobody set a setting, so that its default is but a guess.
func assumed(settings []env.Value, name string) bool {
	return slices.ContainsFunc(settings, func(v env.Value) bool { return v.Name == name && v.From == "default" })
}
