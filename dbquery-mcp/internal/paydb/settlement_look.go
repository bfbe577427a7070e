package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/foreign"
)

// gatewayLook is the look at one shard.
type gatewayLook struct {
	r        *Reader
	q        GatewayQuery
	form     form
	requests Table
	payment  Table
	byID     string
	first    int64     // lowest id of the newest requests
	kept     time.Time // when the first request of all was made; zero: there is none
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
	steps := []func(context.Context) error{g.newest, g.failed, g.pending, g.ahead, g.odd, g.slots, g.underWay, g.unfit, g.unexplained}
	if g.q.Waiting != nil {
		steps = []func(context.Context) error{g.newest, g.pending, g.ahead, g.underWay}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newest finds where the newest requests begin.
func (g *gatewayLook) newest(ctx context.Context) error {
	var last, least int64
	one := func(name, query string, id *int64, at *time.Time, args ...any) error {
		return g.r.run(ctx, name, fmt.Sprintf(query, g.form.table, quoteName(g.byID)), args, func(rows *sql.Rows) error { return rows.Scan(id, at) })
	}
	if err := one("the last "+g.form.table, sqlLastRequest, &last, &g.out.Latest); err != nil || last == 0 {
		g.out.Whole = true
		return err
	}
	if err := one("the first request", sqlFirstRequest, &least, &g.out.SeenSince); err != nil {
		return err
	}
	g.kept = g.out.SeenSince
	g.first = least // where there are no more than those
	err := one("the first of the newest requests", sqlNthRequest, &g.first, &g.out.SeenSince, last, maxNewRequests-1)
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

// named is a status that is not NULL.
func named(status string) sql.NullString { return sql.NullString{String: status, Valid: true} }

// told reports whether anything may be said of a merchant's payment.
func (g *gatewayLook) told(merchant sql.NullString) bool {
	return len(g.q.Within) == 0 || slices.Contains(g.q.Within, merchant.String)
}

// holds reports whether a payment was asked for, which belongs to several times.
func (g *gatewayLook) holds(id int64, times ...time.Time) bool {
	return g.q.Waiting == nil || slices.ContainsFunc(times, func(at time.Time) bool { return g.q.Waiting(id, at, g.out.Window) })
}

// list reads requests of a status, newest first.
func (g *gatewayLook) list(ctx context.Context, status sql.NullString, since, until time.Time, limit int) (all []GatewayRequest, cutOff bool, err error) {
	g.indexed("status", "requested_at")
	query := fmt.Sprintf(sqlRequests, g.form.table, g.form.amount, g.walk("status", "requested_at"))
	n := 0
	err = g.r.run(ctx, g.form.table+" of a status", query,
		[]any{status, g.requests.up("requested_at", since), g.requests.up("requested_at", until), limit + 1}, func(rows *sql.Rows) error {
			var x GatewayRequest
			var amount, code, message, merchant, currency, state sql.NullString
			var retries, length sql.NullInt64
			var last, requested, asked sql.NullTime
			err := rows.Scan(&x.ID, &x.PaymentID, &amount, &retries, &last, &requested, &code, &message, &merchant, &length, &currency, &state, &asked)
			if n++; err != nil || n > limit || !g.told(merchant) || !g.holds(x.PaymentID, asked.Time, requested.Time) {
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
	g.out.Failed, g.out.FailedCut, err = g.list(ctx, named("FAILED"), g.out.Window.Since, g.out.Window.Until, maxRequests)
	return err
}

// pending looks for requests that healthy code never shows, of whatever age.
func (g *gatewayLook) pending(ctx context.Context) (err error) {
	g.out.Pending, g.out.PendingCut, err = g.list(ctx, named("PENDING"), time.Unix(1, 0), g.r.Now().Add(-PendingGrace), maxUnderWay)
	return err
}

// ahead looks for requests whose time has not come yet: a window that ends now has none
// of them.
func (g *gatewayLook) ahead(ctx context.Context) error {
	statuses := []string{"FAILED", "PENDING"}
	if g.q.Waiting != nil {
		statuses = statuses[1:]
	}
	for _, status := range statuses {
		some, cutOff, err := g.list(ctx, named(status), g.r.Now(), endOfTime, maxAhead)
		if err != nil {
			return err
		}
		g.out.Ahead, g.out.AheadCut = append(g.out.Ahead, some...), g.out.AheadCut || cutOff
	}
	return nil
}

// endOfTime is the last second that a TIMESTAMP holds wherever one is: not every server
// compares one with more.
var endOfTime = time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC)

// odd looks for requests whose status the payment system does not have.
func (g *gatewayLook) odd(ctx context.Context) error {
	var statuses []sql.NullString
	query := fmt.Sprintf(sqlOddStatuses, g.form.table, g.walk("status", "requested_at"))
	err := g.r.run(ctx, "statuses of "+g.form.table, query, []any{maxOddStatuses + 1}, func(rows *sql.Rows) error {
		var s sql.NullString
		err := rows.Scan(&s)
		statuses = append(statuses, s)
		return err
	})
	if err != nil {
		return err
	}
	g.out.OddCut = len(statuses) > maxOddStatuses
	for _, status := range first(maxOddStatuses, statuses) {
		list, cutOff, err := g.list(ctx, status, g.out.Window.Since, g.out.Window.Until, maxOdd)
		if err != nil {
			return err
		}
		if len(list) > 0 || cutOff {
			g.out.Odd = append(g.out.Odd, OddRequests{text(status), list, cutOff})
		}
	}
	return nil
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
		g.out.Slow = append(g.out.Slow, "payment has no index over status, requested_at: payments that wait for their "+string(g.q.Kind)+" were not looked for")
		return nil
	}
	last := fmt.Sprintf(sqlLastAsked, quoteName(byState))
	if err := g.r.run(ctx, "the last payment in "+g.form.asked, last, []any{g.form.asked}, func(rows *sql.Rows) error { return rows.Scan(&g.out.LastAsked) }); err != nil {
		return err
	}
	until := g.r.Now().Add(-UnderWayGrace)
	query := fmt.Sprintf(sqlUnderWay, g.form.since, quoteName(byState))
	n, others := 0, map[int64]bool{}
	err := g.r.run(ctx, "payments in "+g.form.asked, query, []any{g.form.asked, g.payment.up("requested_at", until), g.payment.up(g.form.since, until), maxUnderWay + 1}, func(rows *sql.Rows) error {
		u := UnderWay{Event: EventNotLooked}
		u.Shard = g.r.shard.name
		var merchant, amount, currency sql.NullString
		var length sql.NullInt64
		var requested, since sql.NullTime
		err := rows.Scan(&u.ID, &merchant, &length, &amount, &currency, &requested, &since)
		if n++; err != nil || n > maxUnderWay {
			return err
		}
		others[u.ID] = !g.told(merchant) || !g.holds(u.ID, requested.Time, since.Time)
		u.Merchant, u.Amount, u.Currency, u.RequestedAt, u.Since = cut(merchant, length.Int64), amount.String, text(currency), requested.Time, since.Time
		u.Status = foreign.Text(g.form.asked)
		g.out.UnderWay = append(g.out.UnderWay, u)
		return nil
	})
	if g.out.UnderWayCut = n > maxUnderWay; err != nil || len(g.out.UnderWay) == 0 {
		return err
	}
	if err := g.requestsOf(ctx, others); err != nil {
		return err
	}
	g.leaveOut(others)
	if err := g.served(ctx); err != nil {
		return err
	}
	return g.events(ctx)
}

// requestsOf counts the requests of payments under way. One that succeeded or is PENDING
// does not fit its payment, however old it is; of others nothing is asked further.
func (g *gatewayLook) requestsOf(ctx context.Context, others map[int64]bool) error {
	g.indexed("payment_id")
	place, suspect := map[int64]int{}, g.suspects()
	for i, u := range g.out.UnderWay {
		place[u.ID] = i
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(place)), hurtChunk) {
		query := fmt.Sprintf(sqlRequestsOf, g.form.table, g.walk("payment_id"), marks(len(some)))
		err := g.r.run(ctx, "requests of payments that wait", query, anys(some), func(rows *sql.Rows) error {
			var id int64
			var n, open, odd int
			err := rows.Scan(&id, &n, &open, &odd)
			u := &g.out.UnderWay[place[id]]
			u.Requests, u.Open, u.Odd = n, open, odd
			if open > 0 && g.q.Waiting == nil && !others[id] {
				suspect(id)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leaveOut takes others from those under way. That they wait as well says whether the
// worker has left some out, or has not come to any.
func (g *gatewayLook) leaveOut(others map[int64]bool) {
	everyone := slices.Clone(g.out.UnderWay)
	g.out.UnderWay = slices.DeleteFunc(g.out.UnderWay, func(u UnderWay) bool { return others[u.ID] })
	all := g.without()
	if len(all) == 0 {
		return
	}
	since := oldest(all)
	for _, u := range everyone {
		if others[u.ID] && u.Requests == 0 && !u.Since.Before(since) {
			g.out.Others++
		}
	}
}

// oldest is since when the first of them waits.
func oldest(all []*UnderWay) time.Time {
	return slices.MinFunc(all, func(a, b *UnderWay) int { return a.Since.Compare(b.Since) }).Since
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

// served counts the settlements of payments requested well after those without one:
// where there are many, the worker came past these and left them out. A worker that
// only drains what waits has not come to them yet.
func (g *gatewayLook) served(ctx context.Context) error {
	all := g.without()
	if len(all) == 0 || g.q.Kind != Settlements {
		return nil
	}
	since := oldest(all)
	query := fmt.Sprintf(sqlServed, g.form.table, quoteName(g.byID), quoteName(g.payment.index("payment_id")))
	args := []any{g.first, g.requests.up("requested_at", since.Add(PendingGrace)), g.payment.up("requested_at", since.Add(UnderWayGrace))}
	return g.r.run(ctx, "settlements of later payments", query, args, func(rows *sql.Rows) error { return rows.Scan(&g.out.Served) })
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
	err := g.twice(ctx)
	if err == nil {
		err = g.ids(ctx, "requests that do not fit their payment", fmt.Sprintf(sqlUnfit, table, g.form.amount, id, captured), g.first, maxUnfit+1)
	}
	if err == nil {
		err = g.refundedWithout(ctx)
	}
	return err
}

// twice finds payments with one of the newest requests and another.
func (g *gatewayLook) twice(ctx context.Context) error {
	const name = "payments with several requests"
	table, byID, byPayment := g.form.table, quoteName(g.byID), g.requests.index("payment_id")
	if byPayment == "" {
		g.indexed("payment_id")
		return g.ids(ctx, name, fmt.Sprintf(sqlTwiceAmongNewest, table, byID), g.first, maxUnfit+1)
	}
	var least, most int64
	err := g.r.run(ctx, "the payments of the newest requests", fmt.Sprintf(sqlPaymentsSpan, table, byID), []any{g.first}, func(rows *sql.Rows) error { return rows.Scan(&least, &most) })
	if err != nil {
		return err
	}
	if most-least < togetherSpan {
		return g.ids(ctx, name, fmt.Sprintf(sqlTwiceTogether, table, quoteName(byPayment)), least, most, g.first, maxUnfit+1)
	}
	return g.ids(ctx, name, fmt.Sprintf(sqlTwice, table, byID, quoteName(byPayment)), g.first, maxUnfit+1)
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

// unexplained looks for payments that failed and have no request. Of older payments than
// requests are kept it may have been cleared away.
func (g *gatewayLook) unexplained(ctx context.Context) error {
	byState, byPayment := g.payment.index("status", "requested_at"), g.requests.index("payment_id")
	if g.kept.IsZero() || byState == "" { // of the latter underWay has told
		return nil
	}
	if byPayment == "" {
		g.indexed("payment_id")
		return nil
	}
	since, until := g.out.Window.Since, g.out.Window.Until
	if g.kept.After(since) {
		since = g.kept
	}
	requested := since
	if g.form.since != "requested_at" { // one that was requested long ago may have failed just now
		requested = time.Unix(1, 0)
	}
	query := fmt.Sprintf(sqlFailedWithout, quoteName(byState), g.form.table, quoteName(byPayment), quoteName(g.payment.index("payment_id")), g.form.since)
	args := []any{g.form.failed, g.payment.up("requested_at", requested), maxRequests, g.payment.up(g.form.since, since), g.payment.up(g.form.since, until),
		g.payment.up("updated_at", g.r.Now().Add(-PendingGrace)), maxUnfit + 1}
	n := 0
	err := g.r.run(ctx, "payments that failed without a request", query, args, func(rows *sql.Rows) error {
		var id int64
		var merchant sql.NullString
		err := rows.Scan(&id, &merchant)
		if n++; err == nil && n <= maxUnfit && g.told(merchant) {
			g.out.Unexplained = append(g.out.Unexplained, id)
		}
		return err
	})
	g.out.UnexplainedCut = n > maxUnfit
	return err
}

func (g *gatewayLook) ids(ctx context.Context, name, query string, args ...any) error {
	suspect := g.suspects()
	return g.r.run(ctx, name, query, args, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		if err == nil {
			suspect(id)
		}
		return err
	})
}

// suspects returns what takes the payments that one question gives for unfit, up to
// maxUnfit.
func (g *gatewayLook) suspects() func(id int64) {
	n := 0
	return func(id int64) {
		switch n++; {
		case n > maxUnfit:
			g.out.UnfitCut = true
		case !slices.Contains(g.out.Unfit, id):
			g.out.Unfit = append(g.out.Unfit, id)
		}
	}
}
