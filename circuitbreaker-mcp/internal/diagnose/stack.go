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

// Others finds services beside ingest that Prometheus cannot scrape: whether they
// work is then not known from their metrics.
func Others(targets []promql.Target) []report.Finding {
	var down []string
	var first promql.Target
	for _, t := range targets {
		if t.Up || t.Gone() || t.IsIngest() {
			continue
		}
		if len(down) == 0 {
			first = t
		}
		down = append(down, Name(t.Job.String())+" "+Name(t.Instance.String()))
	}
	if len(down) == 0 {
		return nil
	}
	f := report.NewFinding(catalog.SrcPromStale, "Prometheus cannot scrape %s: down, or its metrics are", strings.Join(down[:min(len(down), maxNames)], ", ")).
		With("prometheus", fmt.Sprintf(`up{job=%q,instance=%q}`, first.Job.String(), first.Instance.String()), "0", first.At).
		Then("Look whether the process runs", "check_kafka_health: is its consumer group at work").
		ConfirmWith("check_kafka_health")
	return []report.Finding{f}
}

// HealthDoubts are instances that call themselves unwell, and those that do not say:
// a database or Redis behind them fails its check, or lets it hang, which the other
// servers can look at. Where there is no such page, as behind a gateway, nothing is
// doubted, and neither is an instance that tells nothing at all, which is told of as
// that.
func HealthDoubts(pages []ingest.Health, instances []ingest.Instance) (doubts []string) {
	type doubt struct{ before, after string } // of the names of those that it is about
	var order []doubt
	by := map[doubt][]string{}
	add := func(before, after string, h ingest.Health) {
		d := doubt{before, after}
		if by[d] == nil {
			order = append(order, d)
		}
		by[d] = append(by[d], Name(h.Name))
	}
	for _, h := range pages {
		silent := slices.ContainsFunc(instances, func(i ingest.Instance) bool { return i.Name == h.Name && !i.Source.OK() })
		switch {
		case h.Source.OK() && h.Status != "UP":
			add("ingest ", " says "+Name(h.Status.String())+" of itself: a database or Redis fails its check (check_database_health, cache_stats)", h)
		case h.Source.OK() || HasNoHealth(h) || silent:
		case h.Source.Err.Class == fault.Timeout:
			add("the health page of ingest ", " did not answer (timeout): a check behind it (database, Redis) may hang: check_database_health, cache_stats", h)
		default:
			add("the health page of ingest ", " told nothing ("+string(h.Source.Err.Class)+"): whether its database and Redis pass their checks is not known", h)
		}
	}
	for _, d := range order {
		doubts = append(doubts, d.before+strings.Join(few(by[d], maxNames, "more"), " and ")+d.after)
	}
	return doubts
}

// HasNoHealth reports whether there is no health page where an instance is asked, so
// that it cannot be told from it how it is.
func HasNoHealth(h ingest.Health) bool {
	return !h.Source.OK() && h.Source.Err.Class == fault.MissingPath
}
