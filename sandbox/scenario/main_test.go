package scenario_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/scenario"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// options are those of the payment system that everything happens to.
var options = stack.Options{
	Parts: stack.Living, Rate: 10, Seed: &seed.Options{Payments: 500}, Paysim: incident.LivingSettings(),
}

var start = sync.OnceValues(func() (*stack.Stack, error) {
	s, err := stack.Start(context.Background(), options)
	if err == nil {
		err = s.WaitWarm(context.Background())
	}
	started = s
	return s, err
})

var started *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m, func() error {
		if started == nil {
			return nil
		}
		return started.Close()
	}))
}

// system returns the living payment system, started on first use. Where its
// programs are not installed the test is skipped, which is a failure under CI.
func system(t *testing.T) *stack.Stack {
	t.Helper()
	stacktest.Require(t, options.Parts)
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// servers starts the three built servers, which end with the test.
func servers(t *testing.T, s *stack.Stack) scenario.Servers {
	t.Helper()
	settings := incident.ServerSettings(s)
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
