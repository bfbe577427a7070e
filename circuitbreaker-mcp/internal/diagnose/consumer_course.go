package diagnose

import (
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
)

// behindBy is which part of what a group consumed must have come on top of that for it
// to fall behind: less is the up and down of bursts.
const behindBy = 0.1

// climbsBy is the same where more waited before.
const climbsBy = 0.5

// course is whether a group falls behind.
type course int

const (
	keepsUp course = iota
	undecided
	behind
)

// headway is how a group comes on: in all that it reads, or in some partitions of it.
type headway struct {
	Trend
	of partitions // none for all
	course
}

// courseOf tells whether ever more waits for a group, and for longer than what is on its
// way: more than at any time before, or so much more than some time ago that no burst
// explains it, whatever waited before that; or in some partitions alone. It is undecided
// while that was not seen for long enough to tell it from a burst, of which nothing is
// overdue, or from a consumer that commits in batches. The trend is what shows it, since
// the group last shared out its partitions; it is not Known where too few samples or not
// all of them tell.
func courseOf(g broker.Group) headway {
	rest := atRest(g)
	if len(rest.Samples) < enoughSamples {
		return headway{course: tooFew(g, rest)}
	}
	h := headway{Trend: TrendOf(rest)}
	grows, lasts := h.Growing && (h.outgrown(behindBy) || h.later()), true
	if !grows {
		if up := climb(rest, h.Lags); up.outgrown(climbsBy) {
			up.Known = up.Known && h.Known
			h.Trend, grows, lasts = up, true, up.climbed()
		}
	}
	if !grows && h.Overdue {
		if some, of := lagging(rest); of.count() > 0 {
			h, grows = headway{Trend: trendOf(some), of: of}, true
			lasts = h.Growing && h.outgrown(behindBy) && h.Window >= partBehind
		}
	}
	switch {
	case !grows && !h.oneStep() && !h.more() || Deserted(g) || len(stuck(g)) > 0:
	case !grows || !lasts || !h.Known || h.Window < broker.Grace || !h.Overdue:
		h.course = undecided
	default:
		h.course = behind
	}
	return h
}

// tooFew is the course of a group of which rest are too few samples: more of them may
// tell, where others were not at rest.
func tooFew(g, rest broker.Group) course {
	if len(g.Samples) >= enoughSamples && trendOf(rest).Overdue {
		return undecided
	}
	return keepsUp
}

// Undecided reports whether it cannot be told yet whether a group falls behind: a look
// some seconds later may tell.
func Undecided(g broker.Group) bool {
	return courseOf(g).course == undecided
}

// outgrown reports whether what came is so much more than what was consumed, and waits.
func (t Trend) outgrown(by float64) bool {
	return t.Consumed > 0 && float64(t.Produced-t.Consumed) >= by*float64(t.Consumed) && t.Waits()
}

// later reports whether what is overdue is by the grace more overdue than at first,
// however little more came than was consumed: it takes that long for as much to come as
// now waits in addition.
func (t Trend) later() bool {
	return t.Known && t.Overdue && t.Consumed > 0 && t.Window > 0 &&
		float64(t.Produced-t.Consumed) >= float64(t.Produced)/t.Window.Seconds()*broker.Grace.Seconds()
}

// more reports whether of what is overdue there is more than at first, and more came
// than was consumed: a commit a moment ago may hide that it grows.
func (t Trend) more() bool {
	return t.Known && t.Overdue && t.Consumed > 0 && t.Produced > t.Consumed && t.Lag > t.Lags[0]
}

// oneStep reports whether a group whose records are overdue was seen to commit once
// alone: who commits in batches seems to keep up right after each, so it takes longer,
// or a batch that is far more than what came, to tell that it does.
func (t Trend) oneStep() bool {
	return t.Known && t.Overdue && t.Steps == 1 && t.Produced > 0 && (t.Window < broker.Grace || t.Consumed < 2*t.Produced)
}

// climbed reports whether it does so for so long that no burst explains it.
func (t Trend) climbed() bool { return t.Growing && t.Window >= broker.Grace }

// partBehind is how long some partitions must be seen to fall behind while the group as
// a whole does not: single ones go up and down with each batch and each burst.
const partBehind = 30 * time.Second

// lagging is a group with the partitions alone in which more of what is overdue came than
// was consumed, since the lag's last peak; nothing consumed is another matter.
func lagging(g broker.Group) (broker.Group, partitions) {
	var of partitions
	var these []broker.Offset
	for _, m := range Movements(g) {
		if m.Overdue() && m.Consumed > 0 && m.Produced > m.Consumed && TrendOf(only(g, m.Offset)).more() {
			of.add(m.Topic, m.Partition)
			these = append(these, m.Offset)
		}
	}
	return only(g, these...), of
}

// only is a group with some of its partitions, which are in order.
func only(g broker.Group, these ...broker.Offset) broker.Group {
	samples := make([]broker.Sample, len(g.Samples))
	for n, s := range g.Samples {
		offsets := make([]broker.Offset, 0, len(these))
		for _, o := range these {
			if was, ok := at(s, o, 0); ok {
				offsets = append(offsets, was)
			}
		}
		s.Offsets = offsets
		samples[n] = s
	}
	g.Samples = samples
	return g
}
