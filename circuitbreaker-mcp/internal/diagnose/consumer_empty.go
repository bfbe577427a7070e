package diagnose

import (
	"fmt"
	"slices"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Deserted reports whether a group has no consumer, as far as can be known.
func Deserted(g broker.Group) bool {
	return g.Err == nil && !g.Unseen && len(g.Members) == 0 && desertedState(g.State)
}

func desertedState(state string) bool {
	return state == "Empty" || state == "Dead" || state == broker.Absent
}

// justLeft reports whether a group that has no consumer had one at the sample before.
func justLeft(g broker.Group) bool {
	n := len(g.Samples)
	return n > 1 && !desertedState(g.Samples[n-2].State)
}

// desertionKnown reports whether each required group was seen to have a consumer, or
// to have none twice.
func (k Kafka) desertionKnown() bool {
	return k.offsetsKnown() && !k.anyRequired(func(g broker.Group) bool { return Deserted(g) && justLeft(g) })
}

// groupEmpty finds required groups that nobody is in while records wait. Where
// there was more than one sample the last two agree on it: a group that is just
// coming back is none.
func groupEmpty(k Kafka) (found []report.Finding) {
	for _, g := range k.Groups {
		if !k.required(g) || !Deserted(g) {
			continue
		}
		t := TrendOf(g)
		if t.Lag == 0 {
			continue
		}
		if justLeft(g) {
			continue
		}
		topics := topicsOf(g)
		f := report.NewFinding(catalog.ConsumerGroupEmpty, "%s is %s with 0 members, and %s%d records wait for it in %s", Name(g.Name), g.State, AtLeast(t.Partial), t.Lag, names(topics)).
			With(kafkaSource, "DescribeGroups, OffsetFetch of "+Name(g.Name), fmt.Sprintf("state %s, members 0, lag %s%d", g.State, AtLeast(t.Partial), t.Lag), g.Now().At)
		for _, o := range largest(g) {
			f = f.With(kafkaSource, fmt.Sprintf("offsets of %s/%d", Name(o.Topic), o.Partition), fmt.Sprintf("committed %s, end %d", committed(o), o.Last), g.Now().At)
		}
		if t.Known && t.Produced > 0 {
			f = f.With(kafkaSource, "ListOffsets", fmt.Sprintf("%d more in %s", t.Produced, short(t.Window)), g.Now().At)
		}
		if what := Hurt(topics...); what != "" {
			f = f.Hurts("%s", what)
		}
		f = f.Then("Look why the worker is gone (deploy, crash, its own log), and start it: it goes on where it was")
		if g.Name == settlementGroup {
			f = f.Then(fmt.Sprintf("Expect 1 to 3 s a capture for each consumer: %d captures take one of them %s to %s", t.Lag, seconds(t.Lag, 1), seconds(t.Lag, 3)))
		}
		found = append(found, f.Then("Do not reset its offsets: what waits would be skipped or done twice").ConfirmWith("check_settlements"))
	}
	return found
}

// settlementGroup is the group whose worker asks the payment gateway, 1 to 3 s a
// capture.
const settlementGroup = "settlement-worker-group"

func topicsOf(g broker.Group) []string {
	var topics []string
	for _, o := range g.Now().Offsets {
		if o.Lag() != 0 && !slices.Contains(topics, o.Topic) {
			topics = append(topics, o.Topic)
		}
	}
	return topics
}

// largest are the partitions with the most to do, at most two.
func largest(g broker.Group) []broker.Offset {
	all := slices.DeleteFunc(slices.Clone(g.Now().Offsets), func(o broker.Offset) bool { return o.Lag() <= 0 })
	slices.SortStableFunc(all, func(a, b broker.Offset) int { return int(b.Lag() - a.Lag()) })
	return all[:min(len(all), 2)]
}

// AtLeast marks a number as a lower bound, where it is one.
func AtLeast(partial bool) string {
	if partial {
		return ">= "
	}
	return ""
}

// seconds is how long n records take at so many seconds each.
func seconds(n int64, each int) string {
	return short(time.Duration(n) * time.Duration(each) * time.Second)
}

func committed(o broker.Offset) string {
	if o.Committed < 0 {
		return "nothing"
	}
	return fmt.Sprint(o.Committed)
}
