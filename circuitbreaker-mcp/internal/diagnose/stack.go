package diagnose

import (
	"fmt"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Others finds services beside ingest that Prometheus cannot scrape: whether they
// work is then not known from their metrics.
func Others(targets []promql.Target) []report.Finding {
	var down []string
	var first promql.Target
	for _, t := range targets {
		if t.Up || t.IsIngest() {
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

// HealthDoubts are instances that call themselves unwell: a database or Redis
// behind them fails its check, which the other servers can look at.
func HealthDoubts(all []ingest.Health) (doubts []string) {
	var order []string
	by := map[string][]string{}
	for _, h := range all {
		if !h.Source.OK() || h.Status == "UP" {
			continue
		}
		status := Name(h.Status.String())
		if by[status] == nil {
			order = append(order, status)
		}
		by[status] = append(by[status], Name(h.Name))
	}
	for _, status := range order {
		doubts = append(doubts, fmt.Sprintf("ingest %s says %s of itself: a database or Redis fails its check (check_database_health, cache_stats)", strings.Join(by[status], " and "), status))
	}
	return doubts
}
