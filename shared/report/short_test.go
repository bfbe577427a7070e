package report_test

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// What is left out first is what an engineer misses least, and of the first finding it is
// its further steps alone.
func TestWhatFindingsRepeatGoesFirst(t *testing.T) {
	long, now := strings.Repeat("x", 900), time.Now()
	finding := func(code catalog.Code) report.Finding {
		return report.NewFinding(code, "%s", code).With("s1", "asked", long, now).With("s2", "asked", long, now).Hurts("somebody").Then("first", "second")
	}
	a := report.Answer[struct{}]{Findings: []report.Finding{finding(catalog.ConsumerMessageDropped), finding(catalog.SettlementMissing), finding(catalog.LedgerPostingLate)}}
	a.Conclude()
	report.Shorten(&a, report.FurtherSteps(a.Findings), report.Repeated(a.Findings))
	for _, f := range a.Findings {
		low, symptom := f.Severity == catalog.Low, f.Kind == catalog.Symptom
		if len(f.Next) != 1 || (f.Blast == "") != symptom || (len(f.Evidence) == 1) != low {
			t.Errorf("%s keeps %d steps, %d pieces of evidence, and hurts %q", f.Code, len(f.Next), len(f.Evidence), f.Blast)
		}
	}
	if not := strings.Join(a.Coverage.Not, "; "); not != "left out to be short: further steps, what findings repeat" {
		t.Error(not)
	}
}
