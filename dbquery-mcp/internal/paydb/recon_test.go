package paydb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/fault"
)

func withBooks(t testing.TB, n int) *dbtest.DB {
	t.Helper()
	return dbtest.New(t).Whole(t).Books(t, n)
}

// The bits that this package's tests look for.
const (
	lacksCapture Wrong = 1 << iota
	twice
	otherAmount
	nobodys
	settledOtherwise
	refundedMore
)

// simple is a judge that knows some of the rules.
func simple(b *Books) (w Wrong) {
	if b.Orphan {
		return nobodys
	}
	if CapturedOnce(b.Status) {
		switch {
		case b.Captures.N() == 0:
			w |= lacksCapture
		case b.Captures.N() > 1:
			w |= twice
		case b.Captures.Sum() != b.Amount:
			w |= otherAmount
		}
	}
	if b.Settlements.Off {
		w |= settledOtherwise
	}
	if b.Refunds.Succeeded.Sum().Compare(b.Amount) > 0 {
		w |= refundedMore
	}
	return w
}

func anyStatus(string) bool { return true }

// reconcile asks for everything, changed by with.
func reconcile(t testing.TB, db *DB, with func(*ReconcileQuery)) []Reply[Reconciled] {
	t.Helper()
	q := ReconcileQuery{Grace: 2 * time.Minute, Checks: Checks{true, true}, Judge: simple, Judged: anyStatus}
	if with != nil {
		with(&q)
	}
	replies, err := db.Reconcile(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

// wrong are the exceptions of a shard by id.
func wrong(r Reply[Reconciled]) map[int64]Wrong {
	all := map[int64]Wrong{}
	for _, e := range r.Facts.Exceptions {
		all[e.ID] = e.Wrong
	}
	return all
}

func TestRightBooksHaveNoException(t *testing.T) {
	conn := openDB(t, withBooks(t, 500))
	for _, r := range reconcile(t, conn, nil) {
		f := r.Facts
		if !r.Source.OK() || !f.End.Done || len(f.Exceptions) != 0 || f.Payments != 500 || f.Entries != 500 || f.Settlements != 500 || f.Refunds != 50 || f.First != 1 || f.Last != 500 || !f.Keyed {
			t.Errorf("%s: %v, %+v", r.Shard, r.Source.Err, f)
		}
		if krw := f.Control["KRW"]; krw.Captured.String() != krw.Posted.String() || krw.Refunded.String() != krw.Reversed.String() || krw.Posted.Count != 400 {
			t.Errorf("%s: control totals %+v", r.Shard, krw)
		}
	}
}

func TestEveryExceptionIsFoundOnItsShard(t *testing.T) {
	db := withBooks(t, 400)
	first, second := db.Shards[0], db.Shards[1]
	first.Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (1, 400)")
	first.Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (2, 'merchant_receivable', 'cash', 1002)")
	first.Exec(t, "UPDATE ledger_entry SET amount = amount + 1 WHERE payment_id = 3")
	first.Exec(t, "UPDATE settlement_request SET request_amount = request_amount - 0.01 WHERE payment_id = 5")
	second.Exec(t, "INSERT INTO refund_request (payment_id, refund_amount, status) VALUES (8, 1, 'SUCCESS')")
	second.Exec(t, "SET foreign_key_checks=0")
	// Below the first payment, in a gap and above the last: nobody's.
	second.Exec(t, "DELETE FROM payment WHERE payment_id = 100")
	second.Exec(t, "DELETE FROM ledger_entry WHERE payment_id = 100")
	second.Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (-5, 'cash', 'x', 7), (100, 'merchant_receivable', 'cash', 8), (9000000000, 'merchant_receivable', 'cash', 9), (9000000000, 'merchant_receivable', 'cash', 9)")

	conn := openDB(t, db)
	for _, size := range []string{"in one transaction each", "in one snapshot"} {
		replies := reconcile(t, conn, func(q *ReconcileQuery) { q.Snapshot = size == "in one snapshot" })
		if got, want := wrong(replies[0]), (map[int64]Wrong{1: lacksCapture, 400: lacksCapture, 2: twice, 3: otherAmount, 5: settledOtherwise}); !maps.Equal(got, want) {
			t.Errorf("%s: shard1 has %v, want %v", size, got, want)
		}
		if got, want := wrong(replies[1]), (map[int64]Wrong{8: refundedMore, -5: nobodys, 100: nobodys, 9_000_000_000: nobodys}); !maps.Equal(got, want) {
			t.Errorf("%s: shard2 has %v, want %v", size, got, want)
		}
		for _, e := range replies[0].Facts.Exceptions {
			if e.ID == 2 && (len(e.Entries) != 2 || e.Merchant != "MERCHANT-4" || len(e.Settling) != 1 || e.UpdatedAt.IsZero()) {
				t.Errorf("not whole: %+v", e)
			}
		}
		for _, e := range replies[1].Facts.Exceptions {
			if e.ID == 9_000_000_000 && (len(e.Entries) != 2 || !e.Orphan || e.Captures.N() != 2) {
				t.Errorf("not whole: %+v", e)
			}
		}
	}
}

// What was changed within the grace is counted and not judged.
func TestWhatIsUnderWayIsNotJudged(t *testing.T) {
	db := withBooks(t, 50)
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (1, 2)")
	db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 3 SECOND WHERE payment_id = 1")
	r := reconcile(t, openDB(t, db), nil)[0]
	if got := wrong(r); !maps.Equal(got, map[int64]Wrong{2: lacksCapture}) || r.Facts.Young != 1 {
		t.Errorf("%v, %d young", got, r.Facts.Young)
	}
}

// A posting that comes between the first look and the second clears its payment: the
// judge itself mends the books when it is first called, as a late consumer would.
func TestWhatComesInTimeIsNoException(t *testing.T) {
	db := withBooks(t, 50)
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (7, 11)")
	// Changed a quarter of an hour ago: read again at once, and once more later.
	db.Shards[0].Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 15 MINUTE WHERE payment_id IN (7, 11)")
	looks := map[int64]int{}
	r := reconcile(t, openDB(t, db), func(q *ReconcileQuery) {
		q.Merchants = []string{"MERCHANT-4", "MERCHANT-2"} // of shard 1 alone: one goroutine
		q.Judge = func(b *Books) Wrong {
			w := simple(b)
			if w != 0 {
				looks[b.ID]++
				if b.ID == 7 && looks[7] == 2 {
					db.Shards[0].Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (7, 'merchant_receivable', 'cash', 1007)")
				}
			}
			return w
		}
	})[0]
	if got := wrong(r); !maps.Equal(got, map[int64]Wrong{11: lacksCapture}) || r.Facts.Settled != 1 || looks[11] != 3 {
		t.Errorf("%v, %d settled, looked %v", got, r.Facts.Settled, looks)
	}
}

// A scope that is cut by time goes on where it stopped, and finds all in the end.
func TestAReconciliationGoesOn(t *testing.T) {
	db := withBooks(t, 3000)
	ids := []int64{1, 950, 951, 2000, 2995}
	for _, s := range db.Shards {
		for _, id := range ids {
			s.Exec(t, "DELETE FROM ledger_entry WHERE payment_id = ?", id)
		}
	}
	conn := openDB(t, db, func(_ int, _ *Settings, o *Options) { o.StatementTimeout = 20 * time.Millisecond }) // small chunks
	from := map[string]Mark{}
	found := map[string]map[int64]Wrong{"shard1": {}, "shard2": {}}
	parts := 0
	for done := false; !done; parts++ {
		if parts > 200 {
			t.Fatal("it does not come to an end")
		}
		q := ReconcileQuery{Grace: time.Minute, Judge: simple, Judged: anyStatus, From: from}
		// Each part may take one chunk or more; it must leave time to read again.
		limited, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		replies, err := conn.Reconcile(limited, q)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		done = true
		for _, r := range replies {
			if !r.Source.OK() && r.Source.Err.Class != fault.Timeout {
				t.Fatal(r.Source.Err)
			}
			maps.Copy(found[r.Shard], wrong(r))
			from[r.Shard] = r.Facts.End
			done = done && r.Facts.End.Done && r.Source.OK()
		}
	}
	for shard, got := range found {
		if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, ids) {
			t.Errorf("%s: found %v, want %v in %d parts", shard, keys, ids, parts)
		}
	}
}

// What stopped in the middle keeps what it has and says how far it came.
func TestAMarkIsKeptWhenTimeIsOver(t *testing.T) {
	conn := openDB(t, withBooks(t, 200))
	r := reconcile(t, conn, func(q *ReconcileQuery) {
		q.From = map[string]Mark{"shard1": {After: 120, Last: 150}, "shard2": {Done: true, After: 200}}
	})
	if f := r[0].Facts; f.Payments != 30 || f.First != 121 || f.Last != 150 || !f.End.Done {
		t.Errorf("%+v", f)
	}
	if f := r[1].Facts; f.Payments != 0 || !f.End.Done {
		t.Errorf("%+v", f)
	}
}

func TestScopes(t *testing.T) {
	db := withBooks(t, 300)
	db.Shards[0].Exec(t, "UPDATE refund_request SET requested_at = UTC_TIMESTAMP(3) - INTERVAL 200 MINUTE WHERE payment_id IN (8, 18)")
	conn := openDB(t, db)
	hours := func(from, to int) func(time.Time) (Window, error) {
		return func(now time.Time) (Window, error) {
			w := Window{Since: now.Add(-time.Duration(from) * time.Hour), Until: now.Add(-time.Duration(to) * time.Hour)}
			return w, nil
		}
	}
	for name, x := range map[string]struct {
		with        func(*ReconcileQuery)
		first, last int64
		payments    int64
	}{
		"ids":                       {func(q *ReconcileQuery) { q.First, q.Last = 20, 30 }, 20, 30, 11},
		"ids beyond the last":       {func(q *ReconcileQuery) { q.First, q.Last = 5000, 6000 }, 0, 0, 0},
		"the last four hours":       {func(q *ReconcileQuery) { q.Window = hours(4, 0) }, 241, 300, 62}, // two older ones were refunded in them
		"an hour that is over":      {func(q *ReconcileQuery) { q.Window, q.Checks.Refunds = hours(5, 4), false }, 181, 240, 60},
		"at least the newest 100":   {func(q *ReconcileQuery) { q.Window, q.Newest, q.Checks.Refunds = hours(1, 0), 100, false }, 201, 300, 100},
		"a merchant":                {func(q *ReconcileQuery) { q.Merchants = []string{"MERCHANT-2"} }, 1, 296, 60},
		"a merchant's last hours":   {func(q *ReconcileQuery) { q.Merchants, q.Window = []string{"MERCHANT-2"}, hours(4, 0) }, 241, 296, 12},
		"and its older refunds":     {func(q *ReconcileQuery) { q.Merchants, q.Window = []string{"MERCHANT-6", "merchant-4"}, hours(4, 0) }, 243, 298, 14},
		"merchants in another case": {func(q *ReconcileQuery) { q.Merchants = []string{"merchant-2"} }, 0, 0, 0},
		"ids of a merchant":         {func(q *ReconcileQuery) { q.Merchants, q.First, q.Last = []string{"MERCHANT-2", "MERCHANT-4"}, 1, 10 }, 1, 7, 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := reconcile(t, conn, x.with)[0]
			if f := r.Facts; !r.Source.OK() || f.Payments != x.payments || f.First != x.first || f.Last != x.last || !f.End.Done || len(f.Exceptions) > 0 {
				t.Errorf("%v: %d payments %d .. %d done %v, %d exceptions", r.Source.Err, f.Payments, f.First, f.Last, f.End.Done, len(f.Exceptions))
			}
		})
	}
}

// Where every other id is nobody's, the newest 100 payments are no fewer than that.
func TestTheNewestAreCounted(t *testing.T) {
	db := withBooks(t, 300)
	s := db.Shards[0]
	for _, table := range []string{"ledger_entry", "settlement_request", "refund_request", "payment"} {
		s.Exec(t, "DELETE FROM "+table+" WHERE payment_id MOD 2 = 1")
	}
	for newest, want := range map[int64]int64{100: 100, 1000: 150} {
		r := reconcile(t, openDB(t, db), func(q *ReconcileQuery) {
			q.Newest, q.Checks.Refunds = newest, false
			q.Window = func(now time.Time) (Window, error) { return Window{Since: now.Add(-time.Hour), Until: now}, nil }
		})[0]
		if !r.Source.OK() || r.Facts.Payments != want || !r.Facts.End.Done {
			t.Errorf("%v: %d payments, want %d", r.Source.Err, r.Facts.Payments, want)
		}
	}
}

// Older payments with a refund inside the window that there was no time for are read
// in the next part, and each once.
func TestOlderPaymentsGoOn(t *testing.T) {
	db := withBooks(t, 2000)
	db.Shards[0].Exec(t, `INSERT INTO refund_request (payment_id, refund_amount, status, requested_at) SELECT payment_id, 1, 'FAILED', UTC_TIMESTAMP(3) - INTERVAL 200 MINUTE FROM payment WHERE payment_id <= 1500`)
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (3, 1400)")
	conn := openDB(t, db)
	q := ReconcileQuery{Grace: 2 * time.Minute, Checks: Checks{true, true}, Judged: anyStatus, Window: func(now time.Time) (Window, error) {
		return Window{Since: now.Add(-4 * time.Hour), Until: now}, nil
	}}
	// Of three seconds one is kept for reading again: then the first judge has been slow.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	slow, end := context.WithTimeout(ctx, 2200*time.Millisecond)
	defer end()
	q.Judge = func(b *Books) Wrong {
		<-slow.Done()
		return simple(b)
	}
	replies, err := conn.Reconcile(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	first := replies[0].Facts
	if !first.End.OlderLeft || first.End.Done || first.OlderLeft == 0 || first.Older == 0 {
		t.Fatalf("%v: %+v", replies[0].Source.Err, first)
	}
	second := reconcile(t, conn, func(r *ReconcileQuery) {
		*r = q
		r.Judge, r.From = simple, map[string]Mark{"shard1": first.End}
	})[0].Facts
	if !second.End.Done || second.End.OlderLeft || second.Older != first.OlderLeft {
		t.Errorf("%d older of %d left: %+v", second.Older, first.OlderLeft, second)
	}
	found := slices.Concat(slices.Collect(maps.Keys(wrong(Reply[Reconciled]{Facts: first}))), slices.Collect(maps.Keys(wrong(Reply[Reconciled]{Facts: second}))))
	if slices.Sort(found); !slices.Equal(found, []int64{3, 1400}) {
		t.Errorf("found %v", found)
	}
}

// So it is with those of some merchants, which come after the window's: what the last
// part had no time for is read by the next, and what is wrong with it is found.
func TestOlderPaymentsOfMerchantsGoOn(t *testing.T) {
	db := withBooks(t, 300)
	db.Shards[0].Exec(t, "UPDATE refund_request SET requested_at = UTC_TIMESTAMP(3) - INTERVAL 200 MINUTE WHERE payment_id IN (8, 18)")
	db.Shards[0].Exec(t, "DELETE FROM ledger_entry WHERE payment_id = 8")
	conn := openDB(t, db)
	with := func(from map[string]Mark) func(*ReconcileQuery) {
		return func(q *ReconcileQuery) {
			q.Merchants, q.From = []string{"MERCHANT-2", "MERCHANT-6"}, from
			q.Window = func(now time.Time) (Window, error) { return Window{Since: now.Add(-4 * time.Hour), Until: now}, nil }
		}
	}
	whole := reconcile(t, conn, with(nil))[0]
	if f := whole.Facts; !f.End.Done || f.Payments != 26 || f.Older != 2 || wrong(whole)[8] != lacksCapture {
		t.Errorf("%v: %+v", whole.Source.Err, f)
	}
	rest := reconcile(t, conn, with(map[string]Mark{"shard1": {Merchant: 2, OlderLeft: true, Older: 8}}))[0]
	if f := rest.Facts; !f.End.Done || f.Payments != 1 || f.Older != 1 || len(f.Exceptions) > 0 {
		t.Errorf("%v: %+v", rest.Source.Err, f)
	}
	db.Shards[0].Exec(t, "ALTER TABLE refund_request DROP KEY ix_status_requested")
	blind := reconcile(t, openDB(t, db), with(nil))[0]
	if f := blind.Facts; f.OlderWhy == "" || !f.End.OlderCut || !f.End.Done || f.Payments != 24 {
		t.Errorf("%v: %+v", blind.Source.Err, f)
	}
}

// A doubt that was not read again is read by the next part, be it of the window or of
// an older payment.
func TestDoubtsLeftOver(t *testing.T) {
	for name, x := range map[string]struct {
		left []int64
		want Mark
	}{
		"none":                {nil, Mark{After: 900, Done: true, Older: 80}},
		"of the window":       {[]int64{500, 300}, Mark{After: 299, Older: 80}},
		"of an older payment": {[]int64{50}, Mark{After: 900, Older: 49, OlderLeft: true}},
		"of both":             {[]int64{500, 50, 300, 20}, Mark{After: 299, Older: 19, OlderLeft: true}},
	} {
		t.Run(name, func(t *testing.T) {
			c := reconciling{}
			c.out.Begin, c.out.End = Mark{After: 100}, Mark{After: 900, Done: true, Older: 80}
			for _, id := range x.left {
				c.doubts.fresh = append(c.doubts.fresh, doubt{id: id, wrong: 1})
			}
			c.leave()
			if c.out.End != x.want || c.out.Waiting != int64(len(x.left)) {
				t.Errorf("%+v, want %+v; %d wait", c.out.End, x.want, c.out.Waiting)
			}
		})
	}
}

// Older payments that cannot be found are told, and make no chunk smaller.
func TestOlderPaymentsWithoutAnIndex(t *testing.T) {
	db := withBooks(t, 100)
	db.Shards[0].Exec(t, "ALTER TABLE refund_request DROP KEY ix_status_requested")
	r := reconcile(t, openDB(t, db), func(q *ReconcileQuery) {
		q.Window = func(now time.Time) (Window, error) { return Window{Since: now.Add(-4 * time.Hour), Until: now}, nil }
	})[0]
	if f := r.Facts; f.OlderWhy == "" || !f.End.OlderCut || !f.End.Done || len(f.Slow) > 0 {
		t.Errorf("%v: %+v", r.Source.Err, f)
	}
}

// A schema that Hibernate has made has no indexes but the primary keys: it is read
// from end to end, and says so.
func TestBooksWithoutIndexes(t *testing.T) {
	db := withBooks(t, 100)
	for _, statement := range []string{
		"ALTER TABLE ledger_entry DROP FOREIGN KEY ledger_entry_ibfk_1", "ALTER TABLE ledger_entry DROP KEY ix_payment_time",
		"UPDATE ledger_entry SET entry_id = -7 WHERE payment_id = 61",
		"ALTER TABLE settlement_request DROP FOREIGN KEY settlement_request_ibfk_1", "ALTER TABLE settlement_request DROP KEY ix_payment",
		"DELETE FROM ledger_entry WHERE payment_id IN (50, 51)", "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (7000, 'cash', 'cash', 1)",
	} {
		db.Shards[0].Exec(t, statement)
	}
	r := reconcile(t, openDB(t, db), nil)[0]
	if got, want := wrong(r), (map[int64]Wrong{50: lacksCapture, 51: lacksCapture, 7000: nobodys}); !r.Source.OK() || !maps.Equal(got, want) || len(r.Facts.Slow) != 2 || r.Facts.Keyed {
		t.Errorf("%v: %v, slow %q", r.Source.Err, got, r.Facts.Slow)
	}
}

// One database under two names is read once.
func TestOneDatabaseIsReconciledOnce(t *testing.T) {
	db := withBooks(t, 20)
	same := func(n int, s *Settings, _ *Options) {
		if n == 2 {
			s.Port = db.Shards[0].Port
		}
	}
	r := reconcile(t, openDB(t, db, same), nil)
	if r[0].Facts.Payments != 20 || r[1].Facts.Payments != 0 || r[1].SameAs != "shard1" {
		t.Errorf("%d and %d payments, same as %q", r[0].Facts.Payments, r[1].Facts.Payments, r[1].SameAs)
	}
}

// A shard that dies on the way leaves what was read of it, beside its failure.
func TestWhatWasReadBeforeAFailureIsKept(t *testing.T) {
	db := withBooks(t, 300)
	conn := openDB(t, db, func(_ int, _ *Settings, o *Options) { o.StatementTimeout = 10 * time.Millisecond }) // chunks of 100
	var once sync.Once                                                                                         // both shards tell of their progress
	replies, err := conn.Reconcile(t.Context(), ReconcileQuery{Grace: time.Minute, Judge: func(b *Books) Wrong { return 0 }, Judged: anyStatus, Merchants: nil,
		Progress: func(done, total int64) {
			once.Do(func() { db.Shards[0].Exec(t, "KILL USER "+db.User) })
		}})
	if err != nil {
		t.Fatal(err)
	}
	r := replies[0]
	if r.Source.OK() || r.Source.Err.Class != fault.Disconnected || r.Facts.End.Done {
		t.Fatalf("%v, %+v", r.Source.Err, r.Facts.End)
	}
}

func TestSomeWholeBooks(t *testing.T) {
	conn := openDB(t, withBooks(t, 30))
	replies, err := conn.Whole(t.Context(), map[string][]int64{"shard2": {8, 9, 1000}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(replies) != 1 || replies[0].Shard != "shard2" || len(replies[0].Facts) != 2 {
		t.Fatalf("%+v", replies)
	}
	if e := replies[0].Facts[0]; e.ID != 8 || e.Status != "REFUNDED" || len(e.Entries) != 2 || e.Reversals.N() != 1 {
		t.Errorf("%+v", e)
	}
}

// The postings of a payment, page by page over both shards.
func TestLedgerOfAPayment(t *testing.T) {
	db := withBooks(t, 30)
	db.Shards[0].Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (8, 'cash', 'suspense', 5)")
	conn := openDB(t, db)
	whole, err := conn.LedgerOf(t.Context(), LedgerQuery{ID: 8, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	if f := whole[0].Facts; f.Payment == nil || f.Count != 3 || len(f.Entries) != 3 || f.Control.Posted.String() != "1008" || f.Control.Reversed.String() != "1008" || f.Control.Other.String() != "5" {
		t.Errorf("%+v", f)
	}
	last := whole[0].Facts.Entries[0]
	page, err := conn.LedgerOf(t.Context(), LedgerQuery{ID: 8, Limit: 1, After: &Position{Shard: 0, ID: last.ID}})
	if err != nil {
		t.Fatal(err)
	}
	if f := page[0].Facts; len(f.Entries) != 2 || f.Entries[0].ID == last.ID || f.Count != 3 {
		t.Errorf("%+v", f)
	}
	hidden, err := conn.LedgerOf(t.Context(), LedgerQuery{ID: 8, Limit: 5, Merchants: []string{"MERCHANT-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if f := hidden[0].Facts; !f.Hidden || len(f.Entries) > 0 || f.Count > 0 {
		t.Errorf("another merchant's postings are told: %+v", f)
	}
}

// Every statement of a reconciliation walks an index.
func TestPlansOfAReconciliation(t *testing.T) {
	db := withBooks(t, 5000)
	var c reconciling
	onFirst(t.Context(), t, openDB(t, db), func(ctx context.Context, r *Reader) error {
		c = reconciling{r: r, q: ReconcileQuery{Checks: Checks{true, true}, Grace: time.Minute}}
		return c.look(ctx)
	})
	byID := quoteName(c.payment.ordered("payment_id"))
	list, few := idRange(100, 200), idList([]int64{5, 9, 70})
	child := func(t Table) string { return quoteName(t.ordered("payment_id")) }
	for name, x := range map[string]struct {
		query, key, access string
		args               []any
	}{
		"payments of a chunk": {fmt.Sprintf(sqlChunkPayments, "status", "currency", "TIMESTAMP'2026-01-01 00:00:00'", "TIMESTAMP'2026-01-01 00:00:00'", byID), "PRIMARY", "range", []any{100, 200, 10}},
		"payments by ids":     {fmt.Sprintf(sqlSomePayments, "status", "currency", "TIMESTAMP'2026-01-01 00:00:00'", "TIMESTAMP'2026-01-01 00:00:00'", byID, few.sql), "PRIMARY", "range", few.args},
		"ledger of a chunk":   {fmt.Sprintf(sqlChunkLedger, child(c.ledger), list.sql), "ix_payment_time", "range", list.args},
		"where postings lie":  {fmt.Sprintf(sqlEdges, c.ledger.key(), c.ledger.Name, child(c.ledger), list.sql, edge), "ix_payment_time" + " ix_payment_time", "range" + " range", slices.Concat(list.args, list.args)},
		"ledger together":     {fmt.Sprintf(sqlChunkLedger, quoteName(c.ledger.ordered(c.ledger.key())), "entry_id >= ? AND entry_id <= ? AND "+list.sql), "PRIMARY", "range", append([]any{100, 200}, list.args...)},
		"ledger that is left": {fmt.Sprintf(sqlChunkLedger, child(c.ledger), list.sql+" AND (entry_id < ? OR entry_id > ?)"), "ix_payment_time", "range", slices.Concat(list.args, []any{100, 200})},
		"settlements":         {fmt.Sprintf(sqlChunkSettlements, child(c.settlement), list.sql), "ix_payment", "range", list.args},
		"refunds":             {fmt.Sprintf(sqlChunkRefunds, child(c.refund), list.sql), "ix_payment", "range", list.args},
		"payments once more":  {fmt.Sprintf(sqlAgainPayments, byID, few.sql), "PRIMARY", "range", append([]any{60}, few.args...)},
		"ledger once more":    {fmt.Sprintf(sqlAgainLedger, child(c.ledger), few.sql), "ix_payment_time", "range", few.args},
		"settlements again":   {fmt.Sprintf(sqlAgainSettlements, child(c.settlement), few.sql), "ix_payment", "range", few.args},
		"refunds again":       {fmt.Sprintf(sqlAgainRefunds, child(c.refund), few.sql), "ix_payment", "range", few.args},
		"which came when":     {fmt.Sprintf(sqlFrom, byID), "PRIMARY", "range", []any{100}},
		"older with a refund": {fmt.Sprintf(sqlOlder, "ix_status_requested"), "ix_status_requested", "range", []any{"2026-01-01", 0, 4000, 10}},
		"older of a merchant": {fmt.Sprintf(sqlOlderOfMerchants, "ix_status_requested", byID, "merchant_id = ?"), "ix_status_requested PRIMARY", "range eq_ref",
			[]any{"2026-01-01", 0, "2026-01-01", "MERCHANT-2", 10}},
		"of a merchant":         {fmt.Sprintf(sqlPageOfMerchant, "ix_merchant_time", "merchant_id = ?"), "ix_merchant_time", "ref", []any{"MERCHANT-2", 10}},
		"postings of a payment": {fmt.Sprintf(sqlLedgerOf, child(c.ledger)), "ix_payment_time", "ref", []any{8, 0, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			var keys, access []string
			for _, s := range explain(t, db.Shards[0], x.query, x.args...) {
				keys, access = append(keys, s.key), append(access, s.access)
				if strings.Contains(s.extra, "temporary") && !strings.HasPrefix(name, "older") {
					t.Errorf("%s", s.extra)
				}
			}
			if strings.Join(keys, " ") != x.key || strings.Join(access, " ") != x.access {
				t.Errorf("%v by %v, want %s by %s\n%s", access, keys, x.access, x.key, x.query)
			}
		})
	}
}
