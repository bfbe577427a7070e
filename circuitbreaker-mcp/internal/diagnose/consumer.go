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
	Consumed int64         // records committed in the window, 0 where none ever was; -1 when not known
	Produced int64         // records added in the window; -1 when not known
	Lags     []int64       // of each sample; -1 where not known
}

// Still reports whether records wait and nothing was committed in the window.
func (m Movement) Still() bool {
	if m.Window == 0 || m.Consumed != 0 || m.Lag() <= 0 {
		return false
	}
	for _, lag := range m.Lags {
		if lag <= 0 {
			return false
		}
	}
	return true
}

// standing is a partition's movement since it last moved, or had nothing left to do;
// false where too few samples show that. What it did before says nothing of now.
func standing(g broker.Group, m Movement) (Movement, bool) {
	if m.Committed < 0 && m.Consumed != 0 || m.Lag() <= 0 {
		return Movement{}, false
	}
	from := len(g.Samples) - 1
	for from > 0 {
		was, ok := at(g.Samples[from-1], m.Offset, 0)
		if !ok || was.Committed != m.Committed || was.Lag() <= 0 {
			break
		}
		from--
	}
	if len(g.Samples)-from < enoughSamples {
		return Movement{}, false
	}
	m.Consumed, m.Window, m.Lags = 0, g.Now().At.Sub(g.Samples[from].At), m.Lags[from:]
	return m, true
}

// Movements are those of every partition of a group, in order.
func Movements(g broker.Group) []Movement {
	offsets := g.Now().Offsets
	all := make([]Movement, 0, len(offsets))
	lags := make([]int64, 0, len(offsets)*len(g.Samples))
	for place, o := range offsets {
		m, from := movement(g, o, place), len(lags)
		for _, s := range g.Samples {
			lag := int64(-1)
			if was, ok := at(s, o, place); ok {
				lag = was.Lag()
			}
			lags = append(lags, lag)
		}
		m.Lags = lags[from:len(lags):len(lags)]
		all = append(all, m)
	}
	return all
}

// movement is that of one partition, without its lags.
func movement(g broker.Group, o broker.Offset, place int) Movement {
	m := Movement{Offset: o, Consumed: -1, Produced: -1}
	if len(g.Samples) < 2 {
		return m
	}
	was, ok := at(g.Samples[0], o, place)
	if !ok {
		return m
	}
	now := g.Now()
	m.Window = now.At.Sub(g.Samples[0].At)
	switch {
	case was.Committed >= 0 && o.Committed >= 0:
		m.Consumed = o.Committed - was.Committed
	case was.Committed < 0 && o.Committed < 0 && reads(now, o):
		m.Consumed = 0
	}
	if was.Known && o.Known {
		m.Produced = o.Last - was.Last
	}
	return m
}

// reads reports whether a group works on a partition in which it has committed nothing:
// a member has it, or it has committed in another partition of the topic. Of a topic
// that it does not read nothing follows.
func reads(s broker.Sample, o broker.Offset) bool {
	return o.Owner != "" || slices.ContainsFunc(s.Offsets, func(other broker.Offset) bool { return other.Topic == o.Topic && other.Committed >= 0 })
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
	Seen               time.Duration // from the first sample to the last: Window, or longer
	Peaked             bool          // whether Window begins at the lag's last peak, not at the first sample
	Samples            int
	Lag                int64
	Partial            bool // Lag is a lower bound
	Consumed, Produced int64
	Known              bool          // whether Consumed and Produced are, of every partition
	Overdue            bool          // records have waited longer than broker.Grace
	Growing            bool          // the lag is above all that it was since there was none
	Steps              int           // after how many samples of the window something was committed
	Slowest            time.Duration // in how long nothing waits in the last partition; 0 for never
	Lags               []int64
}

// TrendOf adds up the movements of a group. Where more waits than at first, and it has
// come down since, how it came on is told since the peak: a burst that is over says
// nothing of how it goes on.
func TrendOf(g broker.Group) Trend {
	t := trendOf(g)
	if from := peak(t.Lags); t.Known && t.Consumed <= t.Produced && from > 0 {
		since := g
		since.Samples = g.Samples[from:]
		down := trendOf(since)
		t.Window, t.Consumed, t.Produced, t.Known, t.Steps, t.Slowest, t.Peaked = down.Window, down.Consumed, down.Produced, down.Known, down.Steps, down.Slowest, true
	}
	return t
}

// peak is from which sample on the lag only came down, at two samples or more; 0 when
// it did not.
func peak(lags []int64) int {
	n := len(lags) - 1
	from := n
	for from > 0 && lags[from-1] >= lags[from] {
		from--
	}
	if n-from < 2 || lags[n] == lags[from] {
		return 0
	}
	return from
}

// steady is how long after each other samples may be for it to be known what happened
// in between.
const steady = 5 * time.Second

// climb is how a group came on since the least waited, as far back as samples are
// steady and less waited than now; no samples where those are too few. What waited
// before, and how much was consumed then, says nothing of how it goes on.
func climb(g broker.Group, lags []int64) Trend {
	last := len(lags) - 1
	least := last
	for n := last - 1; n >= 0 && g.Samples[n+1].At.Sub(g.Samples[n].At) <= steady && lags[n] < lags[last]; n-- {
		if lags[n] < lags[least] {
			least = n
		}
	}
	if last-least+1 < enoughSamples {
		return Trend{}
	}
	g.Samples = g.Samples[least:]
	return trendOf(g)
}

func trendOf(g broker.Group) Trend {
	t := Trend{Samples: len(g.Samples), Known: len(g.Samples) > 1 && len(g.Unread) == 0}
	t.Lag, t.Partial = g.Lag()
	stands := false
	for place, o := range g.Now().Offsets {
		m := movement(g, o, place)
		t.Window = max(t.Window, m.Window)
		t.Overdue = t.Overdue || m.Overdue()
		if m.Produced < 0 || m.Consumed < 0 && m.Committed >= 0 {
			t.Known = false
			continue
		}
		t.Consumed += max(m.Consumed, 0)
		t.Produced += m.Produced
		t.Slowest = max(t.Slowest, m.drain())
		stands = stands || m.drain() == 0 && m.Lag() > 0 && (m.Overdue() || m.Due < 0)
	}
	if stands {
		t.Slowest = 0
	}
	t.Seen = t.Window
	var committed int64
	for n, s := range g.Samples {
		t.Lags = append(t.Lags, s.Lag())
		before := committed
		if committed = s.Committed(); n > 0 && committed != before {
			t.Steps++
		}
	}
	from := lastNone(t.Lags) + 1
	t.Growing = growing(g.Samples[from:], t.Lags[from:])
	return t
}

// oneLook is within which samples are those of one call, not of calls after each other.
const oneLook = 20 * time.Second

// lastNone is the last sample at which nothing waited; -1 when there is none.
func lastNone(lags []int64) int {
	for n, lag := range slices.Backward(lags) {
		if lag == 0 {
			return n
		}
	}
	return -1
}

// growing reports whether the lag is above all that it was. Events leave the outbox in
// bursts, so that between two samples there may be none; at last it is higher than ever
// all the same. After a while without a look one step up may be a burst that is over:
// then two must go up.
func growing(samples []broker.Sample, lags []int64) bool {
	n := len(lags)
	if n < enoughSamples || lags[n-1] <= slices.Max(lags[:n-1]) {
		return false
	}
	return lags[n-2] > lags[n-3] || samples[n-1].At.Sub(samples[n-enoughSamples].At) <= oneLook
}

// Drain is in how long nothing would wait any more at the present pace, in any partition;
// 0 when that is never, or not known. A partition in which nothing but what is on its way
// waits does not hold it up.
func (t Trend) Drain() time.Duration {
	if !t.Known || t.Consumed <= t.Produced {
		return 0
	}
	return t.Slowest
}

// drain is in how long nothing would wait in the partition; 0 when that is never.
func (m Movement) drain() time.Duration {
	falls := m.Consumed - m.Produced
	if falls <= 0 {
		return 0
	}
	return time.Duration(float64(m.Lag()) / float64(falls) * float64(m.Window))
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
	if t.Peaked {
		over += " since its peak"
	}
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
