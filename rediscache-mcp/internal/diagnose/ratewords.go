package diagnose

import (
	"fmt"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
)

func (k RateKey) untilReset() string {
	if k.Counter.TTLErr != nil {
		return ""
	}
	return " until it resets in " + seconds(k.Counter.Last().TTL)
}

// reservation says what keeps a claim about blocking from being certain.
func (k RateKey) reservation(twice bool) string {
	switch {
	case !k.Limit.CapacitySet:
		return fmt.Sprintf("; the capacity is assumed: set APP_RATE_LIMIT_%s_CAPACITY to what ingest runs with", upper(k.Action)) + seenOnce(twice)
	case k.FailingOpen:
		return "; while Redis refuses writes it is not enforced" + seenOnce(twice)
	}
	return seenOnce(twice)
}

func seenOnce(twice bool) string {
	if twice {
		return ""
	}
	return "; seen once only, a new counter is without a TTL for a moment: ask again"
}

// untilBlocked estimates when the capacity is used up, from the two sights.
func (k RateKey) untilBlocked(count int64) string {
	if k.Counter.Second == nil {
		return ""
	}
	before, ok := limiter.Count(string(k.Counter.First.Value))
	apart := k.Counter.Second.After - k.Counter.First.After
	if !ok || count <= before || apart <= 0 {
		return fmt.Sprintf(", no request came in %s", seconds(apart))
	}
	left := time.Duration(float64(k.Limit.Capacity-count) / float64(count-before) * float64(apart))
	return fmt.Sprintf(", %d requests came in %s: at that pace used up in %s", count-before, seconds(apart), seconds(left))
}

func (k RateKey) deleteStep() string {
	return fmt.Sprintf("A human deletes exactly this key: DEL %s (redis-cli)", keyspace.CLI(k.Counter.Key))
}

func (k RateKey) probe() string {
	key := keyspace.CLI(k.Counter.Key)
	return fmt.Sprintf("GETRANGE %s 0 31; PTTL %s", key, key)
}

// seen is the evidence: the raw value and TTL, and when they were seen again.
func (k RateKey) seen() string {
	s := k.Counter.Last()
	value := s.Value.Quoted()
	if s.WrongType {
		value = "a " + k.Counter.Type.String()
	}
	ttl := fmt.Sprintf("TTL %s", seconds(s.TTL))
	switch {
	case k.Counter.TTLErr != nil:
		ttl = "TTL not known"
	case s.NoTTL:
		ttl = "TTL -1 (none)"
		if k.Counter.Second != nil && k.Counter.First.NoTTL {
			ttl += fmt.Sprintf(", the same %s later", seconds(k.Counter.Second.After-k.Counter.First.After))
		}
	}
	return value + ", " + ttl
}

// at is when the last sight was, by the server's clock; zero when it told none.
func (k RateKey) at() time.Time {
	if k.Clock.IsZero() {
		return time.Time{}
	}
	return k.Clock.Add(k.Counter.Last().After - k.Counter.First.After)
}

// holds says what stands in place of a counter.
func (k RateKey) holds() string {
	s := k.Counter.Last()
	switch {
	case s.WrongType:
		return "a " + k.Counter.Type.String() + " in place of a number"
	case k.Counter.Length != nil && s.Cut:
		return fmt.Sprintf("%d bytes that begin with %s, no number", *k.Counter.Length, s.Value.Quoted())
	}
	if _, counts := k.Count(); counts {
		return s.Value.Quoted() + ", far below zero"
	}
	return s.Value.Quoted() + ", no number that can be added to"
}
