package paysim_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/testseed"
)

// victim is anything that can be killed and started again.
type victim struct {
	name  string
	kill  func(context.Context) error
	start func(context.Context) error
}

// victims are all parts: the processes of the payment system and the servers
// that they use.
func (s *system) victims() []victim {
	var all []victim
	for _, m := range s.fleet.Members() {
		all = append(all, victim{m.Name(), func(context.Context) error { return m.Kill() }, m.Start})
	}
	for _, p := range s.stack.Parts() {
		all = append(all, victim{p.Name(), p.Kill, p.Start})
	}
	return all
}

// Whatever part is killed at whatever moment: when it is back and the load is
// over, every invariant holds, and every payment that a caller was told of is
// there. SANDBOX_TEST_SEED chooses other parts and
// moments, PAYSIM_PROOF_KILLS how many there are.
func TestKilled(t *testing.T) {
	kills := 5
	if text := os.Getenv("PAYSIM_PROOF_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("PAYSIM_PROOF_KILLS: %v", err)
		}
	}
	rng := rand.New(rand.NewPCG(testseed.Of(t), 9))

	s := start(t, map[string]string{
		"PAYSIM_GATEWAY_FAILURE_PERMILLE": "10", "PAYSIM_RETRY_AFTER": "1s", "OUTBOX_LOCK_AT_MOST": "6s",
		"PAYSIM_KAFKA_BREAKER_WAIT": "2s", "PAYSIM_GATEWAY_BREAKER_WAIT": "2s",
	})
	o := traffic.Healthy(50, s.fleet.IngestURLs()...)
	o.Shape, o.RefundAfter, o.CaptureShare = nil, 3*time.Second, 0.2
	g := s.load(t, o, func(ctx context.Context) {
		victims := s.victims()
		order := rng.Perm(len(victims))
		for n := range kills {
			v := victims[order[n%len(order)]]
			wait(ctx, time.Second+time.Duration(rng.IntN(2000))*time.Millisecond)
			begin := time.Now()
			if err := v.kill(ctx); err != nil {
				t.Errorf("kill %s: %v", v.name, err)
			}
			wait(ctx, time.Duration(rng.IntN(1500))*time.Millisecond)
			if err := v.start(ctx); err != nil {
				t.Errorf("start %s again: %v", v.name, err)
			}
			t.Logf("%s was away for %s", v.name, time.Since(begin).Round(time.Millisecond))
		}
		wait(ctx, 2*time.Second)
	})
	stats := g.Stats()
	t.Log(stats)
	if stats.Paid < 50*kills {
		t.Errorf("hardly a payment got through: %s", stats)
	}
	s.holds(t, g)
}
