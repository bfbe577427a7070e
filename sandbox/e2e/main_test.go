// Package e2e proves the servers as their users meet them: built programs,
// spoken to over stdio, against real MariaDB, Redis, Prometheus, Kafka and a
// payment system, while something is broken.
package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
	"payops-mcp/sandbox/testseed"
)

// The stacks are this package's own: what it breaks must not be in use
// elsewhere. In the static one the ingest service is a stand-in, and nothing
// happens but what is written into it; in the living one merchants pay, and
// what is broken has its symptoms by itself.
var (
	static = &system{options: drill.Static()}
	living = &system{options: drill.Living()}
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
	if how := os.Getenv(cheatsAs); how != "" { // started by TestServersThatCheat
		if err := serveCheat(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(binaries.Main(m, static.close, living.close))
}

// running returns the stack, started on first use. Where its programs are not
// installed the test is skipped, which is a failure under CI.
func (s *system) running(t *testing.T) *stack.Stack {
	t.Helper()
	stacktest.Require(t, s.options.Parts)
	up, err := s.start()
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// desk asks the built servers about a stack, until the test ends.
func desk(t *testing.T, s *stack.Stack) *drill.Desk {
	t.Helper()
	d := drill.NewDesk(s, binaries.Path)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// random draws from the test's seed.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(testseed.Of(t), 0))
}
