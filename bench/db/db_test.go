package db_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"payops-mcp/bench/db"
	"payops-mcp/bench/internal/result"
	"payops-mcp/sandbox/stack"
)

// Whether bounds are kept is for a quiet machine and a large ledger to say. Here every
// figure must come about, with exactly what is planted found: Run fails where it is not.
func TestEveryFigureComesAbout(t *testing.T) {
	missing := stack.Missing(stack.PartMariaDB)
	_, err := exec.LookPath("mariadb")
	if len(missing) > 0 || err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v %v", missing, err)
		}
		t.Skipf("not installed: %v %v", missing, err)
	}
	figures, versions, err := db.Run(t.Context(), db.Options{Payments: []int{db.LeastPayments}, Runs: 1, Calls: 20, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) == 0 {
		t.Error("no versions")
	}
	for _, want := range []string{
		"four checks, wall time of the single statement", "four checks, database's cpu of the single statement", "all checks, wall time of the single statement",
		"longest statement, of the single statement", "growth of the history, of the single statement", "memory of this server, at most",
		"p99 of a writer beside nothing", "p99 of a writer beside four checks at full pace", "p99 of a writer beside four checks at a gentle pace",
		"a guarded statement, over the bare one", "a cancelled call's statement is gone after", "SELECT * of everything, over LIMIT",
	} {
		at := slices.IndexFunc(figures, func(f result.Figure) bool { return f.Name == want && f.Subject == "20k" })
		switch {
		case at < 0:
			t.Errorf("there is no figure %q", want)
		case len(figures[at].Runs) == 0 && figures[at].Note == "":
			t.Errorf("%q is skipped without a reason", want)
		}
	}
}
