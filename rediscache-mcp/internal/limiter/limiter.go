// Package limiter holds the rules by which the ingest service limits a merchant:
// it adds one to a counter with INCR, gives the counter its TTL only when the
// result is 1, and refuses the request when the result is above the capacity.
// When Redis answers an error it lets the request pass.
package limiter

import (
	"math"
	"strconv"
	"time"
)

// Limit is what one merchant may do of one action.
type Limit struct {
	Capacity    int64 // requests in a window
	Window      time.Duration
	CapacitySet bool // by the operator; else it is a default of ours, which ingest need not share
	WindowSet   bool
}

// Lifetime is how long ingest lets a key live that counts nothing.
type Lifetime struct {
	TTL time.Duration // 0: for ever
	Set bool          // by the operator; else it is a default of ours
}

// Off reports whether ingest does not limit at all, as it does when either
// number is zero or below.
func (l Limit) Off() bool { return l.Capacity <= 0 || l.Window <= 0 }

// From says where the two numbers come from.
func (l Limit) From() string {
	switch {
	case l.CapacitySet && l.WindowSet:
		return "set"
	case l.CapacitySet:
		return "capacity set, window assumed"
	case l.WindowSet:
		return "capacity assumed, window set"
	}
	return "assumed"
}

// Blocks reports whether a counter at count means that requests are refused.
func (l Limit) Blocks(count int64) bool { return count > l.Capacity }

// Percent returns how much of the capacity count is, with one decimal, rounded
// so that a value under or over 100 never looks like 100.
func (l Limit) Percent(count int64) float64 {
	p := float64(count) / float64(l.Capacity) * 1000
	if count > l.Capacity {
		return math.Ceil(p) / 10
	}
	return math.Floor(p) / 10
}

// Count reads a counter as INCR does. It reports false for whatever INCR answers
// with an error: what is no integer of 64 bits in its shortest form, and the
// largest one, which cannot grow.
func Count(value string) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != value || n == math.MaxInt64 {
		return 0, false
	}
	return n, true
}
