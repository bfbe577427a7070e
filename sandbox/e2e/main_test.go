// Package e2e proves the servers as their users meet them: built programs,
// spoken to over stdio, against real MariaDB, Redis, Prometheus, Kafka and a
// payment system, while something is broken.
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

// The stacks are this package's own: what it breaks must not be in use
// elsewhere. In the static one the ingest service is a stand-in, and nothing
// happens but what is written into it; in the living one merchants pay, and
// what is broken has its symptoms by itself.
var (
	static = &system{options: stack.Options{
		Parts: stack.All,
		Seed:  &seed.Options{Payments: 2000},
	}}
	living = &system{options: stack.Options{
		Parts: stack.Living, KafkaBrokers: 3, Rate: 10,
		Seed: &seed.Options{Payments: 2000}, Paysim: incident.LivingSettings(),
	}}
)

// system is a stack that is started on first use.
type system struct {
	options stack.Options
	once    sync.Once
	stack   *stack.Stack
	err     error
}

func (s *system) start() (*stack.Stack, error) {
	s.once.Do(func() { s.stack, s.err = stack.Start(context.Background(), s.options) })
	return s.stack, s.err
}

// close ends the stack, if it was started.
func (s *system) close() error {
	if s.stack == nil {
		return nil
	}
	return s.stack.Close()
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range []*system{static, living} {
		if err := s.close(); err != nil {
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
func (s *system) running(t *testing.T) *stack.Stack {
	t.Helper()
	if missing := stack.Missing(s.options.Parts); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v", missing)
		}
		t.Skipf("not installed: %v; scripts/test installs what is missing", missing)
	}
	up, err := s.start()
	if err != nil {
		t.Fatal(err)
	}
	return up
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
