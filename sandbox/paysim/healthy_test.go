package paysim_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/seed"
)

// Traffic at fifty payments a second, some of which fail at the gateway and are
// tried again, leaves data in which every invariant holds.
// PAYSIM_PROOF_DURATION=1h makes it an hour.
func TestHealthy(t *testing.T) {
	s := start(t, map[string]string{"PAYSIM_GATEWAY_FAILURE_PERMILLE": "10", "PAYSIM_RETRY_AFTER": "1s"})
	o := traffic.Healthy(50, s.fleet.IngestURLs()...)
	o.Shape, o.RefundAfter = nil, 3*time.Second
	g := s.load(t, o, func(ctx context.Context) { wait(ctx, duration(t, 15*time.Second)) })
	stats := g.Stats()
	t.Log(stats)
	if stats.Abandoned > 0 || stats.Begun != stats.Paid+stats.Cut || stats.Unbegun > 0 || stats.Refunds == 0 || stats.Captures == 0 || stats.Duplicates == 0 {
		t.Errorf("not the load that was meant: %s", stats)
	}
	s.holds(t, g)
	s.sees(t, g)
}

// sees breaks what the proof looks at, bit by bit: a proof that finds nothing
// wrong proves nothing.
func (s *system) sees(t *testing.T, g *traffic.Generator) {
	t.Helper()
	paid := g.Paid()
	first := paid[0]
	db := s.proof.Shards[seed.ShardOf(first.Merchant)-1]
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		about string
		do    func()
		want  string
	}{
		{"a key that lives for ever", func() { s.proof.Redis.Set(t.Context(), "rate:authorize:M-9", 7, 0) }, "rate:authorize:M-9 lives for"},
		{"a dead letter", func() { s.send(t, bus.SettlementDLQ, "", "{}") }, bus.SettlementDLQ + " has 1 records"},
		{"a payment that was acknowledged and is not there", func() { paid = append(paid, traffic.Paid{ID: 1 << 40, Merchant: "M-1"}) }, "acknowledged {ID:1099511627776"},
		{"a posting too many", func() {
			exec("INSERT INTO ledger_entry (payment_id,debit_account,credit_account,amount) VALUES (?,'merchant_receivable','cash',1)", first.ID)
		}, "payments and postings differ"},
		{"a young payment that was not posted", func() {
			exec("UPDATE payment SET status='CAPTURED', updated_at=UTC_TIMESTAMP(3) WHERE payment_id=?", first.ID)
			exec("DELETE FROM ledger_entry WHERE payment_id=?", first.ID)
		}, "Q1 postings against status"},
		{"a payment that is another than was acknowledged", func() { exec("UPDATE payment SET amount=amount+1 WHERE payment_id=?", first.ID) }, fmt.Sprintf("acknowledged {ID:%d", first.ID)},
	} {
		c.do()
		wrong, err := s.proof.Check(t.Context(), paid)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, c.want) }) {
			t.Errorf("%s: not found in %q", c.about, wrong)
		}
	}
	exec("UPDATE payment SET status='CAPTURE_REQUESTED' WHERE payment_id=?", first.ID)
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.proof.Settle(soon); err == nil || !strings.Contains(err.Error(), "CAPTURE_REQUESTED: 1") {
		t.Errorf("a payment that waits: %v", err)
	}
}
