package paydb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// The reads of a chunk: plain ranges of an index, compared here. A GROUP BY with
// conditional sums over the account names would cost the server twice as much.
const (
	sqlChunkPayments = `SELECT payment_id, %s, amount, %s, (updated_at > %s) + (updated_at > %s)
FROM payment FORCE INDEX (%s) WHERE payment_id > ? AND payment_id <= ? ORDER BY payment_id LIMIT ?`
	sqlSomePayments = `SELECT payment_id, %s, amount, %s, (updated_at > %s) + (updated_at > %s)
FROM payment FORCE INDEX (%s) WHERE %s ORDER BY payment_id`
	sqlChunkLedger      = `SELECT payment_id, debit_account, credit_account, amount FROM ledger_entry FORCE INDEX (%s) WHERE %s`
	sqlChunkSettlements = `SELECT payment_id, status, request_amount FROM settlement_request FORCE INDEX (%s) WHERE %s`
	sqlChunkRefunds     = `SELECT payment_id, status, refund_amount FROM refund_request FORCE INDEX (%s) WHERE %s`
	sqlEndsOfKey        = `SELECT COALESCE(MIN(%[1]s), 0), COALESCE(MAX(%[1]s), 0) FROM %[2]s`
	sqlMaxKey           = `SELECT COALESCE(MAX(%[1]s), 0) FROM %[2]s`
	sqlParents          = `SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'ledger_entry' AND COLUMN_NAME = 'payment_id' AND REFERENCED_TABLE_NAME = 'payment'`
)

const (
	// scanChunk is how many payments are compared at once where a table has to be
	// read from end to end for them.
	scanChunk = 20_000
	// scanStep is how many keys of such a table one statement goes through.
	scanStep = 50_000
)

// success is the status of a request that the payment gateway carried out.
const success = "SUCCESS"

// KnownRequest reports whether a request's status is one that the payment system has.
func KnownRequest(status string) bool {
	return status == success || status == "FAILED" || status == "PENDING"
}

// The two accounts.
const (
	receivable = "merchant_receivable"
	cash       = "cash"
)

// ordered is an index that begins with a column.
func (t Table) ordered(column string) string {
	for _, i := range t.Indexes {
		if len(i.Columns) > 0 && i.Columns[0] == column {
			return i.Name
		}
	}
	return ""
}

// key is the column that numbers the rows of a table beside payment.
func (t Table) key() string {
	if t.Name == "ledger_entry" {
		return "entry_id"
	}
	return "id"
}

// short is a column of words, cut at the server where rows could be long.
func (t Table) short(column string, most int) string {
	var n int
	if _, err := fmt.Sscanf(t.Columns[column], "varchar(%d)", &n); err == nil && n <= most || strings.HasPrefix(t.Columns[column], "char(") || strings.HasPrefix(t.Columns[column], "enum(") {
		return column
	}
	return fmt.Sprintf("LEFT(%s, %d)", column, most)
}

// someIDs is a condition on payment_id.
type someIDs struct {
	sql        string
	args       []any
	neighbours bool // all ids of a range
}

func idRange(after, through int64) someIDs {
	return someIDs{"payment_id > ? AND payment_id <= ?", []any{after, through}, true}
}

func idList(ids []int64) someIDs {
	list, args := in("payment_id", ids)
	return someIDs{sql: list, args: args}
}

func (c *reconciling) seconds() float64 { return c.q.Grace.Seconds() }

// young is the moment since when a change is too young to judge, by the database's
// clock as the reading began. As a constant of the column's own type it is compared
// without converting every row's.
func (c *reconciling) young() string { return literal(c.r.Now().Add(-c.q.Grace)) }

// clockMargin is how far ahead of the database's clock the clocks of those who write
// to it may be.
const clockMargin = time.Minute

// present is the time by the database's clock, now and not as the reading began.
func (c *reconciling) present() time.Time { return c.r.Now().Add(time.Since(c.r.clock.Tool)) }

// ahead is the moment that no change can have been at yet.
func (c *reconciling) ahead() string { return literal(c.present().Add(clockMargin)) }

func literal(t time.Time) string {
	return "TIMESTAMP'" + t.UTC().Format("2006-01-02 15:04:05.000000") + "'"
}

// readPayments begins a chunk with the next payments after an id.
func (c *reconciling) readPayments(ctx context.Context, after, last int64) error {
	t := c.payment
	if cap(c.books) < c.size {
		c.books = make([]Books, 0, c.size)
	}
	query := fmt.Sprintf(sqlChunkPayments, t.short("status", 64), t.short("currency", 8), c.young(), c.ahead(), quoteName(t.ordered("payment_id")))
	return c.payments(ctx, query, []any{after, last, c.size})
}

// readSome begins a chunk with payments by their ids.
func (c *reconciling) readSome(ctx context.Context, ids []int64) error {
	t, where := c.payment, idList(ids)
	query := fmt.Sprintf(sqlSomePayments, t.short("status", 64), t.short("currency", 8), c.young(), c.ahead(), quoteName(t.ordered("payment_id")), where.sql)
	return c.payments(ctx, query, where.args)
}

func (c *reconciling) payments(ctx context.Context, query string, args []any) error {
	c.books, c.place0 = c.books[:0], 0
	return c.r.streamAfter(ctx, "payments of a chunk", query, args, c.judge, func(row []driver.Value) error {
		id, ok := wholeOf(row[0])
		m, right := moneyOf(row[2])
		if !ok || !right {
			return unreadable("payment", id, "amount")
		}
		young, _ := wholeOf(row[4])
		c.books = append(c.books, Books{ID: id, Status: c.states.one(bytesOf(row[1])), Currency: c.currencies.one(bytesOf(row[3])), Amount: m, Young: young > 0, Ahead: young > 1})
		return nil
	})
}

func unreadable(table string, id int64, column string) error {
	return &fault.Failure{
		Class: fault.Schema, Said: foreign.Text(fmt.Sprintf("%s of %s row of payment %d is no number that an amount can be", column, table, id)),
		Next: "Look at that row; compare the table with the payment system's schema.sql",
	}
}

// at is the book of an id in the chunk; nil where there is none. Ids come mostly in
// order.
func (c *reconciling) at(id int64) *Books {
	for c.place0 < len(c.books) && c.books[c.place0].ID < id {
		c.place0++
	}
	if c.place0 < len(c.books) && c.books[c.place0].ID == id {
		return &c.books[c.place0]
	}
	if i, ok := slices.BinarySearchFunc(c.books, id, func(b Books, id int64) int { return int(max(min(b.ID-id, 1), -1)) }); ok {
		c.place0 = i
		return &c.books[i]
	}
	return nil
}

// children adds what the other tables have of the ids.
func (c *reconciling) children(ctx context.Context, ids someIDs, timed func(error) error) error {
	if err := timed(c.readLedger(ctx, ids)); err != nil {
		return err
	}
	if c.q.Checks.Settlements {
		if err := timed(c.readSettlements(ctx, ids)); err != nil {
			return err
		}
	}
	if c.q.Checks.Refunds {
		return timed(c.readRefunds(ctx, ids))
	}
	return nil
}

// readLedger reads the postings of the ids. Those of no payment are told one id after
// the other, which takes the order of the index: where the others were read without it,
// they are read again.
func (c *reconciling) readLedger(ctx context.Context, ids someIDs) error {
	where, together, err := c.together(ctx, c.ledger, ids)
	if err != nil {
		return err
	}
	p := postings{c: c, known: true, orphans: !together}
	c.place0 = 0
	if together {
		err = c.eachOf(ctx, c.ledger, sqlChunkLedger, ids, where, p.take)
	} else {
		err = c.each(ctx, c.ledger, sqlChunkLedger, ids, p.take)
	}
	if err == nil && p.left {
		p.known, p.orphans, c.place0 = false, true, 0
		err = c.each(ctx, c.ledger, sqlChunkLedger, ids, p.take)
	}
	p.flush()
	return err
}

// postings takes those of payments that are known, those of orphans, or both.
type postings struct {
	c              *reconciling
	known, orphans bool
	left           bool  // some orphan was not taken
	orphan         Books // of one id, as its postings come one behind the other
}

func (p *postings) take(row []driver.Value) error {
	c := p.c
	id, ok := wholeOf(row[0])
	m, right := moneyOf(row[3])
	if !ok || !right {
		return unreadable("a ledger_entry", id, "amount")
	}
	b := c.at(id)
	switch {
	case b != nil && !p.known:
		return nil
	case b == nil && !p.orphans:
		p.left = true
		return nil
	case b == nil:
		if p.orphan.ID != id {
			p.flush()
		}
		p.orphan.ID = id
		b = &p.orphan
	}
	c.out.Entries++
	if debit, credit := bytesOf(row[1]), bytesOf(row[2]); !b.post(string(debit), string(credit), m) {
		c.pair(AccountPair{b.Currency, c.accounts.one(debit), c.accounts.one(credit)}, m)
	}
	return nil
}

// flush tells of the orphan that was taken last.
func (p *postings) flush() {
	if p.orphan.postings() > 0 {
		p.c.orphan(p.orphan)
	}
	p.orphan = Books{}
}

func (b *Books) postings() int { return b.Captures.N() + b.Reversals.N() + b.Others.N() }

// post takes a posting into the books, and reports whether its accounts are known.
func (b *Books) post(debit, credit string, m Money) (known bool) {
	switch {
	case debit == receivable && credit == cash:
		b.Captures = b.Captures.Plus(m)
	case debit == cash && credit == receivable:
		b.Reversals = b.Reversals.Plus(m)
	default:
		b.Others = b.Others.Plus(m)
		return false
	}
	return true
}

// maxPairs bounds the pairs of accounts that are kept apart.
const maxPairs = 200

func (c *reconciling) pair(p AccountPair, m Money) {
	if c.out.Pairs[p] == nil {
		if len(c.out.Pairs) == maxPairs {
			return
		}
		c.out.Pairs[p] = new(Amounts)
	}
	c.out.Pairs[p].Add(m)
}

func (c *reconciling) readSettlements(ctx context.Context, ids someIDs) error {
	return c.requests(ctx, c.settlement, sqlChunkSettlements, ids, func(b *Books) *Requests { c.out.Settlements++; return &b.Settlements })
}

func (c *reconciling) readRefunds(ctx context.Context, ids someIDs) error {
	return c.requests(ctx, c.refund, sqlChunkRefunds, ids, func(b *Books) *Requests { c.out.Refunds++; return &b.Refunds })
}

func (c *reconciling) requests(ctx context.Context, t Table, query string, ids someIDs, of func(*Books) *Requests) error {
	take := func(row []driver.Value) error {
		id, ok := wholeOf(row[0])
		m, right := moneyOf(row[2])
		if !ok || !right {
			return unreadable("a "+t.Name, id, "the amount")
		}
		if b := c.at(id); b != nil {
			status := bytesOf(row[1])
			of(b).add(string(status) == success, m, b.Amount)
			if !b.Young && !KnownRequest(string(status)) {
				c.out.Odd[OddStatus{t.Name, c.requestStates.one(status)}]++
			}
		}
		return nil
	}
	where, together, err := c.together(ctx, t, ids)
	c.place0 = 0
	switch {
	case err != nil:
		return err
	case together:
		return c.eachOf(ctx, t, query, ids, where, take)
	}
	return c.each(ctx, t, query, ids, take)
}

func (r *Requests) add(succeeded bool, m, paid Money) {
	r.N++
	if succeeded {
		r.Succeeded = r.Succeeded.Plus(m)
		r.Off = r.Off || m != paid
	}
}

// each reads a table by the ids: through its index, or from end to end in steps
// where it has none.
func (c *reconciling) each(ctx context.Context, t Table, query string, ids someIDs, row func([]driver.Value) error) error {
	if index := t.ordered("payment_id"); index != "" {
		return c.r.stream(ctx, t.Name+" of a chunk", fmt.Sprintf(query, quoteName(index), ids.sql), ids.args, row)
	}
	var least, most int64
	key := t.key()
	err := c.r.run(ctx, "the first and the last key of "+t.Name, fmt.Sprintf(sqlEndsOfKey, key, t.Name), nil, func(rows *sql.Rows) error { return rows.Scan(&least, &most) })
	for after := least - 1; err == nil && after < most; after += scanStep {
		where := key + " > ? AND " + key + " <= ? AND " + ids.sql
		err = c.r.stream(ctx, t.Name+" from end to end", fmt.Sprintf(query, quoteName(t.ordered(key)), where), slices.Concat([]any{after, after + scanStep}, ids.args), row)
	}
	return err
}

// keyed looks whether the ledger has a foreign key to payment.
func (c *reconciling) keyed(ctx context.Context) error {
	return c.r.run(ctx, "the foreign key of the ledger", sqlParents, nil, func(rows *sql.Rows) error {
		var n int
		err := rows.Scan(&n)
		c.out.Keyed = n > 0
		return err
	})
}
