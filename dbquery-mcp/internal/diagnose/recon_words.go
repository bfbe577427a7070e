package diagnose

import (
	"fmt"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/foreign"
)

// bookWording is how one kind of exception is told.
type bookWording struct {
	one, many string // % is the count
	asked     string // what was compared
	more      func(*group) string
	whole     func(g *group, place int) string
	sample    func(paydb.Exception, *time.Location) string
	then      []string
	confirm   string
}

// Steps that several kinds share. A posting is never to be written by hand.
const (
	noInsert = "Write no posting by hand: engineering has the event sent again, or accounting posts a correcting entry"
	// lookElsewhere is said in its place of what is missing here, and may be there.
	lookElsewhere = "Write no posting by hand, and have no event sent again yet: there are too many to hold each against the other shard, where postings may stand under the ids of strangers; a shorter span compares all of its own"

	freeze     = "Hold the payouts of these merchants until accounting has posted correcting entries"
	findWriter = "Find what wrote these rows: the payment system never changes a posting"
	trustPG    = "Trust the payment gateway's own record: look these transactions up there before anything is changed"
)

var bookWords = map[paydb.Wrong]bookWording{
	captureMissing: {
		one: "% captured payment has no capture posting in the ledger", many: "% captured payments have no capture posting in the ledger",
		asked: "payments by status against ledger_entry", sample: bookPayment,
		then: []string{"Look whether payment.captured failed in that span: payment.dlq, the settlement worker's log, lag of payment-consumer", noInsert}, confirm: "check_kafka_health",
	},
	captureDuplicate: {
		one: "% payment has more than one capture posting", many: "% payments have more than one capture posting",
		asked: "capture postings by payment", more: bookExcess(func(e paydb.Exception) paydb.Tally { return e.Captures }), sample: bookEntries,
		then: []string{freeze, "Find the redelivery: the ledger consumer does not look whether it has posted before"},
	},
	captureReversed: {
		one: "% captured payment is posted the wrong way round", many: "% captured payments are posted the wrong way round",
		asked: "accounts of the postings, expected debit merchant_receivable, credit cash", sample: bookAccounts,
		then: []string{"Have accounting post correcting entries: the balance is off by twice the amount", findWriter},
	},
	reversalMissing: {
		one: "% refunded payment has no reversal in the ledger", many: "% refunded payments have no reversal in the ledger",
		asked: "refunded payments against ledger_entry", sample: bookRefund,
		then: []string{"Look at retry_count of the refunds: a refund that succeeded on a retry never publishes payment.refunded", noInsert}, confirm: "check_settlements",
	},
	reversalDuplicate: {
		one: "% payment has more than one reversal posting", many: "% payments have more than one reversal posting",
		asked: "reversal postings by payment", more: bookExcess(func(e paydb.Exception) paydb.Tally { return e.Reversals }), sample: func(e paydb.Exception, z *time.Location) string {
			return bookEntries(e, z) + fmt.Sprintf(" (%s succeeded)", count(e.Refunds.Succeeded.N(), "refund"))
		},
		then: []string{freeze, "Find the redelivery of payment.refunded; with one refund that succeeded the error is in the posting alone"},
	},
	reversalAlone: {
		one: "% refunded payment has a reversal and no capture posting", many: "% refunded payments have a reversal and no capture posting",
		asked: "postings of refunded payments", sample: bookEntries,
		then: []string{"Look for the capture's event in payment.dlq, as for a capture that is missing", noInsert},
	},
	amountOff: {
		one: "% payment is posted with another amount than its own", many: "% payments are posted with another amount than their own",
		asked: "ledger_entry.amount against payment.amount", more: bookDifferences, sample: bookDifference,
		then: []string{findWriter, "Have accounting post the differences"},
	},
	unexpected: {
		one: "% payment has a posting that its status does not allow", many: "% payments have postings that their status does not allow",
		asked: "postings by status", sample: func(e paydb.Exception, z *time.Location) string {
			return bookStatus(e.Status) + " " + bookEntries(e, z) + bookSettlement(e, z)
		},
		then: []string{"Ask the payment gateway whether the money was captured or refunded: then either the status or the posting is right", "Have engineering mend the one that is wrong"}, confirm: "check_settlements",
	},
	accountUnknown: {
		one: "% payment has a posting between accounts that nobody knows", many: "% payments have postings between accounts that nobody knows",
		asked: "account pairs that are neither capture nor reversal", whole: bookPairs, sample: bookEntries,
		then: []string{"Ask finance whether this account is planned", findWriter},
	},
	orphaned: {
		one: "the ledger has postings for % payment id that no payment has", many: "the ledger has postings for % payment ids that no payment has",
		asked: "ledger_entry without payment", whole: bookKey, sample: bookEntries,
		then: []string{"Look for a restore or a backfill that brought the ledger and not the payments, or another shard's postings", "Delete nothing until it is known whose they are"},
	},
	settledAgainst: {
		one: "% payment was captured at the payment gateway, and its status does not say so", many: "% payments were captured at the payment gateway, and their status does not say so",
		asked: "settlement_request SUCCESS against payment.status", sample: bookSettling,
		then: []string{trustPG, "Have engineering mend the status and the posting"}, confirm: "check_settlements",
	},
	settledOff: {
		one: "% payment was settled with another amount than its own", many: "% payments were settled with another amount than their own",
		asked: "request_amount of SUCCESS against payment.amount", sample: bookSettling,
		then: []string{trustPG, "Decide with the merchant on the difference"}, confirm: "check_settlements",
	},
	evidenceMissing: {
		one: "% payment is captured, and neither a settlement that succeeded nor a PAYMENT_CAPTURED event says so", many: "% payments are captured, and neither a settlement that succeeded nor a PAYMENT_CAPTURED event says so",
		asked: "captured payments against settlement_request SUCCESS and outbox_event PAYMENT_CAPTURED", sample: bookSettling,
		then: []string{trustPG, "Find what set the status, or who deleted settlements or events: the payment system never does"}, confirm: "trace_payment",
	},
	settledTwice: {
		one: "% payment has more than one settlement request", many: "% payments have more than one settlement request",
		asked: "settlement_request rows by payment", sample: bookSettling,
		then: []string{"See at the payment gateway which of the requests was carried out", "A person removes the row that is wrong; the worker cannot go on with two"}, confirm: "check_settlements",
	},
	refundedAgainst: {
		one: "% payment's status and its refund requests disagree", many: "% payments' status and their refund requests disagree",
		asked: "refund_request SUCCESS against payment.status", sample: func(e paydb.Exception, z *time.Location) string { return bookStatus(e.Status) + " " + bookRefund(e, z) },
		then: []string{"Do not retry the refund: the money may be with the customer already", trustPG}, confirm: "check_settlements",
	},
	refundedTooMuch: {
		one: "% payment was refunded more than it was worth", many: "% payments were refunded more than they were worth",
		asked: "sum of SUCCESS refunds against payment.amount", sample: bookRefund,
		then: []string{"Have a person hold any further refund of these payments", trustPG}, confirm: "check_settlements",
	},
	refundedTwice: {
		one: "% payment was refunded successfully more than once", many: "% payments were refunded successfully more than once",
		asked: "refund_request SUCCESS rows by payment", sample: bookRefund,
		then: []string{"Ask the payment gateway whether both were carried out", "Have finance decide what is claimed back"}, confirm: "check_settlements",
	},
}

func bookStatus(s string) string {
	if Judged(s) {
		return s
	}
	return foreign.Text(s).Quoted()
}

func bookPayment(e paydb.Exception, _ *time.Location) string {
	return fmt.Sprintf("%s %s %s of %s", bookStatus(e.Status), currencyName(foreign.Text(e.Currency)), figure(e.Amount), e.Merchant.Quoted())
}

func bookTime(t time.Time, z *time.Location) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(z).Format("01-02 15:04:05")
}

// bookAccount is one of the two by its name, any other quoted.
func bookAccount(a foreign.Text) string {
	if a == "merchant_receivable" || a == "cash" {
		return string(a)
	}
	return a.Quoted()
}

// bookEntries are the postings of a payment, one by one.
func bookEntries(e paydb.Exception, z *time.Location) string { return bookEach(e, z, direction) }

// bookAccounts are the same with the accounts of each.
func bookAccounts(e paydb.Exception, z *time.Location) string { return bookEach(e, z, accounts) }

func bookEach(e paydb.Exception, z *time.Location, what func(paydb.Entry) string) string {
	var all []string
	for _, x := range first(4, e.Entries) {
		all = append(all, fmt.Sprintf("entry %d %s %s at %s", x.ID, what(x), figure(x.Amount), bookTime(x.At, z)))
	}
	return "(" + strings.Join(all, ", ") + andMore(len(e.Entries), 4) + ")"
}

func direction(x paydb.Entry) string {
	switch capture, reversal := x.Is(); {
	case capture:
		return "capture"
	case reversal:
		return "reversal"
	}
	return accounts(x)
}

func accounts(x paydb.Entry) string {
	return "debit " + bookAccount(x.Debit) + " credit " + bookAccount(x.Credit)
}

func bookRequest(r paydb.Request, z *time.Location) string {
	text := fmt.Sprintf("%d %s %s, retry %d", r.ID, bookRequestStatus(r.Status), figure(r.Amount), r.Retries)
	if r.GatewayID != paydb.Null && r.GatewayID != "" {
		text += ", gateway " + r.GatewayID.Quoted()
	}
	if !r.CompletedAt.IsZero() {
		text += ", completed " + bookTime(r.CompletedAt, z)
	}
	return text
}

// bookRequestStatus is a request's status as a word where it is one.
func bookRequestStatus(s foreign.Text) string {
	if paydb.KnownRequest(string(s)) {
		return string(s)
	}
	return s.Quoted()
}

func bookRequests(what string, all []paydb.Request, z *time.Location) string {
	if len(all) == 0 {
		return "(no " + what + ")"
	}
	var some []string
	for _, r := range first(3, all) {
		some = append(some, bookRequest(r, z))
	}
	return "(" + what + " " + strings.Join(some, "; ") + andMore(len(all), 3) + ")"
}

func bookRefund(e paydb.Exception, z *time.Location) string {
	return bookAmount(e) + " " + bookRequests("refund", e.Refunding, z)
}

func bookSettling(e paydb.Exception, z *time.Location) string {
	return bookStatus(e.Status) + " " + bookAmount(e) + " " + bookRequests("settlement", e.Settling, z)
}

// bookSettlement is empty where there was no settlement, or it was not read.
func bookSettlement(e paydb.Exception, z *time.Location) string {
	if len(e.Settling) == 0 {
		return ""
	}
	return " " + bookRequests("settlement", e.Settling, z)
}

func bookAmount(e paydb.Exception) string {
	return currencyName(foreign.Text(e.Currency)) + " " + figure(e.Amount)
}

// bookDifference tells the posting whose amount is not the payment's.
func bookDifference(e paydb.Exception, _ *time.Location) string {
	p, what := bookOff(e)
	due := bookDue(e)
	return fmt.Sprintf("expected %s %s, %s posted %s, difference %s", currencyName(foreign.Text(e.Currency)), figure(due), what, figure(p.Sum()), bookSigned(p.Sum().Minus(due)))
}

// bookOff is the direction whose sum is not the payment's amount.
func bookOff(e paydb.Exception) (paydb.Tally, string) {
	if e.Captures.N() == 1 && e.Captures.Sum() != e.Amount {
		return e.Captures, "capture"
	}
	return e.Reversals, "reversal"
}

// bookDue is what should have been posted in that direction: the payment's amount, or
// what was refunded of it where it was refunded in part.
func bookDue(e paydb.Exception) paydb.Money {
	off := e.Captures.N() == 1 && e.Captures.Sum() != e.Amount
	if !off && lived(&e.Books) == lifePartlyRefunded && e.Refunds.Succeeded.N() > 0 {
		return e.Refunds.Succeeded.Sum()
	}
	return e.Amount
}

func bookSigned(m paydb.Money) string {
	if m.Whole > 0 || m.Whole == 0 && m.Fraction > 0 {
		return "+" + figure(m)
	}
	return figure(m)
}

// bookExcess says how much was posted beyond what was due, of those that are kept.
func bookExcess(of func(paydb.Exception) paydb.Tally) func(*group) string {
	return func(g *group) string {
		return g.total(", posted in excess: ", func(e paydb.Exception) paydb.Money { return of(e).Sum().Minus(e.Amount) })
	}
}

func bookDifferences(g *group) string {
	return g.total(", differences in all: ", func(e paydb.Exception) paydb.Money { p, _ := bookOff(e); return p.Sum().Minus(bookDue(e)) })
}

// total adds up something of every exception; it is silent where not all are kept.
func (g *group) total(what string, of func(paydb.Exception) paydb.Money) string {
	if g.partial {
		return ""
	}
	sums := map[string]*paydb.Amounts{}
	for _, kept := range g.kept {
		for _, e := range kept {
			if sums[e.Currency] == nil {
				sums[e.Currency] = new(paydb.Amounts)
			}
			sums[e.Currency].Add(of(e))
		}
	}
	return what + bookSums(sums)
}

// bookPairs counts the account pairs that are neither of the two.
func bookPairs(g *group, place int) string {
	seen, order := map[string]int{}, []string(nil)
	for _, e := range g.kept[place] {
		for _, x := range e.Entries {
			if capture, reversal := x.Is(); capture || reversal {
				continue
			}
			pair := "debit " + bookAccount(x.Debit) + " credit " + bookAccount(x.Credit)
			if seen[pair]++; seen[pair] == 1 {
				order = append(order, pair)
			}
		}
	}
	for i, pair := range order {
		order[i] = fmt.Sprintf("%s: %d", pair, seen[pair])
	}
	return ", " + strings.Join(first(4, order), ", ") + andMore(len(order), 4)
}

// bookKey says what would have kept orphans out.
func bookKey(g *group, place int) string {
	d := g.r.Done[place]
	if d.Keyed {
		return fmt.Sprintf(", highest payment id %d; there is a foreign key, so it was switched off when they were written", d.MaxID)
	}
	return fmt.Sprintf(", highest payment id %d; the ledger has no foreign key to payment", d.MaxID)
}
