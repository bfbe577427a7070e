package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	sqlFrom = `SELECT payment_id, requested_at FROM payment FORCE INDEX (%s) WHERE payment_id >= ? ORDER BY payment_id LIMIT 3`

	sqlCountAfter = `SELECT COUNT(*) FROM payment FORCE INDEX (%) WHERE payment_id > ?`

	// Payments older than the window that were refunded inside it.
	sqlOlder = `SELECT DISTINCT payment_id FROM refund_request FORCE INDEX (%s)
WHERE status IN ('SUCCESS', 'FAILED', 'PENDING') AND requested_at >= ? AND payment_id > ? AND payment_id <= ? LIMIT ?`

	// The same of some merchants, whose window is by time and not by ids.
	sqlOlderOfMerchants = `SELECT STRAIGHT_JOIN DISTINCT refund_request.payment_id
FROM refund_request FORCE INDEX (%s) JOIN payment FORCE INDEX (%s) ON payment.payment_id = refund_request.payment_id
WHERE refund_request.status IN ('SUCCESS', 'FAILED', 'PENDING') AND refund_request.requested_at >= ? AND refund_request.payment_id > ?
  AND payment.requested_at < ? AND %s LIMIT ?`

	sqlPageOfMerchant = `SELECT payment_id, requested_at FROM payment FORCE INDEX (%s) WHERE %s ORDER BY requested_at, payment_id LIMIT ?`
)

const (
	// maxOlder bounds the payments that are older than the window.
	maxOlder = 20_000
	// listSize is how many payments are read by a list of their ids.
	listSize = 1000
)

// window finds the ids of the payments that were requested in the window. Ids rise
// with time: a search by halves asks a few rows at each step and goes by the middle
// of them, so that one row with another time leads nowhere else.
func (c *reconciling) window(ctx context.Context, least, most int64) (Mark, error) {
	w := c.out.Window
	from, err := firstAt(ctx, w.Since, least, most, c.next)
	if err != nil {
		return Mark{}, err
	}
	m := Mark{After: from - 1, Last: maxID}
	if !w.Until.IsZero() && w.Until.Before(w.Clock) { // it is over, so there is no newest
		to, err := firstAt(ctx, w.Until, least, most, c.next)
		m.Last = to - 1
		return m, err
	}
	newest, err := c.newest(ctx, least, most)
	m.After = min(m.After, newest)
	return m, err
}

// newest is the id behind which the newest payments are, as many as always are compared
// and no more than twice that. They are counted: ids have gaps.
func (c *reconciling) newest(ctx context.Context, least, most int64) (after int64, err error) {
	query := fillIndex(sqlCountAfter, c.payment.ordered("payment_id"))
	all, ids, found := most-least+1, min(c.q.Newest, most-least+1), int64(0)
	for after = most; found < c.q.Newest && after >= least; {
		after = most - ids
		if err := c.r.run(ctx, "how many payments are newest", query, []any{after}, func(rows *sql.Rows) error { return rows.Scan(&found) }); err != nil {
			return 0, err
		}
		if ids > all/2 {
			ids = all
		} else {
			ids *= 2
		}
	}
	return after, nil
}

// maxID stands for no upper end.
const maxID = int64(1<<63 - 1)

// firstAt is the first id from which on rows are of a time or later; one more than
// most where there is none. next gives up to three rows from an id on.
func firstAt(ctx context.Context, since time.Time, least, most int64, next func(context.Context, int64) ([]came, error)) (int64, error) {
	low, high := least, most+1
	for low < high {
		middle := low + (high-low)/2
		some, err := next(ctx, middle)
		if err != nil {
			return 0, err
		}
		if len(some) == 0 {
			high = middle
			continue
		}
		byTime := slices.SortedFunc(slices.Values(some), func(a, b came) int { return a.at.Compare(b.at) })
		if byTime[len(byTime)/2].at.Before(since) {
			low = some[0].id + 1
		} else {
			high = middle
		}
	}
	// The middle of three is up to a row ahead of the first.
	some, err := next(ctx, low)
	for _, x := range some {
		if !x.at.Before(since) {
			break
		}
		low = x.id + 1
	}
	return low, err
}

// came is when a row was written.
type came struct {
	id int64
	at time.Time
}

// next are up to three payments from an id on.
func (c *reconciling) next(ctx context.Context, from int64) (all []came, err error) {
	query := fmt.Sprintf(sqlFrom, quoteName(c.payment.ordered("payment_id")))
	err = c.r.run(ctx, "which payment came when", query, []any{from}, func(rows *sql.Rows) error {
		var x came
		var at sql.NullTime
		err := rows.Scan(&x.id, &at)
		x.at = at.Time
		all = append(all, x)
		return err
	})
	return all, err
}

// older compares payments from before the window that were refunded inside it, from
// where an earlier run left them. It ends early for lack of time, and the mark says so.
func (c *reconciling) older(ctx context.Context, through int64) error {
	index := c.refundsByTime()
	if index == "" {
		return nil
	}
	ids, err := c.olderIDs(ctx, fmt.Sprintf(sqlOlder, quoteName(index)), c.refund.up("requested_at", c.out.Window.Since), c.out.End.Older, through)
	if err != nil {
		return err
	}
	return c.olderList(ctx, ids)
}

// olderOfMerchants does so for the payments of some merchants. The more all merchants
// refunded, the longer it looks for theirs: it comes last, and where it fails, its
// connection is given up and what was compared stays good.
func (c *reconciling) olderOfMerchants(ctx context.Context) error {
	index := c.refundsByTime()
	if index == "" {
		return nil
	}
	if err := c.again(ctx); err != nil {
		return err
	}
	since := c.out.Window.Since
	var w conds
	w.exactly("merchant_id", c.q.Merchants)
	query := fmt.Sprintf(sqlOlderOfMerchants, quoteName(index), quoteName(c.payment.ordered("payment_id")), w.expression())
	ids, err := c.olderIDs(ctx, query, append([]any{c.refund.up("requested_at", since), c.out.End.Older, c.payment.up("requested_at", since)}, w.args...)...)
	switch {
	case err == nil:
		return c.olderList(ctx, ids)
	case c.out.Payments > 0 && !c.time(): // a part that begins with it has all its time for it
		return nil
	}
	failure, _ := c.r.shard.failed(err, Asking)
	c.olderCut("older payments with a refund inside the window were not found (" + failure.Error() + ")")
	c.out.End.OlderLeft = false
	return nil
}

// refundsByTime is the index that older payments are found by; empty where there is
// none, and then they are left out for good.
func (c *reconciling) refundsByTime() string {
	index := c.refund.index("status", "requested_at")
	if index == "" {
		c.olderCut("refund_request has no index over status, requested_at: older payments with a refund inside the window are not looked up")
		c.out.End.OlderLeft = false
	}
	return index
}

func (c *reconciling) olderIDs(ctx context.Context, query string, args ...any) (ids []int64, err error) {
	err = c.r.run(ctx, "older payments with a refund", query, append(args, maxOlder+1), func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// olderList compares older payments by their ids.
func (c *reconciling) olderList(ctx context.Context, ids []int64) error {
	if len(ids) > maxOlder {
		ids = ids[:maxOlder]
		c.olderCut(fmt.Sprintf("only %d of the older payments with a refund inside the window are compared: a shorter time has fewer", maxOlder))
	}
	slices.Sort(ids)
	first, last, before := c.out.First, c.out.Last, c.out.Payments
	c.outOfScope = true
	defer func() { c.outOfScope = false }()
	for some := range slices.Chunk(ids, listSize) {
		if !c.time() {
			break
		}
		if err := c.list(ctx, some); err != nil {
			return err
		}
		c.out.End.Older = some[len(some)-1]
	}
	c.out.OlderLeft = int64(len(ids) - countThrough(ids, c.out.End.Older))
	c.out.End.OlderLeft = c.out.OlderLeft > 0
	c.out.First, c.out.Last, c.out.Older = first, last, c.out.Payments-before
	return nil
}

// olderCut notes that some older payments are not compared, in this run or a later one.
func (c *reconciling) olderCut(why string) {
	c.out.OlderWhy, c.out.End.OlderCut = why, true
}

// countThrough is how many of some sorted ids are not above one of them.
func countThrough(ids []int64, through int64) int {
	n, found := slices.BinarySearch(ids, through)
	if found {
		n++
	}
	return n
}

// list compares payments by their ids.
func (c *reconciling) list(ctx context.Context, ids []int64) error {
	if err := c.again(ctx); err != nil {
		return err
	}
	if err := c.readSome(ctx, ids); err != nil {
		return err
	}
	if err := c.children(ctx, idList(ids), func(err error) error { return err }); err != nil {
		return err
	}
	c.books, c.read = c.read[:0], c.books
	c.judge()
	return c.due(ctx)
}

// merchants compares the payments of some merchants, oldest first.
func (c *reconciling) merchants(ctx context.Context, begin Mark, resumed bool) error {
	older := Mark{OlderLeft: begin.OlderLeft, Older: begin.Older, OlderCut: begin.OlderCut}
	if !resumed && c.out.Window.Bounded() && c.q.Checks.Refunds {
		older.OlderLeft, older.Older = true, math.MinInt64
	}
	err := c.pages(ctx, begin)
	end := &c.out.End
	end.OlderLeft, end.Older, end.OlderCut = older.OlderLeft, older.Older, older.OlderCut
	end.Done = end.Done && !end.OlderLeft
	return err
}

// pages reads the payments of merchants page by page.
func (c *reconciling) pages(ctx context.Context, m Mark) error {
	index := c.payment.index("merchant_id", "requested_at")
	if index == "" {
		return c.r.lacks(c.payment, []string{"that an index over merchant_id, requested_at would find"})
	}
	for ; m.Merchant < len(c.q.Merchants); m = (Mark{Merchant: m.Merchant + 1}) {
		for more := true; more; {
			if !c.time() {
				c.out.End = m
				return nil
			}
			ids, last, err := c.page(ctx, index, m)
			if err != nil {
				return err
			}
			if more = len(ids) == listSize; len(ids) == 0 {
				break
			}
			m.After, m.At = ids[len(ids)-1], last
			wanted := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return c.q.First > 0 && id < c.q.First || c.q.Last > 0 && id > c.q.Last })
			slices.Sort(wanted)
			if len(wanted) > 0 {
				if err := c.list(ctx, wanted); err != nil {
					return err
				}
			}
			c.out.End = m
		}
	}
	c.out.End = Mark{Done: true, Merchant: m.Merchant}
	return nil
}

func (c *reconciling) page(ctx context.Context, index string, m Mark) (ids []int64, last time.Time, err error) {
	var w conds
	w.exactly("merchant_id", c.q.Merchants[m.Merchant:m.Merchant+1])
	if !m.At.IsZero() {
		at := c.payment.up("requested_at", m.At)
		w.add("requested_at >= ? AND (requested_at > ? OR payment_id > ?)", at, at, m.After)
	} else if !c.out.Window.Since.IsZero() {
		w.add("requested_at >= ?", c.payment.up("requested_at", c.out.Window.Since))
	}
	if until := c.out.Window.Until; !until.IsZero() && until.Before(c.out.Window.Clock) {
		w.add("requested_at < ?", c.payment.up("requested_at", until))
	}
	query := fmt.Sprintf(sqlPageOfMerchant, quoteName(index), w.expression())
	err = c.r.run(ctx, "payments of a merchant", query, append(w.args, listSize), func(rows *sql.Rows) error {
		var id int64
		var at sql.NullTime
		err := rows.Scan(&id, &at)
		ids, last = append(ids, id), at.Time
		return err
	})
	return ids, last, err
}
