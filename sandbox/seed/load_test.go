package seed_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/seed/invariant"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// healthy fails the test for every invariant that does not hold.
func healthy(t *testing.T, s *stack.Stack) {
	t.Helper()
	violations, err := invariant.Check(t.Context(), s.Databases())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

// The baseline: as large as the scenarios ask for, fast, and without fault.
func TestBaseline(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB | stack.PartRedis, KeepFresh: -1})
	now, err := seed.ServerNow(t.Context(), s.Shards[0].Admin())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := seed.NewPlan(seed.Options{Payments: 20_000, Seed: 11}, 2, now)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := plan.Load(t.Context(), s.Databases()); err != nil {
		t.Fatal(err)
	}
	if err := plan.LoadRedis(t.Context(), s.Redis.Admin()); err != nil {
		t.Fatal(err)
	}
	t.Logf("loaded 2 x 20,000 payments in %s", time.Since(begin))
	healthy(t, s)

	for _, m := range s.Shards {
		var unpublished, young int
		if err := m.Admin().QueryRowContext(t.Context(), "SELECT COUNT(*), COALESCE(SUM(created_at > NOW(3) - INTERVAL 60 SECOND),0) FROM outbox_event WHERE published=0").Scan(&unpublished, &young); err != nil {
			t.Fatal(err)
		}
		if unpublished == 0 || unpublished > 5 || young != unpublished {
			t.Errorf("%s: %d unpublished events, %d of them young; want 1 to 5, all young", m.Name(), unpublished, young)
		}
		checkLastHour(t, m, plan)
	}
	checkRedis(t, s, plan)
}

// checkLastHour holds what the plan says against what the server has.
func checkLastHour(t *testing.T, m *stack.MariaDB, plan *seed.Plan) {
	t.Helper()
	since := plan.Now.Add(-time.Hour)
	rows, err := m.Admin().QueryContext(t.Context(), "SELECT merchant_id, status, currency, COUNT(*), SUM(amount) FROM payment WHERE requested_at >= ? GROUP BY 1,2,3", since)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	total := 0
	for rows.Next() {
		var merchant, status, currency string
		var count int
		var sum int64
		if err := rows.Scan(&merchant, &status, &currency, &count, &sum); err != nil {
			t.Fatal(err)
		}
		want := plan.Total(seed.Filter{Shard: m.Shard, Merchant: merchant, Statuses: []string{status}, Currency: currency, Since: since})
		if want.Count != count || want.Amounts[currency] != sum {
			t.Errorf("%s %s %s %s: %d with %d, planned %d with %d", m.Name(), merchant, status, currency, count, sum, want.Count, want.Amounts[currency])
		}
		total += count
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if want := plan.Total(seed.Filter{Shard: m.Shard, Since: since}).Count; total != want || total < 300 {
		t.Errorf("%s: %d payments in the last hour, planned %d", m.Name(), total, want)
	}
}

func checkRedis(t *testing.T, s *stack.Stack, plan *seed.Plan) {
	t.Helper()
	rdb := s.Redis.Admin()
	families := map[string]int{}
	keys := rdb.Scan(t.Context(), 0, "*", 1000).Iterator()
	for keys.Next(t.Context()) {
		family, _, _ := strings.Cut(keys.Val(), ":")
		families[family]++
		ttl, err := rdb.PTTL(t.Context(), keys.Val()).Result()
		limit := map[string]time.Duration{"rate": time.Minute, "idem": 10 * time.Minute}[family]
		if err != nil || ttl <= 0 && ttl != -2 || ttl > limit {
			t.Errorf("%s lives %s (%v), want up to %s", keys.Val(), ttl, err, limit)
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	recent := plan.Total(seed.Filter{Since: plan.Now.Add(-10*time.Minute + time.Second)}).Count
	if families["rate"] == 0 || families["idem"] == 0 || families["idem"] > recent || families["idem"] < recent-5 {
		t.Errorf("keys by family: %v; payments of the last 10 minutes: %d", families, recent)
	}
}

// Data that nobody touches looks stuck after some minutes; freshened, it looks
// as it did when it was new. Rows that were changed on purpose are left alone.
func TestFreshen(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB | stack.PartRedis, KeepFresh: -1})
	now, err := seed.ServerNow(t.Context(), s.Shards[0].Admin())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := seed.NewPlan(seed.Options{Payments: 1000, Seed: 2}, 2, now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Load(t.Context(), s.Databases()); err != nil {
		t.Fatal(err)
	}
	stale, err := invariant.Check(t.Context(), s.Databases())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Q6 stuck captures", "Q6 starved settlements", "Q7 events that wait too long"} {
		found := false
		for _, v := range stale {
			found = found || v.Statement == want
		}
		if !found {
			t.Errorf("an hour later %q should be violated", want)
		}
	}
	for range 3 {
		if err := plan.Freshen(t.Context(), s.Databases(), s.Redis.Admin()); err != nil {
			t.Fatal(err)
		}
	}
	healthy(t, s)
	if n, err := s.Redis.Admin().DBSize(t.Context()).Result(); err != nil || n == 0 {
		t.Errorf("%d keys in redis (%v), want those of payments in flight and the counters", n, err)
	}

	db := s.Shards[0].Admin()
	for _, change := range []string{
		"UPDATE settlement_request SET retry_count=0, last_retry_at=NULL WHERE status='FAILED' LIMIT 1",
		"UPDATE shedlock SET lock_until=NOW(3)+INTERVAL 6 HOUR",
	} {
		if _, err := db.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	if err := plan.Freshen(t.Context(), s.Databases(), nil); err != nil {
		t.Fatal(err)
	}
	left, err := invariant.Check(t.Context(), s.Databases())
	if err != nil || len(left) != 2 {
		t.Errorf("two planted faults, %v found after freshening (%v)", left, err)
	}
}

// Hostile text arrives as it was planned, byte by byte, and is no violation.
func TestHostile(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{
		Parts: stack.PartMariaDB | stack.PartRedis, KeepFresh: -1,
		Seed: &seed.Options{Payments: 300, Seed: 1, Hostile: true, Span: time.Hour},
	})
	healthy(t, s)
	seen := map[string]bool{}
	for pay := range s.Plan.All() {
		if pay.Hostility == "" {
			continue
		}
		seen[fmt.Sprint(pay.Hostility, pay.Shard)] = true
		var merchant, key, reason string
		var payload, answer int
		err := s.Shards[pay.Shard-1].Admin().QueryRowContext(t.Context(), `SELECT p.merchant_id, p.idempotency_key, r.refund_reason, LENGTH(o.payload), LENGTH(c.response_body)
FROM payment p JOIN refund_request r USING(payment_id) JOIN idem_response_cache c USING(merchant_id, idempotency_key)
JOIN outbox_event o ON o.aggregate_id=p.payment_id AND o.event_type='PAYMENT_REFUND_REQUESTED' WHERE p.payment_id=?`, pay.ID).
			Scan(&merchant, &key, &reason, &payload, &answer)
		if err != nil {
			t.Errorf("%s: %v", pay.Hostility, err)
			continue
		}
		if merchant != pay.Merchant || key != pay.Key || reason != pay.RefundReason() {
			t.Errorf("%s came back as %q %q %q, planned %q %q %q", pay.Hostility, merchant, key, reason, pay.Merchant, pay.Key, pay.RefundReason())
		}
		cached, err := s.Redis.Admin().Get(t.Context(), seed.IdemKey(pay.Merchant, pay.Key)).Bytes()
		if err != nil || !bytes.Equal(cached, pay.CachedAnswer()) {
			t.Errorf("%s: cached answer of %d bytes (%v), want %d", pay.Hostility, len(cached), err, len(pay.CachedAnswer()))
		}
		if pay.Hostility == "huge" && (payload < 10<<20 || answer < 10<<20) {
			t.Errorf("huge values have %d and %d bytes", payload, answer)
		}
	}
	if want := 2 * len(seed.Hostility()); len(seen) != want {
		t.Errorf("%d kinds and shards seen, want %d: %v", len(seen), want, seen)
	}
}

// Locks that somebody holds on purpose are left alone, soon and without harm.
func TestFreshenDoesNotWaitForLocks(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB, Shards: 1, KeepFresh: -1, Seed: &seed.Options{Payments: 200}})
	tx, err := s.Shards[0].Admin().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT * FROM payment FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := s.Plan.Freshen(t.Context(), s.Databases(), nil); err == nil || !strings.Contains(err.Error(), "Lock wait timeout") {
		t.Errorf("got %v, want a lock wait timeout", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("waited %s for locks", took)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.Plan.Freshen(t.Context(), s.Databases(), nil); err != nil {
		t.Error(err)
	}
	var timeout int
	if err := s.Shards[0].Admin().QueryRowContext(t.Context(), "SELECT @@innodb_lock_wait_timeout").Scan(&timeout); err != nil || timeout != 50 {
		t.Errorf("the pool's connections wait %d s for locks (%v), want the default", timeout, err)
	}
}

// An empty system is a valid one, and so is one with a single payment.
func TestSmall(t *testing.T) {
	for n, shards := range map[int]int{0: 2, 1: 2, 15: 3} {
		s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB | stack.PartRedis, Shards: shards, Seed: &seed.Options{Payments: n}})
		if got := s.Env()["PAYMENT_DB_PORT_SHARD3"] != ""; got != (shards == 3) {
			t.Errorf("%d shards: %v", shards, s.Env())
		}
		healthy(t, s)
		var got int
		if err := s.Shards[1].Admin().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM payment").Scan(&got); err != nil || got != n {
			t.Errorf("%d payments on shard 2 (%v), want %d", got, err, n)
		}
	}
}
