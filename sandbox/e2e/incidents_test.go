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
	with    map[string]string // settings on top of the stack's
}

func (i *investigation) ask(asks []incident.Ask) []incident.Said {
	i.t.Helper()
	var all []incident.Said
	for _, a := range asks {
		if i.servers[a.Server] == nil {
			i.servers[a.Server] = serve(i.t, a.Server, settings(i.stack, i.with))
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
	for _, i := range incident.All() {
		t.Run(i.ID, func(t *testing.T) { happens(t, systemFor(i).running(t), i) })
	}
}

// happens injects an incident into a system, asks, judges, repairs, and waits
// until all is well again.
func happens(t *testing.T, s *stack.Stack, i incident.Incident) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(seed, 0))}
	if i.Living() {
		if err := incident.Calm(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WaitScraped(t.Context()); err != nil {
		t.Fatal(err)
	}
	inv := &investigation{t, s, map[string]*host.Server{}, nil}
	did, err := i.Start(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	inv.with = did.Settings
	repaired := false
	t.Cleanup(func() {
		if !repaired {
			if err := i.Undo(context.WithoutCancel(t.Context()), w, did); err != nil {
				t.Errorf("undo: %v", err)
			}
		}
	})
	said := inv.ask(did.Asks)
	for _, mistake := range i.Judge(did, said) {
		t.Error(mistake)
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
	if len(did.Settings) > 0 { // repaired is how the servers are configured
		inv = &investigation{t, s, map[string]*host.Server{}, nil}
	}
	inv.wellAgain(did.Asks)
}

// systemFor is the system that an incident happens to.
func systemFor(i incident.Incident) *system {
	if i.Living() {
		return living
	}
	return static
}

// wellAgainWithin bounds how long a system may take to be well after a repair:
// an open breaker waits a minute before it tries again.
func wellAgainWithin(s *stack.Stack) time.Duration {
	if s.Has(stack.PartPaysim) {
		return 3 * time.Minute
	}
	return 20 * time.Second
}

// wellAgain waits until the same questions, asked of the same servers, are
// answered as on a healthy system.
func (i *investigation) wellAgain(asks []incident.Ask) {
	i.t.Helper()
	within := wellAgainWithin(i.stack)
	deadline := time.After(within)
	for {
		mistakes := healthy.Judge(i.ask(asks), nil)
		if len(mistakes) == 0 {
			return
		}
		select {
		case <-deadline:
			i.t.Fatalf("%s after the repair: %s", within, strings.Join(mistakes, "; "))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// TestAHealthySystemIsCalledHealthy asks every question while nothing is wrong.
func TestAHealthySystemIsCalledHealthy(t *testing.T) {
	for name, system := range map[string]*system{"static": static, "living": living} {
		t.Run(name, func(t *testing.T) { calledHealthy(t, system.running(t)) })
	}
}

func calledHealthy(t *testing.T, s *stack.Stack) {
	if s.Has(stack.PartPaysim) {
		// Enough for the breakers to know their rates.
		if err := s.WaitPaid(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WaitScraped(t.Context()); err != nil {
		t.Fatal(err)
	}
	inv := &investigation{t, s, map[string]*host.Server{}, nil}
	said := inv.ask([]incident.Ask{
		{Server: "circuitbreaker-mcp", Tool: "get_circuit_breaker_status"},
		{Server: "dbquery-mcp", Tool: "query_payments", Args: map[string]any{"filter": "failed payments last hour"}},
		{Server: "dbquery-mcp", Tool: "check_outbox_status"},
		{Server: "dbquery-mcp", Tool: "check_settlements"},
		{Server: "rediscache-mcp", Tool: "check_rate_limit", Args: map[string]any{"merchant_id": "MERCHANT_X"}},
	})
	for _, mistake := range healthy.Judge(said, nil) {
		t.Error(mistake)
	}
	for _, a := range said {
		t.Logf("%s:\n%s", a.Tool, a.Text)
	}
}
