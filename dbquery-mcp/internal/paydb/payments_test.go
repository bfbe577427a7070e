package paydb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

var base = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// place names a row of a page.
func place(p Payment) string { return fmt.Sprintf("%s/%d", p.Shard, p.ID) }

func places(page []Payment) (all []string) {
	for _, p := range page {
		all = append(all, place(p))
	}
	return all
}

// page asks for one page of all shards.
func page(t testing.TB, db *DB, q PaymentQuery) ([]Payment, *Position) {
	t.Helper()
	q.Window = anyTime
	return q.Merge(all(t, list(t, db, q)))
}

// Equal times and equal payment ids on both shards are the normal case: ids are
// counted for each shard by itself.
func TestPagesHoldEveryPaymentOnce(t *testing.T) {
	db := dbtest.New(t)
	for i := range 20 {
		// Three payments share each moment on a shard.
		db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base.Add(time.Duration(i/3) * time.Millisecond), Amount: int64(100 * (i/3 + 1))})
		db.Insert(t, 2, dbtest.Payment{Merchant: "M-1", At: base.Add(time.Duration(i/3) * time.Millisecond), Amount: int64(100 * (i/3 + 1))})
	}
	conn := openDB(t, db)
	for _, order := range []Order{Newest, Oldest, Largest, Smallest} {
		t.Run(string(order), func(t *testing.T) {
			whole, next := page(t, conn, PaymentQuery{Order: order, Limit: 50})
			if len(whole) != 40 || next != nil {
				t.Fatalf("%d payments and next %v, want 40 and none", len(whole), next)
			}
			byTime := slices.IsSortedFunc(whole, func(a, b Payment) int {
				c := a.RequestedAt.Compare(b.RequestedAt)
				if order.descending() {
					return -c
				}
				return c
			})
			if !byTime { // amounts were made to rise with time
				t.Errorf("not in order: %v", places(whole))
			}
			var got []string
			q := PaymentQuery{Order: order, Limit: 3}
			for range 20 {
				rows, next := page(t, conn, q)
				got = append(got, places(rows)...)
				if q.After = next; next == nil {
					break
				}
			}
			if want := places(whole); !slices.Equal(got, want) {
				t.Errorf("pages give\n%v, the whole is\n%v", got, want)
			}
		})
	}
}

func TestPagesAreStableUnderInserts(t *testing.T) {
	db := dbtest.New(t)
	for i := range 6 {
		db.Insert(t, 1+i%2, dbtest.Payment{Merchant: "M", At: base.Add(time.Duration(i) * time.Second)})
	}
	conn := openDB(t, db)
	whole, _ := page(t, conn, PaymentQuery{Order: Newest, Limit: 50})
	first, next := page(t, conn, PaymentQuery{Order: Newest, Limit: 2})
	db.Insert(t, 1, dbtest.Payment{Merchant: "M", At: base.Add(time.Hour)})
	db.Insert(t, 2, dbtest.Payment{Merchant: "M", At: base.Add(time.Hour)})
	rest, _ := page(t, conn, PaymentQuery{Order: Newest, Limit: 50, After: next})
	if got, want := places(slices.Concat(first, rest)), places(whole); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Hibernate makes DATETIME(6) where schema.sql has TIMESTAMP(3): a position on
// one shard then lies between two moments that the other can hold.
func TestPagesOverColumnsOfUnequalPrecision(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[1].Exec(t, "ALTER TABLE payment MODIFY requested_at DATETIME(6) NOT NULL")
	for i := range 8 {
		db.Insert(t, 1, dbtest.Payment{Merchant: "M", At: base.Add(time.Duration(i) * time.Millisecond)})
		db.Insert(t, 2, dbtest.Payment{Merchant: "M", At: base.Add(time.Duration(i)*time.Millisecond + 250*time.Microsecond)})
	}
	conn := openDB(t, db)
	for _, order := range []Order{Newest, Oldest} {
		whole, _ := page(t, conn, PaymentQuery{Order: order, Limit: 50})
		var got []string
		q := PaymentQuery{Order: order, Limit: 3}
		for range 10 {
			rows, next := page(t, conn, q)
			got = append(got, places(rows)...)
			if q.After = next; next == nil {
				break
			}
		}
		if want := places(whole); len(want) != 16 || !slices.Equal(got, want) {
			t.Errorf("%s: pages give\n%v, the whole is\n%v", order, got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[0].Exec(t, "ALTER TABLE payment MODIFY amount DECIMAL(20,2) NOT NULL")
	for i, p := range []dbtest.Payment{
		1: {Merchant: "M-8", Status: "CAPTURED", Amount: 9999, At: base},
		2: {Merchant: "m-8", Status: "CAPTURE_FAILED", Amount: 10000, At: base.Add(time.Second)},
		3: {Merchant: "M-8", Status: "REFUND_FAILED", Amount: 10001, At: base.Add(2 * time.Second), Key: "KEY"},
		4: {Merchant: "M-8 ", Status: "PAYOUT_FAILED", Amount: 20000, At: base.Add(3 * time.Second), Key: "key"},
		5: {Merchant: "가맹점-8", Status: "REFUNDED", Currency: "USD", Amount: 50, At: base.Add(4 * time.Second)},
		6: {Merchant: "o'neill\\", Status: "refunded", Amount: 60, At: base.Add(5 * time.Second)},
	} {
		if i > 0 {
			p.ID = int64(i)
			if p.ID == 4 { // a column takes "M-8 " for "M-8" too
				p.Key = "key-4"
			}
			db.Insert(t, 1, p)
		}
	}
	db.Shards[0].Exec(t, "UPDATE payment SET amount = 9999.99 WHERE payment_id = 1")
	conn := openDB(t, db)
	bound := func(v string, inclusive bool) *AmountBound { return &AmountBound{v, inclusive} }
	for name, x := range map[string]struct {
		q    PaymentQuery
		want []int64
	}{
		"everything":                      {PaymentQuery{}, []int64{6, 5, 4, 3, 2, 1}},
		"a merchant to the letter":        {PaymentQuery{Merchants: []string{"M-8"}}, []int64{3, 1}},
		"its small twin":                  {PaymentQuery{Merchants: []string{"m-8"}}, []int64{2}},
		"its twin with a blank":           {PaymentQuery{Merchants: []string{"M-8 "}}, []int64{4}},
		"two merchants":                   {PaymentQuery{Merchants: []string{"M-8", "가맹점-8", "M-8"}}, []int64{5, 3, 1}},
		"two merchants, largest":          {PaymentQuery{Merchants: []string{"M-8", "가맹점-8"}, Order: Largest}, []int64{3, 1, 5}},
		"quotes and a backslash":          {PaymentQuery{Merchants: []string{`o'neill\`}}, []int64{6}},
		"an injection":                    {PaymentQuery{Merchants: []string{`' OR '1'='1`}}, nil},
		"not a merchant":                  {PaymentQuery{NotMerchants: []string{"M-8"}}, []int64{6, 5, 4, 2}},
		"statuses":                        {PaymentQuery{Statuses: []string{"CAPTURE_FAILED", "REFUND_FAILED"}}, []int64{3, 2}},
		"failed under any name":           {PaymentQuery{Statuses: []string{"CAPTURE_FAILED", "REFUND_FAILED"}, AnyFailed: true}, []int64{4, 3, 2}},
		"failed of a merchant":            {PaymentQuery{Statuses: []string{"CAPTURE_FAILED"}, AnyFailed: true, Merchants: []string{"M-8", "M-8 "}}, []int64{4, 3}},
		"a status in small letters":       {PaymentQuery{Statuses: []string{"REFUNDED"}}, []int64{6, 5}},
		"not statuses":                    {PaymentQuery{NotStatuses: []string{"REFUNDED", "CAPTURED"}}, []int64{4, 3, 2}},
		"not statuses of a merchant":      {PaymentQuery{NotStatuses: []string{"CAPTURED"}, Merchants: []string{"M-8"}}, []int64{3}},
		"not failed under any name":       {PaymentQuery{NotStatuses: []string{"CAPTURE_FAILED"}, AnyFailed: true}, []int64{6, 5, 1}},
		"nothing failed of a merchant":    {PaymentQuery{NotStatuses: []string{"CAPTURE_FAILED"}, AnyFailed: true, Merchants: []string{"M-8", "M-8 "}}, []int64{1}},
		"a status that is not there":      {PaymentQuery{Statuses: []string{"READY"}}, nil},
		"ids":                             {PaymentQuery{IDs: []int64{3, 5, 77}}, []int64{5, 3}},
		"an id of another merchant":       {PaymentQuery{IDs: []int64{2}, Merchants: []string{"M-8"}}, nil},
		"a key":                           {PaymentQuery{Keys: []string{"KEY"}}, []int64{3}},
		"a key in other letters":          {PaymentQuery{Keys: []string{"Key"}}, nil},
		"a key of its merchant":           {PaymentQuery{Keys: []string{"KEY"}, Merchants: []string{"M-8"}}, []int64{3}},
		"a key of another":                {PaymentQuery{Keys: []string{"KEY"}, Merchants: []string{"m-8"}}, nil},
		"at least":                        {PaymentQuery{Min: bound("10000", true)}, []int64{4, 3, 2}},
		"more than":                       {PaymentQuery{Min: bound("10000", false)}, []int64{4, 3}},
		"at most":                         {PaymentQuery{Max: bound("9999.99", true)}, []int64{6, 5, 1}},
		"less than":                       {PaymentQuery{Max: bound("9999.99", false)}, []int64{6, 5}},
		"between":                         {PaymentQuery{Min: bound("9999.985", false), Max: bound("10000", true)}, []int64{2, 1}},
		"a currency":                      {PaymentQuery{Currency: "USD"}, []int64{5}},
		"largest":                         {PaymentQuery{Order: Largest}, []int64{4, 3, 2, 1, 6, 5}},
		"oldest of a merchant and status": {PaymentQuery{Order: Oldest, Merchants: []string{"M-8"}, Statuses: []string{"CAPTURED", "REFUND_FAILED"}}, []int64{1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			if x.q.Order == "" {
				x.q.Order = Newest
			}
			x.q.Limit = 50
			rows, _ := page(t, conn, x.q)
			var got []int64
			for _, r := range rows {
				got = append(got, r.ID)
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("got %v, want %v", got, x.want)
			}
		})
	}
	_, _, err := conn.Payments(t.Context(), PaymentQuery{Min: bound("1 OR 1", true), Order: Newest, Limit: 1, Window: anyTime})
	if replies := list(t, conn, PaymentQuery{Min: bound("1 OR 1", true)}); err != nil || replies[0].Source.OK() {
		t.Errorf("an amount that is no number was put into a statement (%v)", err)
	}
}

func TestWindow(t *testing.T) {
	db := dbtest.New(t)
	for i := range 5 {
		db.Insert(t, 1, dbtest.Payment{ID: int64(i + 1), Merchant: "M", At: base.Add(time.Duration(i) * time.Millisecond)})
	}
	conn := openDB(t, db)
	ms := func(n float64) time.Time { return base.Add(time.Duration(n * float64(time.Millisecond))) }
	for name, x := range map[string]struct {
		w    Window
		want []string
	}{
		"the beginning is in, the end is not": {Window{Since: ms(1), Until: ms(3)}, []string{"shard1/3", "shard1/2"}},
		"between two moments":                 {Window{Since: ms(1.5), Until: ms(3.2)}, []string{"shard1/4", "shard1/3"}},
		"open at the end":                     {Window{Since: ms(3)}, []string{"shard1/5", "shard1/4"}},
		"open at the beginning":               {Window{Until: ms(1)}, []string{"shard1/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := PaymentQuery{Order: Newest, Limit: 10, Window: func(time.Time) (Window, error) { return x.w, nil }}
			replies, used, err := conn.Payments(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			rows, _ := q.Merge(all(t, replies))
			if !slices.Equal(places(rows), x.want) || !used.Since.Equal(x.w.Since) || !used.Until.Equal(x.w.Until) || used.Clock.IsZero() {
				t.Errorf("got %v in %v, want %v", places(rows), used, x.want)
			}
		})
	}
}

func TestTotals(t *testing.T) {
	db := dbtest.New(t)
	for i := range 30 {
		status, currency := "CAPTURED", "KRW"
		if i%3 == 0 {
			status = "REFUNDED"
		}
		if i%2 == 0 {
			currency = "USD"
		}
		db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", Status: status, Currency: currency, Amount: int64(i + 1), At: base.Add(time.Duration(i) * time.Second)})
	}
	conn := openDB(t, db)
	want := map[string]string{"CAPTURED KRW": "10: 160", "CAPTURED USD": "10: 160", "REFUNDED KRW": "5: 80", "REFUNDED USD": "5: 65"}
	check := func(name string, q PaymentQuery) {
		t.Helper()
		q.Count = true
		p := all(t, list(t, conn, q))[0].Facts
		got := map[string]string{}
		for _, x := range p.Totals {
			got[string(x.Status)+" "+string(x.Currency)] = fmt.Sprintf("%d: %s", x.Count, x.Amount.String())
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: totals %v (%s), want %v", name, got, p.Uncounted, want)
		}
	}
	check("added up from the page", PaymentQuery{Limit: 50})
	check("counted by the database", PaymentQuery{Limit: 5, Merchants: []string{"M-2"}})
	check("counted within a time", PaymentQuery{Limit: 5, Window: func(time.Time) (Window, error) { return Window{Since: base}, nil }})

	if p := all(t, list(t, conn, PaymentQuery{Limit: 5, Count: true}))[0].Facts; p.Totals != nil || p.Uncounted == "" {
		t.Errorf("the whole table was counted: %+v", p)
	}
	// A later page says nothing of the totals: those of the first stand.
	after := &Position{At: base.Add(20 * time.Second), ID: 21}
	if p := all(t, list(t, conn, PaymentQuery{Limit: 50, After: after}))[0].Facts; p.Totals != nil || len(p.Rows) != 20 {
		t.Errorf("totals %v beside %d rows of a later page", p.Totals, len(p.Rows))
	}
}

// A value of megabytes stays in the database.
func TestLongValuesAreCut(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[0].Exec(t, "ALTER TABLE payment DROP INDEX uk_idem, MODIFY idempotency_key LONGTEXT NOT NULL")
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base})
	db.Shards[0].Exec(t, "UPDATE payment SET idempotency_key = REPEAT('x', 3000000)")
	rows, _ := page(t, openDB(t, db), PaymentQuery{Order: Newest, Limit: 5})
	if got := rows[0].Key.String(); len(got) > 250 || !strings.Contains(got, "3000000 characters in the database") {
		t.Errorf("the key is shown as %d bytes: %.300s", len(got), got)
	}
}

func TestNear(t *testing.T) {
	db := dbtest.New(t)
	db.Insert(t, 1, dbtest.Payment{ID: 7, Merchant: "MERCHANT-8", At: base}, dbtest.Payment{ID: 8, Merchant: "MERCHANT-8", At: base.Add(time.Hour)}, dbtest.Payment{ID: 9, Merchant: "OTHER", At: base})
	conn := openDB(t, db)
	near := func(merchants []string, ids []int64, within []string) Near {
		t.Helper()
		replies, err := conn.Near(t.Context(), NearQuery{Merchants: merchants, IDs: ids, Within: within})
		if err != nil || !replies[0].Source.OK() {
			t.Fatal(err, replies[0].Source.Err)
		}
		return replies[0].Facts
	}
	if n := near([]string{"merchant-8"}, nil, nil); !n.Merchants["MERCHANT-8"].Equal(base.Add(time.Hour)) || n.Names != nil {
		t.Errorf("a merchant in other letters: %+v", n)
	}
	db.Insert(t, 1, dbtest.Payment{Merchant: "merchant-8", At: base})
	if n := near([]string{"merchant-8"}, nil, nil); len(n.Merchants) != 1 || !n.Merchants["merchant-8"].Equal(base) {
		t.Errorf("a merchant beside its twin: %+v", n)
	}
	if n := near([]string{"Merchant-8"}, nil, nil); len(n.Merchants) != 2 {
		t.Errorf("two twins: %+v", n)
	}
	if n := near([]string{"MERCHANT-9"}, nil, nil); len(n.Merchants) != 0 || !slices.Equal(n.Names, []string{"MERCHANT-8", "OTHER"}) {
		t.Errorf("a merchant that is not there: %+v", n)
	}
	if n := near(nil, []int64{7, 9}, nil); len(n.IDs) != 2 {
		t.Errorf("ids: %+v", n)
	}
	db.Shards[0].Exec(t, "ALTER TABLE payment DROP INDEX ix_merchant_time")
	if n := near([]string{"OTHER"}, nil, nil); !n.Merchants["OTHER"].Equal(base) {
		t.Errorf("a merchant without an index: %+v", n)
	}
	if n := near([]string{"other"}, nil, nil); !n.Merchants["OTHER"].Equal(base) {
		t.Errorf("a twin without an index: %+v", n)
	}
	if n := near([]string{"X"}, []int64{7, 9}, []string{"OTHER"}); len(n.IDs) != 1 || n.IDs[0].ID != 9 || n.Names != nil {
		t.Errorf("what is outside of the scope is told: %+v", n)
	}
}

// A column's collation takes several spellings for one status and shows any one
// of them: here the one that nobody asks for.
func TestSpellingsOfAStatus(t *testing.T) {
	db := dbtest.New(t)
	for _, status := range []string{"CAPTURED ", "CAPTURED", "CÁPTURED", "captured", "REFUNDED"} {
		db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", Status: status, At: base})
	}
	conn := openDB(t, db)
	for _, merchants := range [][]string{nil, {"M-2"}} { // by the index over the status, and not
		rows, _ := page(t, conn, PaymentQuery{Statuses: []string{"CAPTURED"}, Merchants: merchants, Order: Oldest, Limit: 10})
		if want := []string{"shard1/1", "shard1/2", "shard1/3", "shard1/4"}; !slices.Equal(places(rows), want) {
			t.Errorf("captured of %q: got %v, want %v", merchants, places(rows), want)
		}
		rows, _ = page(t, conn, PaymentQuery{NotStatuses: []string{"CAPTURED"}, Merchants: merchants, Order: Oldest, Limit: 10})
		if want := []string{"shard1/5"}; !slices.Equal(places(rows), want) {
			t.Errorf("not captured of %q: got %v, want %v", merchants, places(rows), want)
		}
	}
}

// A status longer than is shown is still found by the index.
func TestLongStatus(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[0].Exec(t, "ALTER TABLE payment MODIFY status VARCHAR(255) NOT NULL")
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", Status: strings.Repeat("LONG_", 20), At: base})
	if rows, _ := page(t, openDB(t, db), PaymentQuery{Order: Newest, Limit: 5}); len(rows) != 1 {
		t.Errorf("found %d payments, want 1", len(rows))
	}
}

// A NULL that should not be there costs neither the row nor the shard.
func TestNulls(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[0].Exec(t, `ALTER TABLE payment MODIFY merchant_id VARCHAR(32), MODIFY amount BIGINT, MODIFY currency CHAR(3), MODIFY status VARCHAR(50),
  MODIFY idempotency_key VARCHAR(64), MODIFY requested_at TIMESTAMP(3) NULL, MODIFY updated_at TIMESTAMP(3) NULL`)
	for _, column := range []string{"merchant_id", "amount", "currency", "status", "idempotency_key", "requested_at", "updated_at"} {
		t.Run(column, func(t *testing.T) {
			db.Shards[0].Exec(t, "DELETE FROM payment")
			for i := range 3 {
				db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base.Add(time.Duration(i) * time.Second)})
			}
			db.Shards[0].Exec(t, "UPDATE payment SET "+column+" = NULL ORDER BY payment_id LIMIT 1")
			order := Newest
			if column == "requested_at" { // what has no time is left out of an order by time
				if rows, _ := page(t, openDB(t, db), PaymentQuery{Order: Newest, Limit: 2}); len(rows) != 2 {
					t.Errorf("%d payments with a time, want 2", len(rows))
				}
				order = Largest
			}
			conn := openDB(t, db)
			var got []Payment
			q := PaymentQuery{Order: order, Limit: 2, NotMerchants: []string{"M-1"}, NotStatuses: []string{"READY"}}
			for range 3 {
				rows, next := page(t, conn, q)
				got = append(got, rows...)
				if q.After = next; next == nil {
					break
				}
			}
			if len(got) != 3 {
				t.Fatalf("got %v, want 3 payments", places(got))
			}
			p := got[2]
			if null := map[string]bool{"merchant_id": p.Merchant == Null, "amount": p.Amount == "", "currency": p.Currency == Null, "status": p.Status == Null,
				"idempotency_key": p.Key == Null, "requested_at": p.RequestedAt.IsZero(), "updated_at": p.UpdatedAt.IsZero()}; !null[column] {
				t.Errorf("%s shows as %+v", column, p)
			}
			totals := all(t, list(t, conn, PaymentQuery{Order: order, Limit: 1, Count: true, Window: func(time.Time) (Window, error) { return Window{Since: base.Add(-time.Hour)}, nil }}))[0].Facts
			if n := len(totals.Totals); n == 0 {
				t.Errorf("not counted: %s", totals.Uncounted)
			}
		})
	}
}

// A shard that fails in the middle gives nothing: half of its rows would pass for all.
func TestHalfAnAnswerIsNone(t *testing.T) {
	db := dbtest.New(t)
	db.Shards[0].Exec(t, "ALTER TABLE payment MODIFY amount VARCHAR(20) NOT NULL")
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base.Add(time.Second)}, dbtest.Payment{Merchant: "M-2", At: base})
	db.Shards[0].Exec(t, "UPDATE payment SET amount = 'much' WHERE payment_id = 2")
	r := newest(t, openDB(t, db))[0]
	if r.Source.OK() || len(r.Facts.Rows) > 0 || r.Source.Asked != "a page of payments by ix_status_time (at most 5s)" {
		t.Errorf("asked %s, said %v, and gave %v", r.Source.Asked, r.Source.Err, places(r.Facts.Rows))
	}
}

// The newest payment of all is known for every question with a time, with indexes
// and without.
func TestNewestOfAll(t *testing.T) {
	db := dbtest.New(t)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base}, dbtest.Payment{Merchant: "M-4", At: base.Add(time.Hour)})
	ever := func(time.Time) (Window, error) { return Window{Since: base}, nil }
	look := func(what string) {
		for _, q := range []PaymentQuery{{Window: ever}, {Window: ever, Merchants: []string{"M-2"}}, {Window: ever, IDs: []int64{1}}} {
			if got := all(t, list(t, openDB(t, db), q))[0].Facts.Newest; !got.Equal(base.Add(time.Hour)) {
				t.Errorf("%s, %+v: the newest payment is of %s", what, q, got)
			}
		}
	}
	look("with indexes")
	db.Shards[0].Exec(t, "ALTER TABLE payment DROP INDEX uk_idem, DROP INDEX ix_status_time, DROP INDEX ix_merchant_time")
	look("without")
}
