package tools

import (
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
)

func TestSummary(t *testing.T) {
	kafka := func(instance, state string, b ingest.Breaker) diagnose.Reading {
		return diagnose.Reading{Breaker: "kafka-publisher", Instance: instance, Configured: true, Live: true, State: state, API: &b}
	}
	prom := func(breaker, instance, state string, b promql.Breaker) diagnose.Reading {
		return diagnose.Reading{Breaker: breaker, Instance: instance, Label: instance, State: state, Age: 7 * time.Second, Prom: &b}
	}
	silent := diagnose.Reading{Breaker: "kafka-publisher", Instance: "c", Configured: true, Unknown: "the API did not answer (timeout)"}
	none := ingest.Breaker{}
	for name, x := range map[string]struct {
		expected []string
		readings []diagnose.Reading
		want     string
	}{
		"closed": {nil, []diagnose.Reading{kafka("a", "CLOSED", none), kafka("b", "CLOSED", none)},
			"CLOSED - kafka-publisher on 2 of 2 instances, rate not available (<5 calls)"},
		"the worst rate": {nil, []diagnose.Reading{kafka("a", "CLOSED", ingest.Breaker{FailureRate: new(0.5)}), kafka("b", "CLOSED", ingest.Breaker{FailureRate: new(12.345), SlowCallRate: new(0.0)})},
			"CLOSED - kafka-publisher on 2 of 2 instances, 12.35% of calls failed"},
		"two states": {nil, []diagnose.Reading{kafka("a", "CLOSED", none), kafka("b", "OPEN", ingest.Breaker{FailureRate: new(100.0)})},
			"OPEN - kafka-publisher OPEN on 1 of 2 instances (b), CLOSED on 1 of 2 instances (a), 100% of calls failed"},
		"not measured": {nil, []diagnose.Reading{kafka("a", "DISABLED", none)},
			"DISABLED - kafka-publisher on 1 of 1 instance, rate not available (not measured while DISABLED)"},
		"half open": {nil, []diagnose.Reading{kafka("a", "HALF_OPEN", ingest.Breaker{Buffered: 1})},
			"HALF_OPEN - kafka-publisher on 1 of 1 instance, rate not available (<3 calls)"},
		"one silent": {nil, []diagnose.Reading{kafka("a", "CLOSED", none), silent},
			"UNKNOWN - kafka-publisher CLOSED on 1 of 2 instances (a), UNKNOWN on 1 of 2 instances (c): the API did not answer (timeout), rate not available (<5 calls)"},
		"one silent, one open": {nil, []diagnose.Reading{kafka("a", "OPEN", ingest.Breaker{FailureRate: new(100.0)}), silent},
			"OPEN - kafka-publisher OPEN on 1 of 2 instances (a), UNKNOWN on 1 of 2 instances (c): the API did not answer (timeout), 100% of calls failed"},
		"silent, and Prometheus has it under another name": {nil, []diagnose.Reading{silent, prom("kafka-publisher", "eureka:1", "CLOSED", promql.Breaker{})},
			"CLOSED - kafka-publisher CLOSED on 1 of 1 Prometheus instance (seen by Prometheus 7s ago), UNKNOWN on 1 of 1 API address: the API did not answer (timeout), rate not available (the breaker gives none)"},
		"two silent, and Prometheus has one": {nil, []diagnose.Reading{silent, silent, prom("kafka-publisher", "eureka:1", "CLOSED", promql.Breaker{})},
			"UNKNOWN - kafka-publisher CLOSED on 1 of 1 Prometheus instance (seen by Prometheus 7s ago), UNKNOWN on 2 of 2 API addresses: the API did not answer (timeout), rate not available (the breaker gives none)"},
		"two breakers": {nil, []diagnose.Reading{kafka("a", "CLOSED", none), prom("pg-auth-api", "a", "OPEN", promql.Breaker{FailureRate: new(2.0), SlowCallRate: new(68.0)})},
			"OPEN - kafka-publisher CLOSED on 1 of 1 instance, rate not available (<5 calls); pg-auth-api on 1 of 1 instance, 2% of calls failed, 68% slow"},
		"one is not shown": {[]string{"kafka-publisher", "pg-auth-api"}, []diagnose.Reading{kafka("a", "CLOSED", none)},
			"UNKNOWN - kafka-publisher CLOSED on 1 of 1 instance, rate not available (<5 calls); pg-auth-api: no source shows it"},
		"very many": {nil, []diagnose.Reading{prom("a", "i", "CLOSED", promql.Breaker{}), prom("b", "i", "CLOSED", promql.Breaker{}), prom("c", "i", "CLOSED", promql.Breaker{}), prom("d", "i", "CLOSED", promql.Breaker{}),
			prom("e", "i", "CLOSED", promql.Breaker{}), prom("kafka-publisher", "i", "CLOSED", promql.Breaker{}), prom("g", "i", "OPEN", promql.Breaker{FailureRate: new(70.0)}), prom("h", "i", "CLOSED", promql.Breaker{})},
			"OPEN - g on 1 of 1 instance, 70% of calls failed; kafka-publisher CLOSED on 1 of 1 instance (seen by Prometheus 7s ago), rate not available (the breaker gives none); " +
				"a CLOSED on 1 of 1 instance, rate not available (the breaker gives none); b CLOSED on 1 of 1 instance, rate not available (the breaker gives none); " +
				"c CLOSED on 1 of 1 instance, rate not available (the breaker gives none); d CLOSED on 1 of 1 instance, rate not available (the breaker gives none); 2 more breakers"},
		"none is shown": {[]string{"kafka-publisher"}, nil,
			"UNKNOWN - kafka-publisher: no source shows it"},
		"a name of another system": {nil, []diagnose.Reading{prom("x\ny", "a", "CLOSED", promql.Breaker{FailureRate: new(0.0)})},
			`CLOSED - "x\ny" on 1 of 1 instance, 0% of calls failed`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := summary(diagnose.Status{Readings: x.readings, Expected: x.expected}, nil); got != x.want {
				t.Errorf("got\n  %s\nwant\n  %s", got, x.want)
			}
		})
	}
}
