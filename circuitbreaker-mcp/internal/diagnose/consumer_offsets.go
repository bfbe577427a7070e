package diagnose

import (
	"fmt"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// outside are the partitions in which what a group has committed lies beside the
// log, at the last two samples where there are as many: beyond its end, or before
// its beginning.
func outside(g broker.Group) (beyond, before []broker.Offset) {
	for place, o := range g.Now().Offsets {
		if !o.OutOfRange() {
			continue
		}
		if n := len(g.Samples); n > 1 {
			if was, ok := at(g.Samples[n-2], o, place); ok && !was.OutOfRange() {
				continue
			}
		}
		if o.Committed > o.Last {
			beyond = append(beyond, o)
		} else {
			before = append(before, o)
		}
	}
	return beyond, before
}

// topicRecreated finds topics whose log ends before what was consumed of it: they
// are not the topics that they were.
func topicRecreated(k Kafka) (found []report.Finding) {
	for _, g := range k.Groups {
		if !k.required(g) {
			continue
		}
		beyond, _ := outside(g)
		if len(beyond) == 0 {
			continue
		}
		var where partitions
		for _, o := range beyond {
			where.add(o.Topic, o.Partition)
		}
		o := beyond[0]
		f := report.NewFinding(catalog.KafkaTopicRecreated, "%s was deleted and created again, or lost its log: %s has committed %d in %s/%d, which ends at %d", names(where.topics), Name(g.Name), o.Committed, Name(o.Topic), o.Partition, o.Last)
		for _, o := range beyond[:min(len(beyond), maxNames)] {
			f = f.With(kafkaSource, fmt.Sprintf("OffsetFetch, ListOffsets of %s/%d", Name(o.Topic), o.Partition), fmt.Sprintf("committed %d > end %d", o.Committed, o.Last), g.Now().At)
		}
		f = f.Then("Find out who recreated the topic, and when", "reconciliation_check: ledger entries of the gap",
			"Have the group's offsets set by its owners, to where the records begin that are not done yet: until then new ones are skipped or read again, as auto.offset.reset says").
			ConfirmWith("reconciliation_check")
		if what := Hurt(where.topics...); what != "" {
			f = f.Hurts("%s", what)
		}
		found = append(found, f)
	}
	return found
}

// offsetOutOfRange finds groups for which records were deleted before they were
// consumed.
func offsetOutOfRange(k Kafka) (found []report.Finding) {
	for _, g := range k.Groups {
		if !k.required(g) {
			continue
		}
		_, before := outside(g)
		if len(before) == 0 {
			continue
		}
		var where partitions
		var gone int64
		for _, o := range before {
			where.add(o.Topic, o.Partition)
			gone += o.First - o.Committed
		}
		o := before[0]
		f := report.NewFinding(catalog.ConsumerOffsetOutOfRange, "%d records were deleted before %s consumed them: %s", gone, Name(g.Name), where.String()).
			With(kafkaSource, fmt.Sprintf("OffsetFetch, ListOffsets of %s/%d", Name(o.Topic), o.Partition), fmt.Sprintf("committed %d < first %d that is left", o.Committed, o.First), g.Now().At).
			Then("Look at the topic's retention, and since when the group has not come on", "reconciliation_check: what these records would have done").ConfirmWith("reconciliation_check")
		if what := Hurt(where.topics...); what != "" {
			f = f.Hurts("%s", what)
		}
		found = append(found, f)
	}
	return found
}
