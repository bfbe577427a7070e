package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"payops-mcp/dbquery-mcp/internal/filter"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// SuccessDefinition is what Outcomes go by.
const SuccessDefinition = "captured (a refund since changes nothing) / (captured + failed: any FAIL status but REFUND_FAILED); pending, cancelled and unknown left out"

// Outcome is what became of a payment.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded" // it was captured, whatever came later
	Failed    Outcome = "failed"
	Pending   Outcome = "pending"
	Other     Outcome = "other" // cancelled, or a status that we never heard of
)

// captured are the statuses of payments that were captured.
var captured = []string{"CAPTURED", "COMPLETED", "REFUND_REQUESTED", "REFUNDED", "PARTIAL_REFUNDED", "REFUND_FAILED"}

// OutcomeOf is what a status says of a payment's success.
func OutcomeOf(status string) Outcome {
	switch {
	case slices.Contains(captured, status):
		return Succeeded
	case strings.Contains(strings.ToUpper(status), "FAIL"):
		return Failed
	case slices.Contains(filter.Families()["pending"], status):
		return Pending
	}
	return Other
}

// Statistics is what the shards counted, in their order.
type Statistics struct {
	Shards
	Facts []paydb.Statistics // beside Asked
}

// JudgeStatistics runs the rules on asking the shards: numbers are not judged.
// because is what was not counted.
func JudgeStatistics(s Statistics) (found []report.Finding, ran []catalog.Code, because string) {
	found, ran = Judge(s.Shards)
	var open []string
	for i, f := range s.Facts {
		a := s.Asked[i]
		if !a.Source.OK() || a.SameAs != "" {
			continue
		}
		missing := 0
		var slow *fault.Failure
		for _, p := range f.Parts {
			if p.Counted {
				continue
			}
			missing++
			if p.Failure != nil && p.Failure.Class == fault.Timeout {
				slow = p.Failure
			}
		}
		if missing == 0 {
			continue
		}
		text := fmt.Sprintf("%s counted %d of %d parts of the time: its numbers are lower bounds", a.Shard, len(f.Parts)-missing, len(f.Parts))
		if slow == nil {
			open = append(open, text)
			continue
		}
		found = append(found, report.NewFinding(catalog.SrcDBTimeout, "%s", text).
			With(a.Source.Name, "payments counted by status, currency and merchant", slow.Said.Quoted(), a.Clock.Database).Then(slow.Next))
	}
	return found, ran, strings.Join(open, "; ")
}
