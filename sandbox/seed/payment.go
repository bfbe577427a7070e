package seed

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// The statuses that a healthy system's payments have.
const (
	CaptureRequested = "CAPTURE_REQUESTED"
	Captured         = "CAPTURED"
	CaptureFailed    = "CAPTURE_FAILED"
	RefundRequested  = "REFUND_REQUESTED"
	Refunded         = "REFUNDED"
	RefundFailed     = "REFUND_FAILED"
)

// Payment is one row of payment, and what follows from it in other tables.
type Payment struct {
	Shard       int
	ID          int64
	Merchant    string
	Key         string // the idempotency key
	Amount      int64
	Currency    string
	Status      string
	RequestedAt time.Time
	UpdatedAt   time.Time
	// InFlight says that it is under way: Freshen keeps it young.
	InFlight bool
	// Hostility names what is hostile about it; "" for nothing.
	Hostility string

	direct     bool      // captured by the merchant's call, without settlement
	capturedAt time.Time // zero when not captured
	refundAt   time.Time // when a refund was asked for; zero when not
	retries    int       // of a failed settlement or refund
	lastRetry  time.Time
	pending    bool // its outbox rows are not published yet
	reason     string
	pgMessage  string
	bulk       int // bytes to blow up payload and cached answer with
	token      uint64
}

// flight is a payment under way at a time before Now.
type flight struct {
	age     time.Duration
	status  string
	pending bool
}

// flights are under way on every shard, oldest first. Two have not been
// published yet, with two events each.
var flights = []flight{
	{48 * time.Second, RefundRequested, false},
	{35 * time.Second, CaptureRequested, false},
	{24 * time.Second, CaptureRequested, false},
	{12 * time.Second, CaptureRequested, false},
	{3 * time.Second, CaptureRequested, true},
	{1 * time.Second, CaptureRequested, true},
}

// maxFailed bounds how many of a shard's newest payments may have failed:
// every failed request is being retried all the time, see Freshen.
const maxFailed = 40_000

// payment computes one payment.
func (p *Plan) payment(shard, i int) Payment {
	rng := rand.New(rand.NewPCG(p.Options.Seed^uint64(shard)<<56, uint64(i)))
	n, flying := p.count(shard), p.inFlight(shard)
	names := p.Merchants[shard-1]
	// Squared: a few merchants have most of the traffic.
	u := rng.Float64()
	pay := Payment{
		Shard: shard, ID: p.FirstID + int64(i),
		Merchant: names[int(u*u*float64(len(names)))],
		token:    rng.Uint64(),
	}
	pay.Key = "order-" + strconv.FormatUint(pay.token, 36)
	pay.Currency, pay.Amount = Money(rng)
	pay.direct = rng.Float64() < 0.10
	toCapture := time.Duration(2000+rng.IntN(6000)) * time.Millisecond

	if left := n - i; left <= flying {
		f := flights[len(flights)-left]
		pay.InFlight, pay.Status, pay.pending = true, f.status, f.pending
		pay.direct = false
		pay.RequestedAt = p.Now.Add(-f.age)
		pay.UpdatedAt = pay.RequestedAt
		if f.status == RefundRequested {
			pay.capturedAt = pay.RequestedAt.Add(toCapture)
			pay.refundAt = pay.capturedAt.Add(5 * time.Second)
			pay.UpdatedAt = pay.refundAt
			pay.reason = Reason(rng)
		}
		return pay
	}

	// In order of ids, each somewhere within its slot of the span.
	slot := float64(p.Options.Span-settled) / float64(n-flying)
	begin := p.Now.Add(-p.Options.Span)
	pay.RequestedAt = begin.Add(time.Duration((float64(i) + rng.Float64()) * slot)).Truncate(time.Millisecond)
	pay.capturedAt = pay.RequestedAt.Add(toCapture)
	pay.Status, pay.UpdatedAt = Captured, pay.capturedAt

	fate := rng.Float64()
	refundAt := pay.capturedAt.Add(time.Minute + time.Duration(rng.ExpFloat64()*float64(2*time.Hour))).Truncate(time.Millisecond)
	mayFail := n-i <= maxFailed
	if h := p.hostility(shard, i); h != nil {
		h(&pay)
		fate, refundAt, mayFail = 0.9, pay.capturedAt.Add(time.Minute), false
	}
	switch {
	case fate >= 0.875 && fate < 0.960:
		pay.refund(p, rng, Refunded, refundAt)
	case fate >= 0.960 && fate < 0.970 && mayFail:
		pay.refund(p, rng, RefundFailed, refundAt)
	case fate >= 0.970 && mayFail:
		pay.Status, pay.direct = CaptureFailed, false
		pay.capturedAt = time.Time{}
		pay.UpdatedAt = pay.RequestedAt.Add(toCapture)
		pay.retry(p, rng)
	}
	return pay
}

// refund turns a captured payment into a refunded one, if there was time.
func (pay *Payment) refund(p *Plan, rng *rand.Rand, status string, at time.Time) {
	if at.After(p.Now.Add(-settled / 2)) {
		return
	}
	pay.Status, pay.refundAt = status, at
	pay.UpdatedAt = at.Add(refundTakes)
	if pay.reason == "" {
		pay.reason = Reason(rng)
	}
	if status == RefundFailed {
		pay.retry(p, rng)
	}
}

// retry has a failed request be retried, recently and not for the last time.
func (pay *Payment) retry(p *Plan, rng *rand.Rand) {
	pay.retries = 1 + rng.IntN(6)
	pay.lastRetry = p.Now.Add(-time.Duration(5+rng.IntN(50)) * time.Second)
}

// How long parts of the system take.
const (
	refundTakes  = 2 * time.Second
	settleTakes  = 1500 * time.Millisecond
	postingTakes = 400 * time.Millisecond
	publishTakes = 600 * time.Millisecond
)

// CapturedAt is when it was captured; zero when it was not.
func (pay *Payment) CapturedAt() time.Time { return pay.capturedAt }

// Settled says whether a settlement request succeeded for it.
func (pay *Payment) Settled() bool { return !pay.capturedAt.IsZero() && !pay.direct }

// RefundReason is what was given for its refund; "" without one.
func (pay *Payment) RefundReason() string { return pay.reason }

// Money draws what a payment is about: mostly won, some dollars and yen, in whole
// units.
func Money(rng *rand.Rand) (currency string, amount int64) {
	switch u := rng.Float64(); {
	case u < 0.85:
		return "KRW", 100 * (10 + rng.Int64N(4990))
	case u < 0.93:
		return "USD", 5 + rng.Int64N(1995)
	default:
		return "JPY", 10 * (10 + rng.Int64N(19_990))
	}
}

// Reason draws why a customer wants a payment back.
func Reason(rng *rand.Rand) string {
	reasons := []string{"customer request", "duplicate order", "out of stock", "wrong size"}
	return reasons[rng.IntN(len(reasons))]
}
