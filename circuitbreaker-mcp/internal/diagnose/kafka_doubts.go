package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
)

// KafkaDoubts say what keeps a look at Kafka from being called healthy where no
// rule has found anything: what could be wrong and cannot be told yet.
func KafkaDoubts(k Kafka) (doubts []string) {
	if !k.answered() {
		return nil
	}
	if d := controllerDoubt(k); d != "" {
		doubts = append(doubts, d)
	}
	doubts = append(doubts, clockDoubts(k.Clock)...)
	var moving []string
	for _, name := range k.Required {
		g, ok := k.group(name)
		switch {
		case !ok || g.Err != nil:
		case broker.Rebalancing(g.State):
			moving = append(moving, Name(name))
		default:
			for _, d := range []string{groupDoubt(g), unownedDoubt(g), topicsDoubt(g), k.endsDoubt(g)} {
				if d != "" {
					doubts = append(doubts, d)
				}
			}
		}
	}
	if len(moving) > 0 {
		doubts = append(doubts, "rebalancing now: "+strings.Join(moving, ", ")+"; ask again in a minute whether that comes to rest")
	}
	return doubts
}

// controllerDoubt tells that nobody leads the cluster, as far as can be seen.
func controllerDoubt(k Kafka) string {
	switch {
	case k.NoLeader:
		return "the cluster has no controller: what breaks now is not mended"
	case k.Leading != nil:
		return fmt.Sprintf("no controller answers (%s): what breaks now is not mended, and a broker that has gone still counts as alive", k.Leading.Class)
	}
	return ""
}

// clockDoubts tell of clocks of the payment system that differ: what is new by one is
// old by the other.
func clockDoubts(c broker.Clock) []string {
	if c.Apart == 0 {
		return nil
	}
	return []string{"the clocks of ingest and Prometheus are " + short(c.Apart) + " apart: how old records are is not known (set them by NTP)"}
}

// topicsDoubt tells of topics that a group reads, or may read, and that Kafka does not
// show: that nothing waits where nothing is seen is not known.
func topicsDoubt(g broker.Group) string {
	switch {
	case len(g.Unread) > 0:
		return fmt.Sprintf("what waits for %s is not known where Kafka does not show us the topic: %s", Name(g.Name), names(g.Unread))
	case g.State != broker.Absent && len(g.Now().Offsets) == 0:
		return fmt.Sprintf("Kafka shows no topic that %s reads: whether anything waits for it is not known", Name(g.Name))
	}
	return ""
}

// endsDoubt tells of partitions whose end a group's last look did not find, though the
// first did: their leader has moved. Why the first did not is told of Kafka itself.
func (k Kafka) endsDoubt(g broker.Group) string {
	if len(k.Silent) > 0 {
		return ""
	}
	var without partitions
	for _, o := range g.Now().Offsets {
		known := slices.ContainsFunc(k.Ends[o.Topic], func(e broker.End) bool { return e.Partition == o.Partition && e.Known })
		if !o.Known && known && !k.leaderlessAt(o.Topic, o.Partition) {
			without.add(o.Topic, o.Partition)
		}
	}
	if without.count() == 0 {
		return ""
	}
	return fmt.Sprintf("what waits for %s in %s is not known: its leader moved while this was asked; ask again", Name(g.Name), without.String())
}

// groupDoubt tells why it is not known how a group comes on; nothing where it is.
func groupDoubt(g broker.Group) string {
	t := TrendOf(g)
	name := Name(g.Name)
	held := sync.OnceValue(func() string { return heldDoubt(g) })
	switch {
	case Deserted(g) && t.Lag == 0 && t.Partial:
		return name + " has no consumer, and not all that waits for it is known"
	case Deserted(g) && t.Lag == 0 && everCommitted(g):
		return name + " has no consumer: nothing waits for it now, and what comes next will"
	case Deserted(g) && justLeft(g):
		return fmt.Sprintf("%s lost its last consumer between two looks, and %d records wait; ask again in a minute whether one comes back", name, t.Lag)
	case Deserted(g):
		return ""
	case Undecided(g) && held() == "":
		return fmt.Sprintf("%s may be falling behind, %d records wait (%s): a burst, or a batch that is not committed yet, or more to come; ask again in %s", name, t.Lag, t.Words(), short(broker.Grace))
	case len(stuck(g)) > 0:
		return ""
	case slices.ContainsFunc(g.Now().Offsets, func(o broker.Offset) bool { return o.Lag() > 0 && o.Due < 0 }):
		return fmt.Sprintf("%s has %d records waiting, and Kafka did not tell for how long; ask again", name, t.Lag)
	case !t.Overdue:
		return ""
	case t.Window == 0:
		return fmt.Sprintf("%s has %d records waiting over %s, and one sample tells no movement", name, t.Lag, broker.Grace)
	case t.Samples < enoughSamples && t.Consumed <= t.Produced && t.Consumed > 0:
		return fmt.Sprintf("%s has %d records waiting over %s (%s), and %d samples tell no trend", name, t.Lag, broker.Grace, t.Words(), t.Samples)
	case !t.Known && !t.Partial:
		return fmt.Sprintf("%s has %d records waiting over %s, and how it came on is not known; ask again", name, t.Lag, broker.Grace)
	case t.Known && t.Consumed == 0:
		return fmt.Sprintf("%s has %d records waiting over %s and committed nothing in %s: stuck, or at work on a batch; ask again in some minutes", name, t.Lag, broker.Grace, short(t.Window))
	}
	return held()
}

// heldDoubt tells of partitions in which nothing moves: in all that was seen of them, or
// since they last moved.
func heldDoubt(g broker.Group) string {
	var held partitions
	var window time.Duration
	others := false
	rest := atRest(g)
	lately := Movements(rest)
	for n, m := range Movements(g) {
		if !m.held() && n < len(lately) {
			if now, ok := standing(rest, lately[n]); ok {
				m = now
			}
		}
		if !m.held() {
			others = others || m.Consumed > 0
			continue
		}
		held.add(m.Topic, m.Partition)
		window = max(window, m.Window)
	}
	if held.count() == 0 {
		return ""
	}
	besides := ""
	if others {
		besides = " while others move"
	}
	return fmt.Sprintf("%s committed nothing in %s in %s%s: stuck, or at work on a batch; ask again in a minute", Name(g.Name), held.String(), short(window), besides)
}

func everCommitted(g broker.Group) bool {
	return slices.ContainsFunc(g.Now().Offsets, func(o broker.Offset) bool { return o.Committed >= 0 })
}

// SingleReplica are the required topics of which a partition has one replica.
func SingleReplica(k Kafka) (single []string) {
	for _, name := range k.Topics {
		t, _ := k.Topic(name)
		if slices.ContainsFunc(t.Partitions, func(p broker.Partition) bool { return len(p.Replicas) == 1 }) {
			single = append(single, name)
		}
	}
	return single
}

// OtherTopics counts the topics that are nothing to the payment system.
func OtherTopics(k Kafka) int {
	watched := k.watched()
	n := 0
	for _, t := range k.Cluster.Topics {
		if !t.Internal && len(t.Partitions) > 0 && !slices.ContainsFunc(watched, func(w broker.Topic) bool { return w.Name == t.Name }) {
			n++
		}
	}
	return n
}

// Short writes a length of time to a precision that its size deserves.
func Short(d time.Duration) string { return short(d) }

// IDs writes numbers, runs of them as "0-5".
func IDs(list []int32) string { return ids(list) }
