package diagnose

import (
	"fmt"
	"slices"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
)

// Unowned reports whether a partition of a group at rest belongs to none of its members:
// what comes there is read by nobody. Without members the group is deserted, which is
// another matter, and while it shares out its partitions none belongs to anybody.
func Unowned(g broker.Group, o broker.Offset) bool {
	return g.State == "Stable" && assignmentsKnown(g) && memberOf(g, o) == ""
}

// assignmentsKnown reports whether it can be told which member has a partition.
func assignmentsKnown(g broker.Group) bool {
	return g.Err == nil && !g.Unseen && len(g.Members) > 0 && !slices.ContainsFunc(g.Members, func(m broker.Member) bool { return m.Assigned == nil })
}

// unownedDoubt tells of the partitions of a group that belong to no member. Those of a
// topic of which members have others, and in which nothing was ever committed, may have
// been added just now.
func unownedDoubt(g broker.Group) string {
	var none partitions
	offsets, added := g.Now().Offsets, true
	for _, o := range offsets {
		if !Unowned(g, o) {
			continue
		}
		none.add(o.Topic, o.Partition)
		added = added && o.Committed < 0 && slices.ContainsFunc(offsets, func(other broker.Offset) bool { return other.Topic == o.Topic && !Unowned(g, other) })
	}
	if none.count() == 0 {
		return ""
	}
	text := fmt.Sprintf("of what %s is to read, %s belong to no member: what comes there is read by nobody", Name(g.Name), none.String())
	if added {
		text += "; if they were just added, its consumers take them within 5m (metadata.max.age.ms)"
	}
	return text
}
