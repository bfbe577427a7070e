package diagnose

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
)

// Every refund failed, and of all requests that was 3%: the answer was ok.
func TestOneRouteFails(t *testing.T) {
	t.Parallel()
	of := func(all, failed float64) promql.Traffic { return promql.Traffic{All: all, S5xx: failed} }
	for name, x := range map[string]struct {
		five, recent promql.Traffic
		over         [2]float64 // requests, and of them failed, in the hour
		live         string     // finding or doubt; nothing where it is empty
		past         string
	}{
		"all is well":         {of(40, 0), of(8, 0), [2]float64{480, 1}, "", ""},
		"scattered failures":  {of(40, 4), of(8, 1), [2]float64{480, 20}, "", ""},
		"fewer than half":     {of(40, 19), of(8, 4), [2]float64{480, 19}, "", ""},
		"half of it fails":    {of(40, 20), of(8, 4), [2]float64{480, 20}, `50% (20 of 40 requests in 5m) of "/payments/refund/{paymentId}"`, "50% (20 of 40 requests in 5m)"},
		"they failed, over":   {of(40, 30), of(8, 0), [2]float64{480, 30}, "", "75% (30 of 40 requests in 5m)"},
		"over, nothing since": {of(40, 40), of(0, 0), [2]float64{480, 40}, "100% (40 of 40", "100% (40 of 40"},
		"most of the hour":    {of(40, 0), of(8, 0), [2]float64{480, 400}, "", "83.33% (400 of 480 requests in 60m)"},
		"few, and all fail":   {of(6, 6), of(2, 2), [2]float64{480, 6}, `6 of 6 requests of "/payments/refund/{paymentId}" in 5m were answered 5xx: too few`, "6 of 6 requests of"},
		"two are chance":      {of(2, 2), of(0, 0), [2]float64{2, 2}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := trafficOf(of(3000, x.five.S5xx), of(600, x.recent.S5xx), of(30000, 0))
			p.HTTP.Routes = []promql.Route{
				{URI: "/payments/authorize", Status: map[string]float64{"200": 30000}, FiveMinutes: of(2960, 0), Recent: of(600, 0)},
				{URI: foreign.Text("/payments/refund/{paymentId}"), Status: map[string]float64{"200": x.over[0] - x.over[1], "500": x.over[1]}, FiveMinutes: x.five, Recent: x.recent},
			}
			for _, live := range []bool{true, false} {
				want := x.past
				if p.Live = live; live {
					want = x.live
				}
				found, ran := InWindow(p)
				said := strings.Join(RequestDoubts(p), "; ")
				for _, f := range found {
					said += string(f.Code) + ": " + f.Claim
				}
				if (said == "") != (want == "") || !strings.Contains(said, want) {
					t.Errorf("live %v: %q, want %q", live, said, want)
				}
				if doubt := strings.Contains(want, "requests of"); doubt == slices.Contains(ran, catalog.Ingest5xxSpike) || doubt == slices.Contains(codesOf(found), catalog.Ingest5xxSpike) && want != "" {
					t.Errorf("live %v: judged %v, found %v", live, ran, codesOf(found))
				}
			}
		})
	}
}
