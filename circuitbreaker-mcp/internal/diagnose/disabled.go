package diagnose

import (
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// disabled finds breakers that protect nothing.
func disabled(s Status) (found []report.Finding) {
	for _, breaker := range s.Breakers() {
		all := s.of(breaker)
		some := filter(all, inState("DISABLED", "METRICS_ONLY"))
		if len(some) == 0 {
			continue
		}
		f := report.NewFinding(catalog.CBDisabled, "%s is %s %s: it lets every call through, whatever fails", Name(breaker), some[0].State, Where(some, all)).
			Then("Ask its owners whether that is meant", "Have it enabled again once no incident needs it off").
			ConfirmWith("diagnose_circuit_breaker")
		found = append(found, cite(f, some))
	}
	return found
}
