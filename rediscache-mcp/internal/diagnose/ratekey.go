// Package diagnose judges what Redis said: facts in, findings out.
package diagnose

import (
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
)

// RateKey is one merchant's counter for one action, with what it is judged by.
type RateKey struct {
	Merchant string // quoted
	Action   keyspace.Action
	Limit    limiter.Limit
	Counter  redisdb.Counter
	Source   string    // name of the server that holds it
	Clock    time.Time // of that server at the first sight
	// FailingOpen is set when Redis refuses writes: then ingest cannot count,
	// and lets every request pass.
	FailingOpen bool
	// Passing is set where a counter was seen too short a time for certainty, and
	// others are reported that are in the same state.
	Passing bool
}

// State is what a counter means for the merchant.
type State string

// The states of a counter.
const (
	Unread         State = "unknown"                 // it could not be read
	Off            State = "no_limit"                // ingest does not limit this action
	NoWindow       State = "no_window_open"          // no counter
	Free           State = "ok"                      // below the capacity
	AtLimit        State = "next_request_is_refused" // count equals capacity
	Blocked        State = "blocked"                 // until the TTL ends
	BlockedForEver State = "blocked_for_ever"        // no TTL will end it
	NeverResets    State = "never_resets"            // no TTL, still below the capacity
	Corrupt        State = "not_a_counter"           // INCR fails, so ingest does not limit
	NotEnforced    State = "not_enforced"            // Redis refuses writes, so ingest does not limit
)

// jitter is by how much a TTL may be above its window: the clock of a replica may
// differ from its master's.
const jitter = time.Second

// near is the share of the capacity from which a merchant is near its limit.
const near = 80

// NearPercent is near as limiter.Limit.Percent has it.
const NearPercent float64 = near

// Count returns the counter's value; false when there is none that INCR would take.
func (k RateKey) Count() (int64, bool) {
	s := k.Counter.Last()
	if k.Counter.Err != nil || !s.Exists || s.WrongType || s.Cut {
		return 0, false
	}
	return limiter.Count(string(s.Value))
}

// farBelowZero reports whether a counter stands so low that a merchant gets the whole
// limit once more, and more than that, before it is limited. Ingest only ever adds,
// so something else wrote it; a little below zero does no harm.
func (k RateKey) farBelowZero(count int64) bool { return count <= -k.Limit.Capacity }

// State says what the counter means.
func (k RateKey) State() State {
	s := k.Counter.Last()
	count, counts := k.Count()
	switch {
	case k.Counter.Err != nil:
		return Unread
	case k.Limit.Off():
		return Off
	case !s.Exists:
		return NoWindow
	case !counts || k.farBelowZero(count):
		return Corrupt
	case s.NoTTL && k.Limit.Blocks(count):
		return BlockedForEver
	case s.NoTTL:
		return NeverResets
	case k.Limit.Blocks(count):
		return Blocked
	case count == k.Limit.Capacity:
		return AtLimit
	}
	return Free
}

// NeverEnds reports whether the counter lacks the TTL that ingest gives it.
func (k RateKey) NeverEnds() bool {
	s := k.State()
	return s == BlockedForEver || s == NeverResets
}

// Effect says what the merchant notices: like State, but no limit holds while
// ingest cannot count.
func (k RateKey) Effect() State {
	if s := k.State(); !k.FailingOpen || s == Unread || s == Off || s == Corrupt {
		return s
	}
	return NotEnforced
}

// noTTL says whether a counter has no TTL, and whether that was seen twice: ingest
// sets the TTL in a step of its own after the first INCR, so one sight may have
// fallen between the two.
func (k RateKey) noTTL() (is, twice bool) {
	first, second := k.Counter.First, k.Counter.Second
	if second == nil {
		return first.Exists && first.NoTTL, false
	}
	if !second.Exists || !second.NoTTL || !first.NoTTL {
		return second.Exists && second.NoTTL, false
	}
	before, ok := limiter.Count(string(first.Value))
	count, counts := k.Count()
	return true, !ok || !counts || count >= before // less is a counter begun anew
}
