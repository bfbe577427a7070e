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
		t, c := courseOf(g)
		if c != behind {
			continue
		}
		topics := topicsOf(g)
		f := report.NewFinding(catalog.ConsumerLagGrowing, "%s falls behind: lag %s -> %s%d in %s, %d consumed and %d added", Name(g.Name), lags(t.Lags[:1]), atLeast(t.Partial), t.Lag, short(t.Window), t.Consumed, t.Produced).
			With(kafkaSource, "OffsetFetch, ListOffsets of "+Name(g.Name), fmt.Sprintf("lag %s at %d samples over %s", lags(t.Lags), t.Samples, short(t.Window)), g.Now().At).
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

// courseOf tells whether ever more waits for a group, and for longer than what is on its
// way: more than at any time before, or so much more than some time ago that no burst
// explains it, whatever waited before that. It is undecided while that began a moment
// ago. The trend is what shows it, since the group last shared out its partitions; it is
// not Known where too few samples or not all of them tell.
func courseOf(g broker.Group) (Trend, course) {
	rest := atRest(g)
	if len(rest.Samples) < enoughSamples {
		return Trend{}, keepsUp
	}
	t := TrendOf(rest)
	grows, lasts := t.Growing && t.outgrown(behindBy), true
	if !grows {
		if up := climb(rest, t.Lags); up.outgrown(climbsBy) {
			up.Known = up.Known && t.Known
			t, grows, lasts = up, true, up.climbed()
		}
	}
	switch {
	case !grows || Deserted(g) || len(stuck(g)) > 0:
		return t, keepsUp
	case !lasts || t.justBegan():
		return t, undecided
	}
	return t, behind
}

// Undecided reports whether a group falls behind since a moment: a look some seconds
// later tells whether that was a burst.
func Undecided(g broker.Group) bool {
	_, c := courseOf(g)
	return c == undecided
}

// outgrown reports whether what came is so much more than what was consumed, and waits.
func (t Trend) outgrown(by float64) bool {
	return t.Consumed > 0 && float64(t.Produced-t.Consumed) >= by*float64(t.Consumed) && t.Waits()
}

// climbed reports whether it does so for so long that no burst explains it.
func (t Trend) climbed() bool { return t.Growing && t.Window >= broker.Grace && t.Overdue }

// justBegan reports whether nothing waited a moment ago: what waits now is one burst, or
// the beginning of more.
func (t Trend) justBegan() bool { return t.FromNone && !t.Overdue }

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
		if m, ok := standing(g, m); ok && m.held() {
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
