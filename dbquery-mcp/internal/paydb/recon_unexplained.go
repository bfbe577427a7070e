package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

const sqlStillWithout = `SELECT STRAIGHT_JOIN p.payment_id FROM payment AS p FORCE INDEX (%s) LEFT JOIN %s AS r FORCE INDEX (%s) ON r.payment_id = p.payment_id
WHERE p.payment_id IN (%s) AND p.status = ? AND r.payment_id IS NULL AND p.%s >= ? AND p.updated_at < ? ORDER BY p.payment_id`

// maxBare is how many payments that failed without a request are read again, the last ones:
// those of others may have been cleared away.
const maxBare = 1_000

// Unexplained are payments that failed, without a request of the kind that says why.
type Unexplained struct {
	Kind RequestKind
	IDs  []int64
	Cut  bool // there may be more
}

// bareIDs are the last payments that failed, and of which no request was read.
type bareIDs struct {
	ids []int64
	cut bool
}

func (b *bareIDs) add(id int64) {
	if b.ids = append(b.ids, id); len(b.ids) > maxBare {
		b.ids, b.cut = b.ids[1:], true
	}
}

// bare notes a payment that failed without a request.
func (c *reconciling) bare(b *Books) {
	switch b.Status {
	case "CAPTURE_FAILED":
		if c.q.Checks.Settlements && b.Settlements.N == 0 {
			c.bareCaptures.add(b.ID)
		}
	case "REFUND_FAILED":
		if c.q.Checks.Refunds && b.Refunds.N == 0 {
			c.bareRefunds.add(b.ID)
		}
	}
}

// explain reads those again that are from when on requests are kept.
func (c *reconciling) explain(ctx context.Context) error {
	for _, x := range []struct {
		kind RequestKind
		bare bareIDs
		of   Table
	}{{Settlements, c.bareCaptures, c.settlement}, {Refunds, c.bareRefunds, c.refund}} {
		byPayment := x.of.ordered("payment_id")
		if len(x.bare.ids) == 0 || byPayment == "" {
			continue
		}
		if !c.time() {
			c.out.Waiting += int64(len(x.bare.ids))
			continue
		}
		if err := c.again(ctx); err != nil {
			return err
		}
		ids, err := c.stillWithout(ctx, forms[x.kind], byPayment, x.of, slices.Compact(slices.Sorted(slices.Values(x.bare.ids))))
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			c.out.Unexplained = append(c.out.Unexplained, Unexplained{x.kind, ids, x.bare.cut})
		}
	}
	return nil
}

func (c *reconciling) stillWithout(ctx context.Context, f form, byPayment string, of Table, ids []int64) (still []int64, err error) {
	var first int64
	var kept time.Time
	query := fmt.Sprintf(sqlFirstRequest, of.Name, quoteName(of.ordered(of.key())))
	err = c.r.run(ctx, "the first request", query, nil, func(rows *sql.Rows) error { return rows.Scan(&first, &kept) })
	if err != nil || kept.IsZero() {
		return nil, err
	}
	for some := range slices.Chunk(ids, hurtChunk) {
		query := fmt.Sprintf(sqlStillWithout, quoteName(c.payment.ordered("payment_id")), of.Name, quoteName(byPayment), marks(len(some)), f.since)
		args := append(anys(some), f.failed, c.payment.up(f.since, kept), c.payment.up("updated_at", c.present().Add(-c.q.Grace)))
		err := c.r.run(ctx, "payments that failed without a request", query, args, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			still = append(still, id)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return still, nil
}
