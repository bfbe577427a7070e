package tools_test

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// directly makes direct captures of the payments of a shard for which a condition
// holds: without a settlement, and with the event that a merchant's own call leaves.
func directly(t *testing.T, db *dbtest.DB, shard int, condition string) {
	t.Helper()
	for _, statement := range []string{
		"DELETE s FROM settlement_request s JOIN payment p USING (payment_id) WHERE p.status IN ('CAPTURED', 'REFUNDED') AND " + condition,
		"INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) " +
			"SELECT 'payment', payment_id, kind, '{}', 1, requested_at, requested_at FROM payment p, (SELECT 'PAYMENT_AUTHORIZED' AS kind UNION SELECT 'PAYMENT_CAPTURED') k " +
			"WHERE kind = 'PAYMENT_AUTHORIZED' OR p.status IN ('CAPTURED', 'REFUNDED') AND " + condition + " ORDER BY requested_at",
	} {
		db.Shards[shard-1].Exec(t, statement)
	}
}

// kept writes an event from before all others, so that the outbox reaches back.
func kept(t *testing.T, db *dbtest.DB, shard int) {
	t.Helper()
	db.Shards[shard-1].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) "+
		"VALUES ('payment', 999999, 'PAYMENT_AUTHORIZED', '{}', 1, UTC_TIMESTAMP(3) - INTERVAL 90 DAY, UTC_TIMESTAMP(3) - INTERVAL 90 DAY)")
}

func TestACaptureWithoutEvidenceIsTold(t *testing.T) {
	for name, condition := range map[string]string{"few": "payment_id MOD 50 < 2", "many": "payment_id MOD 10 < 6"} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.New(t).Whole(t).Books(t, 1000)
			for shard := range 2 {
				kept(t, db, shard+1)
				directly(t, db, shard+1, condition)
			}
			r := connect(t, db)
			a, text := r.reconcile(t, `{}`)
			if a.Verdict != "ok" || a.Data.Count != 0 || !slices.Contains(a.RuledOut, "CAPTURE_EVIDENCE_MISSING") {
				t.Fatalf("%s", text)
			}
			// One was captured hours after it was requested, and its event is there;
			// of two there is none.
			first := db.Shards[0]
			first.Exec(t, "UPDATE payment SET requested_at = requested_at - INTERVAL 5 HOUR, updated_at = updated_at WHERE payment_id = 51")
			first.Exec(t, "DELETE FROM outbox_event WHERE event_type = 'PAYMENT_CAPTURED' AND aggregate_id IN (101, 450)")
			a, text = r.reconcile(t, `{"detail":"full"}`)
			if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"CAPTURE_EVIDENCE_MISSING"}) || len(a.Data.IDs) != 1 || !slices.Equal(a.Data.IDs[0].IDs, []int64{101, 450}) {
				t.Fatalf("%s", text)
			}
			says(t, text, "2 exceptions", "CAPTURE_EVIDENCE_MISSING", "2 payments are captured, and neither", "trace_payment")
			// And the postings of one of them are gone, too: one payment, two things wrong.
			first.Exec(t, "DELETE FROM ledger_entry WHERE payment_id = 450")
			for _, args := range []string{`{}`, `{"snapshot":true}`, `{"scope":"400-500"}`, `{"merchant_id":"MERCHANT-0"}`} {
				a, text = r.reconcile(t, args)
				if !slices.Contains(a.Codes(), "CAPTURE_EVIDENCE_MISSING") || !slices.Contains(a.Codes(), "LEDGER_CAPTURE_MISSING") {
					t.Errorf("%s: %s", args, text)
				}
				for _, e := range a.Data.Exceptions {
					if e.ID == 450 && (!strings.Contains(e.Codes, "CAPTURE_EVIDENCE_MISSING") || !strings.Contains(e.Codes, "LEDGER_CAPTURE_MISSING")) {
						t.Errorf("%s: %+v", args, e)
					}
				}
			}
			// Settled, or too young to be told of, is right.
			first.Exec(t, "INSERT INTO settlement_request (payment_id, request_amount, status, requested_at) SELECT payment_id, amount, 'SUCCESS', requested_at FROM payment WHERE payment_id = 101")
			first.Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) WHERE payment_id = 450")
			if a, text = r.reconcile(t, `{}`); a.Verdict != "ok" || a.Data.Count != 0 {
				t.Errorf("%s", text)
			}
			tr, text := r.trace(t, `{"payment_id":101}`)
			if slices.Contains(tr.Codes(), "CAPTURE_EVIDENCE_MISSING") {
				t.Errorf("%s", text)
			}
		})
	}
}

// A merchant's direct captures are held against the outbox as those of all are, though
// they lie among everybody's events.
func TestAMerchantsCapturesWithoutEvidenceAreTold(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 2000)
	kept(t, db, 1)
	directly(t, db, 1, "payment_id MOD 5 = 0") // all of MERCHANT-0
	r := connect(t, db)
	const of = `{"merchant_id":"MERCHANT-0"}`
	if a, text := r.reconcile(t, of); a.Verdict != "ok" || !slices.Contains(a.RuledOut, "CAPTURE_EVIDENCE_MISSING") {
		t.Errorf("%s", text)
	}
	first := db.Shards[0]
	first.Exec(t, "DELETE FROM outbox_event WHERE event_type = 'PAYMENT_CAPTURED' AND aggregate_id IN (5, 1995)")
	a, text := r.reconcile(t, `{"merchant_id":"MERCHANT-0","detail":"full"}`)
	if !slices.Equal(a.Codes(), []string{"CAPTURE_EVIDENCE_MISSING"}) || len(a.Data.IDs) != 1 || !slices.Equal(a.Data.IDs[0].IDs, []int64{5, 1995}) {
		t.Errorf("%s", text)
	}
	// Of the time before too many events, some are looked for one by one, and what is
	// left over is not called right.
	first.Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) "+
		"SELECT 'payment', payment_id, 'PAYMENT_CAPTURED', '{}', 1, requested_at, requested_at FROM payment WHERE payment_id IN (5, 1995)")
	first.Exec(t, "UPDATE outbox_event SET event_id = event_id + 3000000 WHERE aggregate_id BETWEEN 1001 AND 2000 ORDER BY event_id DESC")
	a, text = r.reconcile(t, of)
	if a.Verdict != "unknown" || slices.Contains(a.RuledOut, "CAPTURE_EVIDENCE_MISSING") {
		t.Errorf("%s", text)
	}
	says(t, a.Because, "captured without a settlement could not be held against the outbox", "a shorter time has fewer")
	if a, text := r.reconcile(t, `{"merchant_id":"MERCHANT-0","time_range":"12h"}`); a.Verdict != "ok" {
		t.Errorf("%s", text)
	}
}

// Where published events are deleted after a while, or are not there at all, nothing
// is said of older payments; what was not looked at is.
func TestEvidenceThatIsNotKeptIsNotMissed(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 1000)
	r := connect(t, db)
	db.Shards[0].Exec(t, "DELETE settlement_request FROM settlement_request JOIN payment USING (payment_id) WHERE payment_id MOD 3 = 0 AND payment.status <> 'CAPTURE_FAILED'")
	a, text := r.reconcile(t, `{}`)
	if a.Verdict != "ok" || slices.Contains(a.RuledOut, "CAPTURE_EVIDENCE_MISSING") {
		t.Errorf("%s", text)
	}
	says(t, text, "captured without a settlement", "no published event")
	directly(t, db, 1, "payment_id > 600")
	db.Shards[0].Exec(t, "DELETE FROM outbox_event WHERE aggregate_id <= 600 OR event_type = 'PAYMENT_CAPTURED' AND aggregate_id = 701")
	a, text = r.reconcile(t, `{"detail":"full"}`)
	if !slices.Equal(a.Codes(), []string{"CAPTURE_EVIDENCE_MISSING"}) || len(a.Data.IDs) != 1 || !slices.Equal(a.Data.IDs[0].IDs, []int64{701}) {
		t.Errorf("%s", text)
	}
	says(t, text, "no published events from before")
	if tr, text := r.trace(t, `{"payment_id":303}`); slices.Contains(tr.Codes(), "CAPTURE_EVIDENCE_MISSING") {
		t.Errorf("%s", text)
	}
	if tr, text := r.trace(t, `{"payment_id":701}`); !slices.Contains(tr.Codes(), "CAPTURE_EVIDENCE_MISSING") || tr.Verdict != "critical" {
		t.Errorf("%s", text)
	}
}

// One event that was marked by hand outlives the clean-up, and so may one of the
// publisher's own: nothing of the time after it is missed by that.
func TestAnEventThatIsLeftKeepsNoEvidence(t *testing.T) {
	for name, x := range map[string]struct{ published, why string }{
		"marked by hand":          {"NULL", "no published events from before"},
		"marked by the publisher": {"created_at", "no published event of their time"},
	} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.New(t).Whole(t).Books(t, 1000)
			kept(t, db, 1)
			directly(t, db, 1, "payment_id MOD 50 < 2")
			first := db.Shards[0]
			first.Exec(t, "UPDATE outbox_event SET published_at = "+x.published+" WHERE aggregate_id = 999999")
			first.Exec(t, "DELETE FROM outbox_event WHERE aggregate_id <= 600")
			r := connect(t, db)
			a, text := r.reconcile(t, `{}`)
			if a.Verdict != "ok" || slices.Contains(a.RuledOut, "CAPTURE_EVIDENCE_MISSING") {
				t.Errorf("%s", text)
			}
			says(t, text, x.why)
			if name != "marked by hand" {
				return // one payment's story goes by the oldest event alone
			}
			if tr, text := r.trace(t, `{"payment_id":101}`); len(tr.Findings) > 0 {
				t.Errorf("%s", text)
			}
			// A payment whose settlement was never asked for is not told of, either.
			first.Exec(t, "UPDATE payment SET status = 'CAPTURE_REQUESTED' WHERE payment_id = 102")
			if tr, text := r.trace(t, `{"payment_id":102}`); slices.Contains(tr.Codes(), "OUTBOX_EVENT_MISSING") {
				t.Errorf("%s", text)
			}
		})
	}
}

// A posting is late by the order of writing, or by the payment's last change; one or
// two are no matter, and a ledger that was loaded in another order says nothing.
func TestPostingsThatCameLateAreTold(t *testing.T) {
	for name, late := range map[string]string{
		"by the order of writing": "UPDATE ledger_entry SET entry_id = entry_id + 10000 WHERE payment_id IN (%)",
		"by the payment's change": "UPDATE ledger_entry SET occurred_at = occurred_at + INTERVAL 40 MINUTE WHERE payment_id IN (%)",
	} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.New(t).Whole(t).Books(t, 1000)
			r := connect(t, db)
			second := db.Shards[1]
			second.Exec(t, strings.Replace(late, "%", "811, 812", 1))
			a, text := r.reconcile(t, `{}`)
			if a.Verdict != "ok" || len(a.Findings) > 0 {
				t.Fatalf("%s", text)
			}
			second.Exec(t, strings.Replace(late, "%", "821, 822, 823", 1))
			a, text = r.reconcile(t, `{}`)
			if a.Verdict != "ok" || !slices.Equal(a.Codes(), []string{"LEDGER_POSTING_LATE"}) || a.Data.Count != 0 {
				t.Fatalf("%s", text)
			}
			says(t, text, "5 postings came late", "payment 811", "no exception in 2,000 payments")
			// What is wrong besides late is told as wrong.
			second.Exec(t, "UPDATE ledger_entry SET amount = amount + 1 WHERE payment_id IN (811, 812, 821)")
			if a, text = r.reconcile(t, `{}`); !slices.Equal(a.Codes(), []string{"LEDGER_AMOUNT_MISMATCH"}) {
				t.Errorf("%s", text)
			}
			second.Exec(t, "UPDATE ledger_entry SET amount = amount - 1 WHERE payment_id IN (811, 812, 821)")
			second.Exec(t, strings.Replace(late, "%", "SELECT payment_id FROM payment WHERE payment_id BETWEEN 300 AND 400", 1))
			if a, text = r.reconcile(t, `{}`); a.Verdict != "ok" || len(a.Findings) > 0 || slices.Contains(a.RuledOut, "LEDGER_POSTING_LATE") {
				t.Errorf("%s", text)
			}
		})
	}
}

// The second part of a refund in parts need not change the payment: what belongs to it
// is on its way all the same, and missing later.
func TestARefundInPartsIsGivenTime(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 100)
	r := connect(t, db)
	first := db.Shards[0]
	for _, statement := range []string{
		"UPDATE payment SET status = 'PARTIAL_REFUNDED', updated_at = updated_at WHERE payment_id = 11",
		"INSERT INTO refund_request (payment_id, refund_amount, status, requested_at, completed_at) SELECT payment_id, 300, 'SUCCESS', updated_at, updated_at FROM payment WHERE payment_id = 11",
		"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'cash', 'merchant_receivable', 300, updated_at FROM payment WHERE payment_id = 11",
	} {
		first.Exec(t, statement)
	}
	if a, text := r.reconcile(t, `{}`); a.Verdict != "ok" {
		t.Fatalf("%s", text)
	}
	first.Exec(t, "INSERT INTO refund_request (payment_id, refund_amount, status, requested_at, completed_at) VALUES (11, 200, 'SUCCESS', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))")
	if a, text := r.reconcile(t, `{}`); a.Verdict != "ok" {
		t.Errorf("%s", text)
	}
	first.Exec(t, "UPDATE refund_request SET completed_at = UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE WHERE payment_id = 11 AND refund_amount = 200")
	a, text := r.reconcile(t, `{}`)
	if !slices.Equal(a.Codes(), []string{"LEDGER_AMOUNT_MISMATCH"}) {
		t.Errorf("%s", text)
	}
	says(t, text, "expected KRW 500, reversal posted 300, difference -200")
}
