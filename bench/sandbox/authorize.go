package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/stack"
)

const (
	authorizeName    = "one authorization, many at a time"
	authorizeSubject = "paysim, two instances"
	authorizeUnit    = "ms"

	// atLeast is how many authorizations a second there must be.
	atLeast = 500
	// clients send one payment after the other.
	clients = 48
)

// authorize measures payments over HTTP with everything behind them: limits,
// gateway, databases, outbox, Kafka, and workers that settle and post at the
// same time.
func (b *bench) authorize(ctx context.Context) (err error) {
	b.say("starting a payment system on real servers")
	s, err := stack.Start(ctx, stack.Options{
		Parts: stack.Living, Rate: -1, ScrapeInterval: 15 * time.Second,
		Paysim: map[string]string{"PAYSIM_GATEWAY_LATENCY": "5ms", "PAYSIM_GATEWAY_JITTER": "1ms"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var targets []string
	for _, p := range s.PaysimOf(paysim.RoleIngest) {
		targets = append(targets, p.URL())
	}
	send := func(n int) traffic.Stats {
		g := traffic.New(traffic.Options{Targets: targets, Clients: clients, Payments: n})
		g.Run(ctx)
		return g.Stats()
	}
	send(500) // plans, pools and code get warm
	for run := range b.Runs {
		b.say("run %d of %d: %d authorizations", run+1, b.Runs, b.Payments)
		begin := time.Now()
		stats := send(b.Payments)
		took := time.Since(begin)
		if stats.Paid != b.Payments {
			return fmt.Errorf("not all payments were authorized: %s", stats)
		}
		b.noteAuthorized(stats, took)
		if err := drained(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) noteAuthorized(stats traffic.Stats, took time.Duration) {
	each := took.Seconds() * 1000 / float64(stats.Paid)
	b.figures.Add(authorizeName, authorizeSubject, authorizeUnit, each).AtMost(1000.0/atLeast).
		Says("elapsed time by payments: %d of them a second are %g ms each", atLeast, 1000.0/atLeast)
	b.figures.Add("authorizations", authorizeSubject, "per second", float64(stats.Paid)/took.Seconds())
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.figures.Add("an authorization as its caller sees it, p50", authorizeSubject, "ms", ms(stats.P50)).Says("%d callers at a time", clients)
	b.figures.Add("an authorization as its caller sees it, p95", authorizeSubject, "ms", ms(stats.P95))
}

// drainedWithin bounds how long the workers may take for what a run has left.
const drainedWithin = 3 * time.Minute

// drained waits until every payment of a run is settled, so that the next begins
// on a system at rest.
func drained(ctx context.Context, s *stack.Stack) error {
	ctx, cancel := context.WithTimeout(ctx, drainedWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		for _, db := range s.Databases() {
			var n int
			if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM payment WHERE status='CAPTURE_REQUESTED'").Scan(&n); err != nil {
				return err
			}
			left += n
		}
		if left == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d payments wait for the workers: %w", left, ctx.Err())
		}
	}
}
