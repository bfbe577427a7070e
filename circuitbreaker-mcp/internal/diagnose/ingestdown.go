package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// ingestDown finds instances that neither answer nor let themselves be scraped.
// One source alone proves nothing: its own way there may be broken.
func ingestDown(s Status) []report.Finding {
	if !s.Prom.Source.OK() || len(s.API) == 0 {
		return nil
	}
	silent := slices.DeleteFunc(slices.Clone(s.API), func(a ingest.Instance) bool { return !silent(a) })
	up := slices.ContainsFunc(s.Prom.Instances, func(p promql.Instance) bool { return p.Up && !gone(p, s.Prom.At) })
	if len(silent) == len(s.API) && !up && s.Instance == "" {
		return []report.Finding{allDown(s, silent)}
	}
	var found []report.Finding
	for _, a := range silent {
		n := slices.IndexFunc(s.Prom.Instances, func(p promql.Instance) bool { return same(a, p, s.Prom.Local) && down(p) && !gone(p, s.Prom.At) })
		if n < 0 {
			continue
		}
		f := report.NewFinding(catalog.IngestDown, "ingest instance %s is down: it does not answer (%s) and Prometheus cannot scrape it", Name(a.Name), a.Source.Err.Class)
		// The others carry the traffic.
		f.Severity, f.Verdict = catalog.High, catalog.Attention
		f = citeUp(citeSilence(f, a), s.Prom.Instances[n]).
			Hurts("the requests that still go to it; other instances answer").
			Then("Look at the instance: process, log, what was deployed", "Look whether the service registry still sends traffic to it").
			ConfirmWith("check_stack_health")
		found = append(found, f)
	}
	return found
}

// silent reports whether nothing at an instance's address speaks for it.
func silent(a ingest.Instance) bool {
	if a.Source.OK() {
		return false
	}
	switch a.Source.Err.Class {
	case fault.Unreachable, fault.Timeout, fault.BadGateway, fault.Disconnected:
		return true
	}
	return false
}

func allDown(s Status, silent []ingest.Instance) report.Finding {
	var classes []string
	for _, a := range silent {
		if c := string(a.Source.Err.Class); !slices.Contains(classes, c) {
			classes = append(classes, c)
		}
	}
	scraped := "Prometheus scrapes none"
	if len(s.Prom.Instances) > 0 {
		scraped = "no scrape of it works"
	}
	f := report.NewFinding(catalog.IngestDown, "the ingest service is down: no API address answers (%s), and %s", strings.Join(classes, ", "), scraped)
	f = citeSilence(f, silent[0]) // what the others said stands with the sources
	for _, p := range s.Prom.Instances[:min(len(s.Prom.Instances), maxNames)] {
		f = citeUp(f, p)
	}
	if len(s.Prom.Instances) == 0 {
		last := "no series in the last 5 minutes; last scrape"
		if s.Prom.LastSeen.IsZero() {
			// Both may be set to the wrong place: this is then no alarm.
			last = "no series in the last week: this Prometheus may never have scraped it"
			f = f.Unsure()
		}
		f = f.With("prometheus", `up{job="ingest-service"}`, last, s.Prom.LastSeen)
	}
	return f.Hurts("all payments: authorize, capture and refund").
		Then("Look whether the instances run, and what was deployed last", "Look at the service registry: are they registered", "Look at the gateway's own health").
		ConfirmWith("check_stack_health")
}

func citeSilence(f report.Finding, a ingest.Instance) report.Finding {
	return f.With("ingest "+Name(a.Name), a.Source.Asked, fmt.Sprintf("%s: %s", a.Source.Err.Class, a.Source.Err.Said.Quoted()), a.Date)
}

func citeUp(f report.Finding, p promql.Instance) report.Finding {
	return f.With("prometheus", fmt.Sprintf(`up{job="ingest-service",instance=%q}`, p.Name.String()), upValue(p), p.UpAt)
}

// upValue is what the last scrape of an instance came to.
func upValue(p promql.Instance) string {
	value := "up 1, and then no more scrapes"
	if !p.Up {
		value = "up 0"
	}
	if p.ScrapeError != "" {
		value += ": " + p.ScrapeError.Quoted()
	}
	return value
}
