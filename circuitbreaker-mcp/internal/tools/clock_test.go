package tools

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

func TestClockOf(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		api, prom *time.Duration
		want      broker.Clock
	}{
		"nobody told":           {nil, nil, broker.Clock{}},
		"the same":              {new(400 * time.Millisecond), new(3 * time.Millisecond), broker.Clock{Known: true}},
		"ours is ahead":         {new(-10*time.Minute + 500*time.Millisecond), new(-10 * time.Minute), broker.Clock{Known: true, Ahead: -10 * time.Minute}},
		"ingest alone told":     {new(time.Minute), nil, broker.Clock{Known: true, Ahead: time.Minute}},
		"Prometheus alone told": {nil, new(time.Minute), broker.Clock{Known: true, Ahead: time.Minute}},
		"they differ":           {new(time.Minute), new(time.Duration(0)), broker.Clock{Known: true, Ahead: time.Minute, Apart: time.Minute}},
	} {
		if got := clockOf(x.api, x.prom); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

// The clocks are read off real answers: of a Prometheus, and of an ingest that lives
// ten minutes ago.
func TestTheClocksOfIngestAndPrometheus(t *testing.T) {
	t.Parallel()
	late := api(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		status(closed)(w, r)
	})
	prom := promtest.Start(t, &promtest.Past{})
	of := func(api, prometheus string) broker.Clock {
		s := Sources{Ingest: ingest.New(ingest.Options{BaseURLs: []*url.URL{parse(t, refused(t)), parse(t, api)}}), Prometheus: promql.New(promql.Options{URL: parse(t, prometheus)})}
		return s.clock(t.Context())()
	}
	near := func(d, want time.Duration) bool { return (d - want).Abs() < 2*time.Second }
	if c := of(late, refused(t)); !c.Known || c.Apart != 0 || !near(c.Ahead, -10*time.Minute) {
		t.Errorf("ingest alone: %+v", c)
	}
	if c := of(late, prom.URL); !near(c.Ahead, -10*time.Minute) || !near(c.Apart, 10*time.Minute) {
		t.Errorf("apart: %+v", c)
	}
	if c := of(refused(t), prom.URL); c != (broker.Clock{Known: true}) {
		t.Errorf("Prometheus alone: %+v", c)
	}
	if c := of(refused(t), refused(t)); c != (broker.Clock{}) {
		t.Errorf("nobody: %+v", c)
	}
}
