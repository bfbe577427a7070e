package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// eventGrace is how old a payment must be to be missed an event.
const eventGrace = time.Minute

// Trace is one payment, or those of one id or key, as every shard has it.
type Trace struct {
	Shards
	Found  []paydb.Reply[[]paydb.Traced]
	Limits OutboxLimits
	Zone   *time.Location
}

// each are the payments found, one database once, with the place of their shard.
func (t Trace) each(do func(place int, r paydb.Reply[[]paydb.Traced], p paydb.Traced)) {
	for place, r := range t.Found {
		if !r.Source.OK() || r.SameAs != "" {
			continue
		}
		for _, p := range r.Facts {
			do(place, r, p)
		}
	}
}

// JudgeTrace runs on one payment every rule that there is for many.
func JudgeTrace(t Trace) (found []report.Finding, ran []catalog.Code) {
	_, ran = Judge(t.Shards)
	t.Shards = t.times()
	found = t.books() // and those on asking the shards
	found = slices.Concat(found, t.outbox(), t.requests(), t.regressed(), t.idempotency(), t.misrouted())
	// What a payment with nothing wrong was held against is worth telling; beside a
	// cause it is only long.
	if t.whole() && t.timed() && !t.stuck() && !slices.ContainsFunc(found, func(f report.Finding) bool { return f.Kind == catalog.Cause }) {
		overlooked, unproven := false, false
		t.each(func(_ int, _ paydb.Reply[[]paydb.Traced], p paydb.Traced) {
			overlooked = overlooked || p.Unfollowed != "" || p.Status == "CAPTURED" && !p.EventsBetween && !p.EventsWhole
			unproven = unproven || p.Unproven != ""
		})
		for _, x := range codes {
			if x.wrong != evidenceMissing || !unproven {
				ran = append(ran, x.code)
			}
		}
		ran = append(ran, catalog.OutboxDeadLetters, catalog.OutboxBacklog, catalog.SettlementRetryStarved, catalog.SettlementDeadLetter, catalog.RefundRetryStarved, catalog.RefundDeadLetter,
			catalog.IdemResponseMismatch)
		if !overlooked {
			ran = append(ran, catalog.PaymentStatusRegression)
		}
	}
	return found, ran
}

// times are those of the payments' rows. One payment says nothing of what else its shard
// holds, so they can find a rule broken and not rule it out.
func (t Trace) times() Shards {
	s := t.Shards
	s.Of, s.Read, s.ReadOf = "traced row", make([][]time.Time, len(t.Asked)), "times in its rows"
	t.each(func(place int, _ paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		s.Read[place] = append(s.Read[place], p.Times()...)
	})
	return s
}

// whole reports whether everything was seen of at least one payment, and nothing
// of it is under way.
func (t Trace) whole() bool {
	n, whole := 0, len(t.answered()) == len(t.Asked)
	t.each(func(_ int, _ paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		n++
		whole = whole && len(p.NotLooked) == 0 && !p.Books.Young
	})
	return whole && n > 0
}

// stuck reports whether any of the payments does not go on.
func (t Trace) stuck() (stuck bool) {
	t.each(func(_ int, r paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		stuck = stuck || Stuck(Where(p, r.Clock.Database, t.Limits, t.Zone))
	})
	return stuck
}

// books are the rules of the reconciliation.
func (t Trace) books() []report.Finding {
	against := Against(paydb.Checks{Settlements: true, Refunds: true})
	r := Reconciliation{Shards: t.Shards, Done: make([]paydb.Reconciled, len(t.Asked)), Checks: paydb.Checks{Settlements: true, Refunds: true}, Elsewhere: map[string][]paydb.Exception{}}
	for i := range r.Done {
		r.Done[i].End.Done = true
	}
	t.each(func(place int, x paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		e := p.Books
		if e.ID == 0 {
			return
		}
		r.Elsewhere[x.Shard] = append(r.Elsewhere[x.Shard], e)
		if !e.Young {
			e.Wrong = against(&e.Books)
		}
		if e.Wrong != 0 {
			r.Done[place].Exceptions = append(r.Done[place].Exceptions, e)
		}
	})
	return JudgeReconciliation(r).Findings
}

// outbox are the rules of the outbox that can be held against one payment's events.
func (t Trace) outbox() (found []report.Finding) {
	var replies []paydb.Reply[paydb.Outbox]
	hurt := map[Trouble][]paydb.Reply[paydb.Hurt]{}
	t.each(func(_ int, x paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		o := paydb.Outbox{Published: p.PublishedLast, Indexed: true, SeenSince: p.RequestedAt}
		for _, e := range p.Events {
			known := slices.Contains(paydb.EventTypes, string(e.Type))
			switch {
			case !e.Published:
				o.Waiting = append(o.Waiting, e.OutboxEvent)
			case e.PublishedAt.IsZero():
				o.Unmarked = append(o.Unmarked, e.OutboxEvent)
			}
			if !known {
				o.Strange = append(o.Strange, e.OutboxEvent)
			}
		}
		o.Count = int64(len(o.Waiting))
		if _, written := eventOf(p, "PAYMENT_CAPTURE_REQUESTED"); !written && p.EventsKept && x.Clock.Database.Sub(p.RequestedAt) > eventGrace {
			o.Missed = []paydb.Missed{{PaymentID: p.ID, Requested: p.RequestedAt, Waits: p.Status == "CAPTURE_REQUESTED"}}
		}
		replies = append(replies, paydb.Reply[paydb.Outbox]{Asked: x.Asked, Facts: o})
	})
	o := Outbox{Asked: t.Asked, Shards: SortOutbox(replies, t.Limits), Limits: t.Limits, Hurt: hurt}
	for _, judge := range []func(Outbox) []report.Finding{deadLetters, unknownTypes, markedByHand, eventMissing, backlog} {
		for _, f := range judge(o) {
			if f.Confirm == "" || f.Code == catalog.OutboxBacklog {
				f = f.ConfirmWith("check_outbox_status")
			}
			found = append(found, f)
		}
	}
	return found
}

// eventOf is the payment's last event of a type.
func eventOf(p paydb.Traced, kind string) (last paydb.TracedEvent, found bool) {
	for _, e := range p.Events {
		if string(e.Type) == kind {
			last, found = e, true
		}
	}
	return last, found
}

// gatewayFacts is the payment's part of what check_settlements looks at.
func gatewayFacts(p paydb.Traced, kind paydb.RequestKind, now time.Time) (g paydb.Gateway) {
	list, status, since, event := p.Settlements, "CAPTURE_REQUESTED", p.RequestedAt, "PAYMENT_CAPTURE_REQUESTED"
	if kind == paydb.Refunds {
		list, status, since, event = p.Refunds, "REFUND_REQUESTED", p.UpdatedAt, "PAYMENT_REFUND_REQUESTED"
	}
	odd := 0
	for _, x := range list {
		switch {
		case !paydb.KnownRequest(string(x.Status)):
			odd++
		case x.Status == "FAILED":
			g.Failed = append(g.Failed, x.GatewayRequest)
		case x.Status == "PENDING" && now.Sub(x.Requested) > paydb.PendingGrace:
			g.Pending = append(g.Pending, x.GatewayRequest)
		}
	}
	if string(p.Status) == status && now.Sub(since) > paydb.UnderWayGrace {
		u := paydb.UnderWay{Payment: p.Payment, Since: since, Requests: len(list), Odd: odd, Event: paydb.EventNotFound}
		if e, ok := eventOf(p, event); ok && e.Published {
			u.Event = paydb.EventPublished
		} else if ok {
			u.Event = paydb.EventWaits
		}
		g.UnderWay = []paydb.UnderWay{u}
	}
	return g
}

// requests are the rules on requests to the payment gateway.
func (t Trace) requests() (found []report.Finding) {
	for _, kind := range []paydb.RequestKind{paydb.Settlements, paydb.Refunds} {
		r := Requests{Shards: t.Shards, Kind: kind, Zone: t.Zone}
		t.each(func(_ int, x paydb.Reply[[]paydb.Traced], p paydb.Traced) {
			r.Found = append(r.Found, paydb.Reply[paydb.Gateway]{Asked: x.Asked, Facts: gatewayFacts(p, kind, x.Clock.Database)})
		})
		of, _ := JudgeRequests(r)
		found = append(found, of...)
	}
	return found
}

// regressed is PAYMENT_STATUS_REGRESSION: a refund was asked for, and the payment
// is captured as if it never had been.
func (t Trace) regressed() (found []report.Finding) {
	t.each(func(_ int, x paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		e, asked := eventOf(p, "PAYMENT_REFUND_REQUESTED")
		if !asked || p.Status != "CAPTURED" || x.Clock.Database.Sub(p.UpdatedAt) < eventGrace {
			return
		}
		found = append(found, report.NewFinding(catalog.PaymentStatusRegression, "payment %d on %s is CAPTURED again though its refund was asked for: the refund is lost, or a late capture overwrote it", p.ID, x.Shard).
			With(x.Source.Name, "outbox_event PAYMENT_REFUND_REQUESTED", fmt.Sprintf("event %d created %s; payment updated %s", e.ID, e.Created.In(t.Zone).Format(time.RFC3339), p.UpdatedAt.In(t.Zone).Format(time.RFC3339)), x.Clock.Database).
			Hurts("merchant %s, %s %s", p.Merchant.Quoted(), currencyName(p.Currency), report.Amount(p.Amount)).
			Then("Ask the payment gateway whether the refund was carried out before anything is changed", "Have engineering find what wrote the status after the refund was asked for"))
	})
	return found
}

// idempotency are the rules on idempotency that one payment can break.
func (t Trace) idempotency() []report.Finding {
	k := Keys{Shards: t.Shards, Facts: make([]paydb.Keys, len(t.Asked))}
	var all []paydb.Payment
	t.each(func(place int, _ paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		if s := p.Suspect(); s != nil {
			k.Facts[place].Mismatches = append(k.Facts[place].Mismatches, *s)
		}
		for _, o := range all {
			if o.Shard != p.Shard && o.Merchant == p.Merchant && o.Key == p.Key {
				k.Facts[place].Across = append(k.Facts[place].Across, paydb.Twin{Here: o, There: p.Payment})
			}
		}
		all = append(all, p.Payment)
	})
	return slices.Concat(crossShard(k), mismatches(k))
}

// misrouted is SHARD_MISROUTED_MERCHANT, of the payment's merchant.
func (t Trace) misrouted() (found []report.Finding) {
	d := Database{Shards: t.Shards, Health: make([]paydb.Health, len(t.Asked))}
	t.each(func(place int, _ paydb.Reply[[]paydb.Traced], p paydb.Traced) {
		if shard.Of(string(p.Merchant)) != place+1 {
			d.Health[place].Misrouted = &paydb.Misrouted{All: 1, Some: []paydb.MisroutedMerchant{{Merchant: p.Merchant, Payments: 1, First: p.RequestedAt, Last: p.RequestedAt}}}
		}
	})
	for i := range d.Asked {
		found = append(found, d.misrouted(i)...)
	}
	return found
}

// Stuck reports whether Where has said that a payment is.
func Stuck(where string) bool { return strings.HasPrefix(where, "stuck") }

// Where says in a sentence how far a payment has come, and where it is stuck and why.
func Where(p paydb.Traced, now time.Time, limits OutboxLimits, zone *time.Location) string {
	w := where{p, now, limits, zone}
	if e, told := eventOf(p, "PAYMENT_CAPTURED"); told && lifeOf(string(p.Status)) == beforeCapture {
		return w.capturedBefore(e)
	}
	switch p.Status {
	case "READY", "REQUESTED", "AUTHORIZED", "CAPTURE_REQUESTED":
		return w.beforeRequest("capture", p.Settlements, "PAYMENT_CAPTURE_REQUESTED", p.RequestedAt, "settlement")
	case "CAPTURE_FAILED":
		return w.failed("capture", p.Settlements)
	case "REFUND_REQUESTED":
		return w.beforeRequest("refund", p.Refunds, "PAYMENT_REFUND_REQUESTED", p.UpdatedAt, "refund")
	case "REFUND_FAILED":
		return w.failed("refund", p.Refunds)
	case "CAPTURED":
		return w.posted("captured", p.Books.Captures.N() > 0, "PAYMENT_CAPTURED")
	case "REFUNDED", "PARTIAL_REFUNDED":
		return w.posted("refunded", p.Books.Reversals.N() > 0, "PAYMENT_REFUNDED")
	case "AUTH_FAILED", "CANCELLED", "COMPLETED":
		return "it ended as " + string(p.Status)
	}
	return "its status " + p.Status.Quoted() + " is none that the payment system writes"
}

type where struct {
	p      paydb.Traced
	now    time.Time
	limits OutboxLimits
	zone   *time.Location
}

// capturedBefore is a payment whose event says that it was captured, written together with
// a status that said so too, and whose status no longer does.
func (w where) capturedBefore(e paydb.TracedEvent) string {
	return fmt.Sprintf("stuck: its PAYMENT_CAPTURED event %d, written %s, says that it was captured, its status %s does not: another try may capture it twice", e.ID, w.ago(e.Created), w.p.Status)
}

// ago is how long ago something was. What lies in the future was not just now.
func (w where) ago(t time.Time) string {
	if w.ahead(t) {
		return lasted(t.Sub(w.now)) + " ahead of the database's clock"
	}
	return lasted(max(w.now.Sub(t), 0)) + " ago"
}

// ahead reports whether a time lies farther in the future than clocks may be apart.
func (w where) ahead(t time.Time) bool { return t.Sub(w.now) > maxSkew }

// waits says for how long an event has waited, and what was tried.
func (w where) waits(e paydb.TracedEvent) string {
	since := "for " + lasted(max(w.now.Sub(e.Created), 0))
	if w.ahead(e.Created) {
		since = "since " + w.ago(e.Created)
	}
	return fmt.Sprintf("event %d waits in the outbox %s, %s", e.ID, since, w.tries(e))
}

// beforeRequest is a payment whose capture or refund was asked for.
func (w where) beforeRequest(what string, list []paydb.TracedRequest, kind string, since time.Time, request string) string {
	verb := "stuck"
	switch {
	case w.ahead(since):
		verb = "under way or stuck"
	case w.now.Sub(since) <= paydb.UnderWayGrace:
		verb = "under way"
	}
	for _, x := range list {
		if x.Status == "SUCCESS" {
			return fmt.Sprintf("stuck: the payment gateway carried out the %s (%s %d SUCCESS), the status does not say so", what, request, x.ID)
		}
	}
	if n := len(list); n > 0 {
		return fmt.Sprintf("%s: %s request %d is %s, %s", verb, request, list[n-1].ID, bookRequestStatus(list[n-1].Status), w.retries(list[n-1]))
	}
	e, written := eventOf(w.p, kind)
	switch {
	case !written && verb == "stuck" && w.p.EventsKept:
		return fmt.Sprintf("stuck: no %s event was found, so nothing will start its %s", kind, what)
	case !written:
		return fmt.Sprintf("%s: its %s was asked for %s; its %s event was not found", verb, what, w.ago(since), kind)
	case !e.Published:
		return fmt.Sprintf("%s: its %s %s", verb, kind, w.waits(e))
	}
	return fmt.Sprintf("%s: its %s event %d was published %s, and there is no %s request yet: it is with the %s worker (lag, or passed over)", verb, kind, e.ID, w.ago(e.PublishedAt), request, request)
}

func (w where) tries(e paydb.TracedEvent) string {
	switch {
	case e.Retries == 0 && e.LastTry.IsZero():
		return "never tried"
	case e.Retries >= w.limits.MaxRetries:
		return fmt.Sprintf("given up after %d tries", e.Retries)
	}
	return fmt.Sprintf("tried %d times, last %s", e.Retries, w.ago(e.LastTry))
}

func (w where) retries(x paydb.TracedRequest) string {
	switch StateOf(x.GatewayRequest, w.now) {
	case DeadEnd:
		return fmt.Sprintf("given up after %d retries (code %s)", x.Retries, x.Code.Quoted())
	case Starved:
		return fmt.Sprintf("never retried for %s (code %s), and nothing will", lasted(w.now.Sub(x.Requested)), x.Code.Quoted())
	case Stale:
		return fmt.Sprintf("left alone since retry %d, %s (code %s)", x.Retries, w.ago(x.LastRetry), x.Code.Quoted())
	case Ahead:
		return fmt.Sprintf("dated ahead of the database's clock, so for how long is not known (retry %d, code %s)", x.Retries, x.Code.Quoted())
	case Retrying:
	}
	return fmt.Sprintf("retry %d (code %s)", x.Retries, x.Code.Quoted())
}

// failed is a payment whose capture or refund the gateway refused.
func (w where) failed(what string, list []paydb.TracedRequest) string {
	for _, x := range slices.Backward(list) {
		switch x.Status {
		case "SUCCESS":
			return fmt.Sprintf("stuck: the payment gateway carried out the %s (request %d SUCCESS), the status says that it failed", what, x.ID)
		case "FAILED":
			verb := "stuck"
			if StateOf(x.GatewayRequest, w.now) == Retrying {
				verb = "failed and being retried"
			}
			return fmt.Sprintf("%s: its %s failed, %s", verb, what, w.retries(x))
		}
	}
	return fmt.Sprintf("stuck: its %s failed, and there is no request that says why", what)
}

// posted is a payment that is through, but for its posting.
func (w where) posted(what string, done bool, kind string) string {
	if w.p.Books.ID == 0 {
		return what + "; its postings could not be read"
	}
	if done {
		return "through: " + what + " and posted"
	}
	e, written := eventOf(w.p, kind)
	switch {
	case written && !e.Published:
		return fmt.Sprintf("%s, not posted: its %s %s", what, kind, w.waits(e))
	case w.p.Books.Ahead:
		return fmt.Sprintf("%s, and not posted in the ledger; it says that it was last changed at a time that has not come yet, %s ahead", what, lasted(w.p.UpdatedAt.Sub(w.now)))
	case w.p.Books.Young:
		return what + ", its posting is under way"
	}
	return fmt.Sprintf("stuck: %s %s and not posted in the ledger", what, w.ago(w.p.UpdatedAt))
}

// ShardsOf names the shards of some payments, for a sentence.
func ShardsOf(all []paydb.Traced) string {
	var names []string
	for _, p := range all {
		if !slices.Contains(names, p.Shard) {
			names = append(names, p.Shard)
		}
	}
	return strings.Join(names, " and ")
}
