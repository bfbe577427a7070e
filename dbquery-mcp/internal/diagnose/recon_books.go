package diagnose

import (
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
)

// What can be wrong with a payment's books, a bit each.
const (
	captureMissing paydb.Wrong = 1 << iota
	captureDuplicate
	captureReversed
	reversalMissing
	reversalDuplicate
	reversalAlone
	amountOff
	accountUnknown
	orphaned
	unexpected
	settledTwice
	settledOff
	settledAgainst
	evidenceMissing
	refundedTwice
	refundedTooMuch
	refundedAgainst
)

// codes are what the catalog calls them, those first that come first in an answer
// where severities are equal.
var codes = []struct {
	wrong paydb.Wrong
	code  catalog.Code
	needs func(paydb.Checks) bool // nil: the ledger alone
}{
	{reversalAlone, catalog.LedgerReversalWithoutCapture, nil},
	{captureMissing, catalog.LedgerCaptureMissing, nil},
	{captureDuplicate, catalog.LedgerCaptureDuplicate, nil},
	{captureReversed, catalog.LedgerDirectionReversed, nil},
	{reversalMissing, catalog.LedgerReversalMissing, nil},
	{reversalDuplicate, catalog.LedgerReversalDuplicate, nil},
	{amountOff, catalog.LedgerAmountMismatch, nil},
	{unexpected, catalog.LedgerUnexpectedForStatus, nil},
	{accountUnknown, catalog.LedgerUnknownAccount, nil},
	{orphaned, catalog.LedgerOrphanEntry, nil},
	{settledAgainst, catalog.SettlementStatusConflict, settlements},
	{settledOff, catalog.SettlementAmountMismatch, settlements},
	{evidenceMissing, catalog.CaptureEvidenceMissing, settlements},
	{settledTwice, catalog.SettlementDuplicate, settlements},
	{refundedAgainst, catalog.RefundStatusConflict, refunds},
	{refundedTooMuch, catalog.RefundExceedsPayment, refunds},
	{refundedTwice, catalog.RefundDuplicateSuccess, refunds},
}

func settlements(c paydb.Checks) bool { return c.Settlements }
func refunds(c paydb.Checks) bool     { return c.Refunds }

// life is what a status says must stand in the other tables.
type life int

const (
	unknownLife life = iota
	beforeCapture
	lifeCaptured
	lifeRefunded
	lifePartlyRefunded
	// lifeOfOld is a status of older builds that says nothing of the books: what
	// stands in them must fit together.
	lifeOfOld
)

func lifeOf(status string) life {
	switch status {
	case "CAPTURED", "REFUND_REQUESTED", "REFUND_FAILED":
		return lifeCaptured
	case "REFUNDED":
		return lifeRefunded
	case "PARTIAL_REFUNDED":
		return lifePartlyRefunded
	case "READY", "REQUESTED", "AUTHORIZED", "AUTH_FAILED", "CAPTURE_REQUESTED", "CAPTURE_FAILED":
		return beforeCapture
	case "COMPLETED", "CANCELLED":
		return lifeOfOld
	}
	return unknownLife
}

// Judged reports whether Books can say anything about a payment of this status.
func Judged(status string) bool { return lifeOf(status) != unknownLife }

// Books judges what the tables say of one payment that nothing is under way for.
func Books(b *paydb.Books) paydb.Wrong {
	if b.Orphan {
		if b.Captures.N()+b.Reversals.N()+b.Others.N() > 0 {
			return orphaned
		}
		return 0
	}
	l := lived(b)
	if l == unknownLife {
		return 0
	}
	return bookPostings(b, l) | bookSettlements(b, l) | bookRefunds(b, l)
}

// lived is the life that a payment's status tells, or shows where it tells nothing.
func lived(b *paydb.Books) life {
	if l := lifeOf(b.Status); l != lifeOfOld {
		return l
	}
	return livedAs(b)
}

// livedAs is the life that a payment of an old status shows in the other tables: one
// that was refunded, captured, or neither.
func livedAs(b *paydb.Books) life {
	back := b.Reversals.Sum()
	if b.Refunds.Succeeded.Sum().Compare(back) > 0 {
		back = b.Refunds.Succeeded.Sum()
	}
	switch {
	case b.Reversals.N()+b.Refunds.Succeeded.N() > 0 && back.Compare(b.Amount) < 0:
		return lifePartlyRefunded
	case b.Reversals.N()+b.Refunds.Succeeded.N() > 0:
		return lifeRefunded
	case b.Captures.N()+b.Settlements.Succeeded.N() > 0:
		return lifeCaptured
	}
	return beforeCapture
}

// bookPostings compares the ledger with the status: one capture of the payment's amount
// once it was captured, one reversal once it was refunded, nothing before.
func bookPostings(b *paydb.Books, l life) (wrong paydb.Wrong) {
	if b.Others.N() > 0 {
		wrong |= accountUnknown
	}
	if l == beforeCapture {
		if b.Captures.N()+b.Reversals.N() > 0 {
			wrong |= unexpected
		}
		return wrong
	}
	reversals := l == lifeRefunded || l == lifePartlyRefunded
	// A posting to an account that nobody knows stands in for the one that is missing.
	standsIn := b.Others.N()
	switch {
	case b.Captures.N() > 1:
		wrong |= captureDuplicate
	case b.Captures.N() == 1 && b.Captures.Sum() != b.Amount:
		wrong |= amountOff
	case b.Captures.N() == 0 && b.Reversals.N() > 0 && reversals:
		if standsIn--; standsIn < 0 {
			wrong |= reversalAlone
		}
	case b.Captures.N() == 0 && b.Reversals.N() > 0:
		return wrong | captureReversed
	case b.Captures.N() == 0:
		if standsIn--; standsIn < 0 {
			wrong |= captureMissing
		}
	}
	switch {
	case !reversals && b.Reversals.N() > 0:
		wrong |= unexpected
	case !reversals:
	case b.Reversals.N() == 0:
		if standsIn--; standsIn < 0 {
			wrong |= reversalMissing
		}
	case l == lifePartlyRefunded:
		if b.Reversals.Sum().Compare(b.Amount) >= 0 || b.Reversals.Sum().Compare(paydb.Money{}) <= 0 {
			wrong |= amountOff
		}
	case b.Reversals.N() > 1:
		wrong |= reversalDuplicate
	case b.Reversals.Sum() != b.Amount:
		wrong |= amountOff
	}
	return wrong
}

// bookSettlements compares the settlement requests. Of a payment that the merchant's own
// call captured there are none, and that is right.
func bookSettlements(b *paydb.Books, l life) (wrong paydb.Wrong) {
	if b.Settlements.N > 1 {
		wrong |= settledTwice
	}
	if b.Settlements.Off {
		wrong |= settledOff
	}
	if b.Settlements.Succeeded.N() > 0 && l == beforeCapture {
		wrong |= settledAgainst
	}
	if b.Settlements.Succeeded.N() == 0 && b.NoEvent && l != beforeCapture {
		wrong |= evidenceMissing
	}
	return wrong
}

// bookRefunds compares the refund requests.
func bookRefunds(b *paydb.Books, l life) (wrong paydb.Wrong) {
	done := l == lifeRefunded || l == lifePartlyRefunded
	if b.Refunds.Succeeded.N() > 1 && l != lifePartlyRefunded {
		wrong |= refundedTwice
	}
	if b.Refunds.Succeeded.Sum().Compare(b.Amount) > 0 {
		wrong |= refundedTooMuch
	}
	switch {
	case b.Refunds.Succeeded.N() > 0 && !done:
		wrong |= refundedAgainst
	case b.Refunds.Succeeded.N() > 0 && l == lifeRefunded && b.Refunds.Succeeded.Sum().Compare(b.Amount) < 0:
		wrong |= refundedAgainst // the status says all of it, the gateway gave back a part
	}
	return wrong
}

// againstRefunds judges what can only be judged where refund requests were read: a
// refunded payment without one that succeeded, and one refunded in part of which they
// say another part than the ledger, or all of it.
func againstRefunds(b *paydb.Books) (wrong paydb.Wrong) {
	l := lived(b)
	switch {
	case b.Orphan || l != lifeRefunded && l != lifePartlyRefunded:
		return 0
	case b.Refunds.Succeeded.N() == 0 && lifeOf(b.Status) != lifeOfOld:
		return refundedAgainst
	case l != lifePartlyRefunded || b.Refunds.Succeeded.N() == 0:
		return 0
	case b.Refunds.Succeeded.Sum() == b.Amount && lifeOf(b.Status) != lifeOfOld:
		wrong |= refundedAgainst // the gateway gave back all of it, the status says a part
	}
	if b.Reversals.N() > 0 && b.Reversals.Sum() != b.Refunds.Succeeded.Sum() {
		wrong |= amountOff
	}
	return wrong
}

// Against returns the judge for the tables that are compared.
func Against(c paydb.Checks) func(*paydb.Books) paydb.Wrong {
	if !c.Refunds {
		return Books
	}
	return func(b *paydb.Books) paydb.Wrong { return Books(b) | againstRefunds(b) }
}

// CodeOf is what the catalog calls one thing that can be wrong.
func CodeOf(w paydb.Wrong) catalog.Code {
	for _, x := range codes {
		if x.wrong == w {
			return x.code
		}
	}
	panic("diagnose: no code for a judge's bit") // every bit is in the list
}

// DefaultLedgerGrace is how long after a change its postings may take.
const DefaultLedgerGrace = 2 * time.Minute
