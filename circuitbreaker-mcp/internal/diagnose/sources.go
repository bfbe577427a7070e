package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// apiCodes say which finding a class of failure of the API is.
var apiCodes = map[fault.Class]catalog.Code{
	fault.Unreachable:  catalog.SrcAPIUnreachable,
	fault.Disconnected: catalog.SrcAPIUnreachable,
	fault.Timeout:      catalog.SrcAPITimeout,
	fault.BadGateway:   catalog.SrcAPIBadGateway,
	fault.MissingPath:  catalog.SrcAPINotFound,
	fault.NotJSON:      catalog.SrcAPINotJSON,
	fault.Schema:       catalog.SrcAPISchema,
}

// apiFailures finds instances that did not say what they were asked, one finding
// for each kind of failure, and those whose status lies elsewhere than they were
// configured.
func apiFailures(s Status) []report.Finding {
	var codes []catalog.Code
	failed := map[catalog.Code][]ingest.Instance{}
	for _, a := range s.API {
		if a.Source.OK() {
			continue
		}
		code, ok := apiCodes[a.Source.Err.Class]
		if !ok { // no code of its own: auth, permission, another status
			code = catalog.SrcPartialResult
		}
		if failed[code] == nil {
			codes = append(codes, code)
		}
		failed[code] = append(failed[code], a)
	}
	var found []report.Finding
	for _, code := range codes {
		list := failed[code]
		var names []string
		for _, a := range list[:min(len(list), maxNames)] {
			names = append(names, Name(a.Name))
		}
		f := report.NewFinding(code, "%d of %d API address%s did not tell the state: %s (%s)", len(list), len(s.API), es(len(s.API)), list[0].Source.Err.Class, strings.Join(names, ", "))
		// One speaks for all of its kind: what each said, and what to do about it,
		// stands with the source.
		found = append(found, citeSilence(f, list[0]))
	}
	for _, a := range s.API {
		if a.Source.OK() && len(a.Missing) > 0 {
			found = append(found, elsewhere(a))
		}
	}
	return found
}

// elsewhere tells that a status was found at another path than the service's own.
// It was found, so nothing is missing but a better setting.
func elsewhere(a ingest.Instance) report.Finding {
	who := "the gateway, which asks an instance of its choice"
	if a.Monitoring() {
		who = "the monitoring service, which asks one instance of its choice"
	}
	f := report.NewFinding(catalog.SrcAPINotFound, "%s is not found; %s%s answered: %s", strings.Join(a.Missing, " and "), Name(a.Base), a.Path, who)
	f.Severity, f.Verdict = catalog.Info, catalog.OK
	return f.With("ingest "+Name(a.Name), "GET "+strings.Join(a.Missing, ", "), "404", a.Date).
		Then("To see each instance, set API_BASE_URL to the instances themselves")
}

// maxAsked is how much of a query a finding repeats, in bytes.
const maxAsked = 120

// PromSilent finds that Prometheus did not answer. without says what is missing for
// that. asked of the source is not repeated whole: that stands with the source.
func PromSilent(source fault.Source, at time.Time, without string) []report.Finding {
	err := source.Err
	if err == nil {
		return nil
	}
	code := catalog.SrcPromError
	switch err.Class {
	case fault.Unreachable, fault.Timeout, fault.Disconnected:
		code = catalog.SrcPromUnreachable
	}
	asked := source.Asked
	if len(asked) > maxAsked {
		asked = asked[:maxAsked] + "…"
	}
	f := report.NewFinding(code, "Prometheus did not tell (%s): without it there is %s", err.Class, without)
	return []report.Finding{f.With(source.Name, asked, err.Said.Quoted(), at)}
}

// promFailures finds what keeps Prometheus from telling the present.
func promFailures(s Status) []report.Finding {
	if !s.Prom.Source.OK() {
		return PromSilent(s.Prom.Source, s.Prom.At, "no "+PGAuthAPI+", no history, no second view")
	}
	if len(s.Prom.Instances) == 0 {
		f := report.NewFinding(catalog.SrcPromNoData, `Prometheus has no series of job "ingest-service" of the last 5 minutes`)
		last := "last scrape"
		if s.Prom.LastSeen.IsZero() {
			last = "no scrape in the last week"
		}
		return []report.Finding{f.With(s.Prom.Source.Name, `up{job="ingest-service"}`, last, s.Prom.LastSeen).
			Then("Look whether PROMETHEUS_URL is the right one, and at its page /targets")}
	}
	var found []report.Finding
	if f, ok := stale(s); ok {
		found = append(found, f)
	}
	if f, ok := noSeries(s); ok {
		found = append(found, f)
	}
	return found
}

// stale finds instances whose newest samples are not of now.
func stale(s Status) (report.Finding, bool) {
	old := slices.DeleteFunc(slices.Clone(s.Prom.Instances), func(p promql.Instance) bool {
		return slices.ContainsFunc(s.Gone, func(g promql.Instance) bool { return g.Name == p.Name }) || !down(p) && !gone(p, s.Prom.At)
	})
	if len(old) == 0 {
		return report.Finding{}, false
	}
	var names []string
	for _, p := range old[:min(len(old), maxNames)] {
		names = append(names, Name(p.Name.String()))
	}
	f := report.NewFinding(catalog.SrcPromStale, "Prometheus has nothing of now of %d of %d instances (%s)", len(old), len(s.Prom.Instances)-len(s.Gone), strings.Join(names, ", "))
	// One speaks for all: how old each is stands with the breakers.
	p := old[0]
	if len(ingestDown(s)) > 0 {
		p.ScrapeError = "" // it stands with that finding
	}
	newest := p.UpAt
	value := "no sample of a breaker, " + upValue(p)
	for i, b := range p.Breakers {
		if i == 0 || b.At.After(newest) {
			newest = b.At
			value = fmt.Sprintf("newest sample %s old, %s", short(s.Prom.At.Sub(b.At)), upValue(p))
		}
	}
	f = f.With("prometheus", fmt.Sprintf(`resilience4j_circuitbreaker_state{job="ingest-service",instance=%q}`, p.Name.String()), value, newest)
	return f.Then("Look at Prometheus' page /targets for why the scrape fails"), true
}

// noSeries finds instances that are scraped and show no series of an expected
// breaker: absent is not zero, and not closed.
func noSeries(s Status) (report.Finding, bool) {
	var missing []string
	for _, p := range s.Prom.Instances {
		if down(p) || gone(p, s.Prom.At) {
			continue
		}
		for _, want := range s.Expected {
			if !slices.ContainsFunc(p.Breakers, func(b promql.Breaker) bool {
				return b.Name.String() == want && !tooOld(s.Prom.At.Sub(b.At), p.Interval)
			}) {
				missing = append(missing, want+" of "+Name(p.Name.String()))
			}
		}
	}
	if len(missing) == 0 {
		return report.Finding{}, false
	}
	f := report.NewFinding(catalog.SrcPromNoData, "Prometheus scrapes ingest and has no state of %s", strings.Join(missing[:min(len(missing), maxNames)], ", "))
	return f.With("prometheus", `resilience4j_circuitbreaker_state{job="ingest-service"}`, fmt.Sprintf("no series for %d of %d", len(missing), len(s.Expected)*len(s.Prom.Instances)), s.Prom.At).
		Then("Look whether this build of ingest has the breaker and exports its metrics at /actuator/prometheus"), true
}

func es(n int) string {
	if n == 1 {
		return ""
	}
	return "es"
}
