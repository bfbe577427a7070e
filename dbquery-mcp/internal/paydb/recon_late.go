package paydb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

// The newest postings in the order in which they were written, with their payment's
// last change. Both tables are walked by their primary keys.
const sqlNewestPostings = `SELECT l.entry_id, l.payment_id, LEFT(l.debit_account, 64), l.occurred_at, p.updated_at, p.status = 'PARTIAL_REFUNDED'
FROM (SELECT entry_id, payment_id, debit_account, occurred_at FROM ledger_entry FORCE INDEX (%s) WHERE entry_id > ? AND entry_id <= ?) AS l
LEFT JOIN payment AS p FORCE INDEX (%s) ON p.payment_id = l.payment_id ORDER BY l.entry_id`

const (
	// newestPostings is how many of the newest postings are looked at for those that
	// came late.
	newestPostings = 50_000
	// postingStep is how many of them one statement reads.
	postingStep = 5_000
	// maxLate bounds those that are kept one by one.
	maxLate = 200
	// witnesses is how many postings must have been written before one, with a later
	// time, for it to have come late: one wrong clock is no proof.
	witnesses = 3
)

// LatePosting is a posting that came long after what it is of.
type LatePosting struct {
	EntryID, PaymentID int64
	At                 time.Time     // occurred_at
	Behind             time.Duration // at least so long after its payment's change
}

// LatePostings are those of a shard.
type LatePostings struct {
	Some []LatePosting // in the order in which they were written, the first 200
	N    int64
	Read int64 // postings that were looked at
	// Why says why nothing was looked at; empty when it was.
	Why string
}

// postedLate looks through the newest postings of the scope. A ledger whose postings
// carry the time of their event has a late one behind others of its kind that are
// younger; one whose postings carry the time of writing has it long after its
// payment's last change. It comes last, as misrouted does: where it fails, what was
// compared stays good.
func (c *reconciling) postedLate(ctx context.Context) {
	l := &c.out.Late
	key, byPayment := c.ledger.ordered("entry_id"), c.payment.ordered("payment_id")
	if _, timed := c.ledger.Columns["occurred_at"]; key == "" || byPayment == "" || !timed {
		l.Why = "ledger_entry lacks occurred_at, or the index over entry_id"
		return
	}
	if err := c.again(ctx); err != nil {
		l.Why = c.said(err)
		return
	}
	var most int64
	err := c.r.stream(ctx, "the last posting", fmt.Sprintf(sqlMaxKey, "entry_id", "ledger_entry"), nil, func(row []driver.Value) error {
		most, _ = wholeOf(row[0])
		return nil
	})
	if err == nil {
		now, seen := c.r.Now(), map[string]*latest{}
		query := fmt.Sprintf(sqlNewestPostings, quoteName(key), quoteName(byPayment))
		for from := max(0, most-newestPostings); from < most && err == nil; from += postingStep {
			err = c.r.stream(ctx, "the newest postings", query, []any{from, from + postingStep}, func(row []driver.Value) error {
				c.posting(row, now, seen)
				return nil
			})
		}
	}
	if err != nil {
		*l = LatePostings{Why: c.said(err)}
	}
}

// said is a failure in a few words.
func (c *reconciling) said(err error) string {
	failure, _ := c.r.shard.failed(err, Asking)
	return failure.Error()
}

// posting takes one posting, in the order in which they were written.
func (c *reconciling) posting(row []driver.Value, now time.Time, seen map[string]*latest) {
	var x LatePosting
	x.EntryID, _ = wholeOf(row[0])
	x.PaymentID, _ = wholeOf(row[1])
	changed, isPayment := row[4].(time.Time)
	at, isTime := row[3].(time.Time)
	if !isTime || !isPayment || x.PaymentID <= c.out.Begin.After || x.PaymentID > c.out.Begin.Last {
		return
	}
	l := &c.out.Late
	l.Read++
	x.At = at
	kind := seen[string(bytesOf(row[2]))]
	if kind == nil {
		kind = new(latest)
		seen[string(bytesOf(row[2]))] = kind
	}
	if witness := kind.of(); !witness.IsZero() {
		x.Behind = witness.Sub(at)
	}
	// A payment may be refunded in part again without being changed.
	if again, _ := wholeOf(row[5]); again == 0 {
		x.Behind = max(x.Behind, at.Sub(changed))
	}
	// One that was itself written late, or whose time is wrong, is no witness.
	if !at.After(now) && at.Sub(changed) <= c.q.Grace {
		kind.add(at)
	}
	if x.Behind <= c.q.Grace || at.After(now.Add(clockMargin)) {
		return
	}
	if l.N++; len(l.Some) < maxLate {
		l.Some = append(l.Some, x)
	}
}

// latest are the latest times of some postings, the latest first.
type latest [witnesses]time.Time

func (l *latest) add(at time.Time) {
	for i := range l {
		if at.After(l[i]) {
			at, l[i] = l[i], at
		}
	}
}

// of is a time that so many have reached; zero while there are fewer.
func (l *latest) of() time.Time { return l[witnesses-1] }
