package tools_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// Who writes in another time zone writes into the future: nothing looks old then,
// whatever waits. That is no reason to call it well.
func TestWhatWasWrittenInAnotherZoneIsNotCalledWell(t *testing.T) {
	for shift, code := range map[string]string{"9 HOUR": "SRC_TIMEZONE_MISMATCH", "3 MINUTE": "SRC_CLOCK_SKEW"} {
		t.Run(code, func(t *testing.T) {
			db, _ := healthyOutbox(t)
			r := connect(t, db)
			waiting(t, db, 2, 40, "UTC_TIMESTAMP(3) + INTERVAL "+shift+" - INTERVAL 1 SECOND, 0, NULL")
			a, text := r.outbox(t, `{}`)
			if a.Verdict != "unknown" || !slices.Contains(a.Codes(), code) {
				t.Errorf("%s", text)
			}
			says(t, text, "newest outbox event", "in the future")
			request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 0, never, "UTC_TIMESTAMP(3) + INTERVAL "+shift)
			s, text := r.settlements(t, `{"kind":"settlement"}`)
			if s.Verdict != "unknown" || !slices.Contains(s.Codes(), code) {
				t.Errorf("%s", text)
			}
			says(t, text, "newest gateway request", "in the future")
		})
	}
}

// A refund that was asked for and forgotten is found without knowing the payment.
func TestAStatusThatForgotItsRefundIsFound(t *testing.T) {
	db, _ := healthyOutbox(t)
	r := connect(t, db)
	db.Shards[1].Exec(t, `INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at)
SELECT 'payment', payment_id, 'PAYMENT_REFUND_REQUESTED', '{}', 1, updated_at, updated_at FROM payment ORDER BY payment_id LIMIT 2`)
	db.Shards[1].Exec(t, "UPDATE payment SET status = 'REFUND_REQUESTED', updated_at = updated_at")
	if a, text := r.outbox(t, `{}`); a.Verdict != "ok" || !slices.Contains(a.RuledOut, "PAYMENT_STATUS_REGRESSION") {
		t.Fatalf("%s", text)
	}
	db.Shards[1].Exec(t, "UPDATE payment SET status = 'CAPTURED', updated_at = updated_at")
	a, text := r.outbox(t, `{}`)
	if a.Verdict != "critical" || codesOf(a) != "PAYMENT_STATUS_REGRESSION" {
		t.Fatalf("%s", text)
	}
	says(t, text, "2 payments are CAPTURED again", "payment_id", "hurts: 2 payments")
}

// One of several instances writes in Seoul's time, and another that is right wrote last:
// what the first wrote waits for two hours and looks as if it were to come.
func TestOneWriterInAnotherZoneIsNotHiddenByOneThatIsRight(t *testing.T) {
	for shift, code := range map[string]string{"9 HOUR": "SRC_TIMEZONE_MISMATCH", "123 MINUTE": "SRC_CLOCK_SKEW"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel() // each has a schema of its own
			db := dbtest.New(t).Whole(t)
			n := now(t, db).Add(-2 * time.Hour)
			for id := range int64(12) {
				db.Recorded(t, 1, dbtest.Payment{ID: id + 1, Merchant: "M-2", Status: "CAPTURE_REQUESTED", At: n})
			}
			db.Shards[0].Exec(t, "UPDATE payment SET requested_at = requested_at + INTERVAL "+shift+", updated_at = updated_at")
			db.Shards[0].Exec(t, `INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, created_at)
SELECT 'payment', payment_id, 'PAYMENT_CAPTURE_REQUESTED', '{}', requested_at FROM payment ORDER BY payment_id`)
			paid(t, db, 1, dbtest.Payment{ID: 13, Merchant: "M-2", At: n.Add(119 * time.Minute)})
			paid(t, db, 2, dbtest.Payment{ID: 1, Merchant: "M-1", At: n.Add(119 * time.Minute)})
			posted(t, db, 1, 13, "merchant_receivable", "cash")
			request(t, db, 1, "settlement_request", 13, "SUCCESS", "0000", 0, never, justNow)
			r := connect(t, db)

			o, text := r.outbox(t, `{}`)
			if o.Verdict != "unknown" || codesOf(o) != code {
				t.Errorf("%s", text)
			}
			for _, rule := range []string{code, "OUTBOX_BACKLOG", "OUTBOX_POLLER_STALLED"} {
				if slices.Contains(o.RuledOut, rule) {
					t.Errorf("%s is ruled out:\n%s", rule, text)
				}
			}
			if code == "SRC_TIMEZONE_MISMATCH" {
				says(t, text, "7h0m0s in the future (12 of 12 waiting events)", "since when is not known")
			}

			p, text := r.trace(t, `{"payment_id":3}`)
			if p.Verdict != "unknown" || codesOf(p) != code || slices.Contains(p.RuledOut, "OUTBOX_BACKLOG") || strings.Contains(text, "for 0s") {
				t.Errorf("%s", text)
			}
			says(t, text, "newest traced row of shard1", "under way or stuck", "ahead of the database's clock, never tried")
			if p, text := r.trace(t, `{"payment_id":13}`); p.Verdict != "ok" {
				t.Errorf("%s", text)
			}

			h, text := r.health(t, `{}`)
			if !slices.Contains(h.Codes(), code) || slices.Contains(h.RuledOut, code) {
				t.Errorf("%s", text)
			}
			says(t, text, "newest payment of shard1 lies")

			s, text := r.settlements(t, `{}`)
			if s.Verdict == "ok" || slices.Contains(s.RuledOut, "SETTLEMENT_MISSING") {
				t.Errorf("%s", text)
			}
			says(t, text, "shard1: a payment in CAPTURE_REQUESTED is dated", "ahead of the database's clock")
			b, text := r.reconcile(t, `{}`)
			if b.Verdict == "ok" || slices.Contains(b.RuledOut, "SETTLEMENT_MISSING") {
				t.Errorf("%s", text)
			}
		})
	}
}

// All that was written in Seoul's time lies behind a window that ends now: a key that
// two shards have is not seen, and not ruled out.
func TestKeysWrittenInAnotherZoneAreNotRuledOut(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	n := now(t, db)
	for shard := range 2 {
		db.Recorded(t, shard+1, dbtest.Payment{Merchant: "M-2", Key: "order-1", At: n.Add(8*time.Hour + 20*time.Minute)})
		db.Recorded(t, shard+1, dbtest.Payment{Merchant: "M-1", At: n.Add(9 * time.Hour)})
	}
	a, text := connect(t, db).keys(t, `{}`)
	if a.Verdict != "unknown" || !slices.Equal(slices.Compact(a.Codes()), []string{"SRC_TIMEZONE_MISMATCH"}) || slices.Contains(a.RuledOut, "IDEM_CROSS_SHARD_DUPLICATE") {
		t.Errorf("%s", text)
	}
	says(t, text, "the newest payment of shard1 lies 9h0m0s in the future: it looks written in another time zone")
}
