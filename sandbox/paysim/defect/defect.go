// Package defect names what is wrong with the real payment system, each as a
// switch that is off in a healthy one. Switches can be thrown while the system
// runs.
package defect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// Name is one defect.
type Name string

// The defects. The comment behind each says what it does; About has the words.
const (
	BlindBreaker      Name = "blind-breaker"
	LateRecording     Name = "late-recording"
	FailuresAs409     Name = "failures-as-409"
	RetryStarved      Name = "retry-starved"
	SilentRefundRetry Name = "silent-refund-retry"
	NoMerchant        Name = "no-merchant"
	NoDedupe          Name = "no-dedupe"
	ParityFilter      Name = "parity-filter"
	DropRecords       Name = "drop-records"
	RateNotAtomic     Name = "rate-not-atomic"
	EarlyIdemCache    Name = "early-idem-cache"
	GatewayInTx       Name = "gateway-in-transaction"
	PublishTwice      Name = "publish-twice"
	OneByOne          Name = "one-by-one"
)

// about is what each defect does, for people.
var about = map[Name]string{
	BlindBreaker:      "Kafka that cannot be reached at all raises retry_count of outbox events, until they are dead letters, and does not move the kafka-publisher breaker",
	LateRecording:     "the kafka-publisher breaker hears of sends when they are over: successes not at all while CLOSED and of one in ten while HALF_OPEN, every call with no duration, and FORCED_OPEN holds nothing back",
	FailuresAs409:     "an open pg-auth-api breaker and failures of the payment gateway are answered as 409 DUPLICATE_REQUEST without a paymentId",
	RetryStarved:      "the retry schedulers compare last_retry_at without regard to NULL and look at shard 1 only, so that nothing failed is ever retried",
	SilentRefundRetry: "a refund that succeeds when retried publishes no payment.refunded",
	NoMerchant:        "payment.captured and payment.refunded carry no merchantId, and the ledger posts to shard 1",
	NoDedupe:          "the ledger posts every event it gets, also the second time",
	ParityFilter:      "each ingest instance polls one shard without a lock, and only events of even (first) or odd (second) payment ids",
	DropRecords:       "settlement and refund consumers give a record up after ten immediate attempts, without a trace",
	RateNotAtomic:     "the rate limiter counts and sets the expiry in two commands and ignores a failure of the second",
	EarlyIdemCache:    "the cached answer is written to Redis before the transaction commits",
	GatewayInTx:       "the payment gateway is called while a database connection is held",
	OneByOne:          "settlement and refund consumers have one thread: they take a record, do its work and commit it before they take the next",
	PublishTwice:      "outbox events are sent again with every poll until their acknowledgement was noted",
}

// All is every defect, by name.
func All() []Name { return slices.Sorted(maps.Keys(about)) }

// About says what a defect does; "" when there is none of that name.
func About(n Name) string { return about[n] }

// Set is which defects a process has. The zero value, and nil, are healthy. Its
// methods may be called side by side.
type Set struct{ on atomic.Pointer[map[Name]bool] }

// Has says whether a defect is switched on.
func (s *Set) Has(n Name) bool {
	if s == nil {
		return false
	}
	on := s.on.Load()
	return on != nil && (*on)[n]
}

// Set switches these on and all others off.
func (s *Set) Set(names ...Name) error {
	on := map[Name]bool{}
	for _, n := range names {
		if about[n] == "" {
			return fmt.Errorf("unknown defect %q: want some of %v", n, All())
		}
		on[n] = true
	}
	s.on.Store(&on)
	return nil
}

// Names are those switched on, by name.
func (s *Set) Names() []Name {
	on := s.on.Load()
	if on == nil {
		return []Name{}
	}
	return append([]Name{}, slices.Sorted(maps.Keys(*on))...)
}

// Parse reads a comma list; "" is none.
func Parse(list string) ([]Name, error) {
	var names []Name
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			names = append(names, Name(word))
		}
	}
	return names, new(Set).Set(names...)
}
