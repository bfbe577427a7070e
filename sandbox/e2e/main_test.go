// Package e2e proves the servers as their users meet them: built programs,
// spoken to over stdio, against real MariaDB, Redis, Prometheus and the ingest
// stand-in, while something is broken.
package e2e

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
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// The stack is this package's own: what it breaks must not be in use elsewhere.
var theStack = sync.OnceValues(func() (*stack.Stack, error) {
	return stack.Start(context.Background(), stack.Options{
		Parts: stack.All &^ stack.PartKafka, // no tool built so far asks Kafka
		Seed:  &seed.Options{Payments: 2000},
	})
})

func TestMain(m *testing.M) {
	code := m.Run()
	if s, err := theStack(); err == nil {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := binaries.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// running returns the stack, started on first use. Where its programs are not
// installed the test is skipped, which is a failure under CI.
func running(t *testing.T) *stack.Stack {
	t.Helper()
	if missing := stack.Missing(stack.All); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v", missing)
		}
		t.Skipf("not installed: %v; scripts/test installs what is missing", missing)
	}
	s, err := theStack()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settings are what the servers are started with, changed by with.
func settings(s *stack.Stack, with map[string]string) map[string]string {
	all := s.Env()
	maps.Copy(all, incident.Settings())
	maps.Copy(all, with)
	return all
}

// serve starts a built server that ends with the test.
func serve(t *testing.T, name string, values map[string]string) *host.Server {
	t.Helper()
	program, err := binaries.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := host.Start(t.Context(), name, program, values)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("end %s: %v", name, err)
		}
	})
	return s
}
