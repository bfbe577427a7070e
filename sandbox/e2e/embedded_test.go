package e2e

import (
	"testing"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/embedded"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// What production asks works unchanged on the stand-ins: no tool is refused
// anything, a healthy system is called healthy, and incidents have their
// symptoms and are named.
func TestEmbedded(t *testing.T) {
	s, err := embedded.Start(t.Context(), stack.Options{Seed: &seed.Options{}, Paysim: incident.LivingSettings()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("every tool", func(t *testing.T) { calledHealthy(t, s) })
	for _, id := range []string{"CB-01", "HT-03", "OB-02", "RD-05"} {
		t.Run(id, func(t *testing.T) {
			i, err := incident.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			happensTo(t, s, drill.Scenario{Incidents: []incident.Incident{i}})
		})
	}
}
