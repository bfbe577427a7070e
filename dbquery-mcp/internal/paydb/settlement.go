package paydb

import (
	"context"
	"slices"
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
	failed        string // status of a payment whose request failed
}

var forms = map[RequestKind]form{
	Settlements: {"settlement_request", "request_amount", "CAPTURE_REQUESTED", "requested_at", "PAYMENT_CAPTURE_REQUESTED", "CAPTURE_FAILED"},
	Refunds:     {"refund_request", "refund_amount", "REFUND_REQUESTED", "updated_at", "PAYMENT_REFUND_REQUESTED", "REFUND_FAILED"},
}

// AskedStatus is the status of a payment whose request of a kind is under way.
func AskedStatus(k RequestKind) string { return forms[k].asked }

// Every statement walks one index from one end and stops; payments are joined by
// their primary key after that.
const (
	sqlRequests = `SELECT s.id, s.payment_id, s.amount, s.retry_count, s.last_retry_at, s.requested_at, LEFT(s.pg_response_code, 64), LEFT(s.pg_response_message, 120),
  LEFT(p.merchant_id, 256), CHAR_LENGTH(p.merchant_id), LEFT(p.currency, 16), LEFT(p.status, 64), p.requested_at
FROM (SELECT id, payment_id, %[2]s AS amount, retry_count, last_retry_at, requested_at, pg_response_code, pg_response_message
  FROM %[1]s %[3]s status <=> ? AND requested_at >= ? AND requested_at < ? ORDER BY requested_at DESC LIMIT ?) AS s
LEFT JOIN payment AS p ON p.payment_id = s.payment_id`

	// Statuses that the payment system does not have: the index has the rows of all others
	// aside, and healthy systems have none.
	sqlOddStatuses = `SELECT status FROM %s %s (status NOT IN ('PENDING', 'SUCCESS', 'FAILED') OR status IS NULL) GROUP BY status LIMIT ?`

	sqlRequestsByMinute = `SELECT TIMESTAMPDIFF(SECOND, ?, requested_at) DIV ? AS slot, COUNT(*) FROM (
  SELECT requested_at FROM %s %s status = ? AND requested_at >= ? AND requested_at < ? ORDER BY requested_at DESC LIMIT ?) AS r
GROUP BY slot ORDER BY slot`

	sqlUnderWay = `SELECT payment_id, LEFT(merchant_id, 256), CHAR_LENGTH(merchant_id), amount, LEFT(currency, 16), requested_at, %[1]s FROM payment FORCE INDEX (%[2]s)
WHERE status = ? AND requested_at < ? AND %[1]s < ? ORDER BY requested_at LIMIT ?`

	// When the last of them was requested: one whose time has not come yet waits unseen.
	sqlLastAsked = `SELECT requested_at FROM payment FORCE INDEX (%s) WHERE status = ? ORDER BY requested_at DESC LIMIT 1`

	sqlRequestsOf = `SELECT payment_id, COUNT(*), COUNT(IF(status IN ('SUCCESS', 'PENDING'), 1, NULL)), COUNT(IF(status IN ('PENDING', 'SUCCESS', 'FAILED'), NULL, 1)) FROM %s %s payment_id IN (%s) GROUP BY payment_id`

	sqlLastRequest = `SELECT id, requested_at FROM %s FORCE INDEX (%s) ORDER BY id DESC LIMIT 1`

	sqlFirstRequest = `SELECT id, requested_at FROM %s FORCE INDEX (%s) WHERE id >= 0 ORDER BY id LIMIT 1`

	// The first of the newest requests, which are counted: ids have gaps.
	sqlNthRequest = `SELECT id, requested_at FROM %s FORCE INDEX (%s) WHERE id <= ? ORDER BY id DESC LIMIT 1 OFFSET ?`

	// How many of the newest requests are for payments that were requested well after
	// the oldest payment that has none. The event of an older one lay before it in its
	// partition, and says nothing of it.
	sqlServed = `SELECT COUNT(*) FROM %s AS s FORCE INDEX (%s) STRAIGHT_JOIN payment AS p FORCE INDEX (%s) ON p.payment_id = s.payment_id
WHERE s.id >= ? AND s.requested_at >= ? AND p.requested_at >= ?`

	// Payments with one of the newest requests and an older one, of whatever age. Those of
	// payments that lie together are a stretch of the index, at a third of the cost.
	sqlTwiceTogether = `SELECT payment_id FROM %s FORCE INDEX (%s) WHERE payment_id BETWEEN ? AND ? GROUP BY payment_id HAVING COUNT(*) > 1 AND MAX(id) >= ?
ORDER BY payment_id DESC LIMIT ?`

	// For DISTINCT the server looks at one older request of each at most, so that many
	// of one payment do not multiply.
	sqlTwice = `SELECT DISTINCT s.payment_id FROM %[1]s AS s FORCE INDEX (%[2]s) STRAIGHT_JOIN %[1]s AS o FORCE INDEX (%[3]s) ON o.payment_id = s.payment_id AND o.id < s.id
WHERE s.id >= ? ORDER BY s.payment_id DESC LIMIT ?`

	sqlPaymentsSpan = `SELECT COALESCE(MIN(payment_id), 0), COALESCE(MAX(payment_id), 0) FROM %s FORCE INDEX (%s) WHERE id >= ?`

	// Without the index over payment_id: those with several of the newest.
	sqlTwiceAmongNewest = `SELECT payment_id FROM %s FORCE INDEX (%s) WHERE id >= ? GROUP BY payment_id HAVING COUNT(*) > 1 ORDER BY payment_id DESC LIMIT ?`

	// What does not fit its payment at first sight; the books of those payments are
	// then read and judged whole.
	sqlUnfit = `SELECT s.payment_id FROM %[1]s AS s FORCE INDEX (%[3]s) JOIN payment AS p ON p.payment_id = s.payment_id
WHERE s.id >= ? AND s.status = 'SUCCESS' AND (s.%[2]s <> p.amount OR p.status NOT IN (%[4]s)) ORDER BY s.id DESC LIMIT ?`

	sqlRefundedWithout = `SELECT p.payment_id FROM (SELECT payment_id FROM payment FORCE INDEX (%s) WHERE status = 'REFUNDED' ORDER BY requested_at DESC LIMIT ?) AS p
LEFT JOIN refund_request AS r FORCE INDEX (%s) ON r.payment_id = p.payment_id AND r.status = 'SUCCESS'
WHERE r.payment_id IS NULL LIMIT ?`

	// Payments that failed, from when on requests are kept, and have none.
	sqlFailedWithout = `SELECT STRAIGHT_JOIN p.payment_id, LEFT(p.merchant_id, 256)
FROM (SELECT payment_id FROM payment FORCE INDEX (%[1]s) WHERE status = ? AND requested_at >= ? ORDER BY requested_at DESC LIMIT ?) AS f
LEFT JOIN %[2]s AS r FORCE INDEX (%[3]s) ON r.payment_id = f.payment_id JOIN payment AS p FORCE INDEX (%[4]s) ON p.payment_id = f.payment_id
WHERE r.payment_id IS NULL AND p.%[5]s >= ? AND p.%[5]s < ? AND p.updated_at < ? LIMIT ?`

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
	// togetherSpan is over how many payment ids the newest requests may lie for them to
	// lie together.
	togetherSpan = 5 * maxNewRequests
	// maxUnderWay is how many payments under way for too long are listed, oldest first.
	maxUnderWay = 1_000
	// maxOdd is how many requests of a status that the payment system does not have are
	// looked at one by one, and of how many such statuses.
	maxOdd, maxOddStatuses = 1_000, 8
	// maxAhead is how many of a status that are dated ahead are looked at one by one.
	maxAhead = 1_000
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
	// Waiting leaves out all that is not needed to tell which payments wait for their
	// request, and since when, and of those each that it does not hold. nil: all is looked at.
	// It is asked with the time of the payment, and with that since when it waits or of its
	// request: one of both suffices.
	Waiting func(id int64, at time.Time, w Window) bool
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
	Open     int // of those, SUCCESS or PENDING
	Odd      int // of those, rows with a status that the payment system does not have
	Event    EventState
}

// OddRequests are those with one status that the payment system does not have.
type OddRequests struct {
	Status foreign.Text
	List   []GatewayRequest // newest first
	Cut    bool             // there are more
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

// Cut reports whether the first part of the window was not counted.
func (s Slots) Cut() bool { return s.Complete.After(s.From) }

// Gateway is what a shard has of one kind of request.
type Gateway struct {
	Window     Window
	Failed     []GatewayRequest // newest first
	FailedCut  bool             // there are more
	Pending    []GatewayRequest // older than a minute, of any time
	PendingCut bool
	Ahead      []GatewayRequest // FAILED or PENDING, requested later than the database's clock
	AheadCut   bool
	Odd        []OddRequests // by status
	OddCut     bool          // there are more such statuses than were looked at
	Slots      Slots

	UnderWay    []UnderWay // oldest first
	UnderWayCut bool
	// Others are payments beside UnderWay that have waited no longer than the oldest of it
	// without a request, and have none either: they were not asked for, or nothing may be
	// told of them.
	Others    int
	Served    int64     // settlements of payments requested well after the oldest of UnderWay that has none
	LastAsked time.Time // when the last payment that waits was requested; zero: there is none

	Latest   time.Time // when the newest request was made; zero: there is none
	Unfit    []int64   // payments to be looked at whole
	UnfitCut bool
	// Unexplained are payments that failed, without a request that says why.
	Unexplained    []int64
	UnexplainedCut bool
	SeenSince      time.Time // requests from then on were compared with their payments; zero: there are none
	Whole          bool      // that is all of them
	Slow           []string  // what was not looked at for want of an index
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
