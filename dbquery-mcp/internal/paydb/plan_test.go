package paydb

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// step is a line of EXPLAIN.
type step struct{ table, access, key, rows, extra string }

func explain(t testing.TB, s *dbtest.Shard, query string, args ...any) (steps []step) {
	t.Helper()
	rows, err := s.Admin.Query("EXPLAIN "+query, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close()
	for rows.Next() {
		f, err := namedFields(rows)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{f["table"], f["type"], f["key"], f["rows"], f["extra"]})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// Every statement walks the index that it should. A plan that turns into a scan
// of the table or of a whole index fails here, not in production.
func TestPlans(t *testing.T) {
	db := dbtest.New(t)
	db.Fill(t, 20000)
	var table Table
	conn := openDB(t, db)
	onFirst(t.Context(), t, conn, func(ctx context.Context, r *Reader) (err error) {
		table, err = r.paymentTable(ctx)
		return err
	})
	hour := Window{Since: time.Now().Add(-time.Hour), Until: time.Now()}
	amount := &AmountBound{Value: "10000", Inclusive: true}
	after := &Position{At: time.Now().Add(-time.Minute).Truncate(time.Millisecond), ID: 500}

	for name, x := range map[string]struct {
		q             PaymentQuery
		w             Window
		index, access string
		sorts         bool // by amount, or a handful of rows
	}{
		"nothing asked":         {PaymentQuery{}, Window{}, "ix_status_time", "ref", false},
		"a time":                {PaymentQuery{}, hour, "ix_status_time", "range", false},
		"a time, oldest first":  {PaymentQuery{Order: Oldest}, hour, "ix_status_time", "range", false},
		"statuses":              {PaymentQuery{Statuses: []string{"CAPTURE_FAILED", "REFUND_FAILED"}}, Window{}, "ix_status_time", "ref", false},
		"failed of any name":    {PaymentQuery{Statuses: []string{"CAPTURE_FAILED"}, AnyFailed: true}, hour, "ix_status_time", "range", false},
		"not a status":          {PaymentQuery{NotStatuses: []string{"CAPTURED"}}, hour, "ix_status_time", "range", false},
		"amount and currency":   {PaymentQuery{Min: amount, Currency: "KRW"}, hour, "ix_status_time", "range", false},
		"the next page":         {PaymentQuery{After: after}, hour, "ix_status_time", "range", false},
		"a merchant":            {PaymentQuery{Merchants: []string{"MERCHANT-8"}}, Window{}, "ix_merchant_time", "ref", false},
		"a merchant and a time": {PaymentQuery{Merchants: []string{"MERCHANT-8"}, Statuses: []string{"REFUNDED"}}, hour, "ix_merchant_time", "range", false},
		"merchants":             {PaymentQuery{Merchants: []string{"MERCHANT-8", "MERCHANT-10"}}, hour, "ix_merchant_time", "range", false},
		"a merchant's next":     {PaymentQuery{Merchants: []string{"MERCHANT-8"}, After: after}, Window{}, "ix_merchant_time", "range", false},
		"not a merchant":        {PaymentQuery{NotMerchants: []string{"MERCHANT-8"}}, hour, "ix_status_time", "range", false},
		"an id":                 {PaymentQuery{IDs: []int64{77}}, Window{}, "PRIMARY", "const", false},
		"ids and more":          {PaymentQuery{IDs: []int64{77, 78}, Merchants: []string{"MERCHANT-8"}}, hour, "PRIMARY", "range", true},
		"a key of a merchant":   {PaymentQuery{Keys: []string{"fill-4"}, Merchants: []string{"MERCHANT-8"}}, Window{}, "uk_idem", "const", false},
		"a key of any merchant": {PaymentQuery{Keys: []string{"fill-4"}}, Window{}, "uk_idem", "eq_ref", true},
		"largest":               {PaymentQuery{Order: Largest, Statuses: []string{"CAPTURE_FAILED"}}, hour, "ix_status_time", "range", true},
		"largest of a merchant": {PaymentQuery{Order: Largest, Merchants: []string{"MERCHANT-8"}}, hour, "ix_merchant_time", "range", true},
	} {
		t.Run(name, func(t *testing.T) {
			x.q.Limit = 10
			if x.q.Order == "" {
				x.q.Order = Newest
			}
			rest, err := x.q.rest(table, x.w)
			if err != nil {
				t.Fatal(err)
			}
			var wanted []string
			onFirst(t.Context(), t, conn, func(ctx context.Context, r *Reader) (err error) {
				wanted, _, err = r.statuses(ctx, x.q, "ix_status_time")
				return err
			})
			walk := x.q.walk(table, wanted)
			if len(walk.branches) == 0 {
				t.Fatal("there is nothing to walk")
			}
			query, args := x.q.list(walk, rest.with(x.q.after(table, 0)))
			walked := 0
			for _, s := range explain(t, db.Shards[0], query, args...) {
				if s.table != "payment" || strings.Contains(s.extra, "group-by") {
					continue // of our own making: the union's result, the merchants there are
				}
				walked++
				if s.key != x.index || s.access != x.access {
					t.Errorf("%+v, want %s by %s", s, x.access, x.index)
				}
				if strings.Contains(s.extra, "filesort") && !x.sorts {
					t.Errorf("%+v sorts what the index has in order", s)
				}
			}
			if walked != len(walk.branches) {
				t.Errorf("%d walks, want one for each of %d branches", walked, len(walk.branches))
			}
			query, args = x.q.totals(walk, rest)
			for _, s := range explain(t, db.Shards[0], query, args...) {
				if s.table == "payment" && (s.access == "ALL" || s.access == "index") {
					t.Errorf("the totals read the whole table: %+v", s)
				}
			}
		})
	}
	loose := func(query string, args ...any) {
		for _, s := range explain(t, db.Shards[0], query, args...) {
			if !strings.Contains(s.extra, "Using index for group-by") {
				t.Errorf("no loose index scan: %+v\n%s", s, query)
			}
		}
	}
	failed := PaymentQuery{Statuses: []string{"CAPTURE_FAILED"}, AnyFailed: true}.statusCond()
	loose(fmt.Sprintf(sqlStatuses, failed.expression(), "ix_status_time"), append(failed.args, maxStatuses+1)...)
	loose(fmt.Sprintf(sqlStatuses, conds{}.expression(), "ix_status_time"), maxStatuses+1)
	loose(fillIndex(sqlMerchants, "ix_merchant_time"), maxMerchants)
	loose(fillIndex(sqlMerchantsAfter, "ix_merchant_time"), "MERCHANT-8", maxMerchants)
	for _, s := range explain(t, db.Shards[0], fill(sqlNewestOfMerchant, force("ix_merchant_time")), "MERCHANT-8", "MERCHANT-8") {
		if s.key != "ix_merchant_time" || s.access != "ref" || strings.Contains(s.extra, "filesort") {
			t.Errorf("the newest payment of a merchant is looked for by %+v", s)
		}
	}
	for _, s := range explain(t, db.Shards[0], fill(sqlTwinsOfMerchant, force("ix_merchant_time")), "MERCHANT-8") {
		if s.key != "ix_merchant_time" || s.access != "ref" || !strings.Contains(s.extra, "Using index") {
			t.Errorf("merchants of like spelling are looked for by %+v", s)
		}
	}
	for _, s := range explain(t, db.Shards[0], fillIndex(sqlLast, "PRIMARY")) {
		if s.key != "PRIMARY" || s.access != "index" || s.rows != "1" {
			t.Errorf("the last payment is looked for by %+v", s)
		}
	}
}
