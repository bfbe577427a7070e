// Package stacktest gives tests real servers to speak to.
package stacktest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"payops-mcp/sandbox/stack"
)

// startWithin bounds how long a stack may take to start on a busy machine that
// has to fetch Kafka first.
const startWithin = 5 * time.Minute

var (
	mu     sync.Mutex
	shared []*stack.Stack
)

// Start returns a stack with at least these parts (none means all), without
// data, that all tests of the binary share; a test that stops a part must not
// run in parallel with others. The stack ends with the test binary, however
// that ends. Without the programs that it needs the test is skipped, or fails
// where the environment says CI=true.
func Start(t testing.TB, parts ...stack.Parts) *stack.Stack {
	t.Helper()
	var want stack.Parts
	for _, p := range parts {
		want |= p
	}
	if want == 0 {
		want = stack.All
	}
	Require(t, want)
	mu.Lock()
	defer mu.Unlock()
	for _, s := range shared {
		if s.Has(want) {
			return s
		}
	}
	s := start(t, stack.Options{Parts: want})
	shared = append(shared, s)
	return s
}

// Fresh returns a stack of the test's own, which may do with it as it likes.
// It ends with the test.
func Fresh(t testing.TB, o stack.Options) *stack.Stack {
	t.Helper()
	if o.Parts == 0 {
		o.Parts = stack.All
	}
	Require(t, o.Parts)
	s := start(t, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the stack: %v", err)
		}
	})
	return s
}

// Require skips the test, or fails it where the environment says CI=true, when
// a program that the parts need is not installed.
func Require(t testing.TB, parts stack.Parts) {
	t.Helper()
	for _, n := range stack.Missing(parts) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and CI must not skip; install the package %s", n.Name, n.Debian)
		}
		t.Skipf("%s is not installed (Debian package %s, Homebrew formula %s)", n.Name, n.Debian, n.Brew)
	}
}

func start(t testing.TB, o stack.Options) *stack.Stack {
	t.Helper()
	// Not the test's context: a shared stack outlives the test.
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	begin := time.Now()
	s, err := stack.Start(ctx, o)
	if err != nil {
		t.Fatalf("start %s: %v", o.Parts, err)
	}
	t.Logf("%s started in %s", o.Parts, time.Since(begin).Round(time.Millisecond))
	return s
}
