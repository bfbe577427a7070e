package e2e

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// healthy is a row that allows nothing above info.
var healthy = incident.Row{ID: "healthy", Severity: "none"}

// investigation asks what an engineer would ask, and keeps the servers it started.
type investigation struct {
	t       *testing.T
	stack   *stack.Stack
	servers map[string]*host.Server
}

func (i *investigation) ask(asks []incident.Ask) []incident.Said {
	i.t.Helper()
	var all []incident.Said
	for _, a := range asks {
		if i.servers[a.Server] == nil {
			i.servers[a.Server] = serve(i.t, a.Server, settings(i.stack, nil))
		}
		answer, err := i.servers[a.Server].Call(i.t.Context(), a.Tool, a.Args)
		if err != nil {
			i.t.Fatal(err)
		}
		said, err := answer.Said(a.Server, a.Tool)
		if err != nil {
			i.t.Fatal(err)
		}
		all = append(all, said)
	}
	return all
}

// TestIncidents injects every incident there is into the running system. Each
// must be named, nothing else may be, and after the repair all is well again.
func TestIncidents(t *testing.T) {
	s := running(t)
	for _, i := range incident.All() {
		t.Run(i.ID, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			w := &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(seed, 0))}
			if err := s.Prometheus.WaitScraped(t.Context(), s.Ingest...); err != nil {
				t.Fatal(err)
			}
			inv := &investigation{t, s, map[string]*host.Server{}}
			did, err := i.Start(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			repaired := false
			t.Cleanup(func() {
				if !repaired {
					if err := i.Undo(context.WithoutCancel(t.Context()), w, did); err != nil {
						t.Errorf("undo: %v", err)
					}
				}
			})
			said := inv.ask(did.Asks)
			for _, mistake := range i.Row().Judge(said, did.Quotes) {
				t.Error(mistake)
			}
			for _, never := range did.Never {
				for _, a := range said {
					if strings.Contains(a.Text, never) {
						t.Errorf("%s says %q, which must never stand in an answer", a.Tool, never)
					}
				}
			}
			if t.Failed() || testing.Verbose() {
				for _, a := range said {
					t.Logf("%s:\n%s", a.Tool, a.Text)
				}
			}

			if err := i.Undo(t.Context(), w, did); err != nil {
				t.Fatalf("undo: %v", err)
			}
			repaired = true
			inv.wellAgain(did.Asks)
		})
	}
}

// wellAgain waits until the same questions, asked of the same servers, are
// answered as on a healthy system.
func (i *investigation) wellAgain(asks []incident.Ask) {
	i.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		mistakes := healthy.Judge(i.ask(asks), nil)
		if len(mistakes) == 0 {
			return
		}
		select {
		case <-deadline:
			i.t.Fatalf("20 s after the repair: %s", strings.Join(mistakes, "; "))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// TestAHealthySystemIsCalledHealthy asks every question while nothing is wrong.
func TestAHealthySystemIsCalledHealthy(t *testing.T) {
	s := running(t)
	if err := s.Prometheus.WaitScraped(t.Context(), s.Ingest...); err != nil {
		t.Fatal(err)
	}
	inv := &investigation{t, s, map[string]*host.Server{}}
	said := inv.ask([]incident.Ask{
		{Server: "circuitbreaker-mcp", Tool: "get_circuit_breaker_status"},
		{Server: "dbquery-mcp", Tool: "query_payments", Args: map[string]any{"filter": "failed payments last hour"}},
		{Server: "rediscache-mcp", Tool: "check_rate_limit", Args: map[string]any{"merchant_id": "MERCHANT_X"}},
	})
	for _, mistake := range healthy.Judge(said, nil) {
		t.Error(mistake)
	}
	for _, a := range said {
		t.Logf("%s:\n%s", a.Tool, a.Text)
	}
}
