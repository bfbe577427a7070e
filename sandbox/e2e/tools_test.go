package e2e

import (
	"maps"
	"slices"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
)

// The judge takes a finding that names any other tool for a mistake.
func TestTheJudgeKnowsTheTools(t *testing.T) {
	s := static.running(t)
	listed := map[string]bool{}
	for _, name := range binaries.Servers() {
		program, err := binaries.Path(name)
		if err != nil {
			t.Fatal(err)
		}
		server, err := host.Start(t.Context(), name, program, incident.ServerSettings(s))
		if err != nil {
			t.Fatal(err)
		}
		tools, err := server.Tools(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, tool := range tools {
			listed[tool.Name] = true
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	if want, known := slices.Sorted(maps.Keys(listed)), incident.ToolNames(); !slices.Equal(known, want) {
		t.Errorf("the judge knows %v, the servers list %v", known, want)
	}
}
