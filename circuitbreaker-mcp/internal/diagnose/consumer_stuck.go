package diagnose

import (
	"fmt"
	"slices"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

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
// backlog, one that is at work on a batch looks the same. Where no member has one that
// was read before, nobody is at work on it.
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
		case Unowned(g, m.Offset) && m.Committed >= 0:
			return false
		case len(moving) == 0:
			return m.Window < allStill
		case m.Window >= oneStill:
			return false
		}
		return !idle(g, m) || !slices.ContainsFunc(moving, func(o Movement) bool { return memberOf(g, o.Offset) != memberOf(g, m.Offset) && !o.Overdue() })
	})
}

// idle reports whether the member that has a partition committed nothing in any of its
// partitions while that one stood.
func idle(g broker.Group, stands Movement) bool {
	since := g.Samples[len(g.Samples)-len(stands.Lags)]
	return !slices.ContainsFunc(g.Now().Offsets, func(o broker.Offset) bool {
		was, ok := at(since, o, 0)
		return ok && was.Committed != o.Committed && memberOf(g, o) == memberOf(g, stands.Offset)
	})
}

// memberOf is the id of the member that has a partition; empty for nobody, or where
// members cannot be seen. Two of them may go by the same name and host.
func memberOf(g broker.Group, o broker.Offset) string {
	for _, member := range g.Members {
		if slices.Contains(member.Assigned[o.Topic], o.Partition) {
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
		var where, nobodys partitions
		var waits int64
		for _, m := range some {
			where.add(m.Topic, m.Partition)
			waits += m.Lag()
			if Unowned(g, m.Offset) {
				nobodys.add(m.Topic, m.Partition)
			}
		}
		others := "the other partitions move"
		if t := TrendOf(g); t.Consumed == 0 {
			others = "and no other partition moves either"
		}
		f := report.NewFinding(catalog.ConsumerPartitionStuck, "%s does not move in %s: nothing committed in %s with %d records waiting, %s", Name(g.Name), where.String(), short(some[0].Window), waits, others)
		for _, m := range some[:min(len(some), maxNames)] {
			f = f.With(kafkaSource, fmt.Sprintf("OffsetFetch of %s, %s/%d", Name(g.Name), Name(m.Topic), m.Partition),
				fmt.Sprintf("committed %s at each of %d samples, end %d, %s", committed(m.Offset), len(m.Lags), m.Last, owned(g, m.Offset)), g.Now().At)
		}
		if nobodys.count() > 0 {
			f = f.Then(fmt.Sprintf("Start the consumer that subscribes to %s, or mend what the running ones subscribe to: no member of the group has %s", names(nobodys.topics), nobodys.String()))
		}
		if nobodys.count() < where.count() {
			f = f.Then("Look in its consumer's log for the record at the committed offset: usually one that fails again and again",
				"Do not skip it by hand before it is known whose payment it is")
		}
		if what := Hurt(where.topics...); what != "" {
			f = f.Hurts("payments whose events fall on these partitions. %s", what)
		}
		found = append(found, f.ConfirmWith("inspect_consumer_lag"))
	}
	return found
}

func owned(g broker.Group, o broker.Offset) string {
	switch {
	case o.Owner != "":
		return "assigned to " + Name(o.Owner)
	case Unowned(g, o):
		return "no member has it"
	}
	return "which member has it is not known"
}
