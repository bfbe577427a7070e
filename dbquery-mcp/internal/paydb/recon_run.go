package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// chunkSize is how many payments are compared in one transaction.
	chunkSize = 8_000
	// leastChunk is the fewest that are tried where statements may take no time.
	leastChunk = 100
	// share of the statement limit that a chunk's slowest statement may take before
	// chunks get smaller; below a quarter of it they grow again.
	limitShare = 4
	// maxExceptions are kept one by one.
	maxExceptions = 2000
	// maxWords bounds the statuses, the currencies and the accounts that are kept apart.
	maxWords = 64
)

const (
	sqlEnds     = `SELECT COALESCE(MIN(payment_id), 0), COALESCE(MAX(payment_id), 0) FROM payment`
	sqlSnapshot = `START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY`
)

// reconciling is the reconciliation of one shard under way.
type reconciling struct {
	r     *Reader
	q     ReconcileQuery
	place int
	pace  *pace
	out   Reconciled

	payment, ledger, settlement, refund Table
	until                               time.Time // when to stop reading on
	size                                int       // payments of the next chunk
	states, currencies, accounts        vocabulary
	requestStates                       vocabulary
	books                               []Books // of the chunk
	read                                []Books // of the chunk before, to be judged while the database begins with the next
	place0                              int     // where in it the last id was found
	doubts                              doubts
	unproven                            []int64 // captured without a settlement, and their events not looked for
	proof                               proof
	bareCaptures, bareRefunds           bareIDs
	kept                                map[int64]int // exceptions by id
	outOfScope                          bool          // older payments are read
	snapshot                            bool          // stands
}

func (c *reconciling) all(ctx context.Context) error {
	c.kept = map[int64]int{}
	c.out.Unjudged, c.out.Control, c.out.More = map[string]int64{}, map[string]*Control{}, map[Wrong]*Beyond{}
	c.out.Pairs, c.out.Odd = map[AccountPair]*Amounts{}, map[OddStatus]int64{}
	begin, resumed := c.q.From[c.r.shard.name]
	c.out.Begin, c.out.End = begin, begin
	if resumed && begin.Done {
		return nil
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	c.limits(ctx)
	var err error
	if len(c.q.Merchants) > 0 {
		err = c.merchants(ctx, begin, resumed)
	} else {
		err = c.ids(ctx, begin, resumed)
	}
	if err == nil {
		err = c.prove(ctx)
	}
	if err == nil {
		err = c.rest(ctx)
	}
	if n := len(c.q.Merchants); err == nil && n > 0 && c.out.End.Merchant == n && c.out.End.OlderLeft && c.time() {
		if err = c.olderOfMerchants(ctx); err == nil {
			c.out.End.Done = !c.out.End.OlderLeft
			err = c.rest(ctx)
		}
	}
	if err == nil {
		err = c.explain(ctx)
	}
	c.leave()
	if err != nil {
		return err
	}
	if !resumed && len(c.q.Merchants) == 0 {
		c.postedLate(ctx)
		c.misrouted(ctx)
	}
	return nil
}

// misrouted comes last: where it fails, its connection is given up, and what was
// compared or found until then stays good.
func (c *reconciling) misrouted(ctx context.Context) {
	if c.q.Belongs == nil {
		return
	}
	err := c.r.renew(ctx)
	var h Health
	if err == nil {
		err = c.r.misrouted(ctx, func(merchant string) bool { return c.q.Belongs(c.place, merchant) }, &h)
	}
	switch {
	case err != nil:
		failure, _ := c.r.shard.failed(err, Asking)
		c.out.MerchantsWhy = failure.Error()
	case h.Misrouted == nil:
		c.out.MerchantsWhy = "there is no index over merchant_id, requested_at"
	case !h.Misrouted.Whole:
		c.out.MerchantsWhy = fmt.Sprintf("there are more than the %d that were looked at", h.Misrouted.Looked)
	}
	c.out.Misrouted = h.Misrouted
}

// look finds out what the tables are like.
func (c *reconciling) look(ctx context.Context) error {
	for _, t := range []struct {
		name string
		into *Table
		want bool
	}{{"payment", &c.payment, true}, {"ledger_entry", &c.ledger, true}, {"settlement_request", &c.settlement, c.q.Checks.Settlements}, {"refund_request", &c.refund, c.q.Checks.Refunds}} {
		if !t.want {
			continue
		}
		var err error
		if *t.into, err = c.r.table(ctx, t.name); err != nil {
			return err
		}
		if missing := t.into.Drift().Missing; len(missing) > 0 {
			return c.r.lacks(*t.into, missing)
		}
		if key := t.into.ordered("payment_id"); key == "" {
			if t.into.ordered(t.into.key()) == "" {
				return &fault.Failure{Class: fault.Schema, Said: foreign.Text("the table " + t.name + " has no index to read it by"), Next: "Compare it with the payment system's schema.sql"}
			}
			c.out.Slow = append(c.out.Slow, fmt.Sprintf("%s has no index over payment_id: it is read from end to end for every %d payments", t.name, scanChunk))
		}
	}
	return c.keyed(ctx)
}

// limits decides how much is read at once and until when.
func (c *reconciling) limits(ctx context.Context) {
	c.size, c.proof.at = chunkSize, time.Now()
	if limit := c.r.limit(); limit < time.Second {
		c.size = max(leastChunk, int(chunkSize*limit/time.Second))
	}
	if len(c.out.Slow) > 0 {
		c.size = scanChunk
	}
	if end, ok := ctx.Deadline(); ok {
		c.until = end.Add(-min(lead, time.Until(end)/3))
	} else {
		c.until = time.Now().Add(time.Hour)
	}
}

// limit is how long a statement may take here.
func (r *Reader) limit() time.Duration {
	limit := r.shard.options.StatementTimeout
	if s := r.session.limit; s > 0 {
		limit = min(limit, s)
	}
	return limit
}

// ids compares by ranges of payment ids.
func (c *reconciling) ids(ctx context.Context, begin Mark, resumed bool) error {
	least, most, err := c.ends(ctx)
	if err != nil {
		return err
	}
	c.out.MaxID = most
	if !resumed {
		begin = Mark{After: math.MinInt64, Last: math.MaxInt64}
		switch {
		case c.q.First > 0 || c.q.Last > 0:
			begin = Mark{After: c.q.First - 1, Last: c.q.Last}
		case c.out.Window.Bounded():
			if begin, err = c.window(ctx, least, most); err != nil {
				return err
			}
			if begin.After < least { // no payment lies before the window, and postings without one may
				begin.After = math.MinInt64
			}
		}
	}
	c.out.Begin, c.out.End = begin, begin
	low, high := max(begin.After, least-1), min(begin.Last, most)
	if c.pace.tell != nil && high > low {
		c.pace.total.Add(high - low)
	}
	if !resumed && c.out.Window.Bounded() && c.q.Checks.Refunds {
		c.out.End.OlderLeft, c.out.End.Older = true, math.MinInt64
	}
	if c.out.End.OlderLeft {
		if err := c.older(ctx, begin.After); err != nil {
			return err
		}
	}
	defer func() {
		c.judge()
		c.out.End.Done = c.out.End.Done && !c.out.End.OlderLeft
	}()
	for !c.out.End.Done && c.time() {
		began := time.Now()
		if err := c.again(ctx); err != nil {
			return err
		}
		from := c.out.End.After
		if err := c.chunk(ctx, from, begin.Last); err != nil {
			return err
		}
		c.pace.add(max(min(c.out.End.After, high)-max(from, low), 0))
		if c.unprovenLong() {
			if err := c.prove(ctx); err != nil {
				return err
			}
		}
		if err := c.due(ctx); err != nil {
			return err
		}
		if err := c.breathe(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return nil
}

func (c *reconciling) ends(ctx context.Context) (least, most int64, err error) {
	err = c.r.run(ctx, "the first and the last payment id", sqlEnds, nil, func(rows *sql.Rows) error { return rows.Scan(&least, &most) })
	return least, most, err
}

// time reports whether there is any left for another chunk.
func (c *reconciling) time() bool { return time.Now().Before(c.until) }

// again begins another transaction, so that the database need not keep what
// changed since the last.
func (c *reconciling) again(ctx context.Context) error {
	if c.q.Snapshot {
		if c.snapshot {
			return nil
		}
		c.snapshot = true
		if err := c.r.exec(ctx, sqlRollback); err != nil {
			return err
		}
		return c.r.exec(ctx, sqlSnapshot)
	}
	return c.r.renew(ctx)
}

// renew ends the transaction and begins another.
func (r *Reader) renew(ctx context.Context) error {
	if err := r.exec(ctx, sqlRollback); err != nil {
		return err
	}
	return r.exec(ctx, sqlBegin)
}

// chunk compares the next payments after an id. The last chunk also has what
// stands behind the last payment.
func (c *reconciling) chunk(ctx context.Context, after, last int64) error {
	begin := time.Now()
	slowest := time.Duration(0)
	timed := func(err error) error {
		slowest = max(slowest, time.Since(begin))
		begin = time.Now()
		return err
	}
	if err := timed(c.readPayments(ctx, after, last)); err != nil {
		return err
	}
	// A table of Hibernate's, read from end to end, is read in statements of its own
	// size; the others tell how large the next chunk may be.
	through, done := last, len(c.books) < c.size
	if !done {
		through = c.books[len(c.books)-1].ID
	}
	if err := c.children(ctx, idRange(after, through), timed); err != nil {
		return err
	}
	c.books, c.read = c.read[:0], c.books
	c.out.End.After, c.out.End.Done = through, done
	c.resize(slowest)
	return nil
}

func (c *reconciling) resize(slowest time.Duration) {
	if len(c.out.Slow) > 0 {
		return
	}
	switch limit := c.r.limit() / limitShare; {
	case slowest > limit:
		c.size = max(leastChunk, c.size/2)
	case slowest < limit/4:
		c.size = min(chunkSize, c.size*2)
	}
}

// judge has the chunk judged that was read last.
func (c *reconciling) judge() {
	books := c.read
	c.read = c.read[:0]
	for i := range books {
		b := &books[i]
		c.count(b)
		if b.Young {
			continue
		}
		if wrong := c.q.Judge(b); wrong != 0 {
			c.doubts.fresh = append(c.doubts.fresh, doubt{id: b.ID, wrong: wrong})
		}
	}
	if n := len(books); n > 0 {
		if c.out.First == 0 {
			c.out.First = books[0].ID
		}
		c.out.Last = books[n-1].ID
	}
}

// count takes a payment into the totals.
func (c *reconciling) count(b *Books) {
	c.out.Payments++
	control := c.control(b.Currency)
	switch {
	case b.Ahead:
		c.out.Ahead++
	case b.Young:
		c.out.Young++
	case !c.q.Judged(b.Status):
		c.out.Unjudged[b.Status]++
	}
	if !b.Young {
		c.bare(b)
	}
	if CapturedOnce(b.Status) {
		control.Captured.Add(b.Amount)
		if c.q.Checks.Settlements && b.Settlements.Succeeded.N() == 0 {
			c.out.Unsettled++
			if !b.Young && !c.outOfScope {
				c.unproven = append(c.unproven, b.ID)
			}
		}
		if b.Status == "REFUNDED" {
			control.Refunded.Add(b.Amount)
		}
	}
	control.Book(b)
}

// Book takes a payment's postings into the totals.
func (x *Control) Book(b *Books) {
	for _, p := range []struct {
		into *Amounts
		of   Tally
	}{{&x.Posted, b.Captures}, {&x.Reversed, b.Reversals}, {&x.Other, b.Others}} {
		if p.of.N() > 0 {
			p.into.Count += int64(p.of.N())
			p.into.add(p.of.Sum())
		}
	}
}

func (c *reconciling) control(currency string) *Control {
	x := c.out.Control[currency]
	if x == nil {
		x = new(Control)
		c.out.Control[currency] = x
	}
	return x
}

// CapturedOnce reports whether a payment of this status was captured, whatever
// came after.
func CapturedOnce(status string) bool {
	switch status {
	case "CAPTURED", "REFUND_REQUESTED", "REFUND_FAILED", "REFUNDED", "PARTIAL_REFUNDED":
		return true
	}
	return false
}

// orphan notes postings of an id that no payment has.
func (c *reconciling) orphan(b Books) {
	b.Orphan = true
	c.control("").Book(&b)
	if wrong := c.q.Judge(&b); wrong != 0 {
		if n := len(c.doubts.fresh); n == 0 || c.doubts.fresh[n-1].id != b.ID {
			c.doubts.fresh = append(c.doubts.fresh, doubt{id: b.ID, wrong: wrong})
		}
	}
}

// vocabulary keeps one copy of each word, such as a status.
type vocabulary map[string]string

func (all *vocabulary) one(b []byte) string {
	if w, ok := (*all)[string(b)]; ok { // does not allocate
		return w
	}
	w := string(b[:min(len(b), 64)])
	switch {
	case *all == nil:
		*all = vocabulary{w: w}
	case len(*all) < maxWords:
		(*all)[w] = w
	default:
		return "(others)"
	}
	return w
}
