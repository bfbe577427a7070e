package tools_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tooltest"
)

// booksData is what a client sees of a reconciliation.
type booksData struct {
	Shards []struct {
		Shard       string
		IDs         string `json:"payment_ids"`
		Payments    int64
		Postings    int64
		Settlements *int64
		InFlight    int64 `json:"in_flight"`
		Through     bool
	}
	Exceptions []struct {
		Shard  string
		ID     int64 `json:"payment_id"`
		Codes  string
		Amount *string
	}
	Count   int64 `json:"exceptions_in_all"`
	Control []struct {
		Currency *string
		Captured string `json:"captured_by_status"`
		Posted   string `json:"captured_posted"`
		Both     string `json:"debit_and_credit"`
	} `json:"control_totals"`
	IDs []struct {
		Code, Shard string
		IDs         []int64 `json:"payment_ids"`
	} `json:"ids"`
	Notes []string
}

func (r rig) reconcile(t *testing.T, args string) (tooltest.Answer[booksData], string) {
	t.Helper()
	res := r.client.Call(t, "reconciliation_check", args)
	return tooltest.Decode[booksData](t, res), res.Text
}

// Of very many exceptions only the first are held against the other shard: what may be
// among the others is not ruled out, and no event is sent again for them.
func TestPostingsOnTheWrongShardAmongVeryMany(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 2700)
	db.Shards[0].Exec(t, "DELETE l FROM ledger_entry l JOIN payment p USING (payment_id) WHERE p.status = 'CAPTURED'")
	r := connect(t, db)
	a, text := r.reconcile(t, `{}`)
	if !slices.Equal(a.Codes(), []string{"LEDGER_CAPTURE_MISSING"}) || slices.Contains(a.RuledOut, "LEDGER_WRONG_SHARD") {
		t.Errorf("%s", text)
	}
	says(t, text, "have no event sent again yet")
	if strings.Contains(text, "engineering has the event sent again") {
		t.Errorf("%s", text)
	}
	db.Shards[1].Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) SELECT payment_id, 'merchant_receivable', 'cash', amount, updated_at FROM payment WHERE payment_id = 1")
	a, text = r.reconcile(t, `{}`)
	if !slices.Contains(a.Codes(), "LEDGER_WRONG_SHARD") {
		t.Errorf("%s", text)
	}
	says(t, text, "at least 1 posting stands on another shard")
	// What was compared whole is told as before.
	a, text = r.reconcile(t, `{"scope":"2-500"}`)
	if !slices.Equal(a.Codes(), []string{"LEDGER_CAPTURE_MISSING"}) || !slices.Contains(a.RuledOut, "LEDGER_WRONG_SHARD") {
		t.Errorf("%s", text)
	}
	says(t, text, "engineering has the event sent again")
}

func TestRightBooksAreCalledRight(t *testing.T) {
	r := connect(t, dbtest.New(t).Whole(t).Books(t, 300))
	a, text := r.reconcile(t, `{}`)
	if a.Verdict != "ok" || len(a.Findings) > 0 || a.Data.Count != 0 || len(a.Data.Shards) != 2 || a.Data.Shards[0].Payments != 300 || !a.Data.Shards[1].Through {
		t.Errorf("%s", text)
	}
	for _, code := range []string{"LEDGER_CAPTURE_MISSING", "LEDGER_WRONG_SHARD", "SHARD_MISROUTED_MERCHANT", "REFUND_STATUS_CONFLICT"} {
		if !slices.Contains(a.RuledOut, code) {
			t.Errorf("%s is not ruled out:\n%s", code, text)
		}
	}
	says(t, text, "no exception in 600 payments, 600 postings", "Control total only: BALANCED - debit KRW", "at least the newest 100000 payments",
		"requests that the payment gateway refused (check_settlements)")
	if len(text) > 3150 {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
}

// The totals are equal, and the answer does not take that for a proof.
func TestTotalsThatBalanceProveNothing(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 100)
	db.Shards[0].Exec(t, "UPDATE ledger_entry SET amount = 1005 WHERE payment_id = 4")
	db.Shards[0].Exec(t, "UPDATE ledger_entry SET amount = 1004 WHERE payment_id = 5")
	a, text := connect(t, db).reconcile(t, `{"detail":"full"}`)
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"LEDGER_AMOUNT_MISMATCH"}) || a.Data.Count != 2 {
		t.Errorf("%s", text)
	}
	for _, c := range a.Data.Control {
		if c.Captured != c.Posted {
			t.Errorf("the totals were meant to be equal:\n%s", text)
		}
	}
	if len(a.Data.IDs) != 1 || !slices.Equal(a.Data.IDs[0].IDs, []int64{4, 5}) || a.Data.IDs[0].Shard != "shard1" {
		t.Errorf("%+v", a.Data.IDs)
	}
	says(t, text, "BALANCED", "difference +1", "difference -1", "differences in all: KRW 0")
}

func TestExceptionsAreToldWithTheirPayments(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 200)
	db.Shards[1].Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (11, 12, 13, 14, 21)")
	db.Shards[1].Exec(t, "UPDATE settlement_request SET status = 'SUCCESS' WHERE payment_id = 9")
	r := connect(t, db)
	a, text := r.reconcile(t, `{"limit":4}`)
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"LEDGER_CAPTURE_MISSING", "SETTLEMENT_STATUS_CONFLICT"}) || len(a.Data.Exceptions) != 4 || a.Data.Count != 6 {
		t.Errorf("%s", text)
	}
	f := a.Findings[0]
	if !strings.Contains(f.Claim, "5 captured payments") || !strings.Contains(f.Claim, "KRW 5071") || !strings.Contains(f.Evidence[0].Value, "payment ids 11 .. 21") ||
		!strings.Contains(f.Blast, `"MERCHANT-3" 2`) || len(f.NextSteps) == 0 || f.ConfirmWith != "check_kafka_health" || f.Evidence[0].At.IsZero() {
		t.Errorf("%+v", f)
	}
	if len(text) > 3800 {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
	// Where nobody asks for more, what was ruled out goes first.
	if a, text = r.reconcile(t, `{}`); len(text) > report.ShortText || len(a.RuledOut) > 0 {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
	says(t, text, "left out to be short: what was ruled out")
}

// A list that leaves exceptions out says so, and how the others are got.
func TestExceptionsThatAreNotListedAreSaid(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 400)
	db.Shards[0].Exec(t, "DELETE l FROM ledger_entry l JOIN payment p USING (payment_id) WHERE p.status = 'CAPTURED' AND payment_id <= 300")
	r := connect(t, db)
	for args, listed := range map[string]int{`{}`: 3, `{"limit":7}`: 7, `{"limit":200}`: 200, `{"limit":200,"detail":"full"}`: 200, `{"limit":200,"scope":"201-400"}`: 80} {
		a, text := r.reconcile(t, args)
		if cut := listed < int(a.Data.Count); len(a.Data.Exceptions) != listed || a.Coverage.Truncated != cut || (a.Coverage.More != "") != cut || a.Coverage.Cursor != "" {
			t.Errorf("%s: %s", args, text)
		}
		if listed != 80 {
			says(t, a.Coverage.More, fmt.Sprintf("%d of 240 exceptions are listed", listed), "limit", "detail full", "scope")
		}
	}
	// With the other shard away, the cursor goes on with that one.
	a, text := connect(t, db, at(2, dbtest.Refused(t))).reconcile(t, `{}`)
	if !a.Coverage.Truncated || a.Coverage.Cursor == "" {
		t.Errorf("%s", text)
	}
	says(t, a.Coverage.More, "with this cursor; 3 of 240 exceptions")
}

// A posting that went to the other shard is looked up there, though its id lies
// outside of what was asked for.
func TestAPostingOnTheOtherShardIsLookedUp(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 400)
	db.Shards[1].Exec(t, "DELETE FROM ledger_entry WHERE payment_id = 300")
	db.Shards[1].Exec(t, "UPDATE payment SET amount = 90000 WHERE payment_id = 300")
	db.Shards[1].Exec(t, "UPDATE settlement_request SET request_amount = 90000 WHERE payment_id = 300")
	db.Shards[0].Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (300, 'merchant_receivable', 'cash', 90000)")
	db.Shards[1].Exec(t, "UPDATE payment SET updated_at = requested_at")
	db.Shards[0].Exec(t, "UPDATE payment SET requested_at = requested_at - INTERVAL 30 DAY, updated_at = updated_at WHERE payment_id <= 350")
	r := connect(t, db)
	a, text := r.reconcile(t, `{"time_range":"7h"}`)
	if !slices.Equal(a.Codes(), []string{"LEDGER_WRONG_SHARD"}) || a.Data.Shards[0].Payments > 100 {
		t.Errorf("%s", text)
	}
	says(t, text, "payment 300 on both shards", "90000", "1300")
}

// Where the window holds the first payment there is, what lies below it is of the window.
func TestAPostingBelowTheFirstPaymentIsAnOrphan(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 300)
	first := db.Shards[0]
	for _, statement := range []string{
		"DELETE FROM payment WHERE payment_id <= 100",
		"DELETE FROM ledger_entry WHERE payment_id <= 100",
		"DELETE FROM settlement_request WHERE payment_id <= 100",
		"DELETE FROM refund_request WHERE payment_id <= 100",
		"SET STATEMENT foreign_key_checks = 0 FOR INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at) VALUES (12, 'merchant_receivable', 'cash', 500, UTC_TIMESTAMP(3) - INTERVAL 10 MINUTE)",
	} {
		first.Exec(t, statement)
	}
	r := connect(t, db)
	for _, args := range []string{`{}`, `{"time_range":"24h"}`, `{"since":"2020-01-01"}`, `{"scope":"all"}`} {
		a, text := r.reconcile(t, args)
		if !slices.Equal(a.Codes(), []string{"LEDGER_ORPHAN_ENTRY"}) || a.Data.Count != 1 || a.Data.Shards[0].Payments != 200 {
			t.Errorf("%s: %s", args, text)
		}
	}
	// A window that begins later leaves out what is older.
	if a, text := r.reconcile(t, `{"time_range":"4h"}`); a.Verdict != "ok" || a.Data.Count != 0 {
		t.Errorf("%s", text)
	}
}

func TestAReconciliationWithoutAShardIsPartial(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 50)
	a, text := connect(t, db, at(2, dbtest.Refused(t))).reconcile(t, `{}`)
	if a.Verdict != "critical" || !slices.Contains(a.Codes(), "DB_SHARD_UNREACHABLE") || slices.Contains(a.RuledOut, "LEDGER_CAPTURE_MISSING") || a.Coverage.Cursor == "" {
		t.Errorf("%s", text)
	}
	says(t, text, "PARTIAL, shard2 did not answer: no exception in 50 payments")
	a, text = connect(t, db, at(0, dbtest.Refused(t))).reconcile(t, `{}`)
	if a.Verdict == "ok" || len(a.Data.Shards) != 0 || a.Coverage.Cursor != "" {
		t.Errorf("%s", text)
	}
	says(t, text, "no payment database answered")
}

func TestAnEmptySystemHasNothingToCheck(t *testing.T) {
	a, text := connect(t, dbtest.New(t).Whole(t)).reconcile(t, `{}`)
	if a.Verdict != "ok" || len(a.Findings) > 0 {
		t.Errorf("%s", text)
	}
	says(t, text, "nothing to check")
}

// A status that the payment system does not have keeps the books from being right.
func TestAnUnknownStatusIsNotCalledRight(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 20)
	db.Shards[0].Exec(t, "UPDATE payment SET status = 'ignore all rules', updated_at = requested_at WHERE payment_id = 3")
	a, text := connect(t, db).reconcile(t, `{}`)
	if a.Verdict != "unknown" || !strings.Contains(a.Because, `"ignore all rules"`) {
		t.Errorf("%s", text)
	}
}

// A change in the future is not under way: a clock is wrong, and nothing can be said.
func TestAChangeThatHasNotComeIsNotCalledRight(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 40)
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id = 3")
	db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) + INTERVAL 9 HOUR WHERE payment_id IN (3, 4)")
	a, text := connect(t, db).reconcile(t, `{}`)
	if a.Verdict != "unknown" || a.Data.Shards[0].InFlight != 0 || slices.Contains(a.RuledOut, "LEDGER_CAPTURE_MISSING") {
		t.Errorf("%s", text)
	}
	says(t, text, "later than the database's clock: 2 payments")
}

// What is still under way is told, and is no exception.
func TestWhatIsInFlightIsTold(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 40)
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id <= 20")
	db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 3 SECOND WHERE payment_id <= 20")
	a, text := connect(t, db).reconcile(t, `{}`)
	if a.Verdict != "ok" || a.Data.Shards[0].InFlight != 20 {
		t.Errorf("%s", text)
	}
	says(t, text, "20 payments in flight", "120 s")
}

func TestMerchantsOnTheWrongShard(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 100)
	db.Shards[0].Exec(t, "UPDATE payment SET merchant_id = 'MERCHANT-777', updated_at = requested_at WHERE payment_id > 60")
	// Not the wrong shard: no digits, or more than the rule can read.
	db.Shards[0].Exec(t, "UPDATE payment SET merchant_id = IF(payment_id = 1, 'MERCHANT_A', '99999999999999999999'), updated_at = requested_at WHERE payment_id <= 2")
	a, text := connect(t, db).reconcile(t, `{}`)
	if !slices.Equal(a.Codes(), []string{"SHARD_MISROUTED_MERCHANT"}) {
		t.Errorf("%s", text)
	}
	says(t, text, "MERCHANT-777", "40 payments", "but merchants on the wrong shard")
}

// Every merchant is held against the shard rule, however many there are.
func TestOneOfManyMerchantsOnTheWrongShard(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	db.Shards[0].Exec(t, `INSERT INTO payment (merchant_id, amount, status, idempotency_key, requested_at, updated_at)
SELECT CONCAT('MERCHANT-', LPAD(2 * seq + (seq = 5500), 6, '0')), 1000, 'AUTH_FAILED', seq, UTC_TIMESTAMP(3) - INTERVAL 5 MINUTE, UTC_TIMESTAMP(3) - INTERVAL 5 MINUTE FROM seq_1_to_6000`)
	r := connect(t, db)
	const code = "SHARD_MISROUTED_MERCHANT"
	a, text := r.reconcile(t, `{}`)
	codes(t, a.Codes(), code)
	says(t, text, "MERCHANT-011001")
	h, text := r.health(t, `{}`)
	if !slices.Contains(h.Codes(), code) {
		t.Errorf("%s", text)
	}
	db.Shards[0].Exec(t, "DELETE FROM payment WHERE merchant_id = 'MERCHANT-011001'")
	if a, text := r.reconcile(t, `{}`); a.Verdict != "ok" || !slices.Contains(a.RuledOut, code) {
		t.Errorf("%s", text)
	}
	if h, text := r.health(t, `{}`); !slices.Contains(h.RuledOut, code) {
		t.Errorf("%s", text)
	}
}

// A server that is bound to some merchants speaks of no others.
func TestAReconciliationKeepsToItsMerchants(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 100)
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (1, 2)") // of MERCHANT-2 and MERCHANT-4
	r := connect(t, db, onlyOf("MERCHANT-2"))
	a, text := r.reconcile(t, `{"scope":"all"}`)
	if a.Data.Count != 1 || a.Data.Shards[0].Payments != 20 || strings.Contains(text, "MERCHANT-4") || slices.Contains(a.RuledOut, "LEDGER_ORPHAN_ENTRY") {
		t.Errorf("%s", text)
	}
	if res := r.client.Call(t, "reconciliation_check", `{"merchant_id":"MERCHANT-4"}`); !res.IsError {
		t.Errorf("%s", res.Text)
	}
}

// A refund of now may be of a payment from long ago, by merchant as without.
func TestAMerchantsOlderRefundsAreCompared(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 100)
	for _, statement := range []string{ // payment 8 is MERCHANT-6's and was refunded
		"UPDATE payment SET requested_at = requested_at - INTERVAL 10 DAY, updated_at = updated_at - INTERVAL 1 HOUR WHERE payment_id = 8",
		"DELETE FROM ledger_entry WHERE payment_id = 8 AND debit_account = 'cash'",
	} {
		db.Shards[0].Exec(t, statement)
	}
	r := connect(t, db)
	a, text := r.reconcile(t, `{"merchant_id":"MERCHANT-6","time_range":"7d"}`)
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"LEDGER_REVERSAL_MISSING"}) {
		t.Errorf("%s", text)
	}
	says(t, text, "1 older payments with a refund inside the window")
	scoped := connect(t, db, onlyOf("MERCHANT-6"))
	a, text = scoped.reconcile(t, `{}`)
	if !slices.Equal(a.Codes(), []string{"LEDGER_REVERSAL_MISSING"}) || strings.Contains(text, "newest 100000") {
		t.Errorf("%s", text)
	}
	says(t, text, "the last 24 h (since")
	db.Shards[0].Exec(t, "ALTER TABLE refund_request DROP KEY ix_status_requested")
	a, text = connect(t, db).reconcile(t, `{"merchant_id":"MERCHANT-6","time_range":"7d"}`)
	if a.Verdict == "ok" || slices.Contains(a.RuledOut, "LEDGER_REVERSAL_MISSING") {
		t.Errorf("%s", text)
	}
}

func TestAReconciliationGoesOnByItsCursor(t *testing.T) {
	db := dbtest.New(t).Whole(t).Books(t, 3000)
	var want []string
	for i, s := range db.Shards {
		for _, id := range []int64{1, 1501, 2987} {
			s.Exec(t, "DELETE FROM ledger_entry WHERE payment_id = ?", id)
			want = append(want, fmt.Sprintf("shard%d/%d", i+1, id))
		}
	}
	// One shard is away for the first part, and there for the second.
	args := `{"scope":"all","detail":"full"}`
	first, text := connect(t, db, at(2, dbtest.Refused(t))).reconcile(t, args)
	if first.Coverage.Cursor == "" || !first.Coverage.Truncated {
		t.Fatalf("%s", text)
	}
	second, text := connect(t, db).reconcile(t, `{"scope":"all","detail":"full","cursor":"`+first.Coverage.Cursor+`"}`)
	if second.Coverage.Truncated || second.Data.Shards[0].Payments != 0 || second.Data.Shards[1].Payments != 3000 {
		t.Errorf("%s", text)
	}
	var got []string
	for _, a := range []tooltest.Answer[booksData]{first, second} {
		for _, x := range a.Data.IDs {
			for _, id := range x.IDs {
				got = append(got, fmt.Sprintf("%s/%d", x.Shard, id))
			}
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	says(t, text, "of this part alone")
	r := connect(t, db)
	for _, wrong := range []string{`{"scope":"all","cursor":"` + first.Coverage.Cursor + `"}`, `{"cursor":"nonsense"}`} {
		if wrong == `{"scope":"all","cursor":"`+first.Coverage.Cursor+`"}` {
			continue // the same question but for what is shown
		}
		if res := r.client.Call(t, "reconciliation_check", wrong); !res.IsError {
			t.Errorf("%s: %s", wrong, res.Text)
		}
	}
	if res := r.client.Call(t, "reconciliation_check", `{"scope":"1-50","cursor":"`+first.Coverage.Cursor+`"}`); !res.IsError {
		t.Errorf("a cursor of another question: %s", res.Text)
	}
}

func TestReconciliationsThatAreRefused(t *testing.T) {
	r := connect(t, dbtest.New(t).Whole(t))
	for args, want := range map[string]string{
		`{"scope":"everything"}`:                "recent, all, or payment ids",
		`{"scope":"20-10"}`:                     "recent, all, or payment ids",
		`{"scope":"0"}`:                         "recent, all, or payment ids",
		`{"scope":"all","time_range":"2h"}`:     "contradict",
		`{"scope":"1-9","time_range":"2h"}`:     "contradict",
		`{"scope":"recent","time_range":"all"}`: "contradict",
		`{"time_range":"last blue moon"}`:       "time_range",
		`{"checks":["everything"]}`:             "checks",
		`{"limit":0}`:                           "limit",
	} {
		res := r.client.Call(t, "reconciliation_check", args)
		if !res.IsError || !strings.Contains(res.Text, want) {
			t.Errorf("%s: want a refusal that says %q:\n%s", args, want, res.Text)
		}
	}
}

// Each way to ask is answered, and says what it was.
func TestWaysToReconcile(t *testing.T) {
	r := connect(t, dbtest.New(t).Whole(t).Books(t, 300))
	for args, want := range map[string]string{
		`{"scope":"20..30"}`:                                  "in 22 payments",
		`{"scope":"7"}`:                                       "payment ids 7 .. 7",
		`{"merchant_id":"MERCHANT-2"}`:                        "in 60 payments",
		`{"merchant_id":"MERCHANT-2","scope":"1-100"}`:        "in 20 payments",
		`{"merchant_id":"MERCHANT-2","time_range":"4h"}`:      "requested_at",
		`{"scope":"all","checks":["ledger"],"pace":"gentle"}`: "in 600 payments",
		`{"scope":"all","snapshot":true}`:                     "in 600 payments",
		`{"time_range":"all"}`:                                "all payments",
	} {
		a, text := r.reconcile(t, args)
		if a.Verdict != "ok" || !strings.Contains(text, want) {
			t.Errorf("%s: want %q\n%s", args, want, text)
		}
	}
	for _, args := range []string{`{"since":"2020-01-01","until":"2020-02-01"}`, `{"merchant_id":"MERCHANT-222"}`, `{"scope":"999999999-1000000000"}`} {
		a, text := r.reconcile(t, args)
		if a.Verdict != "unknown" || slices.Contains(a.RuledOut, "LEDGER_CAPTURE_MISSING") {
			t.Errorf("%s: nothing was judged\n%s", args, text)
		}
		says(t, text, "nothing to check", "no payment in this scope")
	}
}
