package paydb

import (
	"context"
	"database/sql/driver"
	"fmt"

	"payops-mcp/shared/fault"
)

// The postings of one payment id, page by page.
const sqlLedgerOf = `SELECT entry_id, LEFT(debit_account, 64), LEFT(credit_account, 64), amount, occurred_at FROM ledger_entry FORCE INDEX (%s)
WHERE payment_id = ? AND entry_id > ? ORDER BY entry_id LIMIT ?`

// LedgerQuery asks for the postings of a payment id on every shard.
type LedgerQuery struct {
	ID        int64
	Merchants []string // whose payments may be told of; none: all
	Limit     int      // postings; each shard gives up to one more
	// After is the last posting of the page before, by its shard's place and its ID.
	After *Position
}

// LedgerOf is what a shard has of a payment id.
type LedgerOf struct {
	Payment *Payment // nil: there is none
	Hidden  bool     // there may be postings, of merchants that may not be told of
	Entries []Entry
	Control Control
	Count   int64 // all postings, not of the page alone
}

// LedgerOf reads the postings of one payment.
func (db *DB) LedgerOf(ctx context.Context, q LedgerQuery) ([]Reply[LedgerOf], error) {
	places := map[string]int{}
	for i, s := range db.shards {
		places[s.name] = i
	}
	return ask(ctx, db, func(ctx context.Context, r *Reader) (l LedgerOf, err error) {
		t, err := r.paymentTable(ctx)
		if err != nil {
			return l, err
		}
		if missing := t.Drift().Missing; len(missing) > 0 {
			return l, r.lacks(t, missing)
		}
		found, err := r.some(ctx, t, PaymentQuery{IDs: []int64{q.ID}, Merchants: q.Merchants, Limit: 1})
		if err != nil {
			return l, err
		}
		if len(found) > 0 {
			l.Payment = &found[0]
		} else if len(q.Merchants) > 0 {
			l.Hidden = true
			return l, nil
		}
		err = r.ledgerOf(ctx, q, places[r.shard.name], &l)
		return l, err
	})
}

func (r *Reader) ledgerOf(ctx context.Context, q LedgerQuery, place int, l *LedgerOf) error {
	t, err := r.table(ctx, "ledger_entry")
	if err != nil {
		return err
	}
	if missing := t.Drift().Missing; len(missing) > 0 {
		return r.lacks(t, missing)
	}
	index := t.ordered("payment_id")
	if index == "" {
		return &fault.Failure{Class: fault.Schema, Said: "ledger_entry has no index over payment_id", Next: "reconciliation_check with scope and this payment id reads the ledger from end to end for it"}
	}
	c := &reconciling{r: r, ledger: t, q: ReconcileQuery{Judge: func(*Books) Wrong { return 0 }}, books: []Books{{ID: q.ID}}}
	c.out.Control, c.out.Pairs = map[string]*Control{}, map[AccountPair]*Amounts{}
	if err := c.readLedger(ctx, idList([]int64{q.ID})); err != nil {
		return err
	}
	l.Control.Book(&c.books[0])
	l.Count = c.out.Entries
	after := int64(-1)
	if q.After != nil {
		switch {
		case place < q.After.Shard:
			return nil // its postings stood on an earlier page
		case place == q.After.Shard:
			after = q.After.ID
		}
	}
	return r.stream(ctx, "postings of a payment", fmt.Sprintf(sqlLedgerOf, quoteName(index)), []any{q.ID, after, q.Limit + 1}, func(row []driver.Value) error {
		x, ok := entryOf(row)
		if !ok {
			return unreadable("a ledger_entry", q.ID, "amount")
		}
		l.Entries = append(l.Entries, x)
		return nil
	})
}
