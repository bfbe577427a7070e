package tools_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/tooltest"
)

// requestsData is what a client sees of settlements and refunds.
type requestsData struct {
	Requests []struct {
		Kind, Shard                      string
		Succeeded, Failed                int64
		Retrying, Starved, Dead, Pending int
		Without                          int `json:"without_request"`
		LeftAlone                        int `json:"left_alone"`
	}
	AtRisk []struct {
		Kind, State, Currency, Amount string
		Payments                      int
	} `json:"at_risk"`
	Codes []struct {
		Code  string
		Count int
	} `json:"gateway_codes"`
	Notes []string
}

func (r rig) settlements(t *testing.T, args string) (tooltest.Answer[requestsData], string) {
	t.Helper()
	res := r.client.Call(t, "check_settlements", args)
	return tooltest.Decode[requestsData](t, res), res.Text
}

// request inserts a settlement or refund request of a payment with its amount.
func request(t *testing.T, db *dbtest.DB, shard int, table string, payment int64, status, code string, retries int, last, requested string) {
	t.Helper()
	amount := map[string]string{"settlement_request": "request_amount", "refund_request": "refund_amount"}[table]
	db.Shards[shard-1].Exec(t, "INSERT INTO "+table+" (payment_id, "+amount+", status, pg_response_code, retry_count, last_retry_at, requested_at, completed_at) "+
		"SELECT payment_id, amount, ?, ?, ?, "+last+", "+requested+", IF(? = 'SUCCESS', "+requested+", NULL) FROM payment WHERE payment_id = ?", status, code, retries, status, payment)
}

const (
	never    = "NULL"
	justNow  = "UTC_TIMESTAMP(3) - INTERVAL 10 SECOND"
	hourAgo  = "UTC_TIMESTAMP(3) - INTERVAL 1 HOUR"
	twoHours = "UTC_TIMESTAMP(3) - INTERVAL 2 HOUR"
)

func TestRequestsAndTheirFindings(t *testing.T) {
	for name, x := range map[string]struct {
		status string // of payment 1 on shard 1, requested two hours ago
		change func(*testing.T, *dbtest.DB)
		want   string
		says   []string
	}{
		"all is well": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
		}, "", []string{"settlements: none stuck, starved or dead (1 succeeded"}},
		"being retried": {"CAPTURE_FAILED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 3, justNow, twoHours)
		}, "", []string{"1 failed and 1 of them being retried", "PG_TIMEOUT", "KRW | 5000"}},
		"never retried": {"CAPTURE_FAILED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 0, never, twoHours)
		}, "SETTLEMENT_RETRY_STARVED", []string{"1 settlement failed", "2h0m0s", "KRW 5000"}},
		"refunded by half": {"REFUNDED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "refund_request", 1, "SUCCESS", "0000", 0, never, hourAgo)
			db.Shards[0].Exec(t, "UPDATE refund_request SET refund_amount = refund_amount / 2")
		}, "REFUND_STATUS_CONFLICT", []string{"KRW 5000"}},
		"a pending refund that nobody waits for": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
			request(t, db, 1, "refund_request", 1, "PENDING", "", 0, never, hourAgo)
		}, "REFUND_STUCK", []string{"1 refund PENDING"}},
		"a dead refund": {"REFUND_FAILED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
			request(t, db, 1, "refund_request", 1, "FAILED", "PG_DECLINED", 10, hourAgo, twoHours)
		}, "REFUND_DEAD_LETTER", []string{`"PG_DECLINED" 1`, "retry_count 10"}},
		"pending": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "PENDING", "", 0, never, hourAgo)
		}, "SETTLEMENT_PENDING_STUCK", nil},
		"twice": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 1, justNow, twoHours)
			request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 1, justNow, twoHours)
		}, "SETTLEMENT_DUPLICATE", []string{"more than one settlement request"}},
		"settled, and nobody noticed": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
		}, "SETTLEMENT_STATUS_CONFLICT", nil},
		"refunded without a refund": {"REFUNDED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
		}, "REFUND_STATUS_CONFLICT", nil},
		"no settlement, its event published": {"CAPTURE_REQUESTED", func(*testing.T, *dbtest.DB) {}, "SETTLEMENT_MISSING", []string{"event published: 1", "payment 1"}},
		"no settlement, its event waits": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "UPDATE outbox_event SET published = 0, published_at = NULL WHERE aggregate_id = 1")
		}, "SETTLEMENT_MISSING", []string{"event still in the outbox: 1", "check_outbox_status"}},
		"no settlement, no event": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "DELETE FROM outbox_event WHERE aggregate_id = 1")
		}, "SETTLEMENT_MISSING", []string{"no event found: 1"}},
		"no refund": {"REFUND_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
			db.Shards[0].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', 1, 'PAYMENT_REFUND_REQUESTED', '{}', 1, updated_at, updated_at FROM payment WHERE payment_id = 1")
		}, "REFUND_STUCK", []string{"event published: 1", "inspect_consumer_lag"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a schema of its own, and waits for a second look
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: x.status, At: now(t, db).Add(-2 * time.Hour)})
			x.change(t, db)
			r := connect(t, db)
			a, text := r.settlements(t, `{}`)
			if got := codesOf(a); got != x.want {
				t.Errorf("found %q, want %q\n%s", got, x.want, text)
			}
			says(t, text, x.says...)
			if (x.want == "") != (a.Verdict == "ok") {
				t.Errorf("%s\n%s", a.Verdict, text)
			}
			// Nothing of another merchant is told.
			limited := connect(t, db, onlyOf("M-9"))
			if a, text := limited.settlements(t, `{}`); len(a.Findings) > 0 || len(a.Data.AtRisk) > 0 {
				t.Errorf("a server for M-9 says\n%s", text)
			}
		})
	}
}

// manyNewer makes so many payments with a request that succeeded, half an hour ago, that
// no request before them is among the newest. Refunds are of payments far apart.
func manyNewer(t *testing.T, db *dbtest.DB, table string) {
	t.Helper()
	status, amount, apart := "CAPTURED", "request_amount", 1
	if table == "refund_request" {
		status, amount, apart = "REFUNDED", "refund_amount", 10
	}
	db.Shards[0].Exec(t, `INSERT INTO payment (payment_id, merchant_id, amount, status, idempotency_key, requested_at, updated_at)
		SELECT 10 + ? * seq, 'M-2', 5000, ?, seq, UTC_TIMESTAMP(3) - INTERVAL 30 MINUTE, UTC_TIMESTAMP(3) - INTERVAL 30 MINUTE FROM seq_1_to_20001`, apart, status)
	db.Shards[0].Exec(t, "INSERT INTO "+table+" (payment_id, "+amount+`, status, pg_response_code, requested_at, completed_at)
		SELECT payment_id, amount, 'SUCCESS', '0000', requested_at, requested_at FROM payment WHERE payment_id > 10 ORDER BY payment_id`)
}

// Only the newest requests are compared with their payments. What is wrong with an older
// one is seen by its payment, which waits, or by one of the newest beside it.
func TestRequestsOlderThanTheNewest(t *testing.T) {
	for name, x := range map[string]struct {
		status, table, request string // of payment 1, two hours ago
		again                  bool   // just now
		want                   string
	}{
		"settled, and nobody noticed":  {"CAPTURE_REQUESTED", "settlement_request", "SUCCESS", false, "SETTLEMENT_STATUS_CONFLICT"},
		"refunded, and nobody noticed": {"REFUND_REQUESTED", "refund_request", "SUCCESS", false, "REFUND_STATUS_CONFLICT"},
		"being retried":                {"CAPTURE_REQUESTED", "settlement_request", "FAILED", false, ""},
		"settled again":                {"CAPTURED", "settlement_request", "SUCCESS", true, "SETTLEMENT_DUPLICATE"},
		"refunded again":               {"REFUNDED", "refund_request", "SUCCESS", true, "REFUND_EXCEEDS_PAYMENT REFUND_DUPLICATE_SUCCESS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: x.status, At: now(t, db).Add(-2 * time.Hour)})
			request(t, db, 1, x.table, 1, x.request, "0000", 3, justNow, twoHours)
			manyNewer(t, db, x.table)
			if x.again {
				request(t, db, 1, x.table, 1, x.request, "0000", 0, never, justNow)
			}
			a, text := connect(t, db).settlements(t, `{}`)
			if got := codesOf(a); got != x.want || (x.want == "") != (a.Verdict == "ok") {
				t.Errorf("found %q with verdict %s, want %q\n%s", got, a.Verdict, x.want, text)
			}
			says(t, text, "fit their payments (more were made than are compared)")
		})
	}
}

// A bulk insert that was rolled back leaves a gap in the ids: the rows before it are
// still among the newest.
func TestTheNewestRequestsAreCountedAndNotTheirIDs(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: "CAPTURED", At: now(t, db).Add(-2 * time.Hour)},
		dbtest.Payment{ID: 2, Merchant: "M-2", Amount: 5000, Status: "CAPTURED", At: now(t, db).Add(-time.Hour)})
	request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
	db.Grant(t, "ALTER TABLE settlement_request AUTO_INCREMENT = 30000")
	request(t, db, 1, "settlement_request", 2, "SUCCESS", "0000", 0, never, hourAgo)
	r := connect(t, db)
	if a, text := r.settlements(t, `{}`); a.Verdict != "ok" || !slices.Contains(a.RuledOut, "SETTLEMENT_AMOUNT_MISMATCH") {
		t.Errorf("%s", text)
	}
	db.Shards[0].Exec(t, "UPDATE settlement_request SET request_amount = 4000 WHERE payment_id = 1")
	if a, text := r.settlements(t, `{}`); codesOf(a) != "SETTLEMENT_AMOUNT_MISMATCH" {
		t.Errorf("%s", text)
	}
}

// capturing has 400 payments ask for their capture, a second apart until 5 minutes and
// 10 seconds ago; those up to settled have been settled in this order just now.
func capturing(t *testing.T, db *dbtest.DB, settled int) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO payment (payment_id, merchant_id, amount, status, idempotency_key, requested_at, updated_at)
		SELECT seq, 'M-2', 5000, 'CAPTURE_REQUESTED', seq, UTC_TIMESTAMP(3) - INTERVAL 710 - seq SECOND, UTC_TIMESTAMP(3) - INTERVAL 710 - seq SECOND FROM seq_1_to_400`,
		`INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at)
		SELECT 'payment', payment_id, 'PAYMENT_CAPTURE_REQUESTED', '{}', 1, requested_at, requested_at FROM payment`,
	} {
		db.Shards[0].Exec(t, statement)
	}
	settle(t, db, "payment_id <= ?", settled)
}

// settle captures and settles payments, the last one just now.
func settle(t *testing.T, db *dbtest.DB, which string, args ...any) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO settlement_request (payment_id, request_amount, status, pg_response_code, requested_at, completed_at)
		SELECT payment_id, amount, 'SUCCESS', '0000', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM payment WHERE ` + which + " ORDER BY payment_id",
		"UPDATE payment SET status = 'CAPTURED' WHERE " + which,
	} {
		db.Shards[0].Exec(t, statement, args...)
	}
}

// A worker that drains a backlog settles older payments than those that wait: it has
// not come to them yet. Where it settled those asked for well after one, it left it out.
func TestABacklogIsNotDroppedAndAPaymentPassedOverIs(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*testing.T, *dbtest.DB)
		want   string
		says   string
	}{
		"a backlog drains": {func(t *testing.T, db *dbtest.DB) { capturing(t, db, 385) }, "SETTLEMENT_MISSING", "event published: 15"},
		"one is passed over": {func(t *testing.T, db *dbtest.DB) {
			capturing(t, db, 0)
			settle(t, db, "payment_id <> ?", 20)
		}, "CONSUMER_MESSAGE_DROPPED SETTLEMENT_MISSING", "settlements of payments requested well after the oldest of them"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t).Whole(t)
			x.change(t, db)
			r := connect(t, db)
			a, text := r.settlements(t, `{"kind":"settlement"}`)
			if got := codesOf(a); got != x.want {
				t.Errorf("found %q, want %q\n%s", got, x.want, text)
			}
			says(t, text, x.says)
		})
	}
}

// What other merchants have too much of does not make a merchant's own right.
func TestRequestsBehindThoseOfOthersAreNotCalledRight(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	db.Shards[0].Exec(t, `INSERT INTO payment (merchant_id, amount, status, idempotency_key, requested_at, updated_at)
SELECT IF(seq = 1001, 'M-2', 'M-4'), 1000, 'CAPTURE_REQUESTED', CONCAT('k-', seq), UTC_TIMESTAMP(3) - INTERVAL 3000 - seq SECOND, UTC_TIMESTAMP(3) - INTERVAL 3000 - seq SECOND FROM seq_1_to_1001`)
	limited := connect(t, db, onlyOf("M-2"))
	a, text := limited.settlements(t, `{"kind":"settlement"}`)
	if a.Verdict != "unknown" || slices.Contains(a.RuledOut, "SETTLEMENT_MISSING") {
		t.Errorf("%s", text)
	}
	says(t, text, "more payments wait for a settlement than were looked at")
}

// Of very many settlements only the newest are counted. A spike before them was not
// looked for.
func TestASpikeBeforeWhatIsCountedIsNotRuledOut(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	first := db.Shards[0]
	first.Exec(t, `INSERT INTO payment (payment_id, merchant_id, amount, status, idempotency_key, requested_at, updated_at)
		SELECT seq, 'M-2', 5000, 'CAPTURED', seq, UTC_TIMESTAMP(3) - INTERVAL 720 - seq DIV 150 MINUTE, UTC_TIMESTAMP(3) - INTERVAL 720 - seq DIV 150 MINUTE FROM seq_1_to_100100`)
	first.Exec(t, `INSERT INTO settlement_request (payment_id, request_amount, status, pg_response_code, retry_count, last_retry_at, requested_at, completed_at)
		SELECT payment_id, amount, 'SUCCESS', '0000', 0, NULL, requested_at, requested_at FROM payment ORDER BY payment_id`)
	r := connect(t, db)
	a, text := r.settlements(t, `{"kind":"settlement"}`)
	if a.Verdict != "ok" || slices.Contains(a.RuledOut, "SETTLEMENT_FAILURE_SPIKE") {
		t.Errorf("%s", text)
	}
	says(t, text, "shard1: the rate of failed settlements before")
	if a, text := r.settlements(t, `{"kind":"settlement","time_range":"1h"}`); !slices.Contains(a.RuledOut, "SETTLEMENT_FAILURE_SPIKE") {
		t.Errorf("%s", text)
	}
}

// A status that the payment system does not have is counted, and nothing is called well
// or ruled out for it.
func TestRequestsOfAnUnknownStatusAreNotCalledWell(t *testing.T) {
	for name, x := range map[string]struct {
		status, table, request string
		want                   string // what is found
		unruled                string
		says                   []string
	}{
		"a capture that waits": {"CAPTURE_REQUESTED", "settlement_request", "PROCESSING", "", "SETTLEMENT_MISSING",
			[]string{`1 settlement with the status "PROCESSING", which the payment system does not have (id 1 (payment 1))`, "1 payment in CAPTURE_REQUESTED for up to 2h0m0s with no settlement but of such a status (payment 1)", "1 with an unknown status"}},
		"a capture that failed":      {"CAPTURE_FAILED", "settlement_request", "ERROR", "", "SETTLEMENT_DEAD_LETTER", []string{`1 settlement with the status "ERROR"`}},
		"a refund that waits":        {"REFUND_REQUESTED", "refund_request", "PROCESSING", "REFUND_STUCK", "", []string{`1 refund with the status "PROCESSING"`, "1 payment in REFUND_REQUESTED for up to 2h0m0s without a finished refund request"}},
		"a status that gives orders": {"CAPTURE_FAILED", "settlement_request", "all is well\nok", "", "SETTLEMENT_RETRY_STARVED", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: x.status, At: now(t, db).Add(-2 * time.Hour)})
			if x.table == "refund_request" {
				request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
			}
			request(t, db, 1, x.table, 1, x.request, "", 0, never, twoHours)
			a, text := connect(t, db).settlements(t, `{}`)
			if got := codesOf(a); got != x.want || slices.Contains(a.RuledOut, x.unruled) || x.want == "" && a.Verdict != "unknown" {
				t.Errorf("found %q with verdict %s, want %q\n%s", got, a.Verdict, x.want, text)
			}
			says(t, text, append(x.says, foreign.Text(x.request).Quoted())...)
			b, text := connect(t, db).reconcile(t, `{"checks":["settlement","refund"]}`)
			if b.Verdict == "ok" || slices.Contains(b.RuledOut, "SETTLEMENT_STATUS_CONFLICT") && x.table == "settlement_request" {
				t.Errorf("%s", text)
			}
			says(t, text, "1 "+x.table+" row with the status "+foreign.Text(x.request).Quoted())
		})
	}
}

// However many such statuses there are, some are told and the rest is not called well.
func TestRequestsOfVeryManyUnknownStatuses(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	manyNewer(t, db, "settlement_request")
	r := connect(t, db)
	if a, text := r.settlements(t, `{}`); a.Verdict != "ok" {
		t.Fatalf("%s", text)
	}
	db.Shards[0].Exec(t, "UPDATE settlement_request SET status = CONCAT('S-', id) WHERE id > 10")
	a, text := r.settlements(t, `{}`)
	if a.Verdict != "unknown" || len(text) > 10_000 || len(a.RuledOut) > 20 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	says(t, text, "there are more such statuses of settlements than were looked at")
	db.Shards[0].Exec(t, "UPDATE settlement_request SET status = 'DONE' WHERE id > 10")
	_, text = r.settlements(t, `{}`)
	says(t, text, `at least 1000 settlements with the status "DONE"`)
}

// One of several writers lives in another zone: nothing of it looks old, and it is not
// called well for that. The newest request is another's.
func TestRequestsDatedAheadAreNotCalledWell(t *testing.T) {
	for name, x := range map[string]struct {
		status, last, requested string
		retries                 int
		unruled, want           string
	}{
		"a failure":               {"FAILED", never, "UTC_TIMESTAMP(3) + INTERVAL 8 HOUR", 0, "SETTLEMENT_RETRY_STARVED", "SRC_TIMEZONE_MISMATCH"},
		"a dead letter":           {"FAILED", "UTC_TIMESTAMP(3) + INTERVAL 8 HOUR", "UTC_TIMESTAMP(3) + INTERVAL 8 HOUR", 10, "SETTLEMENT_DEAD_LETTER", "SRC_TIMEZONE_MISMATCH"},
		"a pending one":           {"PENDING", never, "UTC_TIMESTAMP(3) + INTERVAL 8 HOUR", 0, "SETTLEMENT_PENDING_STUCK", "SRC_TIMEZONE_MISMATCH"},
		"a retry":                 {"FAILED", "UTC_TIMESTAMP(3) + INTERVAL 6 HOUR", "UTC_TIMESTAMP(3) - INTERVAL 4 HOUR", 3, "SETTLEMENT_RETRY_STARVED", "SRC_TIMEZONE_MISMATCH"},
		"a clock that goes wrong": {"FAILED", never, "UTC_TIMESTAMP(3) + INTERVAL 10 MINUTE", 0, "SETTLEMENT_RETRY_STARVED", "SRC_CLOCK_SKEW"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t).Whole(t)
			at := now(t, db).Add(-4 * time.Hour)
			paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: "CAPTURE_FAILED", At: at}, dbtest.Payment{ID: 2, Merchant: "M-2", Amount: 5000, Status: "CAPTURED", At: at})
			request(t, db, 1, "settlement_request", 1, x.status, "PG_TIMEOUT", x.retries, x.last, x.requested)
			request(t, db, 1, "settlement_request", 2, "SUCCESS", "0000", 0, never, hourAgo)
			a, text := connect(t, db).settlements(t, `{}`)
			if codesOf(a) != x.want || a.Verdict != "unknown" || slices.Contains(a.RuledOut, x.unruled) {
				t.Errorf("%s", text)
			}
			says(t, text, "1 settlement FAILED or PENDING, dated up to", "ahead of the database's clock", "id 1 (payment 1)", "KRW 5000")
			if x.want == "SRC_TIMEZONE_MISMATCH" {
				says(t, text, "settlements: 1 dated ahead")
			}
			limited := connect(t, db, onlyOf("M-9"))
			if a, text := limited.settlements(t, `{}`); a.Verdict != "ok" {
				t.Errorf("a server for M-9 says\n%s", text)
			}
		})
	}
}

// A payment that failed without the request that failed is not called well, but for such
// payments as are older than what is kept of requests.
func TestPaymentsThatFailedWithoutARequest(t *testing.T) {
	for status, table := range map[string]string{"CAPTURE_FAILED": "settlement_request", "REFUND_FAILED": "refund_request"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t).Whole(t)
			at := now(t, db).Add(-2 * time.Hour)
			paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: status, At: at}, dbtest.Payment{ID: 2, Merchant: "M-2", Amount: 5000, Status: status, At: at})
			if table == "refund_request" {
				request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
				request(t, db, 1, "settlement_request", 2, "SUCCESS", "0000", 0, never, twoHours)
			}
			request(t, db, 1, table, 2, "FAILED", "PG_TIMEOUT", 3, justNow, "UTC_TIMESTAMP(3) - INTERVAL 3 HOUR")
			r := connect(t, db)
			a, text := r.settlements(t, `{}`)
			if a.Verdict != "unknown" || len(a.Findings) > 0 {
				t.Errorf("%s", text)
			}
			says(t, text, "1 payment "+status+" with no ", "request that says why (payment 1): trace_payment", "1 payments failed without a request")
			if b, text := r.reconcile(t, `{"checks":["settlement","refund"]}`); b.Verdict == "ok" || !strings.Contains(text, "1 payment "+status+" with no ") {
				t.Errorf("%s", text)
			}
			limited := connect(t, db, onlyOf("M-9"))
			if a, text := limited.settlements(t, `{}`); a.Verdict != "ok" {
				t.Errorf("a server for M-9 says\n%s", text)
			}
			db.Shards[0].Exec(t, "UPDATE "+table+" SET requested_at = "+hourAgo+" WHERE payment_id = 2")
			if a, text := r.settlements(t, `{}`); a.Verdict != "ok" {
				t.Errorf("%s", text)
			}
			if _, text := r.reconcile(t, `{"checks":["settlement","refund"]}`); strings.Contains(text, status+" with no ") {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestRequestsByKindAndTime(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	paid(t, db, 2, dbtest.Payment{ID: 1, Merchant: "M-1", Amount: 700, Status: "CAPTURE_FAILED", At: now(t, db).Add(-30 * time.Hour)})
	request(t, db, 2, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 0, never, "UTC_TIMESTAMP(3) - INTERVAL 30 HOUR")
	r := connect(t, db)
	for args, want := range map[string]string{
		`{"kind":"settlement"}`: "SETTLEMENT_RETRY_STARVED", `{"kind":"refund"}`: "", `{"kind":"settlement","time_range":"24h"}`: "",
		`{"time_range":"7d"}`: "SETTLEMENT_RETRY_STARVED", `{"since":"31h ago","until":"29h ago"}`: "SETTLEMENT_RETRY_STARVED",
	} {
		if a, text := r.settlements(t, args); codesOf(a) != want {
			t.Errorf("%s found %q, want %q\n%s", args, codesOf(a), want, text)
		}
	}
	for args, want := range map[string]string{`{"kind":"payout"}`: "settlement", `{"time_range":"whenever"}`: "whenever", `{"since":"2100-01-01T00:00:00Z"}`: "lies in the future"} {
		res := r.client.Call(t, "check_settlements", args)
		if !res.IsError {
			t.Errorf("%s was answered", args)
		}
		says(t, res.Text, want)
	}
}

// Without the indexes the newest requests are searched, and what was left out keeps
// the answer from being well.
func TestRequestsOfAnotherSchema(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: "CAPTURE_FAILED", At: now(t, db).Add(-2 * time.Hour)})
	request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 0, never, twoHours)
	for _, table := range []string{"settlement_request", "refund_request"} {
		db.Grant(t, "ALTER TABLE "+table+" DROP INDEX ix_status_requested, MODIFY requested_at DATETIME(6) NOT NULL, MODIFY status ENUM('PENDING','SUCCESS','FAILED') NOT NULL")
	}
	db.Grant(t, "ALTER TABLE payment DROP INDEX ix_status_time")
	a, text := connect(t, db).settlements(t, `{}`)
	if got := codesOf(a); got != "SETTLEMENT_RETRY_STARVED DB_SCHEMA_DRIFT" {
		t.Errorf("found %s\n%s", got, text)
	}
	says(t, text, "payments that wait for their settlement were not looked for")
}

// Without the index over payment_id two requests of a payment are found among the newest,
// and with more requests than those it is not well.
func TestRequestsWithoutTheIndexOverPayments(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, At: now(t, db).Add(-2 * time.Hour)})
	for range 2 {
		request(t, db, 1, "settlement_request", 1, "SUCCESS", "0000", 0, never, twoHours)
	}
	db.Grant(t, "ALTER TABLE settlement_request DROP FOREIGN KEY settlement_request_ibfk_1, DROP INDEX ix_payment")
	r := connect(t, db)
	a, text := r.settlements(t, `{"kind":"settlement"}`)
	if got := codesOf(a); got != "SETTLEMENT_DUPLICATE DB_SCHEMA_DRIFT" {
		t.Errorf("found %s\n%s", got, text)
	}
	manyNewer(t, db, "settlement_request")
	_, text = r.settlements(t, `{"kind":"settlement"}`)
	says(t, text, "settlement_request has no index over payment_id: of it only the newest 20000 requests were searched")
}

// Where a call ends before a second look, what the first one saw is told, and how
// much it is worth.
func TestRequestsWithoutTimeForASecondLook(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	at := now(t, db).Add(-2 * time.Hour)
	paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Amount: 5000, Status: "CAPTURE_FAILED", At: at}, dbtest.Payment{ID: 2, Merchant: "M-2", Amount: 5000, Status: "CAPTURE_REQUESTED", At: at})
	request(t, db, 1, "settlement_request", 1, "FAILED", "PG_TIMEOUT", 0, never, twoHours)
	request(t, db, 1, "settlement_request", 2, "SUCCESS", "0000", 0, never, twoHours)
	a, text := connect(t, db).within(t, 2*time.Second).settlements(t, `{}`)
	if got := codesOf(a); got != "SETTLEMENT_RETRY_STARVED" || a.Verdict != "attention" || slices.Contains(a.RuledOut, "SETTLEMENT_STATUS_CONFLICT") || !slices.Contains(a.RuledOut, "REFUND_DEAD_LETTER") {
		t.Errorf("found %q\n%s", got, text)
	}
	says(t, text, "no time for a second look at settlements", "1 payment whose settlements do not fit")
	// Without a finding it is not well for that.
	db.Shards[0].Exec(t, "UPDATE settlement_request SET last_retry_at = UTC_TIMESTAMP(3) WHERE payment_id = 1")
	if a, text := connect(t, db).within(t, 2*time.Second).settlements(t, `{}`); a.Verdict != "unknown" || len(a.Findings) > 0 {
		t.Errorf("%s", text)
	}
}
