package breaker

import (
	"time"

	"payops-mcp/sandbox/ingest/wire"
)

// calls are cumulative numbers, and the longest call of late.
type calls struct {
	count   uint64
	seconds float64
	max     float64
	maxAt   time.Time
}

// maxLasts is for how long the longest call is remembered, as in Micrometer.
const maxLasts = 2 * time.Minute

func (c *calls) add(took time.Duration) {
	c.count++
	c.seconds += took.Seconds()
	if now := time.Now(); took.Seconds() >= c.max || now.Sub(c.maxAt) > maxLasts {
		c.max, c.maxAt = took.Seconds(), now
	}
}

func (c *calls) wire() wire.Calls {
	out := wire.Calls{Count: c.count, Seconds: c.seconds, Max: c.max}
	if time.Since(c.maxAt) > maxLasts {
		out.Max = 0
	}
	return out
}

// Tell is what the API and the metrics say of the breaker.
func (b *Breaker) Tell() wire.Sample {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.window
	return wire.Sample{
		Name: b.name,
		Breaker: wire.Breaker{
			State:          b.state,
			Successful:     w.used - w.failed,
			Failed:         w.failed,
			SlowSuccessful: w.slow - w.slowFailed,
			SlowFailed:     w.slowFailed,
			NotPermitted:   w.notPermitted,
			FailureRate:    w.rate(w.failed),
			SlowCallRate:   w.rate(w.slow),
		},
		SuccessfulCalls:   b.successful.wire(),
		FailedCalls:       b.failedCalls.wire(),
		IgnoredCalls:      b.ignored.wire(),
		NotPermittedTotal: b.notPermitted,
	}
}
