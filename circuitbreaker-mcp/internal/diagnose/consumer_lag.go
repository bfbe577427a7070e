package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// behindBy is which part of what a group consumed must have come on top of that for it
// to fall behind: less is the up and down of bursts.
const behindBy = 0.1

// climbsBy is the same where more waited before.
const climbsBy = 0.5

// lagGrowing finds groups that consume and fall behind.
func lagGrowing(k Kafka) (found []report.Finding) {
	for _, g := range k.Groups {
		if !k.required(g) {
			continue
		}
		t := courseOf(g)
		if t.course != behind {
			continue
		}
		topics, where := topicsOf(g), ""
		if t.of.count() > 0 {
			topics, where = t.of.topics, " in "+t.of.String()
		}
		f := report.NewFinding(catalog.ConsumerLagGrowing, "%s falls behind%s: lag %s -> %s%d in %s, %d consumed and %d added", Name(g.Name), where, lags(t.Lags[:1]), atLeast(t.Partial), t.Lag, short(t.Window), t.Consumed, t.Produced).
			With(kafkaSource, "OffsetFetch, ListOffsets of "+Name(g.Name), fmt.Sprintf("lag%s %s at %d samples over %s", where, lags(t.Lags), t.Samples, short(t.Window)), g.Now().At).
			Then("Look what the workers wait for (database, payment gateway): analyze_failure_pattern and check_database_health",
				"More consumers help up to the number of partitions").ConfirmWith("analyze_failure_pattern")
		if what := Hurt(topics...); what != "" {
			f = f.Hurts("late: %s", what)
		}
		found = append(found, f)
	}
	return found
}

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
// overdue, or from a consumer that commits in batches. The trend is what shows it, since the group last shared out its
// partitions; it is not Known where too few samples or not all of them tell.
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
			h, grows = headway{Trend: TrendOf(some), of: of}, true
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

// lagging is a group with the partitions alone in which records are overdue, more wait
// than at first, and more came than was consumed; nothing consumed is another matter.
func lagging(g broker.Group) (broker.Group, partitions) {
	var of partitions
	var these []broker.Offset
	for _, m := range Movements(g) {
		if m.Overdue() && m.Consumed > 0 && m.Produced > m.Consumed && m.Lag() > m.Lags[0] {
			of.add(m.Topic, m.Partition)
			these = append(these, m.Offset)
		}
	}
	samples := make([]broker.Sample, len(g.Samples))
	for n, s := range g.Samples {
		samples[n] = s
		samples[n].Offsets = nil
		for _, o := range these {
			if was, ok := at(s, o, 0); ok {
				samples[n].Offsets = append(samples[n].Offsets, was)
			}
		}
	}
	g.Samples = samples
	return g, of
}

func lags(list []int64) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(texts, " -> ")
}

// allStill is how long a whole group may commit nothing before it counts as
// stuck: a worker commits after each batch, and Kafka itself takes one for dead
// that does not come back within max.poll.interval, 5 min by default.
const allStill = 5 * time.Minute

// oneStill is how long a partition may commit nothing while others move: who drains a
// backlog takes some seconds for each batch of each partition.
const oneStill = time.Minute

// stuck are the partitions of a group in which nothing moves though records have
// waited longer than what is on its way, while others move; or all of them, when
// nothing has moved for so long that no batch explains it. In a look of seconds those
// alone count whose member does nothing while another keeps up: where all have a
// backlog, one that is at work on a batch looks the same.
func stuck(g broker.Group) []Movement {
	if g = atRest(g); Deserted(g) || len(g.Samples) < enoughSamples || broker.Rebalancing(g.State) {
		return nil
	}
	var some, moving []Movement
	for _, m := range Movements(g) {
		if m.Consumed > 0 {
			moving = append(moving, m)
		}
		if m, ok := standing(g, m); ok && m.held() && !m.unbegun() {
			some = append(some, m)
		}
	}
	return slices.DeleteFunc(some, func(m Movement) bool {
		switch {
		case len(moving) == 0:
			return m.Window < allStill
		case m.Window >= oneStill:
			return false
		}
		return !idle(g, m) || !slices.ContainsFunc(moving, func(o Movement) bool { return memberOf(g, o) != memberOf(g, m) && !o.Overdue() })
	})
}

// idle reports whether the member that has a partition committed nothing in any of its
// partitions while that one stood.
func idle(g broker.Group, stands Movement) bool {
	since := g.Samples[len(g.Samples)-len(stands.Lags)]
	return !slices.ContainsFunc(g.Now().Offsets, func(o broker.Offset) bool {
		was, ok := at(since, o, 0)
		return ok && was.Committed != o.Committed && memberOf(g, Movement{Offset: o}) == memberOf(g, stands)
	})
}

// memberOf is the id of the member that has a partition; empty for nobody, or where
// members cannot be seen. Two of them may go by the same name and host.
func memberOf(g broker.Group, m Movement) string {
	for _, member := range g.Members {
		if slices.Contains(member.Assigned[m.Topic], m.Partition) {
			return member.ID
		}
	}
	return ""
}

// held reports whether nothing moves in a partition in which records have waited
// longer than what is on its way.
func (m Movement) held() bool { return m.Still() && (m.Overdue() || m.Window >= broker.Grace) }

// unbegun reports whether nothing was ever committed in a partition, and nothing came:
// a group that begins at the end of its topics has nothing to do there, and many clients
// commit only what they have read.
func (m Movement) unbegun() bool { return m.Committed < 0 && m.Produced <= 0 }

// partitionStuck tells of them.
func partitionStuck(k Kafka) (found []report.Finding) {
	for _, g := range k.Groups {
		if !k.required(g) {
			continue
		}
		some := stuck(g)
		if len(some) == 0 {
			continue
		}
		var where partitions
		var waits int64
		for _, m := range some {
			where.add(m.Topic, m.Partition)
			waits += m.Lag()
		}
		others := "the other partitions move"
		if t := TrendOf(g); t.Consumed == 0 {
			others = "and no other partition moves either"
		}
		f := report.NewFinding(catalog.ConsumerPartitionStuck, "%s does not move in %s: nothing committed in %s with %d records waiting, %s", Name(g.Name), where.String(), short(some[0].Window), waits, others)
		for _, m := range some[:min(len(some), maxNames)] {
			f = f.With(kafkaSource, fmt.Sprintf("OffsetFetch of %s, %s/%d", Name(g.Name), Name(m.Topic), m.Partition),
				fmt.Sprintf("committed %s at each of %d samples, end %d, %s", committed(m.Offset), len(m.Lags), m.Last, owned(m.Offset)), g.Now().At)
		}
		f = f.Then("Look in its consumer's log for the record at the committed offset: usually one that fails again and again",
			"Do not skip it by hand before it is known whose payment it is")
		if what := Hurt(where.topics...); what != "" {
			f = f.Hurts("payments whose events fall on these partitions. %s", what)
		}
		found = append(found, f.ConfirmWith("inspect_consumer_lag"))
	}
	return found
}

func owned(o broker.Offset) string {
	if o.Owner == "" {
		return "no member has it"
	}
	return "assigned to " + Name(o.Owner)
}
