package tools_test

import (
	"slices"
	"testing"
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
