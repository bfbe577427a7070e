package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
)

// enoughSamples is how many samples it takes to call something a trend.
const enoughSamples = 3

// atRest keeps of a group the samples since it last shared out its partitions: while it
// does it consumes nothing, which says nothing of how it comes on.
func atRest(g broker.Group) broker.Group {
	for n, s := range slices.Backward(g.Samples) {
		if broker.Rebalancing(s.State) {
			g.Samples = g.Samples[n+1:]
			break
		}
	}
	return g
}

// Movement is how a group came on in one partition between its first sample and
// its last.
type Movement struct {
	broker.Offset
	Window   time.Duration // 0 when there is one sample alone
	Consumed int64         // records committed in the window; -1 when not known
	Produced int64         // records added in the window; -1 when not known
	Lags     []int64       // of each sample; -1 where not known
}

// Still reports whether records wait and nothing was committed in the window.
func (m Movement) Still() bool {
	if m.Window == 0 || m.Consumed != 0 || m.Lag() <= 0 || m.Committed < 0 {
		return false
	}
	for _, lag := range m.Lags {
		if lag <= 0 {
			return false
		}
	}
	return true
}

// Movements are those of every partition of a group, in order.
func Movements(g broker.Group) []Movement {
	now := g.Now()
	all := make([]Movement, 0, len(now.Offsets))
	lags := make([]int64, 0, len(now.Offsets)*len(g.Samples))
	for place, o := range now.Offsets {
		from := len(lags)
		lags = lags[:from+len(g.Samples)]
		m := Movement{Offset: o, Consumed: -1, Produced: -1, Lags: lags[from:from]}
		for i, s := range g.Samples {
			was, ok := at(s, o, place)
			if !ok {
				m.Lags = append(m.Lags, -1)
				continue
			}
			m.Lags = append(m.Lags, was.Lag())
			if i == 0 && len(g.Samples) > 1 {
				m.Window = now.At.Sub(s.At)
				if was.Committed >= 0 && o.Committed >= 0 {
					m.Consumed = o.Committed - was.Committed
				}
				if was.Known && o.Known {
					m.Produced = o.Last - was.Last
				}
			}
		}
		all = append(all, m)
	}
	return all
}

// at finds a partition in a sample, whose offsets are in order, usually in the
// place where it is in others.
func at(s broker.Sample, o broker.Offset, place int) (broker.Offset, bool) {
	if place < len(s.Offsets) && s.Offsets[place].Partition == o.Partition && s.Offsets[place].Topic == o.Topic {
		return s.Offsets[place], true
	}
	i, found := slices.BinarySearchFunc(s.Offsets, o, func(a, b broker.Offset) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), int(a.Partition-b.Partition))
	})
	if !found {
		return broker.Offset{}, false
	}
	return s.Offsets[i], true
}

// Trend is how a group as a whole came on. Counts are records.
type Trend struct {
	Window             time.Duration
	Samples            int
	Lag                int64
	Partial            bool // Lag is a lower bound
	Consumed, Produced int64
	Known              bool // whether Consumed and Produced are, of every partition
	Overdue            bool // records have waited longer than broker.Grace
	Growing            bool // the lag is above all that it was before, and never was none
	Lags               []int64
}

// TrendOf adds up the movements of a group.
func TrendOf(g broker.Group) Trend {
	t := Trend{Samples: len(g.Samples), Known: len(g.Samples) > 1}
	t.Lag, t.Partial = g.Lag()
	for _, m := range Movements(g) {
		t.Window = max(t.Window, m.Window)
		t.Overdue = t.Overdue || m.Overdue()
		if m.Produced < 0 || m.Consumed < 0 && m.Committed >= 0 {
			t.Known = false
			continue
		}
		t.Consumed += max(m.Consumed, 0)
		t.Produced += m.Produced
	}
	for _, s := range g.Samples {
		var sum int64
		for _, o := range s.Offsets {
			sum += max(o.Lag(), 0)
		}
		t.Lags = append(t.Lags, sum)
	}
	// Events leave the outbox in bursts, so that between two samples there may be
	// none; at last it is higher than ever all the same. Who has had nothing left to do
	// did not fall behind: that was one burst.
	n := len(t.Lags)
	t.Growing = n >= enoughSamples && t.Lags[n-1] > slices.Max(t.Lags[:n-1]) && !slices.Contains(t.Lags, 0)
	return t
}

// Drain is in how long nothing would wait any more at the present pace; 0 when
// that is never, or not known.
func (t Trend) Drain() time.Duration {
	falls := t.Consumed - t.Produced
	if !t.Known || t.Window == 0 || falls <= 0 || t.Lag == 0 {
		return 0
	}
	return time.Duration(float64(t.Lag) / float64(falls) * float64(t.Window))
}

// Waits reports whether records wait longer than what is on its way does: the
// oldest is older than the grace, or there are more than are consumed in that time.
func (t Trend) Waits() bool {
	return t.Overdue || t.Known && t.Window > 0 && float64(t.Lag) > float64(t.Consumed)/t.Window.Seconds()*broker.Grace.Seconds()
}

// Words say in a few words how it came on.
func (t Trend) Words() string {
	switch {
	case t.Lag == 0 && !t.Partial:
		return "nothing waits"
	case t.Window == 0:
		return "one sample"
	case !t.Known:
		return "not known"
	}
	over := " in " + short(t.Window)
	switch {
	case t.Consumed == 0 && t.Produced == 0:
		return "still" + over
	case t.Consumed == 0:
		return fmt.Sprintf("+%d, none consumed%s", t.Produced, over)
	case t.Drain() > 0:
		return fmt.Sprintf("falls: -%d +%d%s, done in %s", t.Consumed, t.Produced, over, short(t.Drain()))
	}
	return fmt.Sprintf("-%d +%d%s", t.Consumed, t.Produced, over)
}
