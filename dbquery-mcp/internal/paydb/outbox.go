package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/foreign"
)

// An outbox of any size is read in bounds: what waits by the index over published
// and created_at, oldest first, and the newest events, of whatever state, by the
// primary key. Both walk an index and stop.
const (
	sqlWaiting = `SELECT event_id, aggregate_id, LEFT(event_type, 64), %s, %s, created_at FROM outbox_event FORCE INDEX (%s)
WHERE published = 0 ORDER BY created_at%s LIMIT ?`

	sqlWaitingCount = `SELECT COUNT(*) FROM (SELECT 1 FROM outbox_event FORCE INDEX (%) WHERE published = 0 LIMIT ?) AS w`

	// Without the index, what waits is looked for among the newest events.
	sqlWaitingAmongNewest = `SELECT event_id, aggregate_id, LEFT(event_type, 64), %s, %s, created_at FROM outbox_event FORCE INDEX (%s)
WHERE event_id >= ? AND published = 0 ORDER BY event_id LIMIT ?`

	sqlLastEvent = `SELECT event_id, created_at FROM outbox_event FORCE INDEX (%) ORDER BY event_id DESC LIMIT 1`

	sqlFirstEvent = `SELECT event_id, created_at FROM outbox_event FORCE INDEX (%) ORDER BY event_id LIMIT 1`

	// Rows are counted: ids have gaps.
	sqlFirstOfNewest = `SELECT event_id, created_at FROM outbox_event FORCE INDEX (%) ORDER BY event_id DESC LIMIT 1 OFFSET ?`

	sqlNewestEvents = `SELECT LEFT(event_type, 64) AS type, aggregate_id MOD 2 AS parity, COUNT(*), SUM(published <> 0), MAX(%[1]s),
  SUM(published <> 0 AND %[1]s IS NULL) FROM outbox_event FORCE INDEX (%[2]s) WHERE event_id >= ? GROUP BY type, parity LIMIT ?`

	// The poller takes what is 0, and writes 1 with a time: any other number is by hand, too.
	sqlMarkedByHand = `SELECT event_id, aggregate_id, LEFT(event_type, 64), created_at FROM outbox_event FORCE INDEX (%)
WHERE event_id >= ? AND published <> 0 AND published_at IS NULL ORDER BY event_id LIMIT ?`

	sqlOfType = `SELECT event_id, aggregate_id, LEFT(event_type, 64), created_at FROM outbox_event FORCE INDEX (%s)
WHERE event_id >= ? AND event_type NOT IN (%s) ORDER BY event_id LIMIT ?`

	// Who publishes takes the oldest first, so those published last are the newest
	// of the published ones.
	sqlPublishedLast = `SELECT MAX(published_at) FROM (SELECT published_at FROM outbox_event FORCE INDEX (%)
WHERE published = 1 ORDER BY created_at DESC LIMIT 2000) AS p`

	// When the publisher itself marked first of those that are left: what was marked by
	// hand has no time, and outlives a clean-up that goes by it, as does what was written
	// long ago and published late.
	sqlPublishedFirst = `SELECT MIN(at) FROM (SELECT %[1]s AS at FROM outbox_event FORCE INDEX (%[2]s)
WHERE published = 1 ORDER BY created_at LIMIT 2000) AS p WHERE at IS NOT NULL`

	sqlPublishedByMinute = `SELECT LEAST(TIMESTAMPDIFF(SECOND, published_at, ?) DIV 60, 5) AS minute, COUNT(*) FROM (
  SELECT published_at FROM outbox_event FORCE INDEX (%) WHERE published = 1 ORDER BY created_at DESC LIMIT ?) AS p
WHERE published_at IS NOT NULL GROUP BY minute`

	sqlArrivedByMinute = `SELECT TIMESTAMPDIFF(SECOND, created_at, ?) DIV 60 AS minute, COUNT(*) FROM (
  SELECT created_at FROM outbox_event FORCE INDEX (%) WHERE published = ? AND created_at > ? ORDER BY created_at DESC LIMIT ?) AS c
GROUP BY minute`

	sqlLastPayment = `SELECT payment_id FROM payment FORCE INDEX (%) ORDER BY payment_id DESC LIMIT 1`

	sqlPaymentBefore = `SELECT requested_at FROM payment FORCE INDEX (%) WHERE payment_id < ? ORDER BY payment_id DESC LIMIT 1`

	// The payments of the newest events' time that have no event that starts the
	// capture. Both sides are bounded by their primary keys.
	sqlWithoutEvent = `SELECT p.payment_id, p.requested_at, p.status = 'CAPTURE_REQUESTED' FROM (
  SELECT payment_id, requested_at, status FROM payment FORCE INDEX (%s) WHERE payment_id >= ?) AS p
LEFT JOIN (SELECT DISTINCT aggregate_id FROM outbox_event FORCE INDEX (%s)
  WHERE event_id >= ? AND event_type = 'PAYMENT_CAPTURE_REQUESTED') AS e ON e.aggregate_id = p.payment_id
WHERE e.aggregate_id IS NULL AND p.requested_at >= ? AND p.requested_at < ? ORDER BY p.payment_id LIMIT ?`

	// Payments that are captured as if none of the newest events had asked for their
	// refund.
	sqlRegressed = `SELECT e.event_id, e.aggregate_id, e.created_at, p.updated_at FROM (
  SELECT event_id, aggregate_id, created_at FROM outbox_event FORCE INDEX (%s) WHERE event_id >= ? AND event_type = 'PAYMENT_REFUND_REQUESTED') AS e
JOIN payment AS p FORCE INDEX (%s) ON p.payment_id = e.aggregate_id WHERE p.status = 'CAPTURED' AND p.updated_at < ? ORDER BY e.event_id LIMIT ?`
)

const (
	// maxWaiting is how many waiting events are looked at one by one, oldest first, and
	// how many of the newest where those may all be given up.
	maxWaiting = 20_000
	// maxWaitingCount is how far waiting events are counted.
	maxWaitingCount = 1_000_000
	// maxNewest is how many of the newest events are looked at.
	maxNewest = 100_000
	// leastRecentPayments and maxRecentPayments are how far back from the highest payment
	// id payments are looked for that are to be compared with them. There are mostly two
	// events of a payment or more, so that only sparse ids or many missing events need
	// the most.
	leastRecentPayments = 25_000
	maxRecentPayments   = 200_000
	// maxMinutes bounds the events from which rates by the minute are counted.
	maxMinutes = 100_000
	// maxListed is how many events of one kind of trouble are listed.
	maxListed = 5_000
	maxTypes  = 200

	// OutboxMinutes is how many minutes back rates are counted.
	OutboxMinutes = 5
	// ageOfRates is the age of the oldest waiting event from which on rates by the
	// minute are worth their price.
	ageOfRates = time.Minute
	// eventGrace is how old a payment must be to be missed an event.
	eventGrace = time.Minute
	// eventMargin covers that payment and event take their times from two clocks.
	eventMargin = time.Minute
)

// NoPaymentIndex is what Outbox.Lacks says where payments cannot be compared with their
// events.
const NoPaymentIndex = "payment's index over payment_id"

// EventTypes are those that the payment system's publisher knows a topic for.
var EventTypes = []string{"PAYMENT_AUTHORIZED", "PAYMENT_CAPTURE_REQUESTED", "PAYMENT_CAPTURED", "PAYMENT_REFUND_REQUESTED", "PAYMENT_REFUNDED"}

// OutboxEvent is a row of outbox_event.
type OutboxEvent struct {
	ID, PaymentID int64
	Type          foreign.Text
	Retries       int64
	LastTry       time.Time // zero for never
	Created       time.Time
}

// EventKind is what the newest events of a type and parity come to.
type EventKind struct {
	Type      foreign.Text
	Odd       bool // of the payment id
	Events    int64
	Published int64
	Last      time.Time // published last; zero when none has a time
	Unmarked  int64     // published, and no time of it
}

// PerMinute counts events in minutes back from now: the first is the last 60
// seconds. It ends where the events looked at end.
type PerMinute []int64

// Outbox is what a shard's outbox holds.
type Outbox struct {
	// Indexed: waiting events were found by the index, so all of them; otherwise
	// only those among the newest events are known.
	Indexed bool
	// Columns that the table lacks, and whose rules could not run.
	Lacks []string

	// Waiting are unpublished events, oldest first, at most 20,000; Count is how
	// many there are, AtLeast when there are more than were counted.
	Waiting []OutboxEvent
	Count   int64
	AtLeast bool
	// Latest are the newest of those that are not in Waiting, oldest first, at most 20,000.
	// They are read where each of Waiting was tried, so that all of them may be given up
	// and hide what waits for the poller; without the index they are not.
	Latest []OutboxEvent

	LastID    int64     // the highest event id; 0 for an empty table
	LastAt    time.Time // when that one was created
	FirstSeen int64     // the lowest id of the newest events that were looked at
	SeenSince time.Time // when that one was created; zero for an empty table
	Whole     bool      // the newest events are all there are
	Newest    []EventKind
	Published time.Time // when an event was published last; zero: none was seen

	// At most 5,000 of each, those of the lowest ids.
	Unmarked  []OutboxEvent // published without a time, among the newest
	Strange   []OutboxEvent // of an unknown type, among the newest
	Missed    []Missed      // payments without their event
	Regressed []Regression  // captured payments whose refund was asked for
	// More of each than are listed; Newest counts all that are unmarked.
	UnmarkedCut, StrangeCut, MissedCut, RegressedCut bool

	Followed bool // all refunds that were asked for were compared with their payments
	Compared bool // all payments were compared with their events, as far back as those are kept
	// Payments that were requested since ComparedSince were compared; zero: none were, for
	// no published event tells since when events are kept, or for NoPaymentIndex.
	ComparedSince time.Time

	// Arrivals and Publishes are counted only while something waits for long.
	Arrivals, Publishes PerMinute

	Lock *PollerLock // of the first shard only; nil when not looked at
}

// Missed is a payment that has no PAYMENT_CAPTURE_REQUESTED event.
type Missed struct {
	PaymentID int64
	Requested time.Time
	Waits     bool // for its capture, which nothing will start
}

// Regression is a CAPTURED payment whose refund was asked for.
type Regression struct {
	EventID, PaymentID int64
	Asked, Updated     time.Time
}

// OutboxQuery is what to look at.
type OutboxQuery struct {
	// Events also looks for payments without their events.
	Events bool
}

// Outbox looks at the outbox of every shard, and at the poller's lock on the first.
func (db *DB) Outbox(ctx context.Context, q OutboxQuery) ([]Reply[Outbox], error) {
	first := db.shards[0].name
	return ask(ctx, db, func(ctx context.Context, r *Reader) (Outbox, error) { return r.outbox(ctx, q, r.shard.name == first) })
}

func (r *Reader) outbox(ctx context.Context, q OutboxQuery, first bool) (o Outbox, err error) {
	t, err := r.table(ctx, "outbox_event")
	if err != nil {
		return o, err
	}
	must := []string{"event_id", "aggregate_id", "event_type", "published", "created_at"}
	if missing := t.without(must...); len(missing) > 0 {
		return o, r.lacks(t, missing)
	}
	o.Lacks = t.without("published_at", "retry_count", "last_retry_at")
	byID, byState := t.index("event_id"), t.index("published", "created_at")
	o.Indexed = byState != ""
	if byID == "" {
		return o, r.unreadable(t, "event_id")
	}
	steps := []func() error{
		func() error { return r.newestEvents(ctx, t, byID, &o) },
		func() error { return r.waiting(ctx, t, byID, byState, &o) },
		func() error { return r.publishedLast(ctx, t, byState, &o) },
		func() error { return r.perMinute(ctx, t, byState, &o) },
	}
	if q.Events {
		steps = append(steps, func() error { return r.missed(ctx, t, byID, byState, &o) }, func() error { return r.regressed(ctx, byID, &o) })
	}
	if first {
		steps = append(steps, func() (err error) { o.Lock, err = r.pollerLock(ctx); return err })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return o, err
		}
	}
	return o, nil
}

// without returns those of the columns that the table does not have.
func (t Table) without(columns ...string) (missing []string) {
	for _, c := range columns {
		if _, ok := t.Columns[c]; !ok {
			missing = append(missing, c)
		}
	}
	return missing
}

// or is a column, or what stands for it in a table that does not have it.
func (t Table) or(column, otherwise string) string {
	if _, ok := t.Columns[column]; ok {
		return column
	}
	return otherwise
}

// newestEvents counts the newest events by type and parity, and lists those that
// are wrong as they stand.
func (r *Reader) newestEvents(ctx context.Context, t Table, byID string, o *Outbox) error {
	err := r.run(ctx, "the last event", fillIndex(sqlLastEvent, byID), nil, func(rows *sql.Rows) error { return rows.Scan(&o.LastID, &o.LastAt) })
	if err != nil || o.LastID == 0 {
		o.Whole = true
		return err
	}
	first := func(rows *sql.Rows) error { return rows.Scan(&o.FirstSeen, &o.SeenSince) }
	if err = r.run(ctx, "the first event", fillIndex(sqlFirstEvent, byID), nil, first); err != nil {
		return err
	}
	lowest := o.FirstSeen
	if o.LastID-lowest >= maxNewest {
		err = r.run(ctx, "the first of the newest events", fillIndex(sqlFirstOfNewest, byID), []any{maxNewest - 1}, first)
		if err != nil {
			return err
		}
	}
	o.Whole = o.FirstSeen == lowest
	query := fmt.Sprintf(sqlNewestEvents, t.or("published_at", "NULL"), quoteName(byID))
	unmarked, strange := false, false
	err = r.run(ctx, "the newest events by type", query, []any{o.FirstSeen, maxTypes + 1}, func(rows *sql.Rows) error {
		var k EventKind
		var kind sql.NullString
		var parity sql.NullInt64
		var last sql.NullTime
		if err := rows.Scan(&kind, &parity, &k.Events, &k.Published, &last, &k.Unmarked); err != nil {
			return err
		}
		k.Type, k.Odd, k.Last = text(kind), parity.Int64 != 0, last.Time
		unmarked, strange = unmarked || k.Unmarked > 0, strange || !knownEvent(k.Type)
		o.Newest = append(o.Newest, k)
		return nil
	})
	if err != nil {
		return err
	}
	if unmarked && t.or("published_at", "") != "" {
		o.Unmarked, o.UnmarkedCut, err = r.listed(ctx, "events marked published without a time", fillIndex(sqlMarkedByHand, byID), o.FirstSeen)
		if err != nil {
			return err
		}
	}
	if strange {
		known := "'" + strings.Join(EventTypes, "', '") + "'"
		o.Strange, o.StrangeCut, err = r.listed(ctx, "events of unknown types", fmt.Sprintf(sqlOfType, quoteName(byID), known), o.FirstSeen)
	}
	return err
}

// listed reads events in short, and whether there are more than are listed.
func (r *Reader) listed(ctx context.Context, name, query string, from int64) (all []OutboxEvent, cut bool, err error) {
	err = r.run(ctx, name, query, []any{from, maxListed + 1}, func(rows *sql.Rows) error {
		var e OutboxEvent
		var kind sql.NullString
		if err := rows.Scan(&e.ID, &e.PaymentID, &kind, &e.Created); err != nil {
			return err
		}
		e.Type = text(kind)
		all = append(all, e)
		return nil
	})
	all, cut = listable(all)
	return all, cut, err
}

// listable is as much as is listed, and whether that leaves any out.
func listable[T any](all []T) ([]T, bool) {
	return first(maxListed, all), len(all) > maxListed
}

// waiting lists what waits, and counts it.
func (r *Reader) waiting(ctx context.Context, t Table, byID, byState string, o *Outbox) error {
	retries, last := t.or("retry_count", "0"), t.or("last_retry_at", "NULL")
	query, args := fmt.Sprintf(sqlWaiting, retries, last, quoteName(byState), ""), []any{maxWaiting + 1}
	if byState == "" {
		query, args = fmt.Sprintf(sqlWaitingAmongNewest, retries, last, quoteName(byID)), []any{o.FirstSeen, maxWaiting + 1}
	}
	var err error
	if o.Waiting, err = r.unpublished(ctx, "events that wait", query, args...); err != nil {
		return err
	}
	o.Count = int64(len(o.Waiting))
	if o.Count <= maxWaiting {
		return nil
	}
	o.Waiting, o.AtLeast = o.Waiting[:maxWaiting], true
	if byState == "" {
		return nil
	}
	err = r.run(ctx, "how many events wait", fillIndex(sqlWaitingCount, byState), []any{maxWaitingCount + 1}, func(rows *sql.Rows) error { return rows.Scan(&o.Count) })
	o.AtLeast = o.Count > maxWaitingCount
	if err != nil || slices.ContainsFunc(o.Waiting, func(e OutboxEvent) bool { return e.Retries == 0 }) {
		return err
	}
	query = fmt.Sprintf(sqlWaiting, retries, last, quoteName(byState), " DESC")
	o.Latest, err = r.unpublished(ctx, "the newest events that wait", query, min(maxWaiting, o.Count-maxWaiting))
	slices.Reverse(o.Latest)
	return err
}

// unpublished reads events with what was tried.
func (r *Reader) unpublished(ctx context.Context, name, query string, args ...any) (all []OutboxEvent, err error) {
	err = r.run(ctx, name, query, args, func(rows *sql.Rows) error {
		var e OutboxEvent
		var kind sql.NullString
		var tries sql.NullInt64
		var tried sql.NullTime
		if err := rows.Scan(&e.ID, &e.PaymentID, &kind, &tries, &tried, &e.Created); err != nil {
			return err
		}
		e.Type, e.Retries, e.LastTry = text(kind), tries.Int64, tried.Time
		all = append(all, e)
		return nil
	})
	return all, err
}

// publishedLast looks for the time of the last publishing, also behind a backlog
// that is larger than the newest events.
func (r *Reader) publishedLast(ctx context.Context, t Table, byState string, o *Outbox) error {
	for _, k := range o.Newest {
		if k.Last.After(o.Published) {
			o.Published = k.Last
		}
	}
	if byState == "" || t.or("published_at", "") == "" || len(o.Waiting) == 0 {
		return nil
	}
	return r.run(ctx, "when an event was published last", fillIndex(sqlPublishedLast, byState), nil, func(rows *sql.Rows) error {
		var at sql.NullTime
		err := rows.Scan(&at)
		if at.Time.After(o.Published) {
			o.Published = at.Time
		}
		return err
	})
}

// perMinute counts arrivals and publishes of the last minutes while something has
// waited for long.
func (r *Reader) perMinute(ctx context.Context, t Table, byState string, o *Outbox) error {
	if byState == "" || len(o.Waiting) == 0 || r.Now().Sub(o.Waiting[0].Created) < ageOfRates || t.or("published_at", "") == "" {
		return nil
	}
	now := t.write("published_at", r.Now())
	since := t.up("created_at", r.Now().Add(-OutboxMinutes*time.Minute))
	o.Arrivals = make(PerMinute, OutboxMinutes)
	for state := range 2 {
		var seen int64
		last := 0
		err := r.run(ctx, "arrivals by the minute", fillIndex(sqlArrivedByMinute, byState), []any{now, state, since, maxMinutes}, func(rows *sql.Rows) error {
			var minute, n int64
			if err := rows.Scan(&minute, &n); err != nil {
				return err
			}
			if m := max(minute, 0); m < OutboxMinutes { // 0: created after we began
				if int(m) < len(o.Arrivals) {
					o.Arrivals[m] += n
				}
				last = max(last, int(m))
			}
			seen += n
			return nil
		})
		if err != nil {
			return err
		}
		if seen == maxMinutes { // the oldest minute that was seen is not whole
			o.Arrivals = o.Arrivals[:min(len(o.Arrivals), last)]
		}
	}
	var seen int64
	counts, last := make(PerMinute, OutboxMinutes+1), 0
	err := r.run(ctx, "publishes by the minute", fillIndex(sqlPublishedByMinute, byState), []any{now, maxMinutes}, func(rows *sql.Rows) error {
		var minute, n int64
		if err := rows.Scan(&minute, &n); err != nil {
			return err
		}
		counts[max(minute, 0)] += n
		last, seen = max(last, int(minute)), seen+n
		return nil
	})
	o.Publishes = counts[:OutboxMinutes]
	if seen == maxMinutes {
		o.Publishes = counts[:min(last, OutboxMinutes)]
	}
	return err
}

// missed looks for payments whose event was never written.
func (r *Reader) missed(ctx context.Context, t Table, byID, byState string, o *Outbox) error {
	p, err := r.paymentTable(ctx)
	if err != nil {
		return err
	}
	byPayment := p.index("payment_id")
	if byPayment == "" || len(p.without("requested_at")) > 0 {
		o.Lacks = append(o.Lacks, NoPaymentIndex)
		return nil
	}
	// In a table without any event, payments of the last minutes must do.
	since := r.Now().Add(-10 * time.Minute)
	if o.LastID != 0 {
		kept, err := r.keptSince(ctx, t, byState, o)
		if err != nil || kept.IsZero() {
			return err
		}
		since = kept.Add(eventMargin)
	}
	until := r.Now().Add(-eventGrace)
	if !since.Before(until) {
		o.Compared, o.ComparedSince = true, since
		return nil
	}
	first, before, err := r.paymentsSince(ctx, byPayment, since)
	if err != nil {
		return err
	}
	query := fmt.Sprintf(sqlWithoutEvent, quoteName(byPayment), quoteName(byID))
	args := []any{first, o.FirstSeen, p.up("requested_at", since), p.up("requested_at", until), maxListed + 1}
	err = r.run(ctx, "payments without their event", query, args, func(rows *sql.Rows) error {
		var m Missed
		if err := rows.Scan(&m.PaymentID, &m.Requested, asBool{&m.Waits}); err != nil {
			return err
		}
		o.Missed = append(o.Missed, m)
		return nil
	})
	o.Missed, o.MissedCut = listable(o.Missed)
	o.Compared, o.ComparedSince = before.Before(since), since
	if !o.Compared {
		o.ComparedSince = before
	}
	return err
}

// paymentsSince is an id from which on all payments since a time lie, or else as many
// ids as are looked at, and when the payment before it was requested; zero for none.
func (r *Reader) paymentsSince(ctx context.Context, byPayment string, since time.Time) (first int64, before time.Time, err error) {
	var last int64
	err = r.run(ctx, "the last payment", fillIndex(sqlLastPayment, byPayment), nil, func(rows *sql.Rows) error { return rows.Scan(&last) })
	for n := int64(leastRecentPayments); err == nil; n *= 2 {
		var at sql.NullTime
		first = last - n + 1
		err = r.run(ctx, "the payment before the newest", fillIndex(sqlPaymentBefore, byPayment), []any{first}, func(rows *sql.Rows) error { return rows.Scan(&at) })
		if before = at.Time; before.Before(since) || n >= maxRecentPayments {
			break
		}
	}
	return first, before, err
}

// keptSince is from when on all events are there. Where published ones are cleared
// away, single older ones may be left: dead letters, or such as were marked by hand.
// Zero: no published event is there to go by.
func (r *Reader) keptSince(ctx context.Context, t Table, byState string, o *Outbox) (since time.Time, err error) {
	if byState == "" {
		return o.SeenSince, nil
	}
	since, err = r.firstPublished(ctx, t, byState)
	if !since.IsZero() && o.SeenSince.After(since) {
		since = o.SeenSince
	}
	return since, err
}

// firstPublished is when the publisher itself marked first of the events that are left;
// zero where none is seen. What was written since then is there.
func (r *Reader) firstPublished(ctx context.Context, t Table, byState string) (first time.Time, err error) {
	query := fmt.Sprintf(sqlPublishedFirst, t.or("published_at", "created_at"), quoteName(byState))
	err = r.run(ctx, "the oldest published event", query, nil, func(rows *sql.Rows) error {
		var at sql.NullTime
		err := rows.Scan(&at)
		first = at.Time
		return err
	})
	return first, err
}

// regressed looks for payments whose status forgot that their refund was asked for.
// Both are written in one transaction, so that none of this is on its way.
func (r *Reader) regressed(ctx context.Context, byID string, o *Outbox) error {
	p, err := r.paymentTable(ctx)
	if err != nil {
		return err
	}
	byPayment := p.index("payment_id")
	if byPayment == "" || len(p.without("updated_at", "status")) > 0 {
		return nil
	}
	o.Followed = true
	if !slices.ContainsFunc(o.Newest, func(k EventKind) bool { return k.Type == "PAYMENT_REFUND_REQUESTED" }) {
		return nil
	}
	query := fmt.Sprintf(sqlRegressed, quoteName(byID), quoteName(byPayment))
	args := []any{o.FirstSeen, p.up("updated_at", r.Now().Add(-eventGrace)), maxListed + 1}
	var all []Regression
	err = r.run(ctx, "captured payments whose refund was asked for", query, args, func(rows *sql.Rows) error {
		var x Regression
		err := rows.Scan(&x.EventID, &x.PaymentID, &x.Asked, &x.Updated)
		all = append(all, x)
		return err
	})
	all, o.RegressedCut = listable(all)
	for _, x := range all {
		if !slices.ContainsFunc(o.Regressed, func(o Regression) bool { return o.PaymentID == x.PaymentID }) {
			o.Regressed = append(o.Regressed, x)
		}
	}
	return err
}

func knownEvent(kind foreign.Text) bool { return slices.Contains(EventTypes, string(kind)) }
