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

// traceData is what a client sees of a trace.
type traceData struct {
	Payments []struct {
		Shard, Merchant, Status, Where string
		ID                             int64 `json:"payment_id"`
	}
	Timeline []struct {
		At                 *time.Time
		Shard, Table, What string
	}
	Notes []string
}

func (r rig) trace(t *testing.T, args string) (tooltest.Answer[traceData], string) {
	t.Helper()
	res := r.client.Call(t, "trace_payment", args)
	return tooltest.Decode[traceData](t, res), res.Text
}

func posted(t *testing.T, db *dbtest.DB, shard int, payment int64, debit, credit string) {
	t.Helper()
	db.Shards[shard-1].Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, ?, ?, amount, requested_at + INTERVAL 4 SECOND FROM payment WHERE payment_id = ?", debit, credit, payment)
}

func TestTraceTellsTheWholeStory(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	at := now(t, db).Add(-2 * time.Hour)
	paid(t, db, 1, dbtest.Payment{ID: 5, Merchant: "M-2", Amount: 5000, Key: "order-5", At: at})
	request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
	posted(t, db, 1, 5, "merchant_receivable", "cash")
	paid(t, db, 2, dbtest.Payment{ID: 5, Merchant: "M-1", Amount: 700, Key: "order-6", Status: "CAPTURE_REQUESTED", At: at})
	r := connect(t, db)

	a, text := r.trace(t, `{"merchant_id":"M-2","idempotency_key":"order-5"}`)
	if a.Verdict != "ok" || len(a.Data.Payments) != 1 || !strings.HasPrefix(a.Data.Payments[0].Where, "through") {
		t.Fatalf("%s", text)
	}
	var tables []string
	for i, row := range a.Data.Timeline {
		tables = append(tables, row.Table)
		if i > 0 && row.At.Before(*a.Data.Timeline[i-1].At) {
			t.Errorf("not in the order of time:\n%s", text)
		}
	}
	for _, want := range []string{"payment", "idempotency", "outbox", "settlement", "ledger"} {
		if !slices.Contains(tables, want) {
			t.Errorf("nothing of %s in\n%s", want, text)
		}
	}
	says(t, text, "+09:00", "PAYMENT_CAPTURE_REQUESTED event", "published 400ms later", "LEDGER_CAPTURE_MISSING", "this merchant lives on shard1")

	// One id, two payments.
	a, text = r.trace(t, `{"payment_id":5}`)
	if len(a.Data.Payments) != 2 || codesOf(a) != "SETTLEMENT_MISSING" || a.Verdict != "attention" {
		t.Fatalf("%s", text)
	}
	says(t, text, "these are 2 different payments", "no settlement request yet", "payment 5 on shard2, KRW 700")
	if len(text) > 3600 {
		t.Errorf("%d bytes", len(text))
	}

	limited := connect(t, db, onlyOf("M-2"))
	if _, text := limited.trace(t, `{"payment_id":5}`); strings.Contains(text, "M-1") || strings.Contains(text, "700") {
		t.Errorf("a server for M-2 says\n%s", text)
	}
}

// A capture that no settlement explains needs its event. Where that cannot be looked
// for, its absence is neither told nor ruled out.
func TestTraceOfACaptureWithoutASettlement(t *testing.T) {
	const lost = "DELETE FROM outbox_event WHERE event_type = 'PAYMENT_CAPTURED'"
	const noIndex = "ALTER TABLE outbox_event DROP INDEX ix_pub_created"
	before := func(published string) string {
		return "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) VALUES ('payment', 99, 'PAYMENT_AUTHORIZED', '{}', 1, " + published + ", " + twoHours + " - INTERVAL 1 HOUR)"
	}
	old := before(twoHours + " - INTERVAL 1 HOUR")
	for name, x := range map[string]struct {
		change   []string
		want     string
		verdict  string
		ruledOut bool
		says     string
	}{
		"its event is there":        {[]string{old}, "", "ok", true, "PAYMENT_CAPTURED event"},
		"its event is lost":         {[]string{old, lost}, "CAPTURE_EVIDENCE_MISSING", "critical", false, ""},
		"lost, and no index":        {[]string{old, lost, noIndex}, "CAPTURE_EVIDENCE_MISSING DB_SCHEMA_DRIFT", "critical", false, ""},
		"there, and no index":       {[]string{old, noIndex}, "DB_SCHEMA_DRIFT", "attention", false, ""},
		"events are not kept":       {[]string{lost}, "", "ok", false, "whether the capture of payment 5 left its event (published events of its time are not kept)"},
		"not kept, and no index":    {[]string{before("NULL"), lost, noIndex}, "DB_SCHEMA_DRIFT", "attention", false, "published events of its time are not kept"},
		"more events than are read": {[]string{old, lost, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', 1000 + seq, 'PAYMENT_AUTHORIZED', '{}', 1, " + hourAgo + ", " + hourAgo + " FROM seq_1_to_50001"}, "", "unknown", false, "too many events were written"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a schema of its own, and waits for a second look
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 5, Merchant: "M-2", Amount: 5000, Status: "CAPTURED", At: now(t, db).Add(-2 * time.Hour)})
			posted(t, db, 1, 5, "merchant_receivable", "cash")
			db.Shards[0].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', 5, 'PAYMENT_CAPTURED', '{}', 1, requested_at, requested_at FROM payment")
			db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 20 MINUTE")
			for _, statement := range x.change {
				db.Shards[0].Exec(t, statement)
			}
			a, text := connect(t, db).trace(t, `{"payment_id":5}`)
			if got := codesOf(a); got != x.want || a.Verdict != x.verdict || slices.Contains(a.RuledOut, "CAPTURE_EVIDENCE_MISSING") != x.ruledOut {
				t.Errorf("found %q, want %q\n%s", got, x.want, text)
			}
			says(t, text, x.says)
		})
	}
}

func TestTraceSaysWhereAPaymentIsStuck(t *testing.T) {
	for name, x := range map[string]struct {
		status string
		change func(*testing.T, *dbtest.DB)
		where  string
		want   string
	}{
		"in the outbox": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "UPDATE outbox_event SET published = 0, published_at = NULL WHERE event_type = 'PAYMENT_CAPTURE_REQUESTED'")
		}, "stuck: its PAYMENT_CAPTURE_REQUESTED event 2 waits in the outbox", "OUTBOX_BACKLOG SETTLEMENT_MISSING"},
		"given up": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "UPDATE outbox_event SET published = 0, published_at = NULL, retry_count = 10, last_retry_at = "+hourAgo+" WHERE event_type = 'PAYMENT_CAPTURE_REQUESTED'")
		}, "given up after 10 tries", "OUTBOX_DEAD_LETTERS SETTLEMENT_MISSING"},
		"no event": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			db.Shards[0].Exec(t, "DELETE FROM outbox_event WHERE event_type = 'PAYMENT_CAPTURE_REQUESTED'")
			db.Shards[0].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) VALUES ('payment', 99, 'PAYMENT_AUTHORIZED', '{}', 1, "+twoHours+" - INTERVAL 1 HOUR, "+twoHours+" - INTERVAL 1 HOUR)")
		}, "no PAYMENT_CAPTURE_REQUESTED event was found", "OUTBOX_EVENT_MISSING SETTLEMENT_MISSING"},
		"refused": {"CAPTURE_FAILED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "FAILED", "PG_TIMEOUT", 0, never, twoHours)
		}, "stuck: its capture failed, never retried for 2h0m0s", "SETTLEMENT_RETRY_STARVED"},
		"not posted": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
		}, "not posted in the ledger", "LEDGER_CAPTURE_MISSING"},
		"a refund that was forgotten": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
			posted(t, db, 1, 5, "merchant_receivable", "cash")
			db.Shards[0].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', 5, 'PAYMENT_REFUND_REQUESTED', '{}', 1, updated_at, updated_at FROM payment")
		}, "through", "PAYMENT_STATUS_REGRESSION"},
		"a refund that was forgotten between two changes": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
			posted(t, db, 1, 5, "merchant_receivable", "cash")
			db.Shards[0].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) VALUES ('payment', 5, 'PAYMENT_REFUND_REQUESTED', '{}', 1, "+hourAgo+", "+hourAgo+")")
			db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 20 MINUTE")
		}, "through", "PAYMENT_STATUS_REGRESSION"},
		"a change that has not come yet": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
			db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) + INTERVAL 9 HOUR")
		}, "a time that has not come yet", "SRC_TIMEZONE_MISMATCH"},
		"a failure that nothing explains": {"REFUND_FAILED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
			posted(t, db, 1, 5, "merchant_receivable", "cash")
		}, "stuck: its refund failed, and there is no request that says why", ""},
		"a capture that is being retried": {"CAPTURE_REQUESTED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "FAILED", "PG_TIMEOUT", 3, justNow, twoHours)
		}, "stuck: settlement request 1 is FAILED, retry 3", ""},
		"an event that the status contradicts": {"CAPTURE_FAILED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "FAILED", "PG_TIMEOUT", 3, justNow, twoHours)
			db.Shards[0].Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', 5, 'PAYMENT_CAPTURED', '{}', 1, requested_at, requested_at FROM payment")
		}, "event 3, written 2h0m0s ago, says that it was captured, its status CAPTURE_FAILED does not", ""},
		"a record that lies": {"CAPTURED", func(t *testing.T, db *dbtest.DB) {
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, twoHours)
			posted(t, db, 1, 5, "merchant_receivable", "cash")
			db.Shards[0].Exec(t, "UPDATE idem_response_cache SET response_body = JSON_SET(response_body, '$.amount', 1)")
		}, "through", "IDEM_RESPONSE_MISMATCH"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a schema of its own, and waits for a second look
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 5, Merchant: "M-2", Amount: 5000, Status: x.status, At: now(t, db).Add(-2 * time.Hour)})
			x.change(t, db)
			a, text := connect(t, db).trace(t, `{"payment_id":5}`)
			if got := codesOf(a); got != x.want || len(a.Data.Payments) != 1 || !strings.Contains(a.Data.Payments[0].Where, x.where) {
				t.Errorf("found %q, want %q and where %q\n%s", got, x.want, x.where, text)
			}
			if a.Verdict == "ok" || x.want == "" && slices.Contains(a.RuledOut, "LEDGER_CAPTURE_MISSING") {
				t.Errorf("called ok:\n%s", text)
			}
		})
	}
}

// A payment that was changed long after its capture: between the two lie more events than
// are read, of which the newest are.
func TestTraceAmongManyEvents(t *testing.T) {
	event := func(payment, kind, at string) string {
		return "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', " + payment + ", '" + kind + "', '{}', 1, " + at + ", " + at
	}
	waits := func(payment, kind, at string) string {
		return "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, created_at) SELECT 'payment', " + payment + ", '" + kind + "', '{}', " + at
	}
	others := event("1000 + seq", "PAYMENT_AUTHORIZED", hourAgo) + " FROM seq_1_to_50001"
	const threeHours, halfAnHour = "UTC_TIMESTAMP(3) - INTERVAL 3 HOUR", "UTC_TIMESTAMP(3) - INTERVAL 30 MINUTE"
	const changed, lateCapture = "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 20 MINUTE", "UTC_TIMESTAMP(3) - INTERVAL 20 MINUTE"
	for name, x := range map[string]struct {
		captured      string
		events        []string
		want, verdict string
		says          string
	}{
		"forgotten after them":  {twoHours, []string{others, event("5", "PAYMENT_REFUND_REQUESTED", halfAnHour)}, "PAYMENT_STATUS_REGRESSION", "critical", ""},
		"forgotten before them": {twoHours, []string{others, event("5", "PAYMENT_REFUND_REQUESTED", "UTC_TIMESTAMP(3) - INTERVAL 90 MINUTE")}, "", "unknown", "too many to look for those of payment 5, which was changed at "},
		"captured after them":   {lateCapture, []string{others}, "", "ok", ""},
		"waiting behind older ones": {twoHours, []string{waits("1000 + seq", "PAYMENT_AUTHORIZED", threeHours) + " FROM seq_1_to_20001", waits("5", "PAYMENT_REFUND_REQUESTED", hourAgo)},
			"PAYMENT_STATUS_REGRESSION OUTBOX_BACKLOG", "critical", ""},
		"waiting after them": {twoHours, []string{waits("1000 + seq", "PAYMENT_AUTHORIZED", hourAgo) + " FROM seq_1_to_50001", waits("5", "PAYMENT_REFUND_REQUESTED", halfAnHour)},
			"PAYMENT_STATUS_REGRESSION OUTBOX_BACKLOG", "critical", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a schema of its own, and waits for a second look
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 5, Merchant: "M-2", Amount: 5000, Status: "CAPTURED", At: now(t, db).Add(-2 * time.Hour)})
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, x.captured)
			posted(t, db, 1, 5, "merchant_receivable", "cash")
			db.Shards[0].Exec(t, "UPDATE ledger_entry SET occurred_at = "+x.captured)
			db.Shards[0].Exec(t, changed)
			for _, e := range x.events {
				db.Shards[0].Exec(t, e)
			}
			a, text := connect(t, db).trace(t, `{"payment_id":5}`)
			if got := codesOf(a); got != x.want || a.Verdict != x.verdict {
				t.Errorf("found %q with verdict %s, want %q with %s\n%s", got, a.Verdict, x.want, x.verdict, text)
			}
			if x.verdict == "unknown" && slices.Contains(a.RuledOut, "PAYMENT_STATUS_REGRESSION") {
				t.Errorf("ruled out what was not looked for:\n%s", text)
			}
			says(t, text, x.says)
		})
	}
}

// Events are deleted some days after they were published. What those of an old payment
// would have told is not ruled out.
func TestTraceOfAPaymentOlderThanItsEvents(t *testing.T) {
	days := func(n int) string { return fmt.Sprintf("UTC_TIMESTAMP(3) - INTERVAL %d DAY", n) }
	const code, says = "PAYMENT_STATUS_REGRESSION", "shard1: whether a refund of payment 5 was asked for and forgotten (published events of its time are not kept)"
	for name, x := range map[string]struct {
		status   string
		keeps    int // days for which events are kept
		ruledOut bool
		unseen   bool
	}{
		"its events are deleted":            {"CAPTURED", 7, false, true},
		"those of its capture are":          {"CAPTURED", 29, false, true},
		"its own events are kept":           {"CAPTURED", 31, true, false},
		"older ones are kept, too":          {"CAPTURED", 35, true, false},
		"deleted, and still to be captured": {"CAPTURE_REQUESTED", 7, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a schema of its own, and waits for a second look
			db := dbtest.New(t).Whole(t)
			paid(t, db, 1, dbtest.Payment{ID: 5, Merchant: "M-2", Amount: 5000, Status: x.status, At: now(t, db).AddDate(0, 0, -30)})
			request(t, db, 1, "settlement_request", 5, "SUCCESS", "0000", 0, never, days(30))
			posted(t, db, 1, 5, "merchant_receivable", "cash")
			for _, statement := range []string{
				"UPDATE payment SET updated_at = " + days(28),
				"INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at) SELECT 'payment', 6, 'PAYMENT_AUTHORIZED', '{}', 1, at, at FROM (SELECT UTC_TIMESTAMP(3) - INTERVAL seq DAY AS at FROM seq_0_to_40) AS days",
				fmt.Sprintf("DELETE FROM outbox_event WHERE created_at < UTC_TIMESTAMP(3) - INTERVAL %d DAY", x.keeps),
			} {
				db.Shards[0].Exec(t, statement)
			}
			a, text := connect(t, db).trace(t, `{"payment_id":5}`)
			if slices.Contains(a.RuledOut, code) != x.ruledOut || slices.Contains(a.Coverage.NotLooked, says) != x.unseen || (a.Verdict == "ok") != (x.status == "CAPTURED") {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestTraceRefusesAndAdmits(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	r := connect(t, db, onlyOf("M-2"))
	for _, args := range []string{`{}`, `{"merchant_id":"M-2"}`, `{"idempotency_key":"k"}`, `{"payment_id":1,"merchant_id":"M-2","idempotency_key":"k"}`, `{"merchant_id":"M-4","idempotency_key":"k"}`} {
		if res := r.client.Call(t, "trace_payment", args); !res.IsError {
			t.Errorf("%s was answered: %s", args, res.Text)
		}
	}
	a, text := r.trace(t, `{"payment_id":77}`)
	if a.Verdict != "unknown" {
		t.Errorf("%s", text)
	}
	says(t, text, "no payment 77 on 2 of 2 shards", "there is no such payment")
	// A key on two shards is one order charged twice.
	paid(t, db, 1, dbtest.Payment{ID: 1, Merchant: "M-2", Key: "k", Amount: 10, At: now(t, db).Add(-time.Second)})
	paid(t, db, 2, dbtest.Payment{ID: 9, Merchant: "M-2", Key: "k", Amount: 10, At: now(t, db).Add(-time.Second)})
	a, text = r.trace(t, `{"merchant_id":"M-2","idempotency_key":"k"}`)
	if got := codesOf(a); !strings.Contains(got, "IDEM_CROSS_SHARD_DUPLICATE") || !strings.Contains(got, "SHARD_MISROUTED_MERCHANT") {
		t.Errorf("found %s\n%s", got, text)
	}
}
