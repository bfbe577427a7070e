package diagnose

import (
	"slices"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/fault"
)

// An instance that answers and that Prometheus does not scrape has breakers that
// nothing shows: those of the others say nothing of them.
func TestUnseen(t *testing.T) {
	tells := func(name string, breakers ...ingest.Breaker) ingest.Instance {
		return ingest.Instance{Name: name, Address: name, Path: "/circuit-breaker/status", Breakers: breakers}
	}
	through := func(path string) ingest.Instance {
		i := tells("gw:8080", told("CLOSED")...)
		i.Path = path
		return i
	}
	refused := tells("ing2:8080")
	refused.Source = failed(fault.Unreachable)
	other := ingest.Breaker{State: "CLOSED"}
	set(&other.Name, "other")
	scraped := func(label string) promql.Instance {
		return withName(promql.Instance{Up: true, UpAt: now, Interval: scrape, Breakers: []promql.Breaker{withBreaker(KafkaPublisher, now), withBreaker(PGAuthAPI, now)}}, label)
	}
	one, two := tells("ing1:8080", told("CLOSED")...), tells("ing2:8080", told("CLOSED")...)
	for name, x := range map[string]struct {
		api  []ingest.Instance
		prom []promql.Instance
		want []string
	}{
		"all scraped":                   {[]ingest.Instance{one, two}, []promql.Instance{scraped("ing1:8080"), scraped("ing2:8080")}, nil},
		"one not scraped":               {[]ingest.Instance{one, two}, []promql.Instance{scraped("ing1:8080")}, []string{"pg-auth-api ing2:8080"}},
		"one silent and not scraped":    {[]ingest.Instance{one, refused}, []promql.Instance{scraped("ing1:8080")}, []string{"kafka-publisher ing2:8080", "pg-auth-api ing2:8080"}},
		"one tells of another":          {[]ingest.Instance{one, tells("ing2:8080", other)}, []promql.Instance{scraped("ing1:8080")}, []string{"kafka-publisher ing2:8080", "pg-auth-api ing2:8080"}},
		"scraped under other names":     {[]ingest.Instance{one, two}, []promql.Instance{scraped("x"), scraped("y")}, nil},
		"fewer scraped, by other names": {[]ingest.Instance{one, two}, []promql.Instance{scraped("x")}, []string{"pg-auth-api ing1:8080", "pg-auth-api ing2:8080"}},
		"more scraped":                  {[]ingest.Instance{one}, []promql.Instance{scraped("x"), scraped("y")}, nil},
		"the gateway":                   {[]ingest.Instance{through("/api/circuit-breaker/status")}, []promql.Instance{scraped("x")}, nil},
		"nothing scraped at all":        {[]ingest.Instance{one}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := Join(x.api, promql.Facts{At: now, Instances: x.prom}, time.UTC)
			var got []string
			for _, r := range s.Readings {
				if r.State == "" {
					got = append(got, r.Breaker+" "+r.Instance)
				}
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("without a state: %q, want %q", got, x.want)
			}
			if s.statesKnown() != (x.want == nil && len(x.prom) > 0) {
				t.Errorf("states known: %v", s.statesKnown())
			}
		})
	}
}
