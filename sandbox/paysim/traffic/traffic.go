// Package traffic is the merchants and their customers: payments that are
// authorized, some captured at once, some refunded later, some sent twice, by
// merchants of very different size, more in the evening than at night, and
// patiently tried again while the payment system is not well.
package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"payops-mcp/sandbox/seed"
)

// Options say what the load is.
type Options struct {
	// Targets are the base URLs of the ingest instances, taken in turn.
	Targets []string
	// Rate is how many payments begin in a second, on the average of a day.
	// 0 means as many as Clients one after the other can.
	Rate float64
	// Shape is how much more or less there is at a time; nil means always
	// the same. Daily is a believable one.
	Shape func(time.Time) float64
	// Clients is how many payments are under way at most; 0 means 1000, or 64
	// without a rate. A payment beyond that is not begun, and counted.
	Clients int
	// Payments is after how many Run ends by itself; 0 means never.
	Payments int
	// Merchants are ids, the largest merchant first; nil means Merchants(40).
	Merchants []string
	// CaptureShare, RefundShare and DuplicateShare are how many of all
	// payments, from 0 to 1, are captured by the merchant's own call, are
	// refunded, and are sent a second time.
	CaptureShare, RefundShare, DuplicateShare float64
	// RefundAfter is how long a customer waits on average before asking for
	// the money back.
	RefundAfter time.Duration
	// Patience is for how long a request is tried again; 0 means 60 s.
	Patience time.Duration
	// Timeout is how long one attempt may take; 0 means 10 s.
	Timeout time.Duration
	// Seed chooses merchants, amounts and fates.
	Seed uint64
	// Forget is for a load without end: what was paid is not kept, and how
	// long it took is known of the latest payments alone.
	Forget bool
}

// Healthy is the load of a normal day.
func Healthy(rate float64, targets ...string) Options {
	return Options{
		Targets: targets, Rate: rate, Shape: Daily,
		CaptureShare: 0.10, RefundShare: 0.08, DuplicateShare: 0.01, RefundAfter: 20 * time.Second,
	}
}

// Merchants are invented ids: odd and even, so that both shards have some.
func Merchants(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("MERCHANT-%d", 1001+i)
	}
	return all
}

// daily is the share of a day's payments by hour, as a factor whose mean is 1.
var daily = [24]float64{
	0.45, 0.30, 0.22, 0.18, 0.18, 0.25, 0.45, 0.70, 0.95, 1.10, 1.20, 1.40,
	1.55, 1.35, 1.20, 1.15, 1.20, 1.35, 1.55, 1.75, 1.80, 1.60, 1.25, 0.87,
}

// Daily is how busy a time of day is, 1 on average, without steps at the hours.
func Daily(t time.Time) float64 {
	h := t.Hour()
	part := float64(t.Minute())/60 + float64(t.Second())/3600
	return daily[h]*(1-part) + daily[(h+1)%24]*part
}

// Paid is a payment that the payment system has acknowledged.
type Paid struct {
	ID            int64
	Merchant, Key string
	Amount        int64
	Currency      string
}

// Generator is a running load.
type Generator struct {
	options Options
	client  *http.Client
	run     uint64
	stats   stats
	wait    sync.WaitGroup

	mu   sync.Mutex
	rng  *rand.Rand
	next int
}

// New makes a load; Run starts it.
func New(o Options) *Generator {
	if o.Merchants == nil {
		o.Merchants = Merchants(40)
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Clients == 0 {
		o.Clients = 1000
		if o.Rate == 0 {
			o.Clients = 64
		}
	}
	g := &Generator{
		options: o,
		client:  &http.Client{Timeout: o.Timeout, Transport: &http.Transport{MaxIdleConns: 4 * o.Clients, MaxIdleConnsPerHost: 2 * o.Clients}},
		rng:     rand.New(rand.NewPCG(o.Seed, 0x7aff1c)),
		// Keys of two runs differ, also of the same seed.
		run: rand.Uint64(),
	}
	g.stats.forget = o.Forget
	return g
}

// Run begins payments until the context ends, or there were enough, and returns
// when the last of them is over: who has begun is patient.
func (g *Generator) Run(ctx context.Context) {
	if g.options.Rate == 0 {
		for range g.options.Clients {
			g.wait.Go(func() {
				for ctx.Err() == nil {
					p, ok := g.plan()
					if !ok {
						return
					}
					g.journey(ctx, p)
				}
			})
		}
		g.wait.Wait()
		return
	}
	turns := make(chan struct{}, g.options.Clients)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; {
		select {
		case <-ctx.Done():
			g.wait.Wait()
			g.client.CloseIdleConnections()
			return
		case <-timer.C:
		}
		// Whoever is late catches up: the load does not shrink because the
		// generator was held up.
		for now := time.Now(); !due.After(now); due = due.Add(g.gap(now)) {
			select {
			case turns <- struct{}{}:
			default:
				g.stats.add(func(s *Stats) { s.Unbegun++ })
				continue
			}
			p, ok := g.plan()
			if !ok {
				g.wait.Wait()
				return
			}
			g.wait.Go(func() {
				g.journey(ctx, p)
				<-turns
			})
		}
		timer.Reset(time.Until(due))
	}
}

// gap is the time to the next payment.
func (g *Generator) gap(now time.Time) time.Duration {
	rate := g.options.Rate
	if g.options.Shape != nil {
		rate *= g.options.Shape(now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Duration(g.rng.ExpFloat64() / rate * float64(time.Second))
}

// plan is what will become of a payment, if all goes well.
type plan struct {
	Paid
	target                     int
	capture, refund, duplicate bool
	refundAfter                time.Duration
	reason                     string
}

// plan is the next payment; false when there were enough.
func (g *Generator) plan() (plan, bool) {
	o := g.options
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.Payments > 0 && g.next == o.Payments {
		return plan{}, false
	}
	g.next++
	rng := g.rng
	// Cubed: the largest merchant of forty has about a third of all.
	u := rng.Float64()
	p := plan{target: g.next}
	p.Merchant = o.Merchants[int(u*u*u*float64(len(o.Merchants)))]
	p.Key = fmt.Sprintf("order-%x-%d", g.run, g.next)
	p.Currency, p.Amount = seed.Money(rng)
	p.capture = rng.Float64() < o.CaptureShare
	p.refund = rng.Float64() < o.RefundShare
	p.duplicate = rng.Float64() < o.DuplicateShare
	p.refundAfter = time.Second + time.Duration(rng.ExpFloat64()*float64(o.RefundAfter))
	p.reason = seed.Reason(rng)
	return p, true
}
