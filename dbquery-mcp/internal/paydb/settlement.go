package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"payops-mcp/shared/foreign"
)

// RequestKind is what the payment gateway is asked for.
type RequestKind string

// The kinds.
const (
	Settlements RequestKind = "settlement"
	Refunds     RequestKind = "refund"
)

// form is where a kind stands in the database.
type form struct {
	table, amount string
	asked         string // status of a payment whose request is under way
	since         string // column that says since when
	event         string // that starts the request
}

var forms = map[RequestKind]form{
	Settlements: {"settlement_request", "request_amount", "CAPTURE_REQUESTED", "requested_at", "PAYMENT_CAPTURE_REQUESTED"},
	Refunds:     {"refund_request", "refund_amount", "REFUND_REQUESTED", "updated_at", "PAYMENT_REFUND_REQUESTED"},
}

// Every statement walks one index from one end and stops; payments are joined by
// their primary key after that.
const (
	sqlRequests = `SELECT s.id, s.payment_id, s.amount, s.retry_count, s.last_retry_at, s.requested_at, LEFT(s.pg_response_code, 64), LEFT(s.pg_response_message, 120),
  LEFT(p.merchant_id, 256), CHAR_LENGTH(p.merchant_id), LEFT(p.currency, 16), LEFT(p.status, 64)
FROM (SELECT id, payment_id, %[2]s AS amount, retry_count, last_retry_at, requested_at, pg_response_code, pg_response_message
  FROM %[1]s %[3]s status = ? AND requested_at >= ? AND requested_at < ? ORDER BY requested_at DESC LIMIT ?) AS s
LEFT JOIN payment AS p ON p.payment_id = s.payment_id`

	sqlRequestsByMinute = `SELECT TIMESTAMPDIFF(SECOND, ?, requested_at) DIV ? AS slot, COUNT(*) FROM (
  SELECT requested_at FROM %s %s status = ? AND requested_at >= ? AND requested_at < ? ORDER BY requested_at DESC LIMIT ?) AS r
GROUP BY slot ORDER BY slot`

	sqlUnderWay = `SELECT payment_id, LEFT(merchant_id, 256), CHAR_LENGTH(merchant_id), amount, LEFT(currency, 16), requested_at, %[1]s FROM payment FORCE INDEX (%[2]s)
WHERE status = ? AND requested_at < ? AND %[1]s < ? ORDER BY requested_at LIMIT ?`

	sqlRequestsOf = `SELECT payment_id, COUNT(*) FROM %s %s payment_id IN (%s) GROUP BY payment_id`

	sqlLastRequest = `SELECT id, requested_at FROM %s FORCE INDEX (%s) ORDER BY id DESC LIMIT 1`

	sqlFirstRequest = `SELECT id, requested_at FROM %s FORCE INDEX (%s) WHERE id >= ? ORDER BY id LIMIT 1`

	// How many requests were begun since the oldest payment that has none.
	sqlServed = `SELECT COUNT(*) FROM %s FORCE INDEX (%s) WHERE id >= ? AND requested_at >= ?`

	sqlTwice = `SELECT payment_id FROM %s FORCE INDEX (%s) WHERE id >= ? GROUP BY payment_id HAVING COUNT(*) > 1 ORDER BY payment_id DESC LIMIT ?`

	// What does not fit its payment at first sight; the books of those payments are
	// then read and judged whole.
	sqlUnfit = `SELECT s.payment_id FROM %[1]s AS s FORCE INDEX (%[3]s) JOIN payment AS p ON p.payment_id = s.payment_id
WHERE s.id >= ? AND s.status = 'SUCCESS' AND (s.%[2]s <> p.amount OR p.status NOT IN (%[4]s)) ORDER BY s.id DESC LIMIT ?`

	sqlRefundedWithout = `SELECT p.payment_id FROM (SELECT payment_id FROM payment FORCE INDEX (%s) WHERE status = 'REFUNDED' ORDER BY requested_at DESC LIMIT ?) AS p
LEFT JOIN refund_request AS r FORCE INDEX (%s) ON r.payment_id = p.payment_id AND r.status = 'SUCCESS'
WHERE r.payment_id IS NULL LIMIT ?`

	sqlWaitingStarts = `SELECT aggregate_id FROM outbox_event FORCE INDEX (%) WHERE published = 0 AND event_type = ? LIMIT ?`

	sqlEventOf = `SELECT published FROM outbox_event FORCE INDEX (%) WHERE published IN (0, 1) AND created_at BETWEEN ? AND ?
AND aggregate_id = ? AND event_type = ? LIMIT 1`
)

const (
	// maxRequests is how many requests of a status are looked at one by one, newest first.
	maxRequests = 20_000
	// maxSlots bounds the requests from which rates over time are counted.
	maxSlots = 100_000
	// maxNewRequests is how many of the newest requests are compared with their payments.
	maxNewRequests = 20_000
	// maxUnderWay is how many payments under way for too long are listed, oldest first.
	maxUnderWay = 1_000
	// maxUnfit is how many payments that do not fit are looked at whole.
	maxUnfit = 200
	// maxEvents is how many payments' events are looked for one by one.
	maxEvents = 50
	// slots is into how many parts a window is cut at most.
	slots = 10_000

	// PendingGrace is how long a request may be seen PENDING: healthy code never
	// commits one.
	PendingGrace = time.Minute
	// UnderWayGrace is how long a payment may wait for its request.
	UnderWayGrace = 5 * time.Minute
	// eventSpan is how far from the payment's time its event is looked for.
	eventBefore, eventAfter = 5 * time.Second, 15 * time.Second
)

// GatewayQuery is which requests to look at.
type GatewayQuery struct {
	Kind   RequestKind
	Window func(now time.Time) (Window, error) // by requested_at; asked once
	Within []string                            // merchants of whom something may be told; none: all
}

// GatewayRequest is a request that did not succeed.
type GatewayRequest struct {
	ID, PaymentID int64
	Merchant      foreign.Text
	Amount        string // decimal digits
	Currency      foreign.Text
	PaymentStatus foreign.Text // Null without a payment
	Retries       int64
	LastRetry     time.Time // zero for never
	Requested     time.Time
	Code          foreign.Text
	Message       foreign.Text
}

// EventState is what became of the event that starts a request.
type EventState string

// The states.
const (
	EventWaits     EventState = "waits"     // in the outbox
	EventPublished EventState = "published" //
	EventNotFound  EventState = "not_found" // around the time at which it should have been written
	EventNotLooked EventState = "not_looked"
)

// UnderWay is a payment that waits for its request for too long.
type UnderWay struct {
	Payment
	Since    time.Time
	Requests int // rows, of whatever status
	Event    EventState
}

// Slots count requests over time: the first begins at From.
type Slots struct {
	From     time.Time
	Width    time.Duration
	Succeed  []int64
	Failed   []int64
	Complete time.Time // from when on both were counted
	// SucceedSince and FailedSince say that there were too many to count, and from
	// when on each was; zero: all of the window.
	SucceedSince, FailedSince time.Time
}

// Gateway is what a shard has of one kind of request.
type Gateway struct {
	Window     Window
	Failed     []GatewayRequest // newest first
	FailedCut  bool             // there are more
	Pending    []GatewayRequest // older than a minute, of any time
	PendingCut bool
	Slots      Slots

	UnderWay    []UnderWay // oldest first
	UnderWayCut bool
	Served      int64 // requests begun since the oldest of those that have none

	Latest    time.Time // when the newest request was made; zero: there is none
	Unfit     []int64   // payments to be looked at whole
	UnfitCut  bool
	SeenSince time.Time // requests from then on were compared with their payments; zero: there are none
	Whole     bool      // that is all of them
	Slow      []string  // what was not looked at for want of an index
}

// Gateway looks at the requests of one kind on every shard, and returns the window.
func (db *DB) Gateway(ctx context.Context, q GatewayQuery) ([]Reply[Gateway], *Window, error) {
	places, window := sync.Mutex{}, (*Window)(nil)
	resolve := func(now time.Time) (w Window, err error) {
		places.Lock()
		defer places.Unlock()
		if window == nil {
			if w, err = q.Window(now); err != nil {
				return w, err
			}
			w.Clock = now
			window = &w
		}
		return *window, nil
	}
	replies, err := ask(ctx, db, func(ctx context.Context, r *Reader) (Gateway, error) {
		w, err := resolve(r.Now())
		if err != nil {
			return Gateway{}, err
		}
		g := &gatewayLook{r: r, q: q, form: forms[q.Kind]}
		g.out.Window = w
		err = g.all(ctx)
		return g.out, err
	})
	return replies, window, err
}

// gatewayLook is the look at one shard.
type gatewayLook struct {
	r        *Reader
	q        GatewayQuery
	form     form
	requests Table
	payment  Table
	byID     string
	first    int64 // lowest id of the newest requests
	out      Gateway
}

func (g *gatewayLook) all(ctx context.Context) (err error) {
	if g.payment, err = g.r.paymentTable(ctx); err != nil {
		return err
	}
	if missing := g.payment.Drift().Missing; len(missing) > 0 {
		return g.r.lacks(g.payment, missing)
	}
	if g.requests, err = g.r.table(ctx, g.form.table); err != nil {
		return err
	}
	must := []string{"id", "payment_id", g.form.amount, "status", "retry_count", "last_retry_at", "requested_at", "pg_response_code", "pg_response_message"}
	if missing := g.requests.without(must...); len(missing) > 0 {
		return g.r.lacks(g.requests, missing)
	}
	if g.byID = g.requests.index("id"); g.byID == "" {
		return g.r.unreadable(g.requests, "id")
	}
	if g.payment.index("payment_id") == "" {
		return g.r.unreadable(g.payment, "payment_id")
	}
	for _, step := range []func(context.Context) error{g.newest, g.failed, g.pending, g.slots, g.underWay, g.unfit} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newest finds where the newest requests begin.
func (g *gatewayLook) newest(ctx context.Context) error {
	var last, least int64
	err := g.r.run(ctx, "the last "+g.form.table, fmt.Sprintf(sqlLastRequest, g.form.table, quoteName(g.byID)), nil, func(rows *sql.Rows) error { return rows.Scan(&last, &g.out.Latest) })
	if err != nil || last == 0 {
		g.out.Whole = true
		return err
	}
	firstOf := func(name string, from int64, id *int64, at *time.Time) error {
		return g.r.run(ctx, name, fmt.Sprintf(sqlFirstRequest, g.form.table, quoteName(g.byID)), []any{from}, func(rows *sql.Rows) error { return rows.Scan(id, at) })
	}
	if err := firstOf("the first of the newest requests", last-maxNewRequests+1, &g.first, &g.out.SeenSince); err != nil {
		return err
	}
	err = firstOf("the first request", 0, &least, new(time.Time))
	g.out.Whole = least == g.first
	return err
}

// walk is how requests are found by a column: through its index, or among the
// newest where there is none.
func (g *gatewayLook) walk(columns ...string) string {
	if index := g.requests.index(columns...); index != "" {
		return "FORCE INDEX (" + quoteName(index) + ") WHERE"
	}
	return fmt.Sprintf("FORCE INDEX (%s) WHERE id >= %d AND", quoteName(g.byID), g.first)
}

// indexed reports whether requests are found by a column through an index; if not
// it is noted, once.
func (g *gatewayLook) indexed(columns ...string) {
	text := fmt.Sprintf("%s has no index over %s: of it only the newest %d requests were searched", g.form.table, strings.Join(columns, ", "), maxNewRequests)
	if g.requests.index(columns...) == "" && !g.out.Whole && !slices.Contains(g.out.Slow, text) {
		g.out.Slow = append(g.out.Slow, text)
	}
}

// told reports whether anything may be said of a merchant's payment.
func (g *gatewayLook) told(merchant sql.NullString) bool {
	return len(g.q.Within) == 0 || slices.Contains(g.q.Within, merchant.String)
}

// list reads requests of a status, newest first.
func (g *gatewayLook) list(ctx context.Context, status string, since, until time.Time, limit int) (all []GatewayRequest, cutOff bool, err error) {
	g.indexed("status", "requested_at")
	query := fmt.Sprintf(sqlRequests, g.form.table, g.form.amount, g.walk("status", "requested_at"))
	n := 0
	err = g.r.run(ctx, g.form.table+" that are "+status, query,
		[]any{status, g.requests.up("requested_at", since), g.requests.up("requested_at", until), limit + 1}, func(rows *sql.Rows) error {
			var x GatewayRequest
			var amount, code, message, merchant, currency, state sql.NullString
			var retries, length sql.NullInt64
			var last, requested sql.NullTime
			err := rows.Scan(&x.ID, &x.PaymentID, &amount, &retries, &last, &requested, &code, &message, &merchant, &length, &currency, &state)
			if n++; err != nil || n > limit || !g.told(merchant) {
				return err
			}
			x.Amount, x.Retries, x.LastRetry, x.Requested = cmp.Or(amount.String, "0"), retries.Int64, last.Time, requested.Time
			x.Code, x.Message, x.Currency, x.PaymentStatus = text(code), text(message), text(currency), text(state)
			x.Merchant = cut(merchant, length.Int64)
			all = append(all, x)
			return nil
		})
	return all, n > limit, err
}

func (g *gatewayLook) failed(ctx context.Context) (err error) {
	g.out.Failed, g.out.FailedCut, err = g.list(ctx, "FAILED", g.out.Window.Since, g.out.Window.Until, maxRequests)
	return err
}

// pending looks for requests that healthy code never shows, of whatever age.
func (g *gatewayLook) pending(ctx context.Context) (err error) {
	g.out.Pending, g.out.PendingCut, err = g.list(ctx, "PENDING", time.Unix(1, 0), g.r.Now().Add(-PendingGrace), maxUnderWay)
	return err
}

// slots counts what failed and what succeeded over time.
func (g *gatewayLook) slots(ctx context.Context) error {
	w := g.out.Window
	s := &g.out.Slots
	s.Width = max(time.Minute, (w.Until.Sub(w.Since) / slots).Truncate(time.Minute))
	n := int(w.Until.Sub(w.Since)/s.Width) + 1
	s.From, s.Succeed, s.Failed, s.Complete = w.Since, make([]int64, n), make([]int64, n), w.Since
	for _, x := range []struct {
		status string
		counts []int64
		since  *time.Time
	}{{"SUCCESS", s.Succeed, &s.SucceedSince}, {"FAILED", s.Failed, &s.FailedSince}} {
		query := fmt.Sprintf(sqlRequestsByMinute, g.form.table, g.walk("status", "requested_at"))
		args := []any{g.requests.up("requested_at", w.Since), int(s.Width.Seconds()), x.status, g.requests.up("requested_at", w.Since), g.requests.up("requested_at", w.Until), maxSlots}
		var seen int64
		least := -1
		err := g.r.run(ctx, g.form.table+" "+x.status+" over time", query, args, func(rows *sql.Rows) error {
			var slot, count int64
			if err := rows.Scan(&slot, &count); err != nil {
				return err
			}
			if least < 0 {
				least = int(slot)
			}
			x.counts[min(max(int(slot), 0), n-1)] += count
			seen += count
			return nil
		})
		if err != nil {
			return err
		}
		if seen == maxSlots { // what came before was not counted
			*x.since = w.Since.Add(time.Duration(least) * s.Width)
			if from := x.since.Add(s.Width); from.After(s.Complete) {
				s.Complete = from
			}
		}
	}
	return nil
}

// underWay lists payments that wait for their request for too long.
func (g *gatewayLook) underWay(ctx context.Context) error {
	byState := g.payment.index("status", "requested_at")
	if byState == "" {
		g.out.Slow = append(g.out.Slow, "payment has no index over status, requested_at: payments that wait for their request were not looked for")
		return nil
	}
	until := g.r.Now().Add(-UnderWayGrace)
	query := fmt.Sprintf(sqlUnderWay, g.form.since, quoteName(byState))
	n := 0
	err := g.r.run(ctx, "payments in "+g.form.asked, query, []any{g.form.asked, g.payment.up("requested_at", until), g.payment.up(g.form.since, until), maxUnderWay + 1}, func(rows *sql.Rows) error {
		u := UnderWay{Event: EventNotLooked}
		u.Shard = g.r.shard.name
		var merchant, amount, currency sql.NullString
		var length sql.NullInt64
		var requested, since sql.NullTime
		err := rows.Scan(&u.ID, &merchant, &length, &amount, &currency, &requested, &since)
		if n++; err != nil || n > maxUnderWay || !g.told(merchant) {
			return err
		}
		u.Merchant, u.Amount, u.Currency, u.RequestedAt, u.Since = cut(merchant, length.Int64), amount.String, text(currency), requested.Time, since.Time
		u.Status = foreign.Text(g.form.asked)
		g.out.UnderWay = append(g.out.UnderWay, u)
		return nil
	})
	if g.out.UnderWayCut = n > maxUnderWay; err != nil || len(g.out.UnderWay) == 0 {
		return err
	}
	if err := g.requestsOf(ctx); err != nil {
		return err
	}
	if err := g.served(ctx); err != nil {
		return err
	}
	return g.events(ctx)
}

// requestsOf counts the requests of payments under way.
func (g *gatewayLook) requestsOf(ctx context.Context) error {
	g.indexed("payment_id")
	place := map[int64]int{}
	for i, u := range g.out.UnderWay {
		place[u.ID] = i
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(place)), hurtChunk) {
		query := fmt.Sprintf(sqlRequestsOf, g.form.table, g.walk("payment_id"), marks(len(some)))
		err := g.r.run(ctx, "requests of payments that wait", query, anys(some), func(rows *sql.Rows) error {
			var id int64
			var n int
			err := rows.Scan(&id, &n)
			g.out.UnderWay[place[id]].Requests = n
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// without are the payments under way that have no request.
func (g *gatewayLook) without() (all []*UnderWay) {
	for i := range g.out.UnderWay {
		if g.out.UnderWay[i].Requests == 0 {
			all = append(all, &g.out.UnderWay[i])
		}
	}
	return all
}

// served counts the requests begun since: where many were, a worker lives, and
// those without one were left out.
func (g *gatewayLook) served(ctx context.Context) error {
	all := g.without()
	if len(all) == 0 {
		return nil
	}
	since := all[0].Since
	for _, u := range all {
		if u.Since.Before(since) {
			since = u.Since
		}
	}
	query := fmt.Sprintf(sqlServed, g.form.table, quoteName(g.byID))
	return g.r.run(ctx, "requests since then", query, []any{g.first, g.requests.up("requested_at", since.Add(PendingGrace))}, func(rows *sql.Rows) error { return rows.Scan(&g.out.Served) })
}

// events looks for the events that should have started the requests: among what
// waits in the outbox, then around the time at which each must have been written.
func (g *gatewayLook) events(ctx context.Context) error {
	all := g.without()
	there, err := g.r.has(ctx, "outbox_event")
	if err != nil || !there || len(all) == 0 {
		return err
	}
	t, err := g.r.table(ctx, "outbox_event")
	if err != nil {
		return err
	}
	byState := t.index("published", "created_at")
	if byState == "" || len(t.without("aggregate_id", "event_type", "published", "created_at")) > 0 {
		return nil
	}
	waits := map[int64]bool{}
	err = g.r.run(ctx, "events that wait", fillIndex(sqlWaitingStarts, byState), []any{g.form.event, maxWaiting}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		waits[id] = true
		return err
	})
	if err != nil {
		return err
	}
	looked := 0
	for _, u := range all {
		if waits[u.ID] {
			u.Event = EventWaits
			continue
		}
		if looked++; looked > maxEvents {
			continue
		}
		u.Event = EventNotFound
		args := []any{t.up("created_at", u.Since.Add(-eventBefore)), t.up("created_at", u.Since.Add(eventAfter)), u.ID, g.form.event}
		err := g.r.run(ctx, "the event of a payment", fillIndex(sqlEventOf, byState), args, func(rows *sql.Rows) error {
			var published bool
			err := rows.Scan(asBool{&published})
			if u.Event = EventWaits; published {
				u.Event = EventPublished
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// asBool reads TINYINT and BIT.
type asBool struct{ to *bool }

// Scan takes a value of the driver.
func (b asBool) Scan(v any) error {
	switch v := v.(type) {
	case int64:
		*b.to = v != 0
	case []byte:
		*b.to = len(v) > 0 && v[len(v)-1] != 0 && v[len(v)-1] != '0'
	default:
		return fmt.Errorf("%T is no flag", v)
	}
	return nil
}

// unfit finds payments whose newest requests do not fit them at first sight.
func (g *gatewayLook) unfit(ctx context.Context) error {
	if g.first == 0 {
		return g.refundedWithout(ctx)
	}
	captured := "'CAPTURED', 'REFUND_REQUESTED', 'REFUNDED', 'REFUND_FAILED', 'PARTIAL_REFUNDED'"
	if g.q.Kind == Refunds {
		captured = "'REFUNDED', 'PARTIAL_REFUNDED'"
	}
	table, id := g.form.table, quoteName(g.byID)
	err := g.ids(ctx, "payments with several requests", fmt.Sprintf(sqlTwice, table, id), g.first, maxUnfit+1)
	if err == nil {
		err = g.ids(ctx, "requests that do not fit their payment", fmt.Sprintf(sqlUnfit, table, g.form.amount, id, captured), g.first, maxUnfit+1)
	}
	if err == nil {
		err = g.refundedWithout(ctx)
	}
	return err
}

func (g *gatewayLook) refundedWithout(ctx context.Context) error {
	byState, byPayment := g.payment.index("status", "requested_at"), g.requests.index("payment_id")
	if g.q.Kind != Refunds {
		return nil
	}
	if byState == "" || byPayment == "" {
		g.out.Slow = append(g.out.Slow, "without an index over status and one over payment_id, refunded payments without a refund were not looked for")
		return nil
	}
	return g.ids(ctx, "refunded payments without a refund", fmt.Sprintf(sqlRefundedWithout, quoteName(byState), quoteName(byPayment)), maxRequests, maxUnfit+1)
}

func (g *gatewayLook) ids(ctx context.Context, name, query string, args ...any) error {
	n := 0
	return g.r.run(ctx, name, query, args, func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if n++; n > maxUnfit {
			g.out.UnfitCut = true
			return nil
		}
		if !slices.Contains(g.out.Unfit, id) {
			g.out.Unfit = append(g.out.Unfit, id)
		}
		return nil
	})
}

// BooksOf reads payments whole by their ids, with their settlements and refunds,
// each list on the shard of its place. What was changed within grace is Young.
func (db *DB) BooksOf(ctx context.Context, ids [][]int64, grace time.Duration) ([]Reply[[]Exception], error) {
	places := map[string]int{}
	for i, s := range db.shards {
		places[s.name] = i
	}
	return ask(ctx, db, func(ctx context.Context, r *Reader) (found []Exception, err error) {
		mine := ids[places[r.shard.name]]
		if len(mine) == 0 {
			return nil, nil
		}
		c := &reconciling{r: r, q: ReconcileQuery{Grace: grace, Checks: Checks{Settlements: true, Refunds: true}}}
		if err := c.look(ctx); err != nil {
			return nil, err
		}
		for some := range slices.Chunk(mine, confirmSize) {
			more, err := c.whole(ctx, some)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		return found, nil
	})
}
