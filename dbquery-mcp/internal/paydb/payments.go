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

// The statuses that stand in the table, the newest payment of each, and whether it
// is asked for: a loose index scan, as cheap as there are few statuses. The
// database itself says which are meant, for a group holds all that its collation
// takes for one status (CAPTURED, captured) and shows any one of them.
const sqlStatuses = `SELECT status, MAX(requested_at), %s FROM payment FORCE INDEX (%s) GROUP BY payment.status LIMIT ?`

// The payment that came last, by the primary key alone.
const sqlLast = `SELECT requested_at FROM payment FORCE INDEX (%) ORDER BY payment_id DESC LIMIT 1`

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
	Amount      string // decimal digits as stored; empty for NULL
	Currency    foreign.Text
	Key         foreign.Text
	RequestedAt time.Time // UTC; zero for NULL
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
	// Newest is when the newest payment of any kind was requested; zero when it was
	// not looked at.
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
	var wanted []string
	if byStatus := t.index("status", "requested_at"); byStatus != "" && len(q.IDs)+len(q.Keys)+len(q.Merchants) == 0 {
		if wanted, p.Newest, err = r.statuses(ctx, q, byStatus); err != nil {
			return p, err
		}
	}
	if w.Bounded() && p.Newest.IsZero() {
		if p.Newest, err = r.newestOfAll(ctx, t); err != nil {
			return p, err
		}
	}
	walk := q.walk(t, wanted)
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

// statuses returns those that q asks for; nil when they cannot be walked one by
// one, for there are too many, or rows without a status.
func (r *Reader) statuses(ctx context.Context, q PaymentQuery, index string) (wanted []string, newest time.Time, err error) {
	meant := q.statusCond()
	query := fmt.Sprintf(sqlStatuses, meant.expression(), quoteName(index))
	wanted = []string{}
	n, walkable := 0, true
	err = r.run(ctx, "the statuses there are", query, append(meant.args, maxStatuses+1), func(rows *sql.Rows) error {
		var status sql.NullString
		var at sql.NullTime
		var asked sql.NullBool
		if err := rows.Scan(&status, &at, &asked); err != nil {
			return err
		}
		if n++; n > maxStatuses || !status.Valid {
			walkable = false
		}
		if asked.Bool {
			wanted = append(wanted, status.String)
		}
		if at.Time.After(newest) {
			newest = at.Time
		}
		return nil
	})
	if !walkable {
		wanted = nil
	}
	return wanted, newest, err
}

// newestOfAll is when the newest payment of any kind was requested: by time, where an index
// has it, for who writes a wrong time need not be who wrote last. Else, and where there
// are too many statuses to see each, it is that of the highest id.
func (r *Reader) newestOfAll(ctx context.Context, t Table) (at time.Time, err error) {
	if byStatus := t.index("status", "requested_at"); byStatus != "" {
		var known []string
		if known, at, err = r.statuses(ctx, PaymentQuery{}, byStatus); err != nil || known != nil {
			return at, err
		}
	}
	if byID := t.index("payment_id"); byID != "" {
		last, err := r.last(ctx, byID)
		if last.After(at) {
			at = last
		}
		return at, err
	}
	return at, nil
}

// last is when the payment with the highest id was requested.
func (r *Reader) last(ctx context.Context, index string) (time.Time, error) {
	var at sql.NullTime
	err := r.run(ctx, "the last payment", fillIndex(sqlLast, index), nil, func(rows *sql.Rows) error { return rows.Scan(&at) })
	return at.Time, err
}

func (r *Reader) rows(ctx context.Context, name, query string, args []any) (all []Payment, err error) {
	err = r.run(ctx, name, query, args, func(rows *sql.Rows) error {
		p := Payment{Shard: r.shard.name}
		var merchant, amount, currency, status, key sql.NullString
		var merchantLength, keyLength sql.NullInt64
		var requested, updated sql.NullTime
		err := rows.Scan(&p.ID, &merchant, &merchantLength, &amount, &currency, &status, &key, &keyLength, &requested, &updated)
		if err != nil {
			return err
		}
		if amount.Valid && !decimal.MatchString(amount.String) {
			return fmt.Errorf("payment %d has an amount that is no decimal number", p.ID)
		}
		p.Amount, p.RequestedAt, p.UpdatedAt = amount.String, requested.Time, updated.Time
		p.Merchant, p.Key = cut(merchant, merchantLength.Int64), cut(key, keyLength.Int64)
		p.Currency, p.Status = text(currency), text(status)
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
		var status, currency, amount sql.NullString
		if err := rows.Scan(&status, &currency, &t.Count, &amount); err != nil {
			return err
		}
		t.Status, t.Currency = text(status), text(currency)
		totals = append(totals, t)
		return totals[len(totals)-1].Amount.Add(cmp.Or(amount.String, "0"))
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
		if err := totals[i].Amount.Add(cmp.Or(p.Amount, "0")); err != nil {
			panic("paydb: a row was read whose amount is no decimal number") // rows refuses it
		}
	}
	return totals
}

// Null is shown for what is NULL in a column of text.
const Null foreign.Text = "(NULL)"

func text(v sql.NullString) foreign.Text {
	if !v.Valid {
		return Null
	}
	return foreign.Text(v.String)
}

// cut tells the true length, in characters, of a value of which only the head was
// fetched.
func cut(head sql.NullString, length int64) foreign.Text {
	if length <= int64(utf8.RuneCountInString(head.String)) {
		return text(head)
	}
	return foreign.Text(foreign.Clean(head.String, 128) + fmt.Sprintf(" (%d characters in the database)", length))
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
