package tools

import (
	"context"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

const (
	// clockWait is how long the payment system is asked what time it is.
	clockWait = time.Second
	// clocksAgree is up to where clocks are the same: one of them tells whole
	// seconds, and the way there takes a while.
	clocksAgree = 2 * time.Second
)

// clock begins to ask ingest, which stamps records, and Prometheus what time it is;
// the function that it returns waits for the answer. How old a record is must not
// depend on the clock of the machine that this server happens to run on.
func (s Sources) clock(ctx context.Context) func() broker.Clock {
	done := make(chan broker.Clock, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, clockWait)
		defer cancel()
		var api, prom *time.Duration
		told := func(into **time.Duration, ask func(context.Context) (time.Duration, bool)) func() {
			return func() {
				if ahead, ok := ask(ctx); ok {
					*into = &ahead
				}
			}
		}
		fault.Together(told(&api, s.Ingest.Ahead), told(&prom, s.Prometheus.Ahead))
		done <- clockOf(api, prom)
	}()
	return func() broker.Clock {
		c := <-done
		done <- c
		return c
	}
}

// clockOf puts together what ingest and Prometheus said of their clocks. That of
// Prometheus is more exact; where they differ ingest's is the one that records have.
func clockOf(api, prom *time.Duration) (c broker.Clock) {
	switch {
	case api == nil && prom == nil:
		return c
	case api == nil:
		c.Ahead = *prom
	case prom == nil:
		c.Ahead = *api
	default:
		if c.Ahead = *prom; (*api - *prom).Abs() > clocksAgree {
			c.Ahead, c.Apart = *api, (*api - *prom).Abs()
		}
	}
	if c.Ahead.Abs() <= clocksAgree {
		c.Ahead = 0
	}
	c.Known = true
	return c
}

// tellClock says by which clock ages are told, where that is not this machine's.
func tellClock(c *report.Coverage, clock broker.Clock) {
	is := "ahead of"
	if clock.Ahead < 0 {
		is = "behind"
	}
	switch {
	case !clock.Known:
		c.Not = append(c.Not, "the payment system's clock: ages are by this machine's")
	case clock.Ahead != 0:
		c.Looked = append(c.Looked, "ages by the payment system's clock, "+diagnose.Short(clock.Ahead.Abs())+" "+is+" this machine's")
	}
}
