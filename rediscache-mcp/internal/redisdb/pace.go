package redisdb

import (
	"context"
	"math"
	"net"
	"slices"
	"time"

	"payops-mcp/shared/fault"
)

// SlowAbove is the time above which a round trip is slow, and makes us measure.
const SlowAbove = 50 * time.Millisecond

const (
	paceSamples = 20
	paceBudget  = 1500 * time.Millisecond
	connects    = 3
	nap         = time.Millisecond // before each round trip, to see how late we wake up
)

// Pace is how fast a server answers. It is measured only when a first answer was
// slow, on a connection that stands, so that neither one slow answer nor the time
// to connect makes a server look slow.
type Pace struct {
	Trips []time.Duration // round trips of DBSIZE, shortest first
	// Unanswered is how long the last one had taken when the time was up; 0 when
	// all were answered.
	Unanswered time.Duration
	// Network is the shortest time a bare TCP connection took, in which the
	// process of Redis has no part; nil when none came about.
	Network *time.Duration
	// Late is how late this process woke up before each round trip, shortest first:
	// where the machine it runs on is starved, an answer waits as long to be seen.
	Late []time.Duration
}

// pace measures round trips one after another. DBSIZE does nothing but answer,
// and counts as no lookup of a key.
func (n node) pace(ctx context.Context) Pace {
	ctx, cancel := context.WithTimeout(ctx, paceBudget)
	defer cancel()
	p := Pace{Network: n.connectTime(ctx)}
	for range paceSamples {
		asleep := time.Now()
		time.Sleep(nap)
		p.Late = append(p.Late, max(0, time.Since(asleep)-nap))
		start := time.Now()
		err := n.client.DBSize(ctx).Err()
		if err != nil && fault.NetworkClass(err) != fault.Timeout {
			break
		}
		if err != nil {
			p.Unanswered = time.Since(start)
			break
		}
		p.Trips = append(p.Trips, time.Since(start))
	}
	slices.Sort(p.Trips)
	slices.Sort(p.Late)
	return p
}

func (n node) connectTime(ctx context.Context) *time.Duration {
	if n.network == "" {
		return nil
	}
	var best *time.Duration
	d := net.Dialer{Timeout: dialTimeout}
	for range connects {
		start := time.Now()
		conn, err := d.DialContext(ctx, n.network, n.addr)
		if err != nil {
			return best
		}
		took := time.Since(start)
		_ = conn.Close() // nothing was said on it
		if best == nil || took < *best {
			best = &took
		}
	}
	return best
}

// Rank returns the round trip that the share of all is not above, by nearest rank;
// one without an answer counts as long as it was waited for.
func (p Pace) Rank(share float64) time.Duration {
	trips := slices.Clone(p.Trips)
	if p.Unanswered > 0 {
		trips = append(trips, p.Unanswered)
		slices.Sort(trips)
	}
	return rank(trips, share)
}

// LateRank is that of how late this process woke up.
func (p Pace) LateRank(share float64) time.Duration { return rank(p.Late, share) }

func rank(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}
