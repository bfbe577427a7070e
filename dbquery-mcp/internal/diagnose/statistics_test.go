package diagnose_test

import (
	"testing"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/filter"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// Every status there is has an outcome; what is not known is no success.
func TestOutcomes(t *testing.T) {
	want := map[string]diagnose.Outcome{
		"READY": diagnose.Pending, "REQUESTED": diagnose.Pending, "AUTHORIZED": diagnose.Pending, "CAPTURE_REQUESTED": diagnose.Pending,
		"CAPTURED": diagnose.Succeeded, "COMPLETED": diagnose.Succeeded, "REFUND_REQUESTED": diagnose.Succeeded, "REFUNDED": diagnose.Succeeded,
		"PARTIAL_REFUNDED": diagnose.Succeeded, "REFUND_FAILED": diagnose.Succeeded,
		"AUTH_FAILED": diagnose.Failed, "CAPTURE_FAILED": diagnose.Failed, "CANCELLED": diagnose.Other,
	}
	for _, s := range filter.Statuses {
		if got := diagnose.OutcomeOf(s.Name); got != want[s.Name] {
			t.Errorf("%s is %s, want %q", s.Name, got, want[s.Name])
		}
	}
	for status, outcome := range map[string]diagnose.Outcome{"PAYOUT_FAILED": diagnose.Failed, "NEW_WORD": diagnose.Other, "": diagnose.Other, "(NULL)": diagnose.Other} {
		if got := diagnose.OutcomeOf(status); got != outcome {
			t.Errorf("%q is %s, want %s", status, got, outcome)
		}
	}
}

func TestJudgeStatistics(t *testing.T) {
	counted := paydb.StatisticsPart{Counted: true}
	slow := paydb.StatisticsPart{Failure: &fault.Failure{Class: fault.Timeout, Said: "1969", Next: "Ask for less"}}
	for name, x := range map[string]struct {
		parts   []paydb.StatisticsPart
		want    string
		verdict catalog.Verdict
		says    []string
	}{
		"all counted":      {[]paydb.StatisticsPart{counted, counted}, "", catalog.OK, nil},
		"one too slow":     {[]paydb.StatisticsPart{counted, slow}, "SRC_DB_TIMEOUT low", catalog.Unknown, []string{"shard1 counted 1 of 2 parts of the time: its numbers are lower bounds"}},
		"no time for one":  {[]paydb.StatisticsPart{counted, {}}, "", catalog.Unknown, []string{"shard1 counted 1 of 2 parts"}},
		"nothing to count": {nil, "", catalog.OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := diagnose.Statistics{Shards: diagnose.Shards{Asked: []paydb.Asked{answered(1), answered(2)}}, Facts: []paydb.Statistics{{Parts: x.parts}, {Parts: []paydb.StatisticsPart{counted}}}}
			judged(t, s.Asked, func() ([]report.Finding, []catalog.Code, string) { return diagnose.JudgeStatistics(s) }, x.want, x.verdict, x.says)
		})
	}
}
