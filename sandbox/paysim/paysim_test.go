package paysim_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/paysim/fleet"
	"payops-mcp/sandbox/paysim/proof"
	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/proc"
	"payops-mcp/sandbox/stack/stacktest"
)

// parts are the real servers that a payment system needs.
const parts = stack.PartMariaDB | stack.PartRedis | stack.PartKafka

// system is a payment system of a test's own, all of it real processes.
type system struct {
	stack *stack.Stack
	fleet *fleet.Fleet
	proof proof.System
}

// start starts servers and processes, with settings for the processes.
func start(t testing.TB, settings map[string]string) *system {
	t.Helper()
	s := &system{stack: stacktest.Fresh(t, stack.Options{Parts: parts})}
	if err := s.stack.Kafka.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	sup, err := proc.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Close(); err != nil {
			t.Error(err)
		}
	})
	env := s.stack.PaysimEnvironment()
	maps.Copy(env, settings)
	if s.fleet, err = fleet.Start(t.Context(), fleet.Options{Supervisor: sup, Environment: env}); err != nil {
		t.Fatal(err)
	}
	s.proof = proof.System{Shards: s.stack.Databases(), Redis: s.stack.Redis.Admin(), Kafka: strings.Split(s.stack.KafkaBootstrap(), ",")}
	return s
}

// load has a load run until the function ends it; without one, to its own end.
func (s *system) load(t testing.TB, o traffic.Options, during func(context.Context)) *traffic.Generator {
	t.Helper()
	g := traffic.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	if during != nil {
		during(ctx)
		cancel()
	}
	<-done
	return g
}

// settleWithin bounds how long a system may take to finish what it has begun.
const settleWithin = 90 * time.Second

// holds fails the test unless everything is as it has to be.
func (s *system) holds(t testing.TB, g *traffic.Generator) {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), settleWithin)
	defer cancel()
	if err := s.proof.Settle(ctx); err != nil {
		for _, m := range s.fleet.Members() {
			t.Logf("%s: %s: %s", m.Name(), status(t, m), m.LogTail())
		}
		t.Fatal(err)
	}
	t.Logf("settled after %s", time.Since(begin).Round(time.Millisecond))
	wrong, err := s.proof.Check(t.Context(), g.Paid())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range append(wrong, g.Stats().Wrong...) {
		t.Error(w)
	}
}

// status is what a process says of itself.
func status(t testing.TB, m *fleet.Member) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.ControlURL()+"/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// duration is how long a test's load runs: short, unless the environment asks
// for more.
func duration(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("PAYSIM_PROOF_DURATION")
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("PAYSIM_PROOF_DURATION: %v", err)
	}
	return d
}

func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
