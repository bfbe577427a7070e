package mcp_test

import (
	"os"
	"slices"
	"testing"

	"payops-mcp/bench/internal/result"
	"payops-mcp/bench/mcp"
	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/stack"
)

// Whether bounds are kept is for a quiet machine to say. Here every figure must
// come about, with the answers that make it one: Run fails where they do not.
func TestEveryFigureComesAbout(t *testing.T) {
	complete := len(stack.Missing(stack.All&^stack.PartKafka)) == 0
	if !complete && os.Getenv("CI") == "true" {
		t.Fatalf("not installed: %v", stack.Missing(stack.All&^stack.PartKafka))
	}
	figures, versions, err := mcp.Run(t.Context(), mcp.Options{Runs: 1, Reps: 1, Load: 20, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) == 0 {
		t.Error("no versions")
	}
	for _, want := range []string{
		"start to initialize, of the floor's", "start, systems refuse, of healthy", "start, systems are black holes, of healthy",
		"exit after stdin ends", "exit after stdin ends, 8 calls waiting", "fast call behind 8 slow ones, of idle",
		"memory resident after load", "tools/list", "an answer's text",
	} {
		for _, server := range binaries.Servers() {
			check(t, figures, want, server, complete)
		}
	}
	check(t, figures, "call, over its HTTP requests sent bare", "kit", complete)
	check(t, figures, "call, over its HTTP requests sent bare", binaries.CircuitBreaker, complete)
}

func check(t *testing.T, figures []result.Figure, name, server string, complete bool) {
	t.Helper()
	at := slices.IndexFunc(figures, func(f result.Figure) bool { return f.Name == name && f.Subject == server })
	switch {
	case at < 0:
		t.Errorf("there is no figure %q of %s", name, server)
	case complete && len(figures[at].Runs) == 0:
		t.Errorf("%q of %s was not measured: %s", name, server, figures[at].Note)
	case len(figures[at].Runs) == 0 && figures[at].Note == "":
		t.Errorf("%q of %s is skipped without a reason", name, server)
	}
}
