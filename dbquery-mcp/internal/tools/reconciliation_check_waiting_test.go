package tools_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/tooltest"
)

// postCaptures writes the postings of captured payments on the first shard, long enough ago.
func postCaptures(t *testing.T, db *dbtest.DB) {
	t.Helper()
	db.Shards[0].Exec(t, "UPDATE payment SET updated_at = requested_at")
	db.Shards[0].Exec(t, `INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at)
SELECT payment_id, 'merchant_receivable', 'cash', amount, updated_at FROM payment WHERE status IN ('CAPTURED', 'REFUND_REQUESTED')`)
}

// Books that balance say nothing of payments that wait for the payment gateway: they are
// looked for besides.
func TestPaymentsThatWaitAreFoundBesideTheBooks(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*testing.T, *dbtest.DB)
		want   string
		says   []string
	}{
		"nobody waits": {func(t *testing.T, db *dbtest.DB) { capturing(t, db, 400) }, "", nil},
		"a backlog drains": {func(t *testing.T, db *dbtest.DB) { capturing(t, db, 385) }, "SETTLEMENT_MISSING",
			[]string{"15 payments in CAPTURE_REQUESTED", "no exception in 400 payments", "; of payments that wait: SETTLEMENT_MISSING"}},
		"some are passed over": {func(t *testing.T, db *dbtest.DB) {
			capturing(t, db, 0)
			settle(t, db, "payment_id NOT IN (20, 21)")
		}, "CONSUMER_MESSAGE_DROPPED SETTLEMENT_MISSING", []string{"2: payment 20, 21; since ", "inspect_consumer_lag"}},
		"a settlement is pending": {func(t *testing.T, db *dbtest.DB) {
			capturing(t, db, 0)
			settle(t, db, "payment_id <> 20")
			request(t, db, 1, "settlement_request", 20, "PENDING", "", 0, never, hourAgo)
		}, "SETTLEMENT_PENDING_STUCK", []string{"1 settlement PENDING"}},
		"a refund waits": {func(t *testing.T, db *dbtest.DB) {
			capturing(t, db, 400)
			db.Shards[0].Exec(t, "UPDATE payment SET status = 'REFUND_REQUESTED' WHERE payment_id = 20")
		}, "REFUND_STUCK", []string{"1 payment in REFUND_REQUESTED", "; of payments that wait: REFUND_STUCK"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a schema of its own, and waits for a second look
			db := dbtest.New(t).Whole(t)
			x.change(t, db)
			postCaptures(t, db)
			a, text := connect(t, db).reconcile(t, `{}`)
			if got := strings.Join(a.Codes(), " "); got != x.want || (x.want == "") != (a.Verdict == "ok") || a.Data.Count != 0 {
				t.Errorf("found %q, want %q\n%s", got, x.want, text)
			}
			for _, code := range []string{"SETTLEMENT_MISSING", "SETTLEMENT_PENDING_STUCK", "REFUND_STUCK"} {
				if slices.Contains(a.RuledOut, code) == slices.Contains(a.Codes(), code) {
					t.Errorf("%s is found and ruled out, or neither:\n%s", code, text)
				}
			}
			says(t, text, x.says...)
		})
	}
}

// Who waits is told of the scope that was asked for, and of no merchant but the server's.
func TestPaymentsThatWaitOutsideTheScopeAreNotTold(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t).Whole(t)
	capturing(t, db, 0)
	settle(t, db, "payment_id <> 20")
	postCaptures(t, db)
	db.Shards[0].Exec(t, "INSERT INTO payment (payment_id, merchant_id, amount, status, idempotency_key, requested_at, updated_at) VALUES (401, 'M-4', 1, 'AUTHORIZED', 'k', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL 1 HOUR)")
	r := connect(t, db)
	for args, found := range map[string]bool{
		`{"scope":"all"}`: true, `{"scope":"20-30"}`: true, `{"scope":"10-20"}`: true, `{"scope":"21-30"}`: false, `{"scope":"1-19"}`: false,
		`{"merchant_id":"M-2"}`: true, `{"merchant_id":"M-4"}`: false, `{"time_range":"1h"}`: true, `{"time_range":"6m"}`: false,
		`{"checks":["ledger","settlement"]}`: true, `{"checks":["ledger"]}`: false, `{"checks":["refund"]}`: false,
	} {
		a, text := r.reconcile(t, args)
		if slices.Contains(a.Codes(), "CONSUMER_MESSAGE_DROPPED") != found || a.Verdict != map[bool]string{true: "attention", false: "ok"}[found] {
			t.Errorf("%s: %s", args, text)
		}
		for _, kind := range []string{"settlement", "refund"} {
			left := strings.Contains(args, "checks") && !strings.Contains(args, kind)
			if strings.Contains(text, fmt.Sprintf("payments that wait for their %[1]s (checks leaves %[1]s out)", kind)) != left {
				t.Errorf("%s, %s: %s", args, kind, text)
			}
		}
	}
	limited := connect(t, db, onlyOf("M-4"))
	if a, text := limited.reconcile(t, `{"scope":"all"}`); a.Verdict != "ok" {
		t.Errorf("%s", text)
	}
}

// One partition stands: a few of a merchant wait among many of all, and were not dropped.
func TestAFewOfManyThatWaitWereNotDropped(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t).Whole(t)
	capturing(t, db, 0)
	settle(t, db, "payment_id MOD 3 <> 0")
	db.Shards[0].Exec(t, "UPDATE payment SET merchant_id = 'M-4' WHERE payment_id IN (6, 7, 8, 9)")
	postCaptures(t, db)
	r := connect(t, db)
	limited := connect(t, db, onlyOf("M-4"))
	for name, ask := range map[string]func() (tooltest.Answer[booksData], string){
		"all":      func() (tooltest.Answer[booksData], string) { return r.reconcile(t, `{}`) },
		"merchant": func() (tooltest.Answer[booksData], string) { return r.reconcile(t, `{"merchant_id":"M-4"}`) },
		"ids":      func() (tooltest.Answer[booksData], string) { return r.reconcile(t, `{"scope":"5-9"}`) },
		"limited":  func() (tooltest.Answer[booksData], string) { return limited.reconcile(t, `{}`) },
	} {
		a, text := ask()
		if got := strings.Join(a.Codes(), " "); got != "SETTLEMENT_MISSING" {
			t.Errorf("%s: %s", name, text)
		}
		if name != "all" {
			says(t, text, "2 payments in CAPTURE_REQUESTED")
		}
	}
}

// A refund belongs to the time in which it was asked for, however old its payment is.
func TestARefundOfAnOldPaymentWaitsInItsOwnTime(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t).Whole(t).Books(t, 50)
	db.Shards[0].Exec(t, "UPDATE payment SET status = 'REFUND_REQUESTED', updated_at = UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE WHERE payment_id = 7")
	r := connect(t, db)
	for args, found := range map[string]bool{`{"time_range":"1h"}`: true, `{"time_range":"5m"}`: false, `{"time_range":"4h"}`: true} {
		a, text := r.reconcile(t, args)
		if slices.Contains(a.Codes(), "REFUND_STUCK") != found {
			t.Errorf("%s: %s", args, text)
		}
		if args == `{"time_range":"1h"}` {
			says(t, a.Summary, "no payments in this scope to compare; of payments that wait: REFUND_STUCK")
		}
	}
	// Its request was written in that time, and is PENDING: so it is where the payment was
	// requested.
	request(t, db, 1, "refund_request", 7, "PENDING", "", 0, never, "UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE")
	before := now(t, db).Add(-time.Hour).Format(time.RFC3339)
	if a, text := r.reconcile(t, `{"since":"`+now(t, db).Add(-5*time.Hour).Format(time.RFC3339)+`","until":"`+before+`"}`); !slices.Contains(a.Codes(), "REFUND_STUCK") {
		t.Errorf("%s", text)
	}
}

// The worker left one out and stopped later: those that wait since then were not dropped,
// whoever asks for them alone.
func TestWhoWaitsSinceTheWorkerStoppedWasNotDropped(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t).Whole(t)
	capturing(t, db, 0)
	settle(t, db, "payment_id BETWEEN 2 AND 394")
	db.Shards[0].Exec(t, "UPDATE payment SET merchant_id = 'M-4' WHERE payment_id = 398")
	postCaptures(t, db)
	r := connect(t, db)
	limited := connect(t, db, onlyOf("M-4"))
	if a, text := r.reconcile(t, `{"scope":"398"}`); strings.Join(a.Codes(), " ") != "SETTLEMENT_MISSING" {
		t.Errorf("%s", text)
	}
	if a, text := limited.settlements(t, `{}`); codesOf(a) != "SETTLEMENT_MISSING" {
		t.Errorf("%s", text)
	}
}

// A payment that waits though its request was refused is not called well, and who looks
// at refused requests is named.
func TestAPaymentThatWaitsWithARefusedRequestIsNotCalledWell(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t).Whole(t).Books(t, 50)
	db.Shards[0].Exec(t, "UPDATE payment SET status = 'REFUND_REQUESTED', updated_at = UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE WHERE payment_id = 7")
	request(t, db, 1, "refund_request", 7, "FAILED", "PG_TIMEOUT", 1, justNow, "UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE")
	a, text := connect(t, db).reconcile(t, `{}`)
	if a.Verdict != "unknown" || len(a.Codes()) > 0 || slices.Contains(a.RuledOut, "REFUND_STUCK") || !slices.Contains(a.RuledOut, "SETTLEMENT_MISSING") {
		t.Errorf("%s", text)
	}
	says(t, text, "shard1: 1 payment in REFUND_REQUESTED for up to 10m", "whose refund FAILED (payment 7): check_settlements")
}

// The books are read at once, and who waits is looked at again seconds later: what was
// written meanwhile does not lie in the future.
func TestWhatIsWrittenBetweenTwoLooksIsNotAhead(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t).Whole(t)
	capturing(t, db, 0)
	settle(t, db, "payment_id < 400")
	db.Shards[0].Exec(t, "UPDATE payment SET status = 'REFUND_REQUESTED' WHERE payment_id = 20")
	postCaptures(t, db)
	db.Shards[0].Exec(t, "UPDATE settlement_request SET requested_at = UTC_TIMESTAMP(3) + INTERVAL 3 SECOND WHERE payment_id = 399")
	a, text := connect(t, db).reconcile(t, `{"scope":"20-400"}`)
	if strings.Contains(text, "SRC_CLOCK_SKEW [") || !slices.Contains(a.Codes(), "REFUND_STUCK") {
		t.Errorf("%s", text)
	}
}

// A server that told nothing of the books is not said to have nobody who waits.
func TestWhoWaitsIsNotRuledOutBesideBooksThatNobodyTold(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 50)
	db.Grant(t, "ALTER TABLE ledger_entry DROP COLUMN debit_account")
	a, text := connect(t, db).reconcile(t, `{}`)
	if a.Verdict == "ok" || slices.Contains(a.RuledOut, "SETTLEMENT_MISSING") || slices.Contains(a.RuledOut, "REFUND_STUCK") {
		t.Errorf("%s", text)
	}
}

// Where who waits cannot be found out, books that are right are not called well.
func TestBooksAreNotCalledWellWhileNobodyKnowsWhoWaits(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*testing.T, *dbtest.DB)
		want   string
		says   string
	}{
		"no index": {func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "ALTER TABLE payment DROP INDEX ix_status_time")
		}, "DB_SCHEMA_DRIFT", "shard1: payment has no index over status, requested_at: payments that wait for their settlement were not looked for"},
		"a table that is locked": {func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "UPDATE payment SET status = 'CAPTURE_REQUESTED' WHERE payment_id = 9")
			db.Shards[0].Exec(t, "DELETE FROM settlement_request WHERE payment_id = 9")
			run(t, second(t, db, 1), "LOCK TABLES outbox_event WRITE")
		}, "", "shard1: payments that wait for their capture or refund could not be looked for (timeout, said"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t).Whole(t).Books(t, 50)
			x.change(t, db)
			a, text := connect(t, db).reconcile(t, `{}`)
			if a.Verdict == "ok" || strings.Join(a.Codes(), " ") != x.want || slices.Contains(a.RuledOut, "SETTLEMENT_MISSING") || !slices.Contains(a.RuledOut, "LEDGER_CAPTURE_MISSING") {
				t.Errorf("%s", text)
			}
			says(t, text, x.says)
		})
	}
}
