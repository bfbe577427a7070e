package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/shared/foreign"
)

// The statuses that stand in the table, and the newest payment of each: a loose
// index scan, as cheap as there are few statuses.
const sqlStatuses = `SELECT LEFT(status, 64) AS status, MAX(requested_at) FROM payment FORCE INDEX (%) GROUP BY payment.status LIMIT ?`

const (
	// countTimeout bounds the count of all that match: it is a help beside the
	// list, and must not cost a database in trouble more than this.
	countTimeout = time.Second
	maxStatuses  = 100
	maxGroups    = 200
)

// Payment is a row of payment.
type Payment struct {
	Shard       string
	ID          int64
	Merchant    foreign.Text
	Status      foreign.Text
	Amount      string // decimal digits as stored
	Currency    foreign.Text
	Key         foreign.Text
	RequestedAt time.Time // UTC
	UpdatedAt   time.Time
}

// Total is how many payments match, and their sum, of one status and currency.
type Total struct {
	Status, Currency foreign.Text
	Count            int64
	Amount           Sum
}

// ShardPayments is a shard's part of a page.
type ShardPayments struct {
	Rows []Payment
	// Totals are of all that match, not of the page; nil when Uncounted says why.
	Totals    []Total
	Uncounted string
	// Newest is when the newest payment of any status was requested; zero when it
	// was not looked at.
	Newest time.Time
}

// Payments lists payments of every shard, and returns the window that was used;
// it is resolved only if a shard answered.
func (db *DB) Payments(ctx context.Context, q PaymentQuery) ([]Reply[ShardPayments], *Window, error) {
	var (
		once   sync.Once
		window *Window
		failed error
	)
	resolve := func(now time.Time) (Window, error) {
		once.Do(func() {
			w, err := q.Window(now)
			if failed = err; err == nil {
				w.Clock = now
				window = &w
			}
		})
		if failed != nil {
			return Window{}, failed
		}
		return *window, nil
	}
	places := map[string]int{}
	for i, s := range db.shards {
		places[s.name] = i
	}
	replies, err := ask(ctx, db, func(ctx context.Context, r *Reader) (ShardPayments, error) {
		w, err := resolve(r.Now())
		if err != nil {
			return ShardPayments{}, err
		}
		return r.payments(ctx, q, w, places[r.shard.name])
	})
	return replies, window, err
}

func (r *Reader) payments(ctx context.Context, q PaymentQuery, w Window, place int) (p ShardPayments, err error) {
	t, err := r.paymentTable(ctx)
	if err != nil {
		return p, err
	}
	if missing := t.Drift().Missing; len(missing) > 0 {
		return p, r.lacks(t, missing)
	}
	var statuses []string
	if byStatus := t.index("status", "requested_at"); byStatus != "" && len(q.IDs)+len(q.Keys)+len(q.Merchants) == 0 {
		if statuses, p.Newest, err = r.statuses(ctx, byStatus); err != nil {
			return p, err
		}
	}
	walk := q.walk(t, statuses)
	rest, err := q.rest(t, w)
	if err != nil {
		return p, err
	}
	if len(walk.branches) > 0 {
		query, args := q.list(walk, rest.with(q.after(t, place)))
		if p.Rows, err = r.rows(ctx, "a page of payments by "+walk.by, query, args); err != nil {
			return p, err
		}
	}
	if q.Count {
		p.Totals, p.Uncounted = r.count(ctx, q, walk, rest, w, p.Rows)
	}
	return p, nil
}

// statuses returns nil when there are too many to walk one by one.
func (r *Reader) statuses(ctx context.Context, index string) (all []string, newest time.Time, err error) {
	all = []string{}
	query := fillIndex(sqlStatuses, index)
	err = r.run(ctx, "the statuses there are", query, []any{maxStatuses + 1}, func(rows *sql.Rows) error {
		var status string
		var at time.Time
		if err := rows.Scan(&status, &at); err != nil {
			return err
		}
		all = append(all, status)
		if at.After(newest) {
			newest = at
		}
		return nil
	})
	if len(all) > maxStatuses {
		all = nil
	}
	return all, newest, err
}

func (r *Reader) rows(ctx context.Context, name, query string, args []any) (all []Payment, err error) {
	err = r.run(ctx, name, query, args, func(rows *sql.Rows) error {
		p := Payment{Shard: r.shard.name}
		var merchant, currency, status, key string
		var merchantLength, keyLength int
		err := rows.Scan(&p.ID, &merchant, &merchantLength, &p.Amount, &currency, &status, &key, &keyLength, &p.RequestedAt, &p.UpdatedAt)
		if err != nil {
			return err
		}
		if !decimal.MatchString(p.Amount) {
			return fmt.Errorf("payment %d has an amount that is no decimal number", p.ID)
		}
		p.Merchant, p.Key = cut(merchant, merchantLength), cut(key, keyLength)
		p.Currency, p.Status = foreign.Text(currency), foreign.Text(status)
		all = append(all, p)
		return nil
	})
	return all, err
}

// count is the last statement of a question: when it takes too long, its
// connection is given up and the page stays good.
func (r *Reader) count(ctx context.Context, q PaymentQuery, walk plan, rest conds, w Window, page []Payment) ([]Total, string) {
	if len(page) <= q.Limit && q.After == nil {
		return sumUp(page), "" // the page is all there is
	}
	if walk.uncounted != "" && !w.Bounded() {
		return nil, walk.uncounted
	}
	query, args := q.totals(walk, rest)
	totals := []Total{}
	err := r.query(ctx, countTimeout, "how many match", query, args, func(rows *sql.Rows) error {
		var t Total
		var amount string
		if err := rows.Scan(&t.Status, &t.Currency, &t.Count, &amount); err != nil {
			return err
		}
		totals = append(totals, t)
		return totals[len(totals)-1].Amount.Add(amount)
	})
	switch {
	case err == nil && len(totals) <= maxGroups:
		return totals, ""
	case err == nil:
		return nil, "more than " + fmt.Sprint(maxGroups) + " kinds of status and currency"
	case isTimeout(err):
		return nil, "counting took longer than " + countTimeout.String() + "; a shorter time_range can be counted"
	}
	failure, _ := r.shard.failed(err, Asking)
	return nil, "counting failed: " + failure.Error()
}

func isTimeout(err error) bool {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == errStatementTimeout || e.Number == errExecutionTime
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// sumUp adds up a page that holds all there is.
func sumUp(page []Payment) []Total {
	totals := []Total{}
	for _, p := range page {
		i := slices.IndexFunc(totals, func(t Total) bool { return t.Status == p.Status && t.Currency == p.Currency })
		if i < 0 {
			i = len(totals)
			totals = append(totals, Total{Status: p.Status, Currency: p.Currency})
		}
		totals[i].Count++
		if err := totals[i].Amount.Add(p.Amount); err != nil {
			panic("paydb: a row was read whose amount is no decimal number") // rows refuses it
		}
	}
	return totals
}

// cut tells the true length, in characters, of a value of which only the head was
// fetched.
func cut(head string, length int) foreign.Text {
	if length <= utf8.RuneCountInString(head) {
		return foreign.Text(head)
	}
	return foreign.Text(foreign.Clean(head, 128) + fmt.Sprintf(" (%d characters in the database)", length))
}

// Merge puts the shards' parts of a page into one, in the order of q, and says
// where it ended if there is more.
func (q PaymentQuery) Merge(replies []Reply[ShardPayments]) (page []Payment, next *Position) {
	places := map[string]int{}
	for i, r := range replies {
		places[r.Shard] = i
		if r.SameAs == "" {
			page = append(page, r.Facts.Rows...)
		}
	}
	slices.SortFunc(page, func(a, b Payment) int {
		c := a.RequestedAt.Compare(b.RequestedAt)
		if q.Order.byAmount() {
			c = compareAmounts(a.Amount, b.Amount)
		}
		c = cmp.Or(c, cmp.Compare(a.ID, b.ID))
		if q.Order.descending() {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(places[a.Shard], places[b.Shard]))
	})
	if len(page) <= q.Limit {
		return page, nil
	}
	page = page[:q.Limit]
	last := page[len(page)-1]
	next = &Position{ID: last.ID, Shard: places[last.Shard]}
	if q.Order.byAmount() {
		next.Amount = last.Amount
	} else {
		next.At = last.RequestedAt
	}
	return page, next
}
