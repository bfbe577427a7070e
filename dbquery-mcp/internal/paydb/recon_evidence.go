package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"
)

// A captured payment without a settlement was captured by its merchant's own call,
// which leaves an event. Events are not found by their payment: there is no index. Many
// payments' events are therefore read by the range of ids that covers their time, and
// those of the few that are left by their own time.
const (
	sqlTimesOf = `SELECT payment_id, requested_at, updated_at, status = 'CAPTURED' FROM payment FORCE INDEX (%s) WHERE %s`

	sqlEventFrom = `SELECT event_id, created_at FROM outbox_event FORCE INDEX (%s) WHERE event_id >= ? ORDER BY event_id LIMIT 3`

	sqlCapturedEvents = `SELECT aggregate_id FROM outbox_event FORCE INDEX (%s) WHERE event_id >= ? AND event_id < ? AND event_type = 'PAYMENT_CAPTURED'`

	// How many events were written in a time, and how many of them are published.
	sqlEventsWithin = `SELECT COUNT(*), COALESCE(SUM(published = 1), 0) FROM (
  SELECT published FROM outbox_event FORCE INDEX (%) WHERE published IN (0, 1) AND created_at BETWEEN ? AND ? LIMIT ?) AS w`
)

const (
	// proveSize is how many payments without a settlement are proven at once.
	proveSize = 20_000
	// proveEach is how many are few enough to look for the event of each.
	proveEach = 100
	// maxProved is how many payments' events are looked for one by one in a run.
	maxProved = 200
	// maxWithin is how many events are walked for one payment.
	maxWithin = 20_000
	// eventStep is how many ids of events one statement goes through.
	eventStep = 50_000
	// maxApart is how many ids of events, the newest, are gone through for the payments
	// of some merchants: they lie apart, among everybody's events.
	maxApart = 1_000_000
	// tailOf is how many of the payments may have been changed later than the range
	// of events that is read at once.
	tailOf = 50

	capturedEvent = "PAYMENT_CAPTURED"

	// Why the event of one payment's capture cannot be looked for.
	tooManyWithin = "more events were written while they were captured than are walked for one payment"
	noneWithin    = "the outbox has no published event of their time"
)

// proof is where the events of direct captures are found; zero while not looked.
type proof struct {
	looked        bool
	why           string // nothing can be found
	table         Table
	byID, byState string
	kept          time.Time // when the oldest event was written that the publisher marked
	each          int       // payments whose events were looked for one by one
	at            time.Time // when this was done last
}

// capturedIn is when a payment's capture can have been.
type capturedIn struct {
	id       int64
	from, to time.Time
}

// prove looks for the events of the captured payments without a settlement that were
// collected. Who has none is doubted.
func (c *reconciling) prove(ctx context.Context) (err error) {
	ids := slices.Compact(slices.Sorted(slices.Values(c.unproven)))
	c.unproven = c.unproven[:0]
	if len(ids) == 0 {
		return nil
	}
	defer func() {
		c.proof.at = time.Now()
		if err != nil { // the next part begins before them
			c.unproven = append(c.unproven, ids...)
		}
	}()
	if err := c.again(ctx); err != nil {
		return err
	}
	if err := c.outbox(ctx); err != nil {
		return err
	}
	if c.proof.why != "" {
		c.out.Unproven += int64(len(ids))
		return nil
	}
	all, err := c.timesOf(ctx, ids)
	if err != nil {
		return err
	}
	n := len(all)
	all = slices.DeleteFunc(all, func(x capturedIn) bool { return x.from.Before(c.proof.kept.Add(eventMargin)) })
	if n > len(all) {
		c.out.Unproven += int64(n - len(all))
		c.proof.forgotten(c)
	}
	if len(all) > proveEach {
		if all, err = c.withoutEvent(ctx, all); err != nil {
			return err
		}
	}
	if over := c.proof.each + len(all) - maxProved; over > 0 {
		all = all[over:] // the newest are left
		c.out.Unproven += int64(over)
		c.out.UnprovenWhy, c.out.UnprovenCut = fmt.Sprintf("only %d payments' events are looked for one by one: a shorter time has fewer", maxProved), true
	}
	c.proof.each += len(all)
	for _, x := range all {
		c.doubts.fresh = append(c.doubts.fresh, doubt{id: x.id, event: true})
	}
	return nil
}

// unprovenLong reports whether it is time to prove what was collected. A part that
// reads on until its time is over would prove nothing, and the next one read it again.
func (c *reconciling) unprovenLong() bool {
	n := len(c.unproven)
	return n >= proveSize || n > proveEach && time.Since(c.proof.at) > time.Until(c.until)/2
}

// forgotten says that published events are deleted after a while.
func (p proof) forgotten(c *reconciling) {
	c.out.UnprovenWhy = "the outbox has no published events from before " + p.kept.In(c.r.Now().Location()).Format(time.RFC3339)
}

// outbox finds out, once, whether events can be found.
func (c *reconciling) outbox(ctx context.Context) error {
	p := &c.proof
	if p.looked {
		return nil
	}
	p.looked = true
	there, err := c.r.has(ctx, "outbox_event")
	if err != nil {
		return err
	}
	if !there {
		p.why = "there is no table outbox_event"
	} else if p.table, err = c.r.table(ctx, "outbox_event"); err != nil {
		return err
	}
	p.byID, p.byState = p.table.index("event_id"), p.table.index("published", "created_at")
	if p.why == "" && (p.byID == "" || p.byState == "" || len(p.table.without("aggregate_id", "event_type", "published", "created_at")) > 0) {
		p.why = "outbox_event lacks columns, or the index over published, created_at"
	}
	if p.why == "" {
		p.kept, err = c.r.firstPublished(ctx, p.table, p.byState)
		if err == nil && p.kept.IsZero() {
			p.why = "the outbox has no published event"
		}
	}
	c.out.UnprovenWhy = p.why
	return err
}

// timesOf reads when each payment was requested and last changed.
func (c *reconciling) timesOf(ctx context.Context, ids []int64) (all []capturedIn, err error) {
	for some := range slices.Chunk(ids, listSize) {
		where := idList(some)
		query := fmt.Sprintf(sqlTimesOf, quoteName(c.payment.ordered("payment_id")), where.sql)
		err := c.r.run(ctx, "when payments were captured", query, where.args, func(rows *sql.Rows) error {
			var x capturedIn
			var requested, updated sql.NullTime
			var captured bool
			if err := rows.Scan(&x.id, &requested, &updated, asBool{&captured}); err != nil {
				return err
			}
			x.from, x.to = requested.Time, updated.Time
			if !captured { // refunded since, so that it was changed again
				x.to = requested.Time.Add(time.Hour)
			}
			all = append(all, x)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// withoutEvent reads all events of the time of some payments, and leaves those
// whose event was not among them. Where time runs out, the later ones are kept for
// the next part; those of merchants are left, for no part can begin at one of them.
func (c *reconciling) withoutEvent(ctx context.Context, all []capturedIn) ([]capturedIn, error) {
	from := slices.MinFunc(all, func(a, b capturedIn) int { return a.from.Compare(b.from) }).from
	ends := make([]time.Time, len(all))
	for i, x := range all {
		ends[i] = x.to
	}
	slices.SortFunc(ends, time.Time.Compare)
	to := ends[len(ends)-1-tailOf]
	var least, most int64
	err := c.r.run(ctx, "the lowest event id", fillIndex(sqlFirstEvent, c.proof.byID), nil, func(rows *sql.Rows) error { return rows.Scan(&least, new(time.Time)) })
	if err == nil {
		err = c.r.run(ctx, "the last event", fillIndex(sqlLastEvent, c.proof.byID), nil, func(rows *sql.Rows) error { return rows.Scan(&most, new(time.Time)) })
	}
	if err != nil {
		return nil, err
	}
	first, err := firstAt(ctx, from.Add(-eventMargin), least, most, c.nextEvents)
	if err != nil {
		return nil, err
	}
	last, err := firstAt(ctx, to.Add(eventMargin), least, most, c.nextEvents)
	if err != nil {
		return nil, err
	}
	ofMerchants := len(c.q.Merchants) > 0
	if ofMerchants {
		first = max(first, last-maxApart)
	}
	slices.SortFunc(all, func(a, b capturedIn) int { return cmp.Compare(a.id, b.id) })
	proven := make([]bool, len(all))
	query := fmt.Sprintf(sqlCapturedEvents, quoteName(c.proof.byID))
	for id := first; id < last; id += eventStep {
		if id > first && !c.time() { // each part comes further by a step at least
			if ofMerchants {
				break
			}
			return c.before(ctx, id, all, proven)
		}
		if err := c.again(ctx); err != nil {
			return nil, err
		}
		err := c.r.stream(ctx, "events of captures", query, []any{id, min(id+eventStep, last)}, func(row []driver.Value) error {
			payment, _ := wholeOf(row[0])
			i, ok := slices.BinarySearchFunc(all, payment, func(x capturedIn, id int64) int { return cmp.Compare(x.id, id) })
			if ok {
				proven[i] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var left []capturedIn
	for i, x := range all {
		if !proven[i] {
			left = append(left, x)
		}
	}
	return left, nil
}

// before leaves those of withoutEvent that can have been captured before an event, and
// keeps the later ones.
func (c *reconciling) before(ctx context.Context, event int64, all []capturedIn, proven []bool) (left []capturedIn, err error) {
	some, err := c.nextEvents(ctx, event)
	if err != nil || len(some) == 0 { // the last event was deleted meanwhile
		return nil, err
	}
	slices.SortFunc(some, func(a, b came) int { return a.at.Compare(b.at) })
	reached := some[len(some)/2].at // the middle of three: one may have another time
	for i, x := range all {
		switch {
		case proven[i]:
		case x.from.After(reached):
			c.unproven = append(c.unproven, x.id)
		default:
			left = append(left, x)
		}
	}
	return left, nil
}

// nextEvents are up to three events from an id on.
func (c *reconciling) nextEvents(ctx context.Context, from int64) (all []came, err error) {
	err = c.r.run(ctx, "which event came when", fmt.Sprintf(sqlEventFrom, quoteName(c.proof.byID)), []any{from}, func(rows *sql.Rows) error {
		var x came
		err := rows.Scan(&x.id, &x.at)
		all = append(all, x)
		return err
	})
	return all, err
}

// eventless looks for the event of one payment's capture, among all that were written
// between its request and its last change. why says what keeps that from being known:
// they are too many, or the published ones of that time were cleared away.
func (c *reconciling) eventless(ctx context.Context, e Exception) (without bool, why string, err error) {
	p := c.proof
	from, to := p.table.up("created_at", e.RequestedAt.Add(-aroundEvent)), p.table.up("created_at", e.UpdatedAt.Add(aroundEvent))
	n, published := 0, 0
	err = c.r.run(ctx, "how many events lie within", fillIndex(sqlEventsWithin, p.byState), []any{from, to, maxWithin + 1}, func(rows *sql.Rows) error { return rows.Scan(&n, &published) })
	switch {
	case err != nil:
		return false, "", err
	case n > maxWithin:
		return false, tooManyWithin, nil
	case published == 0:
		return false, noneWithin, nil
	}
	without = true
	err = c.r.run(ctx, "the event of a payment", fillIndex(sqlEventOf, p.byState), []any{from, to, e.ID, capturedEvent}, func(*sql.Rows) error {
		without = false
		return nil
	})
	return without, "", err
}
