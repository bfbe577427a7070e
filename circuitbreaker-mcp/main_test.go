package main

import (
	"payops-mcp/shared/tooltest"
	"testing"

	"payops-mcp/circuitbreaker-mcp/internal/config"
	"payops-mcp/shared/env"
)

func TestBuildDialsNothingAndChecksEverySource(t *testing.T) {
	var c config.Config
	// Names that no resolver answers for: a dial would take its time and fail.
	if err := env.Load(&c, []string{"API_BASE_URL=http://a.invalid,http://b.invalid", "PROMETHEUS_URL=http://p.invalid", "KAFKA_BOOTSTRAP_SERVERS=k1.invalid:1,k2.invalid:1"}, ""); err != nil {
		t.Fatal(err)
	}
	parts := build(c, nil)
	if len(parts.Tools) == 0 || len(parts.Checks) != 5 {
		t.Fatalf("%d tools, %d checks", len(parts.Tools), len(parts.Checks))
	}
	seen := map[string]bool{}
	for _, check := range parts.Checks {
		s := check(t.Context())
		if s.OK() {
			t.Errorf("%s answers", s.Name)
		}
		seen[s.Name] = true
	}
	for _, want := range []string{"ingest a.invalid", "ingest b.invalid", "kafka k1.invalid:1", "kafka k2.invalid:1", "prometheus p.invalid"} {
		if !seen[want] {
			t.Errorf("no check of %s in %v", want, seen)
		}
	}
	if len(instructions) > 2048 {
		t.Errorf("instructions of %d bytes", len(instructions))
	}
}

// Where Kafka is must be said by somebody before its silence means anything.
func TestADefaultAddressIsAssumed(t *testing.T) {
	for from, want := range map[string]bool{"": true, "KAFKA_BOOTSTRAP_SERVERS=k1.invalid:1": false, "KAFKA_BOOTSTRAP_SERVERS=localhost:9092": false} {
		var c config.Config
		environ := []string{from}
		if err := env.Load(&c, environ, ""); err != nil {
			t.Fatal(err)
		}
		if got := assumed(env.Effective(&c, environ, ""), "KAFKA_BOOTSTRAP_SERVERS"); got != want {
			t.Errorf("%q: assumed %v, want %v", from, got, want)
		}
	}
}

func TestTheREADMEIsMadeFromTheCode(t *testing.T) {
	var c config.Config
	if err := env.Load(&c, nil, ""); err != nil {
		t.Fatal(err)
	}
	tooltest.README(t, "circuitbreaker-mcp", &c, build(c, nil).Tools)
}
