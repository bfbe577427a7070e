package scenario_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/scenario"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// options are those of the payment system that everything happens to.
var options = stack.Options{
	Parts: stack.Living, Rate: 10, Seed: &seed.Options{Payments: 500}, Paysim: incident.LivingSettings(),
}

var start = sync.OnceValues(func() (*stack.Stack, error) {
	s, err := stack.Start(context.Background(), options)
	if err == nil {
		// Enough for the breakers to know their rates.
		err = s.WaitPaid(context.Background(), 50)
	}
	if err == nil {
		err = s.WaitScraped(context.Background())
	}
	started = s
	return s, err
})

var started *stack.Stack

func TestMain(m *testing.M) {
	code := m.Run()
	var err error
	if started != nil {
		err = started.Close()
	}
	for _, err := range []error{err, binaries.Remove()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// system returns the living payment system, started on first use. Where its
// programs are not installed the test is skipped, which is a failure under CI.
func system(t *testing.T) *stack.Stack {
	t.Helper()
	if missing := stack.Missing(options.Parts); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v", missing)
		}
		t.Skipf("not installed: %v; scripts/test installs what is missing", missing)
	}
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// servers starts the three built servers, which end with the test.
func servers(t *testing.T, s *stack.Stack) scenario.Servers {
	t.Helper()
	settings := s.Env()
	maps.Copy(settings, incident.Settings())
	all := scenario.Servers{}
	for _, name := range binaries.Servers() {
		program, err := binaries.Path(name)
		if err != nil {
			t.Fatal(err)
		}
		server, err := host.Start(t.Context(), name, program, settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Close(); err != nil {
				t.Errorf("end %s: %v", name, err)
			}
		})
		all[name] = server
	}
	return all
}
