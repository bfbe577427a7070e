package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// Limits of the rules on requests to the payment gateway.
const (
	// retryGrace is how long a failed request may go without its first retry.
	retryGrace = 90 * time.Second
	// retryStale is how long a request that was retried may be left alone.
	retryStale = 5 * time.Minute
	// deadAfter is how many retries the schedulers make.
	deadAfter = 10
	// usualFailures is the share of requests that fail on a good day.
	usualFailures = 0.05
	// spikeShare and spikeLeast are the share of failures, and how many there must
	// be at least, for a spike; spikeSigma how far beyond chance.
	spikeShare = 0.20
	spikeLeast = 10
	spikeSigma = 6
	// spikeWindow is the time over which the share is taken.
	spikeWindow = 15 * time.Minute
	// leastServed and droppedShare say when a request was passed over: that many of
	// later payments were begun, and those without are that small a part.
	leastServed  = 5
	droppedShare = 0.10
)

// RequestState is what becomes of a request that failed.
type RequestState string

// The states.
const (
	Retrying RequestState = "retrying"
	Starved  RequestState = "starved" // nothing will ever select it
	Stale    RequestState = "stale"   // was retried, and no more
	DeadEnd  RequestState = "dead"    // retried as often as it is
	Ahead    RequestState = "dated ahead"
)

// StateOf says what becomes of a failed request.
func StateOf(r paydb.GatewayRequest, now time.Time) RequestState {
	switch {
	case r.Retries >= deadAfter:
		return DeadEnd
	case DatedAhead(r, now): // its age tells nothing
		return Ahead
	case r.LastRetry.IsZero() && now.Sub(r.Requested) > retryGrace: // whatever retry_count says
		return Starved
	case !r.LastRetry.IsZero() && now.Sub(r.LastRetry) > retryStale:
		return Stale
	}
	return Retrying
}

// Requests is all that the rules on one kind of request look at.
type Requests struct {
	Shards
	Kind    paydb.RequestKind
	Waiting bool // payments that wait were asked for, and nothing else
	Found   []paydb.Reply[paydb.Gateway]
	Books   []paydb.Reply[[]paydb.Exception] // payments whose requests do not fit them, read whole; nil: none
	Zone    *time.Location
}

// kindCodes are the catalog's names for one kind.
type kindCodes struct {
	one, many      string
	starved, dead  catalog.Code
	table, dlq     string
	failedStatus   string
	schedulerClass string
}

var kinds = map[paydb.RequestKind]kindCodes{
	paydb.Settlements: {"settlement", "settlements", catalog.SettlementRetryStarved, catalog.SettlementDeadLetter, "settlement_request", "settlement.dlq", "CAPTURE_FAILED", "SettlementRetryScheduler"},
	paydb.Refunds:     {"refund", "refunds", catalog.RefundRetryStarved, catalog.RefundDeadLetter, "refund_request", "refund.dlq", "REFUND_FAILED", "RefundRetryScheduler"},
}

// each are the shards that answered, one database once.
func (r Requests) each() []paydb.Reply[paydb.Gateway] {
	return slices.DeleteFunc(slices.Clone(r.Found), func(x paydb.Reply[paydb.Gateway]) bool { return !x.Source.OK() || x.SameAs != "" })
}

// Suspicious reports whether a second look is worth its time.
func (r Requests) Suspicious() bool {
	found, _ := JudgeRequests(r)
	return len(found) > 0 || slices.ContainsFunc(r.each(), func(x paydb.Reply[paydb.Gateway]) bool { return len(x.Facts.Unfit) > 0 })
}

// JudgeRequests runs the rules on one kind. ran are the codes of those that had all
// they need. What asking the shards came to is judged by Judge.
func JudgeRequests(r Requests) (found []report.Finding, ran []catalog.Code) {
	for _, judge := range r.judges() {
		found = append(found, judge()...)
	}
	failed := func(b paydb.Reply[[]paydb.Exception]) bool { return !b.Source.OK() }
	if len(r.answered()) < len(r.Asked) || slices.ContainsFunc(r.Books, failed) || !r.known() {
		return found, nil
	}
	all := func(ok func(paydb.Gateway) bool) bool {
		return !slices.ContainsFunc(r.each(), func(x paydb.Reply[paydb.Gateway]) bool { return !ok(x.Facts) })
	}
	k := kinds[r.Kind]
	indexed, aged := func(g paydb.Gateway) bool { return len(g.Slow) == 0 }, r.aged()
	if aged && len(r.Refused()) == 0 && all(func(g paydb.Gateway) bool { return indexed(g) && !g.UnderWayCut && !g.PendingCut }) {
		if r.Kind == paydb.Settlements {
			ran = append(ran, catalog.SettlementPendingStuck, catalog.SettlementMissing)
		} else {
			ran = append(ran, catalog.RefundStuck)
		}
	}
	if r.Waiting {
		return found, ran
	}
	if aged && all(func(g paydb.Gateway) bool { return indexed(g) && !g.FailedCut }) {
		ran = append(ran, k.starved, k.dead)
	}
	if aged && all(func(g paydb.Gateway) bool { return indexed(g) && !g.Slots.Cut() }) && r.Kind == paydb.Settlements {
		ran = append(ran, catalog.SettlementFailureSpike)
	}
	if all(func(g paydb.Gateway) bool { return indexed(g) && g.Whole && !g.UnfitCut }) {
		for _, x := range codes {
			if x.wrong&r.bits() != 0 {
				ran = append(ran, x.code)
			}
		}
	}
	return found, ran
}

// judges are the rules on one kind.
func (r Requests) judges() []func() []report.Finding {
	type rules = []func() []report.Finding
	switch refunds := r.Kind == paydb.Refunds; {
	case r.Waiting && refunds:
		return rules{r.anotherZone, r.anotherClock, r.refundStuck}
	case r.Waiting:
		return rules{r.anotherZone, r.anotherClock, r.pendingStuck, r.dropped, r.missing}
	case refunds:
		return rules{r.anotherZone, r.anotherClock, r.unfitting, r.deadLetters, r.starved, r.refundStuck}
	}
	return rules{r.anotherZone, r.anotherClock, r.unfitting, r.pendingStuck, r.deadLetters, r.failureSpike, r.starved, r.dropped, r.missing}
}

// bits are what can be wrong between a payment and its requests of this kind.
func (r Requests) bits() paydb.Wrong {
	if r.Kind == paydb.Refunds {
		return refundedAgainst | refundedTooMuch | refundedTwice
	}
	return settledAgainst | settledOff | settledTwice
}

// unfitting are the findings on payments whose requests do not fit them: the rules
// of the reconciliation, on the payments that looked wrong here.
func (r Requests) unfitting() (found []report.Finding) {
	if r.Books == nil {
		return nil
	}
	against := Against(paydb.Checks{Settlements: true, Refunds: true})
	rec := Reconciliation{Shards: r.Shards, Done: make([]paydb.Reconciled, len(r.Asked))}
	var all []Exception
	for place, books := range r.Books {
		for _, e := range books.Facts {
			if e.Young {
				continue
			}
			if e.Wrong = against(&e.Books) & r.bits(); e.Wrong != 0 {
				all = append(all, Exception{Place: place, Exception: e})
			}
		}
	}
	for _, x := range codes {
		if g := rec.group(x.wrong, x.code, all); g.count > 0 {
			found = append(found, g.finding())
		}
	}
	for i := range found {
		if found[i].Confirm == "check_settlements" { // that is what was asked
			found[i].Confirm = "reconciliation_check"
		}
	}
	return found
}

// some are requests on a shard that a finding is about.
type some struct {
	asked paydb.Asked
	list  []paydb.GatewayRequest
}

// sorted are the failed requests of a state, by shard.
func (r Requests) sorted(states ...RequestState) (all []some, n int, atLeast bool) {
	for _, x := range r.each() {
		var list []paydb.GatewayRequest
		for _, f := range x.Facts.Failed {
			if slices.Contains(states, StateOf(f, x.Clock.Database)) {
				list = append(list, f)
			}
		}
		if len(list) > 0 {
			all = append(all, some{x.Asked, list})
			n, atLeast = n+len(list), atLeast || x.Facts.FailedCut
		}
	}
	return all, n, atLeast
}

// tell adds what is to be said of requests: ids, sums, oldest, whom it hurts.
func (r Requests) tell(f report.Finding, what string, all []some) report.Finding {
	for _, s := range all {
		f = f.With(s.asked.Source.Name, kinds[r.Kind].table+" "+what, r.requestWords(s), s.asked.Clock.Database)
	}
	return f.Hurts("%s", hurtByRequests(all))
}

func (r Requests) requestWords(s some) string {
	oldest := slices.MinFunc(s.list, func(a, b paydb.GatewayRequest) int { return a.Requested.Compare(b.Requested) })
	least, most := s.list[0].Retries, s.list[0].Retries
	for _, x := range s.list {
		least, most = min(least, x.Retries), max(most, x.Retries)
	}
	return fmt.Sprintf("%d: id %s; retry_count %s; oldest %s (%s ago); codes %s", len(s.list), requestIDs(s.list),
		fromTo(least, most), oldest.Requested.In(r.Zone).Format(time.RFC3339), lasted(s.asked.Clock.Database.Sub(oldest.Requested)), codeWords(s.list))
}

// requestIDs are some requests and their payments.
func requestIDs(list []paydb.GatewayRequest) string {
	var ids []string
	for _, x := range first(4, list) {
		ids = append(ids, fmt.Sprintf("%d (payment %d)", x.ID, x.PaymentID))
	}
	return strings.Join(ids, ", ") + andMore(len(list), 4)
}

// codeWords counts the payment gateway's codes.
func codeWords(list []paydb.GatewayRequest) string {
	n := map[foreign.Text]int{}
	var order []foreign.Text
	for _, x := range list {
		if n[x.Code] == 0 {
			order = append(order, x.Code)
		}
		n[x.Code]++
	}
	slices.SortFunc(order, func(a, b foreign.Text) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
	var words []string
	for _, c := range first(3, order) {
		words = append(words, fmt.Sprintf("%s %d", c.Quoted(), n[c]))
	}
	return strings.Join(words, ", ") + andMore(len(order), 3)
}

// hurtByRequests says whose payments these are, and how much money.
func hurtByRequests(all []some) string {
	var replies []paydb.Reply[paydb.Hurt]
	for _, s := range all {
		h := paydb.Hurt{}
		seen, merchants := map[int64]bool{}, map[foreign.Text]int{}
		sums := map[foreign.Text]*paydb.Sum{}
		var order []foreign.Text
		for _, x := range s.list {
			if seen[x.PaymentID] {
				continue
			}
			seen[x.PaymentID] = true
			h.Payments++
			merchants[x.Merchant]++
			if sums[x.Currency] == nil {
				sums[x.Currency], order = new(paydb.Sum), append(order, x.Currency)
			}
			if err := sums[x.Currency].Add(x.Amount); err != nil {
				continue // an amount that is none is not added up
			}
		}
		for m, n := range merchants {
			h.Merchants = append(h.Merchants, paydb.MerchantCount{Merchant: m, Payments: n})
		}
		for _, c := range order {
			h.Amounts = append(h.Amounts, paydb.CurrencySum{Currency: c, Amount: *sums[c]})
		}
		replies = append(replies, paydb.Reply[paydb.Hurt]{Facts: h})
	}
	words, _ := HurtWords(replies)
	return words
}

// deadLetters are SETTLEMENT_DEAD_LETTER and REFUND_DEAD_LETTER.
func (r Requests) deadLetters() []report.Finding {
	all, n, atLeast := r.sorted(DeadEnd)
	if n == 0 {
		return nil
	}
	k := kinds[r.Kind]
	f := report.NewFinding(k.dead, "%s failed %d times of %d and are given up: nothing tries them again", these(k, n, atLeast), deadAfter, deadAfter)
	return []report.Finding{r.tell(f, "FAILED, retry_count >= 10", all).Then(
		"Take the ids and codes to the payment gateway: did it carry any of them out",
		"A person decides on each "+k.one+" by hand once that is known; do not reset retry_count before").
		ConfirmWith("inspect_dead_letters")}
}

func these(k kindCodes, n int, atLeast bool) string {
	if n == 1 && !atLeast {
		return "1 " + k.one
	}
	return manyAtLeast(int64(n), atLeast) + " " + k.many
}

// starved are SETTLEMENT_RETRY_STARVED and REFUND_RETRY_STARVED.
func (r Requests) starved() []report.Finding {
	all, n, atLeast := r.sorted(Starved, Stale)
	if n == 0 {
		return nil
	}
	_, stale, _ := r.sorted(Stale)
	k := kinds[r.Kind]
	claim := fmt.Sprintf("%s failed and were never retried: %s compares last_retry_at, which is NULL, so it never selects them", these(k, n-stale, atLeast), k.schedulerClass)
	switch {
	case stale == n:
		claim = fmt.Sprintf("%s failed, were retried, and have been left alone for more than %s: the retries have stopped, or do not keep up", these(k, n, atLeast), lasted(retryStale))
	case stale > 0:
		claim += fmt.Sprintf("; %d more were retried once and are left alone", stale)
	}
	f := report.NewFinding(k.starved, "%s", claim)
	next := []string{
		"Ask the payment gateway whether these are still open there",
		"Engineering makes the retry find rows without last_retry_at, on every shard; until then a person decides on a bulk retry",
	}
	if r.Kind == paydb.Refunds {
		next = append(next, "Afterwards run reconciliation_check: a refund that succeeds on a retry publishes no payment.refunded, so its reversal will be missing")
	}
	return []report.Finding{r.tell(f, "FAILED, not retried", all).Then(next...)}
}

// pendingStuck is SETTLEMENT_PENDING_STUCK.
func (r Requests) pendingStuck() []report.Finding {
	all, n, atLeast := r.pendings()
	if n == 0 {
		return nil
	}
	k := kinds[r.Kind]
	f := report.NewFinding(catalog.SettlementPendingStuck, "%s PENDING for more than a minute: healthy code never commits PENDING, it is written and finished in one transaction", these(k, n, atLeast))
	return []report.Finding{r.tell(f, "PENDING", all).Then(
		"Find what else writes "+k.table+", or a restore that brought back half of a transaction",
		"Ask the payment gateway what became of them before anything is changed")}
}

func (r Requests) pendings() (all []some, n int, atLeast bool) {
	for _, x := range r.each() {
		if len(x.Facts.Pending) > 0 {
			all, n, atLeast = append(all, some{x.Asked, x.Facts.Pending}), n+len(x.Facts.Pending), atLeast || x.Facts.PendingCut
		}
	}
	return all, n, atLeast
}

// BookCodes are what comparing a payment with its requests may find.
func BookCodes() (all []catalog.Code) {
	for _, x := range codes {
		if x.needs != nil {
			all = append(all, x.code)
		}
	}
	return all
}
