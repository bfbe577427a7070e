package e2e

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
)

// baselineFile is kept by scripts/bench incidents --baseline.
const baselineFile = "../../bench/results/incidents-baseline.json"

var readBaseline = sync.OnceValues(func() (drill.Baseline, error) { return drill.ReadBaseline(baselineFile) })

// baseline is which scenarios are fully right, so that none is lost.
func baseline(t *testing.T) drill.Baseline {
	t.Helper()
	b, err := readBaseline()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A name of the baseline that no scenario has any more protects nothing.
func TestBaselineNamesScenarios(t *testing.T) {
	known := map[string]bool{}
	for _, i := range incident.All() {
		one := []incident.Incident{i}
		known[drill.Scenario{Incidents: one}.Name()] = true
		known[drill.Scenario{Incidents: one, Near: i.NearMisses()}.Name()] = true
	}
	for _, p := range incident.Pairs() {
		known[drill.Scenario{Incidents: p[:]}.Name()] = true
	}
	for _, living := range []bool{false, true} {
		known[drill.Scenario{Near: incident.NearMisses(living)}.Name()] = true
	}
	b := baseline(t)
	for _, name := range append(slices.Sorted(maps.Keys(b.Open)), b.Right...) {
		if !known[name] {
			t.Errorf("%s names %q, which no scenario is called", baselineFile, name)
		}
	}
}
