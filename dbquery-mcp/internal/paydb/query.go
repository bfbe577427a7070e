package paydb

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// PaymentQuery is which payments to list. Every condition that is set holds.
type PaymentQuery struct {
	Statuses    []string // any of these
	NotStatuses []string // none of these
	// AnyFailed adds to Statuses (where there are any, else to NotStatuses) every
	// status of the database with FAIL in its name, also those that we never
	// heard of.
	AnyFailed    bool
	Merchants    []string // any of these, to the letter
	NotMerchants []string
	IDs          []int64
	Keys         []string
	// AnySpelling also takes keys that the column's own collation takes for one of
	// Keys (k-1 for K-1), as its unique index does.
	AnySpelling bool
	Min, Max    *AmountBound
	Currency    string

	Order Order
	Limit int       // payments; each shard gives up to one more, to know whether there are more
	After *Position // what the page before ended with

	// Window is asked once, with the clock of the first shard that answers.
	Window func(now time.Time) (Window, error)
	// Count asks for the totals of all that match.
	Count bool
}

// Order is which payments come first.
type Order string

// The orders. Equal times or amounts are ordered by payment id, then by shard.
const (
	Newest   Order = "newest"
	Oldest   Order = "oldest"
	Largest  Order = "largest"
	Smallest Order = "smallest"
)

func (o Order) byAmount() bool   { return o == Largest || o == Smallest }
func (o Order) descending() bool { return o == Newest || o == Largest }

// Column is the column that the order goes by.
func (o Order) Column() string {
	if o.byAmount() {
		return "amount"
	}
	return "requested_at"
}

// AmountBound is one end of a range of amounts: decimal digits, never a float.
type AmountBound struct {
	Value     string
	Inclusive bool
}

// Window is [Since, Until) by requested_at; a zero end is open.
type Window struct {
	Since, Until time.Time
	// Clock is the database's clock by which the window was resolved.
	Clock time.Time
}

// Bounded reports whether the window has a beginning.
func (w Window) Bounded() bool { return !w.Since.IsZero() }

// Position is the place of a payment in an order over all shards.
type Position struct {
	At     time.Time // requested_at, when ordered by time
	Amount string    // when ordered by amount
	ID     int64
	Shard  int // place of the shard in DB.Shards
}

// conds are conditions joined by AND, and their arguments.
type conds struct {
	sql  []string
	args []any
}

func (c *conds) add(sql string, args ...any) {
	c.sql = append(c.sql, sql)
	c.args = append(c.args, args...)
}

func (c conds) with(more conds) conds {
	return conds{sql: slices.Concat(c.sql, more.sql), args: slices.Concat(c.args, more.args)}
}

func (c conds) where() string {
	if len(c.sql) == 0 {
		return ""
	}
	return " WHERE " + c.expression()
}

// expression is the conditions as one value.
func (c conds) expression() string {
	if len(c.sql) == 0 {
		return "TRUE"
	}
	return strings.Join(c.sql, " AND ")
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// in is column IN (values).
func in[T any](column string, values []T) (string, []any) {
	return column + " IN (" + marks(len(values)) + ")", anys(values)
}

// same compares byte by byte. A column's own collation takes m-7 for M-7, and
// with that another merchant's payments for those that were asked for.
func same(column string, values []string) (string, []any) {
	list := strings.TrimSuffix(strings.Repeat("BINARY ?, ", len(values)), ", ")
	return "BINARY CONVERT(" + column + " USING utf8mb4) IN (" + list + ")", anys(values)
}

// exactly is column = any of values, by the index first, then byte by byte.
func (c *conds) exactly(column string, values []string) {
	list, args := in(column, values)
	c.add(list, args...)
	bytes, args := same(column, values)
	c.add(bytes, args...)
}

// rest are the conditions that are the same in every branch of a plan.
func (q PaymentQuery) rest(t Table, w Window) (c conds, err error) {
	if len(q.NotMerchants) > 0 {
		list, args := same("merchant_id", q.NotMerchants)
		c.add("("+list+") IS NOT TRUE", args...)
	}
	for _, b := range []struct {
		bound *AmountBound
		sign  string
	}{{q.Min, ">"}, {q.Max, "<"}} {
		if b.bound == nil {
			continue
		}
		if !decimal.MatchString(b.bound.Value) {
			return c, fmt.Errorf("amount bound %q is no decimal number", b.bound.Value)
		}
		if b.bound.Inclusive {
			b.sign += "="
		}
		// As a number in the statement: an argument would be text, and text
		// compares with an amount as a float.
		c.add("amount " + b.sign + " " + b.bound.Value)
	}
	if t.Nullable[q.Order.Column()] { // NULL has no place in an order
		c.add(q.Order.Column() + " IS NOT NULL")
	}
	if q.Currency != "" {
		c.add("currency = ?", q.Currency)
	}
	if !w.Since.IsZero() {
		c.add("requested_at >= ?", t.up("requested_at", w.Since))
	}
	if !w.Until.IsZero() {
		c.add("requested_at < ?", t.up("requested_at", w.Until))
	}
	return c, nil
}

// statusCond is the condition on the status, without the index over it.
func (q PaymentQuery) statusCond() (c conds) {
	add := func(is string, statuses []string, failed bool) {
		if len(statuses) == 0 {
			return
		}
		list, args := in("status", statuses)
		if failed {
			list += " OR status LIKE '%FAIL%'"
		}
		c.add("("+list+")"+is, args...)
	}
	add("", q.Statuses, q.AnyFailed)
	add(" IS NOT TRUE", q.NotStatuses, q.AnyFailed && len(q.Statuses) == 0) // also true of NULL
	return c
}

// after leaves out what earlier pages showed; shard is the place of the shard asked.
func (q PaymentQuery) after(t Table, shard int) (c conds) {
	p := q.After
	if p == nil {
		return c
	}
	column, value, exact := q.Order.Column(), p.Amount, true
	if !q.Order.byAmount() {
		value, exact = t.down(column, p.At)
		value = "'" + value + "'"
	}
	sign := ">"
	if q.Order.descending() {
		sign = "<"
	}
	if !exact { // the value lies between two that this shard can hold
		if q.Order.descending() {
			sign = "<="
		}
		c.add(column + " " + sign + " " + value)
		return c
	}
	// Of equal ones, this shard's come behind those of the shards before it.
	id := "payment_id " + sign + " ?"
	if shard > p.Shard {
		id = "payment_id " + sign + "= ?"
	}
	c.add(fmt.Sprintf("%s %s= %s AND (%s %s %s OR %s)", column, sign, value, column, sign, value, id), p.ID)
	return c
}

const sqlTime = "2006-01-02 15:04:05"

// up writes a moment with exactly the digits that the column keeps, rounded up:
// more digits would keep MariaDB from using the index, and no value of the
// column lies between.
func (t Table) up(column string, at time.Time) string {
	step := t.step(column)
	down := at.Truncate(step)
	if down.Before(at) {
		down = down.Add(step)
	}
	return t.write(column, down)
}

// down is up's opposite; exact reports whether nothing was rounded.
func (t Table) down(column string, at time.Time) (text string, exact bool) {
	down := at.Truncate(t.step(column))
	return t.write(column, down), down.Equal(at)
}

func (t Table) step(column string) time.Duration {
	step := time.Second
	for range t.digits(column) {
		step /= 10
	}
	return step
}

func (t Table) write(column string, at time.Time) string {
	layout := sqlTime
	if n := t.digits(column); n > 0 {
		layout += "." + strings.Repeat("0", n)
	}
	return at.UTC().Format(layout)
}
