package paydb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"

	"payops-mcp/shared/foreign"
)

// The reads of single payments, whole: of those that looked wrong, and of the same
// ids on other shards.
const (
	sqlAgainPayments = `SELECT payment_id, LEFT(merchant_id, 256), LEFT(status, 64), amount, LEFT(currency, 8), requested_at, updated_at,
  updated_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND FROM payment FORCE INDEX (%s) WHERE %s ORDER BY payment_id`
	sqlAgainLedger = `SELECT payment_id, entry_id, LEFT(debit_account, 64), LEFT(credit_account, 64), amount, occurred_at
FROM ledger_entry FORCE INDEX (%s) WHERE %s`
	sqlAgainSettlements = `SELECT payment_id, id, LEFT(status, 64), request_amount, retry_count, LEFT(pg_transaction_id, 64), LEFT(pg_response_code, 64), requested_at, completed_at
FROM settlement_request FORCE INDEX (%s) WHERE %s`
	sqlAgainRefunds = `SELECT payment_id, id, LEFT(status, 64), refund_amount, retry_count, LEFT(pg_cancel_transaction_id, 64), LEFT(pg_response_code, 64), requested_at, completed_at
FROM refund_request FORCE INDEX (%s) WHERE %s`
)

const (
	// maxRows of a payment are kept of each table.
	maxRows = 10
)

// Exception is a payment whose books are wrong, with its rows.
type Exception struct {
	Books
	Wrong                  Wrong
	Merchant               foreign.Text
	RequestedAt, UpdatedAt time.Time
	Entries                []Entry
	Settling, Refunding    []Request
}

// Entry is a row of ledger_entry.
type Entry struct {
	ID            int64
	Debit, Credit foreign.Text
	Amount        Money
	At            time.Time
}

// Is reports whether it is a capture, a reversal, or between other accounts.
func (e Entry) Is() (capture, reversal bool) {
	return e.Debit == receivable && e.Credit == cash, e.Debit == cash && e.Credit == receivable
}

// Request is a row of settlement_request or refund_request.
type Request struct {
	ID                       int64
	Status                   foreign.Text
	Amount                   Money
	Retries                  int64
	GatewayID, Code          foreign.Text
	RequestedAt, CompletedAt time.Time
}

func (c *reconciling) keep(e Exception) {
	if i, again := c.kept[e.ID]; again { // something else was wrong with it before
		e.Wrong |= c.out.Exceptions[i].Wrong
		c.out.Exceptions[i] = e
		return
	}
	if len(c.out.Exceptions) < maxExceptions {
		c.kept[e.ID] = len(c.out.Exceptions)
		c.out.Exceptions = append(c.out.Exceptions, e)
		return
	}
	for bit := Wrong(1); bit != 0 && bit <= e.Wrong; bit <<= 1 {
		if e.Wrong&bit == 0 {
			continue
		}
		b := c.out.More[bit]
		if b == nil {
			b = &Beyond{Amounts: map[string]*Amounts{}, First: e.ID}
			c.out.More[bit] = b
		}
		b.Count++
		b.Last = e.ID
		if b.Amounts[e.Currency] == nil {
			b.Amounts[e.Currency] = new(Amounts)
		}
		b.Amounts[e.Currency].Add(e.Amount)
	}
}

// whole reads the books of ids, with their rows. An id without a payment comes as an
// orphan, or not at all where it has no postings either.
func (c *reconciling) whole(ctx context.Context, ids []int64) ([]Exception, error) {
	all := map[int64]*Exception{}
	of := func(id int64) *Exception {
		if all[id] == nil {
			all[id] = &Exception{Books: Books{ID: id, Orphan: true}}
		}
		return all[id]
	}
	where := idList(ids)
	query := fmt.Sprintf(sqlAgainPayments, quoteName(c.payment.ordered("payment_id")), where.sql)
	err := c.r.run(ctx, "payments once more", query, append([]any{c.seconds()}, where.args...), func(rows *sql.Rows) error {
		var id int64
		var merchant, status, currency sql.NullString
		var amount any
		var requested, updated sql.NullTime
		var young sql.NullBool
		if err := rows.Scan(&id, &merchant, &status, &amount, &currency, &requested, &updated, &young); err != nil {
			return err
		}
		m, ok := moneyOf(amount)
		if !ok {
			return unreadable("payment", id, "amount")
		}
		e := of(id)
		e.Orphan, e.Merchant, e.Status, e.Currency, e.Amount, e.Young = false, text(merchant), status.String, currency.String, m, young.Bool && c.q.Grace > 0
		e.RequestedAt, e.UpdatedAt = requested.Time, updated.Time
		e.Ahead = e.Young && updated.Time.After(c.present().Add(clockMargin))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = c.each(ctx, c.ledger, sqlAgainLedger, where, func(row []driver.Value) error {
		id, _ := wholeOf(row[0])
		x, ok := entryOf(row[1:])
		if !ok {
			return unreadable("a ledger_entry", id, "amount")
		}
		e := of(id)
		e.post(string(bytesOf(row[2])), string(bytesOf(row[3])), x.Amount)
		if len(e.Entries) < maxRows {
			e.Entries = append(e.Entries, x)
		}
		return nil
	})
	if err == nil && c.q.Checks.Settlements {
		err = c.wholeRequests(ctx, c.settlement, sqlAgainSettlements, where, of, func(e *Exception) (*Requests, *[]Request) { return &e.Settlements, &e.Settling })
	}
	if err == nil && c.q.Checks.Refunds {
		err = c.wholeRequests(ctx, c.refund, sqlAgainRefunds, where, of, func(e *Exception) (*Requests, *[]Request) { return &e.Refunds, &e.Refunding })
	}
	var found []Exception
	for _, id := range ids {
		if e := all[id]; e != nil && (!e.Orphan || e.Captures.N()+e.Reversals.N()+e.Others.N() > 0) {
			e.Young = e.Young || c.underWay(e)
			found = append(found, *e)
		}
	}
	return found, err
}

// underWay reports whether the payment gateway carried something out for a payment
// within the grace, which need not have changed the payment: a second refund of a part.
func (c *reconciling) underWay(e *Exception) bool {
	now := c.present()
	return slices.ContainsFunc(slices.Concat(e.Settling, e.Refunding), func(r Request) bool {
		return r.CompletedAt.After(now.Add(-c.q.Grace)) && !r.CompletedAt.After(now.Add(clockMargin)) && c.q.Grace > 0
	})
}

// entryOf reads entry_id, accounts, amount and time.
func entryOf(row []driver.Value) (x Entry, ok bool) {
	x.ID, ok = wholeOf(row[0])
	amount, right := moneyOf(row[3])
	at, _ := row[4].(time.Time)
	x.Debit, x.Credit, x.Amount, x.At = wordsOf(row[1]), wordsOf(row[2]), amount, at
	return x, ok && right
}

// wordsOf keeps words from the database.
func wordsOf(v driver.Value) foreign.Text {
	if b, ok := v.([]byte); ok && b != nil {
		return foreign.Text(b)
	}
	return Null
}

func (c *reconciling) wholeRequests(ctx context.Context, t Table, query string, where someIDs, of func(int64) *Exception, to func(*Exception) (*Requests, *[]Request)) error {
	return c.each(ctx, t, query, where, func(row []driver.Value) error {
		id, _ := wholeOf(row[0])
		var x Request
		var ok bool
		if x.Amount, ok = moneyOf(row[3]); !ok {
			return unreadable("a "+t.Name, id, "the amount")
		}
		x.ID, _ = wholeOf(row[1])
		x.Retries, _ = wholeOf(row[4])
		x.Status, x.GatewayID, x.Code = wordsOf(row[2]), wordsOf(row[5]), wordsOf(row[6])
		x.RequestedAt, _ = row[7].(time.Time)
		x.CompletedAt, _ = row[8].(time.Time)
		e := of(id)
		sums, list := to(e)
		sums.add(x.Status == success, x.Amount, e.Amount)
		if len(*list) < maxRows {
			*list = append(*list, x)
		}
		return nil
	})
}

// Whole reads the books of payments by their ids, as they are on each shard that is
// named. What two shards have under one id are two payments.
func (db *DB) Whole(ctx context.Context, ids map[string][]int64, grace time.Duration) ([]Reply[[]Exception], error) {
	there := &DB{}
	for _, s := range db.shards {
		if len(ids[s.name]) > 0 {
			there.shards = append(there.shards, s)
		}
	}
	return ask(ctx, there, func(ctx context.Context, r *Reader) (found []Exception, err error) {
		c := &reconciling{r: r, q: ReconcileQuery{Grace: grace}}
		if err := c.look(ctx); err != nil {
			return nil, err
		}
		for some := range slices.Chunk(ids[r.shard.name], confirmSize) {
			more, err := c.whole(ctx, some)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		return found, nil
	})
}
