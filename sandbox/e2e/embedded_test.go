package e2e

import (
	"encoding/json"
	"testing"

	"payops-mcp/sandbox/embedded"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// everyQuestion is each tool that can be asked without knowing an id.
func everyQuestion() []incident.Ask {
	ask := func(server string, tools ...string) []incident.Ask {
		var all []incident.Ask
		for _, tool := range tools {
			all = append(all, incident.Ask{Server: server, Tool: tool, Args: map[string]any{}})
		}
		return all
	}
	all := ask("circuitbreaker-mcp", "get_circuit_breaker_status", "diagnose_circuit_breaker", "check_kafka_health", "analyze_failure_pattern")
	all = append(all, ask("dbquery-mcp", "check_outbox_status", "find_duplicate_idempotency", "payment_statistics", "reconciliation_check",
		"check_settlements", "check_database_health")...)
	all = append(all, ask("rediscache-mcp", "cache_stats", "list_rate_limit_keys", "find_merchants_hitting_limits", "ttl_analysis")...)
	return append(all,
		incident.Ask{Server: "dbquery-mcp", Tool: "query_payments", Args: map[string]any{"filter": "payments today over 1000 KRW"}},
		incident.Ask{Server: "dbquery-mcp", Tool: "query_ledgers", Args: map[string]any{"query_type": "totals"}},
		incident.Ask{Server: "rediscache-mcp", Tool: "check_rate_limit", Args: map[string]any{"merchant_id": "MERCHANT-1001"}},
		incident.Ask{Server: "rediscache-mcp", Tool: "idempotency_lookup", Args: map[string]any{"merchant_id": "MERCHANT-1001", "idempotency_key": "no-such"}},
	)
}

// failed are the sources that did not answer, as an answer tells.
func failed(t *testing.T, a host.Answer) []string {
	t.Helper()
	var whole struct {
		Sources []struct {
			Name string `json:"name"`
			OK   bool   `json:"ok"`
		} `json:"sources"`
	}
	if err := json.Unmarshal(a.Structured, &whole); err != nil {
		t.Fatal(err)
	}
	if len(whole.Sources) == 0 {
		t.Errorf("no source was asked: %s", a.Structured)
	}
	var names []string
	for _, s := range whole.Sources {
		if !s.OK {
			names = append(names, s.Name)
		}
	}
	return names
}

// What production asks works unchanged on the stand-ins: no tool is refused
// anything, a healthy system is called healthy, and incidents have their
// symptoms and are named.
func TestEmbedded(t *testing.T) {
	s, err := embedded.Start(t.Context(), stack.Options{Seed: &seed.Options{}, Paysim: incident.LivingSettings()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.WaitPaid(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitScraped(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("every tool", func(t *testing.T) {
		inv := &investigation{t, s, map[string]*host.Server{}, nil}
		asks := everyQuestion()
		said := inv.ask(asks)
		for _, mistake := range healthy.Judge(said, nil) {
			t.Error(mistake)
		}
		for _, a := range asks {
			answer, err := inv.servers[a.Server].Call(t.Context(), a.Tool, a.Args)
			if err != nil {
				t.Fatal(err)
			}
			if names := failed(t, answer); len(names) > 0 {
				t.Errorf("%s: %v", a.Tool, names)
			}
			if t.Failed() {
				t.Logf("%s:\n%s", a.Tool, answer.Text)
			}
		}
	})
	for _, id := range []string{"CB-01", "HT-03", "OB-02", "RD-05"} {
		t.Run(id, func(t *testing.T) {
			i, err := incident.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			happens(t, s, i)
		})
	}
}
