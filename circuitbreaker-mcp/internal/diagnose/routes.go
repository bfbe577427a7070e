package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// routeShare is how much of what one route served failed.
type routeShare struct {
	share
	name string
	uri  string
}

// mostOfEnough reports whether so many requests that it is no chance mostly failed. Of one
// route less is none of a spike: a few refunds that fail are a small part of all.
func (s share) mostOfEnough() bool { return s.enough() && s.ratio() >= mostFailed }

// failedRoutes are the routes whose failures are of a kind. One that is seldom called is
// lost among the others in the share of all.
func failedRoutes(p promql.Past, fits func(share) bool) (all []routeShare) {
	for _, r := range p.HTTP.Routes {
		if s, found := shareOfRoute(p, r, fits); found {
			all = append(all, routeShare{s, Name(r.URI.String()), r.URI.String()})
		}
	}
	return all
}

// shareOfRoute is that of the last five minutes, if it still goes on; for a time that is
// over, the worse of that and of all of it: by route no more is known.
func shareOfRoute(p promql.Past, r promql.Route, fits func(share) bool) (most share, found bool) {
	if p.Live {
		p.HTTP.FiveMinutes, p.HTTP.Recent = r.FiveMinutes, r.Recent
		return shareOf(p, failed5xx, fits)
	}
	part, all := failed5xx.of(r.FiveMinutes)
	whole := share{at: p.Until, over: p.Until.Sub(p.Since)}
	for status, n := range r.Status {
		whole.all += n
		if strings.HasPrefix(status, "5") {
			whole.part += n
		}
	}
	for _, s := range []share{{part, all, p.Until, spikeWindow}, whole} {
		if fits(s) && s.ratio() > most.ratio() {
			most, found = s, true
		}
	}
	return most, found
}

// routes5xx finds routes of which most requests fail while few of all do.
func routes5xx(p promql.Past) []report.Finding {
	failed := failedRoutes(p, share.mostOfEnough)
	if len(failed) == 0 {
		return nil
	}
	worst := slices.MaxFunc(failed, func(a, b routeShare) int { return int(a.part - b.part) })
	var told []string
	for _, r := range failed {
		told = append(told, fmt.Sprintf("%s of %s", r.share, r.name))
	}
	f := report.NewFinding(catalog.Ingest5xxSpike, "%s are answered 5xx, of the other routes fewer", strings.Join(few(told, maxNames, "more"), ", ")).
		With("prometheus", fmt.Sprintf(`increase(http_server_requests_seconds_count{job="ingest-service",uri=%q}[%ds]) by status`, worst.uri, int(worst.over.Seconds())), worst.String(), worst.at).
		Hurts("what these routes do: the others go on").
		Then("Look in the log of ingest for what these requests fail with", "check_database_health: the tables that this route writes").
		ConfirmWith("check_database_health")
	return []report.Finding{f}
}
