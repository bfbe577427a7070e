package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"payops-mcp/shared/foreign"
)

// One payment's rows are read by primary key or by an index over payment_id. Its
// events have no such index: they are looked for among what waits, and around the
// moments at which they must have been written.
const (
	sqlRequestsWhole = `SELECT id, %[2]s, LEFT(status, 64), retry_count, last_retry_at, requested_at, completed_at, LEFT(pg_response_code, 64), LEFT(pg_response_message, 120)
FROM %[1]s %[3]s payment_id = ? ORDER BY id LIMIT ?`

	sqlEventsAround = `SELECT event_id, LEFT(event_type, 64), published, published_at, retry_count, last_retry_at, created_at FROM outbox_event FORCE INDEX (%)
WHERE published IN (0, 1) AND created_at BETWEEN ? AND ? AND aggregate_id = ? ORDER BY event_id LIMIT ?`

	sqlEventsThatWait = `SELECT event_id, LEFT(type, 64), 0, NULL, retry_count, last_retry_at, created_at FROM (
  SELECT event_id, aggregate_id, event_type AS type, retry_count, last_retry_at, created_at FROM outbox_event FORCE INDEX (%) WHERE published = 0 ORDER BY created_at LIMIT ?) AS w
WHERE aggregate_id = ? ORDER BY event_id LIMIT ?`

	// Without the index over published and created_at, the newest events must do.
	sqlEventsAmongNewest = `SELECT event_id, LEFT(event_type, 64), published, published_at, retry_count, last_retry_at, created_at FROM outbox_event FORCE INDEX (%)
WHERE event_id >= ? AND aggregate_id = ? ORDER BY event_id LIMIT ?`

	// Without the index, and where all events there are were read.
	sqlPublishedFirstOf = `SELECT MIN(published_at) FROM outbox_event FORCE INDEX (%) WHERE event_id >= ? AND published = 1 AND published_at IS NOT NULL`

	// Whether an event was written between two moments can only be seen by walking all
	// that were, of whatever payment.
	sqlEventsBetween = `SELECT COUNT(*) FROM (SELECT 1 FROM outbox_event FORCE INDEX (%) WHERE published IN (0, 1) AND created_at BETWEEN ? AND ? LIMIT ?) AS b`

	// From when on there are no more events than are read. The index has those of one
	// state in order, so each state is walked from its end.
	sqlNewestBetween = `SELECT MIN(created_at) FROM (
  SELECT created_at FROM (SELECT created_at FROM outbox_event FORCE INDEX (%[1]s) WHERE published = 0 AND created_at BETWEEN ? AND ? ORDER BY created_at DESC LIMIT ?) AS w
  UNION ALL SELECT created_at FROM (SELECT created_at FROM outbox_event FORCE INDEX (%[1]s) WHERE published = 1 AND created_at BETWEEN ? AND ? ORDER BY created_at DESC LIMIT ?) AS p
  ORDER BY created_at DESC LIMIT ?) AS b`

	sqlRecordOf = `SELECT http_status, JSON_VALID(response_body), LEFT(JSON_VALUE(response_body, '$.paymentId'), 64), LEFT(JSON_VALUE(response_body, '$.amount'), 64),
  LEFT(JSON_VALUE(response_body, '$.currency'), 64), created_at FROM idem_response_cache FORCE INDEX (%s) WHERE %s LIMIT 1`
)

const (
	// maxTraced is how many rows of each table, and payments of one key, are told.
	maxTraced = 20
	// aroundEvent is how far from a moment its event is looked for.
	aroundEvent = 10 * time.Second
	// maxBetween is how many events are walked between a payment's moments.
	maxBetween = 50_000
	// maxMoments bounds how many moments are looked around.
	maxMoments = 12
)

// TraceQuery is which payment to trace: by its id, or by merchant and key.
type TraceQuery struct {
	ID            int64
	Merchant, Key string
	Within        []string // merchants of whom something may be told; none: all
	Grace         time.Duration
}

// TracedEvent is an event of the payment.
type TracedEvent struct {
	OutboxEvent
	Published   bool
	PublishedAt time.Time // zero: not, or no time was noted
}

// TracedRequest is a request to the payment gateway.
type TracedRequest struct {
	GatewayRequest
	Status    foreign.Text
	Completed time.Time
}

// Record is what a repeated request is answered with from the database.
type Record struct {
	HTTPStatus                  int64
	Valid                       bool
	PaymentID, Amount, Currency foreign.Text
	Created                     time.Time
}

// Traced is one payment and everything that the shard has of it.
type Traced struct {
	Payment
	Books       Exception // with the postings; Wrong is not set
	Events      []TracedEvent
	Settlements []TracedRequest
	Refunds     []TracedRequest
	Record      *Record // nil: there is none, or it was not looked for

	// EventsWhole: no event can have been overlooked. EventsKept: the outbox still
	// has published events of the payment's time, so that a missing one was never
	// written.
	EventsWhole, EventsKept bool
	// EventsBetween: of a payment that is CAPTURED every event was seen that was written
	// between its capture and its last change; between its request and that where it
	// was captured without a settlement. Overlooked is when there were too many.
	EventsBetween bool
	Overlooked    Stretch
	// Unproven says why it could not be seen whether the capture of a payment without a
	// settlement left its event; empty where it could, or need not.
	Unproven string
	// Unfollowed says why it could not be seen whether the status of a payment that is
	// CAPTURED forgot a refund; empty where it could, or need not.
	Unfollowed string
	// PublishedLast is when any event of the shard was published last; looked up
	// only while an event of the payment waits.
	PublishedLast time.Time
	NotLooked     []string // tables that could not be asked
}

// Suspect compares the payment with its record; nil where they agree.
func (t Traced) Suspect() *KeySuspect {
	if t.Record == nil {
		return nil
	}
	s := &KeySuspect{Payment: t.Payment, PaymentID: t.Record.PaymentID, Amount: t.Record.Amount, Currency: t.Record.Currency}
	if s.compare(); len(s.Differs) == 0 {
		return nil
	}
	return s
}

// Trace finds the payment on every shard, and reads all that belongs to it.
func (db *DB) Trace(ctx context.Context, q TraceQuery) ([]Reply[[]Traced], error) {
	return ask(ctx, db, func(ctx context.Context, r *Reader) (all []Traced, err error) {
		t, err := r.paymentTable(ctx)
		if err != nil {
			return nil, err
		}
		if missing := t.Drift().Missing; len(missing) > 0 {
			return nil, r.lacks(t, missing)
		}
		find := PaymentQuery{Merchants: q.Within, Limit: maxTraced}
		if q.Key != "" {
			find.Merchants, find.Keys = []string{q.Merchant}, []string{q.Key}
		} else {
			find.IDs = []int64{q.ID}
		}
		found, err := r.some(ctx, t, find)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			one, err := r.trace(ctx, p, q.Grace)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return all, nil
	})
}

func (r *Reader) trace(ctx context.Context, p Payment, grace time.Duration) (t Traced, err error) {
	t.Payment = p
	if err := r.tracedBooks(ctx, grace, &t); err != nil {
		return t, err
	}
	for _, x := range []struct {
		kind RequestKind
		into *[]TracedRequest
	}{{Settlements, &t.Settlements}, {Refunds, &t.Refunds}} {
		if err := r.tracedRequests(ctx, forms[x.kind], &t, x.into); err != nil {
			return t, err
		}
	}
	if err := r.tracedRecord(ctx, &t); err != nil {
		return t, err
	}
	return t, r.tracedEvents(ctx, &t)
}

// tracedBooks reads the postings; a shard without a ledger is told so.
func (r *Reader) tracedBooks(ctx context.Context, grace time.Duration, t *Traced) error {
	for _, table := range []string{"ledger_entry", "settlement_request", "refund_request"} {
		there, err := r.has(ctx, table)
		if err != nil {
			return err
		}
		if !there {
			t.NotLooked = append(t.NotLooked, table+" (there is no such table)")
		}
	}
	if len(t.NotLooked) > 0 {
		return nil
	}
	c := &reconciling{r: r, q: ReconcileQuery{Grace: grace, Checks: Checks{Settlements: true, Refunds: true}}}
	if err := c.look(ctx); err != nil {
		return err
	}
	found, err := c.whole(ctx, []int64{t.ID})
	if len(found) > 0 {
		t.Books = found[0]
	}
	return err
}

func (r *Reader) tracedRequests(ctx context.Context, f form, t *Traced, into *[]TracedRequest) error {
	if slices.ContainsFunc(t.NotLooked, func(s string) bool { return len(s) > len(f.table) && s[:len(f.table)] == f.table }) {
		return nil
	}
	table, err := r.table(ctx, f.table)
	if err != nil {
		return err
	}
	g := gatewayLook{r: r, form: f, requests: table, byID: table.index("id")}
	if table.index("payment_id") == "" {
		if g.byID == "" {
			return r.unreadable(table, "id")
		}
		if err := g.newest(ctx); err != nil {
			return err
		}
		if !g.out.Whole {
			t.NotLooked = append(t.NotLooked, fmt.Sprintf("%s before its newest %d rows (it has no index over payment_id)", f.table, maxNewRequests))
		}
	}
	query := fmt.Sprintf(sqlRequestsWhole, f.table, f.amount, g.walk("payment_id"))
	return r.run(ctx, f.table+" of the payment", query, []any{t.ID, maxTraced}, func(rows *sql.Rows) error {
		var x TracedRequest
		var amount, status, code, message sql.NullString
		var retries sql.NullInt64
		var last, requested, completed sql.NullTime
		if err := rows.Scan(&x.ID, &amount, &status, &retries, &last, &requested, &completed, &code, &message); err != nil {
			return err
		}
		x.PaymentID, x.Merchant, x.Currency, x.PaymentStatus = t.ID, t.Merchant, t.Currency, t.Status
		x.Amount, x.Status, x.Retries, x.LastRetry = cmp.Or(amount.String, "0"), text(status), retries.Int64, last.Time
		x.Requested, x.Completed, x.Code, x.Message = requested.Time, completed.Time, text(code), text(message)
		*into = append(*into, x)
		return nil
	})
}

func (r *Reader) tracedRecord(ctx context.Context, t *Traced) error {
	there, err := r.has(ctx, "idem_response_cache")
	if err != nil {
		return err
	}
	if !there {
		t.NotLooked = append(t.NotLooked, "idem_response_cache (there is no such table)")
		return nil
	}
	table, err := r.table(ctx, "idem_response_cache")
	if err != nil {
		return err
	}
	key := table.index("merchant_id", "idempotency_key")
	if key == "" || len(table.without("http_status", "response_body", "created_at")) > 0 {
		t.NotLooked = append(t.NotLooked, "idem_response_cache (no index over merchant_id, idempotency_key, or columns are missing)")
		return nil
	}
	var c conds
	c.exactly("merchant_id", []string{string(t.Merchant)})
	c.exactly("idempotency_key", []string{string(t.Key)})
	return r.run(ctx, "the idempotency record", fmt.Sprintf(sqlRecordOf, quoteName(key), c.expression()), c.args, func(rows *sql.Rows) error {
		x := &Record{}
		var status sql.NullInt64
		var valid sql.NullBool
		var id, amount, currency sql.NullString
		var created sql.NullTime
		if err := rows.Scan(&status, &valid, &id, &amount, &currency, &created); err != nil {
			return err
		}
		x.HTTPStatus, x.Valid, x.PaymentID, x.Amount, x.Currency, x.Created = status.Int64, valid.Bool, text(id), text(amount), text(currency), created.Time
		t.Record = x
		return nil
	})
}

// tracedEvents looks for the payment's events.
func (r *Reader) tracedEvents(ctx context.Context, t *Traced) error {
	there, err := r.has(ctx, "outbox_event")
	if err != nil {
		return err
	}
	if !there {
		t.NotLooked = append(t.NotLooked, "outbox_event (there is no such table)")
		return nil
	}
	table, err := r.table(ctx, "outbox_event")
	if err != nil {
		return err
	}
	byID, byState := table.index("event_id"), table.index("published", "created_at")
	if missing := table.Drift().Missing; len(missing) > 0 || byID == "" {
		t.NotLooked = append(t.NotLooked, "outbox_event (columns or its primary key are missing)")
		return nil
	}
	each := func(rows *sql.Rows) error { return t.addEvent(rows) }
	if byState == "" {
		var o Outbox
		if err := r.newestEvents(ctx, table, byID, &o); err != nil {
			return err
		}
		t.EventsWhole = o.Whole
		if !o.Whole {
			t.NotLooked = append(t.NotLooked, fmt.Sprintf("outbox_event before its newest %d rows (it has no index over published, created_at)", maxNewest))
		}
		var kept sql.NullTime
		err := r.run(ctx, "the payment's events", fillIndex(sqlEventsAmongNewest, byID), []any{o.FirstSeen, t.ID, maxTraced}, each)
		if err == nil && o.Whole {
			err = r.run(ctx, "the oldest published event", fillIndex(sqlPublishedFirstOf, byID), []any{o.FirstSeen}, func(rows *sql.Rows) error { return rows.Scan(&kept) })
		}
		t.weighEvents(kept.Time)
		return err
	}
	err = r.run(ctx, "the payment's events that wait", fillIndex(sqlEventsThatWait, byState), []any{maxWaiting, t.ID, maxTraced}, each)
	for _, s := range t.moments() {
		if err != nil {
			return err
		}
		args := []any{table.up("created_at", s.From), table.up("created_at", s.To), t.ID, maxTraced}
		err = r.run(ctx, "the payment's events around "+s.From.Format(time.TimeOnly), fillIndex(sqlEventsAround, byState), args, each)
	}
	if err == nil && (t.Status == "CAPTURED" || t.unsettled()) {
		err = r.eventsBetween(ctx, table, byState, t)
	}
	if err != nil {
		return err
	}
	slices.SortFunc(t.Events, func(a, b TracedEvent) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	if slices.ContainsFunc(t.Events, func(e TracedEvent) bool { return !e.Published }) {
		err = r.run(ctx, "when an event was published last", fillIndex(sqlPublishedLast, byState), nil, func(rows *sql.Rows) error {
			var at sql.NullTime
			err := rows.Scan(&at)
			t.PublishedLast = at.Time
			return err
		})
		if err != nil {
			return err
		}
	}
	kept, err := r.firstPublished(ctx, table, byState)
	t.weighEvents(kept)
	return err
}

// notKept is why nothing can be seen of events that were deleted once they were published.
const notKept = "published events of its time are not kept"

// weighEvents judges what was found of the payment's events, given from when on the
// published ones are kept; zero: that is not known.
func (t *Traced) weighEvents(kept time.Time) {
	keeps := func(at time.Time) bool { return !kept.IsZero() && kept.Before(at.Add(-aroundEvent)) }
	t.EventsKept = keeps(t.RequestedAt)
	t.proveCapture()
	if t.Status == "CAPTURED" && !t.has(forms[Refunds].event) && !keeps(t.captured()) && !t.keepsOwn() {
		t.Unfollowed = notKept
	}
}

// keepsOwn reports whether a published event of the payment from no later than its capture
// is still there: so are then those of after it.
func (t *Traced) keepsOwn() bool {
	until := t.captured().Add(aroundEvent)
	return slices.ContainsFunc(t.Events, func(e TracedEvent) bool { return e.Published && !e.Created.After(until) })
}

// proveCapture judges whether a capture without a settlement left its event.
func (t *Traced) proveCapture() {
	switch {
	case !t.unsettled() || t.has(capturedEvent):
	case !t.EventsKept:
		t.Unproven = notKept
	case !t.EventsBetween && !t.EventsWhole:
		t.Unproven = "too many events were written between its request and its last change"
	default:
		t.Books.NoEvent = true
	}
}

// unsettled reports whether the payment was captured, and by no settlement that
// succeeded: then an event must say so.
func (t *Traced) unsettled() bool {
	return t.Books.ID != 0 && CapturedOnce(t.Books.Status) && t.Books.Settlements.Succeeded.N() == 0
}

// has reports whether an event of a type was found.
func (t *Traced) has(kind string) bool {
	return slices.ContainsFunc(t.Events, func(e TracedEvent) bool { return string(e.Type) == kind })
}

// eventsBetween looks for events of a captured payment where none belongs: a refund
// that was asked for long after the capture, and long before a status that knows
// nothing of it. Of too many it takes the newest.
func (r *Reader) eventsBetween(ctx context.Context, table Table, byState string, t *Traced) error {
	gaps, left := t.gaps(), maxBetween
	for _, gap := range slices.Backward(gaps) {
		from, to := table.up("created_at", gap.From), table.up("created_at", gap.To)
		n := 0
		err := r.run(ctx, "how many events lie between", fillIndex(sqlEventsBetween, byState), []any{from, to, left + 1}, func(rows *sql.Rows) error { return rows.Scan(&n) })
		if err != nil {
			return err
		}
		if n > left {
			var newest sql.NullTime
			err = r.run(ctx, "the newest events between", fmt.Sprintf(sqlNewestBetween, quoteName(byState)), []any{from, to, left, from, to, left, left}, func(rows *sql.Rows) error { return rows.Scan(&newest) })
			t.Overlooked = Stretch{gaps[0].From, gap.To}
			if err != nil || !newest.Valid {
				return err
			}
			t.Overlooked.To, from = newest.Time, table.up("created_at", newest.Time)
		}
		if n > 0 {
			err = r.run(ctx, "the payment's events between", fillIndex(sqlEventsAround, byState), []any{from, to, t.ID, maxTraced}, func(rows *sql.Rows) error { return t.addEvent(rows) })
		}
		if left -= n; err != nil || left < 0 {
			return err
		}
	}
	t.EventsBetween = true
	return nil
}

// gaps are the times between the payment's capture, or its request where no settlement
// captured it, and its last change that lie around none of its moments.
func (t *Traced) gaps() (all []Stretch) {
	at := t.RequestedAt
	if !t.unsettled() {
		at = t.captured()
	}
	for _, s := range t.moments() {
		if from := s.From; from.After(at) {
			all = append(all, Stretch{at, from})
		}
		if s.To.After(at) {
			at = s.To
		}
	}
	if t.UpdatedAt.After(at) {
		all = append(all, Stretch{at, t.UpdatedAt})
	}
	return all
}

// captured is when the payment was captured for the first time, as its settlements and
// postings have it, else when it was requested. Before it nobody could ask for a refund.
func (t *Traced) captured() time.Time {
	var times []time.Time
	for _, x := range t.Settlements {
		if x.Status == "SUCCESS" && !x.Completed.IsZero() {
			times = append(times, x.Completed)
		}
	}
	for _, e := range t.Books.Entries {
		times = append(times, e.At)
	}
	if len(times) == 0 {
		return t.RequestedAt
	}
	return slices.MinFunc(times, time.Time.Compare)
}

func (t *Traced) addEvent(rows *sql.Rows) error {
	var e TracedEvent
	var kind sql.NullString
	var retries sql.NullInt64
	var at, last sql.NullTime
	if err := rows.Scan(&e.ID, &kind, asBool{&e.Published}, &at, &retries, &last, &e.Created); err != nil {
		return err
	}
	if slices.ContainsFunc(t.Events, func(o TracedEvent) bool { return o.ID == e.ID }) {
		return nil
	}
	e.PaymentID, e.Type, e.Retries, e.LastTry, e.PublishedAt = t.ID, text(kind), retries.Int64, last.Time, at.Time
	t.Events = append(t.Events, e)
	return nil
}

// Stretch is a time to look in.
type Stretch struct{ From, To time.Time }

// changes are when the payment was requested, when it or its requests changed, when it
// was posted.
func (t *Traced) changes() []time.Time {
	times := []time.Time{t.RequestedAt, t.UpdatedAt}
	for _, list := range [][]TracedRequest{t.Settlements, t.Refunds} {
		for _, x := range list {
			times = append(times, x.Requested, x.Completed)
		}
	}
	for _, e := range t.Books.Entries {
		times = append(times, e.At)
	}
	return slices.DeleteFunc(times, time.Time.IsZero)
}

// Times are all that stand in the payment's rows.
func (t *Traced) Times() []time.Time {
	times := t.changes()
	for _, list := range [][]TracedRequest{t.Settlements, t.Refunds} {
		for _, x := range list {
			times = append(times, x.LastRetry)
		}
	}
	for _, e := range t.Events {
		times = append(times, e.Created, e.PublishedAt, e.LastTry)
	}
	if t.Record != nil {
		times = append(times, t.Record.Created)
	}
	return slices.DeleteFunc(times, time.Time.IsZero)
}

// moments are the times at which the payment's events must have been written.
func (t *Traced) moments() (all []Stretch) {
	times := t.changes()
	slices.SortFunc(times, time.Time.Compare)
	for _, at := range times {
		if n := len(all); n > 0 && !at.Add(-aroundEvent).After(all[n-1].To) {
			all[n-1].To = at.Add(aroundEvent)
			continue
		}
		all = append(all, Stretch{at.Add(-aroundEvent), at.Add(aroundEvent)})
	}
	return all[:min(len(all), maxMoments)]
}
