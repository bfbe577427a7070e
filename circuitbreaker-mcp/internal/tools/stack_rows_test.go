package tools

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

func stateIn(rows []ComponentRow, component string) string {
	for _, r := range rows {
		if r.Component == component {
			return r.State
		}
	}
	return "no row"
}

// A breaker's row followed its state alone: beside a gateway that is slow, or a breaker
// that is blind, all components were well.
func TestABreakersRowTellsWhatWasFound(t *testing.T) {
	t.Parallel()
	now := time.Now()
	reading := func(name string, b promql.Breaker) diagnose.Reading {
		b.State, b.At = "CLOSED", now
		return diagnose.Reading{Breaker: name, Instance: "a", Label: "a", State: "CLOSED", Prom: &b}
	}
	slow := promql.Breaker{FailureRate: new(2.0), SlowCallRate: new(70.0), FailedPerSecond: new(1.0), Successful: new(90), Failed: new(10)}
	st := diagnose.Status{
		Prom:     promql.Facts{At: now, Instances: []promql.Instance{{Name: "a", Up: true, UpAt: now}}},
		Readings: []diagnose.Reading{reading(diagnose.KafkaPublisher, promql.Breaker{}), reading(diagnose.PGAuthAPI, slow)},
		Expected: []string{diagnose.KafkaPublisher, diagnose.PGAuthAPI},
	}
	var got stackSeen
	blind := []report.Finding{report.NewFinding(catalog.CBBlind, "it is so")}
	rows := components(got, st, nil, blind)
	if s := stateIn(rows, "breaker kafka-publisher"); s != "critical" && s != "attention" {
		t.Errorf("the blind breaker is %s", s)
	}
	if s := stateIn(rows, "breaker pg-auth-api"); s != "attention" && s != "critical" {
		t.Errorf("the breaker of the slow gateway is %s", s)
	}
	if s := stateIn(components(got, st, nil, nil), "breaker kafka-publisher"); s != "ok" {
		t.Errorf("the breaker that sees is %s", s)
	}
}

// Where Prometheus has nothing of ingest, no requests were counted, which is not none.
func TestTrafficThatNobodyCounts(t *testing.T) {
	t.Parallel()
	var got stackSeen
	got.past.Source = fault.Source{Name: "prometheus"}
	if r := trafficRow(got, nil); r.State != "unknown" || strings.Contains(r.Detail, "0 payment") {
		t.Errorf("%+v", r)
	}
	got.past.Instances = []promql.PastInstance{{Name: "a"}}
	if r := trafficRow(got, nil); r.State != "ok" {
		t.Errorf("%+v", r)
	}
}

// What service discovery dropped was counted as up for five more minutes.
func TestATargetThatIsGone(t *testing.T) {
	t.Parallel()
	var got stackSeen
	now := time.Now()
	got.targets = []promql.Target{
		{Job: "ingest-service", Instance: "a:1", Up: true, At: now}, {Job: "ingest-service", Instance: "b:1", Up: true},
		{Job: "worker", Instance: "c:1", Up: true, At: now}, {Job: "refund-worker", Instance: "d:1"},
	}
	for want, r := range map[string]ComponentRow{
		"1 of 1 up; no longer scraped: b:1": targetRows(got)[0],
		"1 of 1 up":                         targetRows(got)[1],
		"0 of 0 up; no longer scraped: d:1": targetRows(got)[2],
	} {
		if r.Detail != want || (r.State == "ok") != (want == "1 of 1 up") {
			t.Errorf("%+v, want %s", r, want)
		}
	}
	if found := diagnose.Others(got.targets); len(found) > 0 {
		t.Errorf("told as down: %+v", found)
	}
	c := stackCoverage(got, diagnose.Status{Gone: []promql.Instance{{Name: "b:1"}}})
	if !strings.Contains(strings.Join(c.Not, "; "), "ingest b:1, which Prometheus no longer scrapes") || !strings.HasPrefix(c.Looked[0], "2 scrape targets of 2 jobs") {
		t.Errorf("%+v", c)
	}
}

// Behind the gateway, the gateway's own health page was told as ingest's.
func TestTheGatewaysOwnHealth(t *testing.T) {
	t.Parallel()
	var got stackSeen
	got.api = []ingest.Instance{{Name: "gw:1", Path: "/api/circuit-breaker/status"}, {Name: "m:1", Path: "/monitoring/circuit-breaker/status"}, {Name: "a:1", Path: "/circuit-breaker/status"}}
	pages := []ingest.Health{{Name: "gw:1", Status: "DOWN"}, {Name: "m:1", Status: "UP"}, {Name: "a:1", Status: "UP"}}
	got.health, got.hidden = ingest.OwnPages(pages, got.api)
	if r := ingestRow(got, nil); r.State != "ok" || r.Detail != "3 of 3 answer, 1 say UP" {
		t.Errorf("%+v", r)
	}
	if d := diagnose.HealthDoubts(got.health, got.api); len(d) > 0 {
		t.Errorf("doubts %q", d)
	}
	if c := stackCoverage(got, diagnose.Status{}); !strings.Contains(strings.Join(c.Not, "; "), "health of ingest: not visible through the gateway") {
		t.Errorf("%+v", c)
	}
	got.api = got.api[:1]
	got.health, got.hidden = ingest.OwnPages(pages[:1], got.api)
	if r := ingestRow(got, nil); r.State != "ok" || r.Detail != "1 of 1 answer" {
		t.Errorf("%+v", r)
	}
}

func TestStackSummary(t *testing.T) {
	t.Parallel()
	well := []ComponentRow{{"ingest", "ok", ""}, {"kafka", "ok", ""}}
	found := []report.Finding{report.NewFinding(catalog.PGAuthDegradedSlow, "it is so")}
	for want, x := range map[string]struct {
		found   []report.Finding
		verdict catalog.Verdict
		because string
	}{
		"all 2 components looked at are well":                  {nil, catalog.OK, ""},
		"2 components look well, but: PG_AUTH_DEGRADED_SLOW":   {found, catalog.Attention, ""},
		"2 components look well, but: nothing shows a breaker": {nil, catalog.Unknown, "nothing shows a breaker; and more"},
	} {
		if got := stackSummary(well, x.found, x.verdict, x.because); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
