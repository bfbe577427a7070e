package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// waiting are payments without a request, by what became of their event.
func (r Requests) waiting() (by map[paydb.EventState]int, oldest time.Duration, all []some) {
	by = map[paydb.EventState]int{}
	for _, x := range r.each() {
		var list []paydb.GatewayRequest
		for _, u := range x.Facts.UnderWay {
			// A refund that is seen PENDING, or in a status that nobody knows, is as stuck as
			// one without a request.
			half := r.Kind == paydb.Refunds && (onlyOdd(u) || slices.ContainsFunc(x.Facts.Pending, func(p paydb.GatewayRequest) bool { return p.PaymentID == u.ID }))
			if u.Requests > 0 && !half {
				continue
			}
			by[u.Event]++
			oldest = max(oldest, x.Clock.Database.Sub(u.Since))
			list = append(list, paydb.GatewayRequest{PaymentID: u.ID, Merchant: u.Merchant, Amount: cmp.Or(u.Amount, "0"), Currency: u.Currency, Requested: u.Since})
		}
		if len(list) > 0 {
			all = append(all, some{x.Asked, list})
		}
	}
	return by, oldest, all
}

// Refused says where payments wait whose requests have all FAILED, which are looked at
// where not only those are asked for that wait.
func (r Requests) Refused() (why []string) {
	if !r.Waiting {
		return nil
	}
	refused := func(u paydb.UnderWay) bool { return u.Requests > 0 && u.Open+u.Odd == 0 }
	for _, x := range r.each() {
		if text := r.held(x, refused, "whose "+kinds[r.Kind].one+" FAILED", "check_settlements"); text != "" {
			why = append(why, text)
		}
	}
	return why
}

// held tells of a shard's payments under way that are held up in one way, and which tool
// knows more; empty where there are none.
func (r Requests) held(x paydb.Reply[paydb.Gateway], in func(paydb.UnderWay) bool, how, tool string) string {
	var ids []string
	longest := time.Duration(0)
	for _, u := range x.Facts.UnderWay {
		if in(u) {
			ids, longest = append(ids, fmt.Sprint(u.ID)), max(longest, x.Clock.Database.Sub(u.Since))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s in %s for up to %s %s (payment %s%s): %s", x.Shard, manyPayments(len(ids)), paydb.AskedStatus(r.Kind), lasted(longest), how, strings.Join(first(6, ids), ", "), andMore(len(ids), 6), tool)
}

// tellWaiting adds payments that wait.
func (r Requests) tellWaiting(f report.Finding, all []some) report.Finding {
	for _, s := range all {
		var ids []string
		for _, x := range first(6, s.list) {
			ids = append(ids, fmt.Sprint(x.PaymentID))
		}
		f = f.With(s.asked.Source.Name, "payments without a finished row in "+kinds[r.Kind].table, fmt.Sprintf("%d: payment %s%s; since %s (%s ago)", len(s.list), strings.Join(ids, ", "), andMore(len(s.list), 6),
			s.list[0].Requested.In(r.Zone).Format(time.RFC3339), lasted(s.asked.Clock.Database.Sub(s.list[0].Requested))), s.asked.Clock.Database)
	}
	return f.Hurts("%s", hurtByRequests(all))
}

func eventWords(by map[paydb.EventState]int) string {
	var words []string
	for _, x := range []struct {
		state paydb.EventState
		text  string
	}{{paydb.EventPublished, "event published: %d"}, {paydb.EventWaits, "event still in the outbox: %d"}, {paydb.EventNotFound, "no event found: %d"}, {paydb.EventNotLooked, "event not looked for: %d"}} {
		if by[x.state] > 0 {
			words = append(words, fmt.Sprintf(x.text, by[x.state]))
		}
	}
	return strings.Join(words, ", ")
}

// passedOver reports whether later payments were served, so that these few were left
// out; while none or only some partitions are served, the worker is the trouble.
func (r Requests) passedOver() (served int64, yes bool) {
	without := int64(0)
	for _, x := range r.each() {
		n := int64(0)
		for _, u := range x.Facts.UnderWay {
			if u.Requests == 0 {
				n++
			}
		}
		if n > 0 {
			without, served = without+n+int64(x.Facts.Others), served+x.Facts.Served
		}
	}
	return served, without > 0 && served >= leastServed && float64(without) <= droppedShare*float64(without+served)
}

// dropped is CONSUMER_MESSAGE_DROPPED, of settlements.
func (r Requests) dropped() []report.Finding {
	by, _, all := r.waiting()
	served, yes := r.passedOver()
	if !yes || by[paydb.EventPublished] == 0 {
		return nil
	}
	f := report.NewFinding(catalog.ConsumerMessageDropped, "%s published to the settlement worker came to nothing, though it began %d settlements of payments requested well after the oldest of them: it passes records over after ten tries, without a trace", manyEvents(int64(by[paydb.EventPublished]), false), served)
	return []report.Finding{r.tellWaiting(f, all).Then(
		"See that settlement-worker-group has no lag on any partition: with lag, the records wait and were not dropped",
		"Look in the settlement worker's log for these payment ids; engineering has the events sent again").
		ConfirmWith("inspect_consumer_lag")}
}

// missing is SETTLEMENT_MISSING.
func (r Requests) missing() []report.Finding {
	by, oldest, all := r.waiting()
	n := 0
	for _, x := range by {
		n += x
	}
	if n == 0 {
		return nil
	}
	f := report.NewFinding(catalog.SettlementMissing, "%s in CAPTURE_REQUESTED for up to %s without a settlement (%s)", manyPayments(n), lasted(oldest), eventWords(by))
	confirm := "check_kafka_health"
	if (by[paydb.EventWaits]+by[paydb.EventNotFound])*2 > n {
		confirm = "check_outbox_status"
	}
	return []report.Finding{r.tellWaiting(f, all).Then("Find first where their events are: in the outbox (check_outbox_status) or with the settlement worker (check_kafka_health)").ConfirmWith(confirm)}
}

// refundStuck is REFUND_STUCK. Refunds whose events still wait in the outbox are
// the outbox's trouble.
func (r Requests) refundStuck() []report.Finding {
	by, oldest, all := r.waiting()
	n := 0
	for _, x := range by {
		n += x
	}
	if n == 0 {
		return r.pendingRefunds()
	}
	f := report.NewFinding(catalog.RefundStuck, "%s in REFUND_REQUESTED for up to %s without a finished refund request (%s)", manyPayments(n), lasted(oldest), eventWords(by))
	confirm := "inspect_consumer_lag"
	next := "See whether refund-worker-group has members and lag; without lag the records were passed over after ten tries"
	if by[paydb.EventWaits]*2 > n {
		f, confirm = f.Unsure(), "check_outbox_status"
		next = "Most of their events have not left the outbox: what holds it up holds these up"
	}
	return []report.Finding{r.tellWaiting(f, all).Then(next, "Find why before anything is sent again: a second event can make a second refund").ConfirmWith(confirm)}
}

// pendingRefunds is REFUND_STUCK of requests that stay PENDING while their payment
// waits for no refund: healthy code never commits one.
func (r Requests) pendingRefunds() []report.Finding {
	all, n, atLeast := r.pendings()
	if n == 0 {
		return nil
	}
	f := report.NewFinding(catalog.RefundStuck, "%s PENDING for more than a minute, of payments that are not in REFUND_REQUESTED for long: healthy code never commits PENDING, it is written and finished in one transaction", these(kinds[r.Kind], n, atLeast))
	return []report.Finding{r.tell(f, "PENDING", all).Then(
		"Find what else writes refund_request, or a restore that brought back half of a transaction",
		"Ask the payment gateway what became of them before anything is changed")}
}
