package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// churn is how often a group was seen sharing out its partitions, and how often
// its members had changed from one sample to the next.
func churn(g broker.Group) (rebalancing, changed int) {
	for i, s := range g.Samples {
		if broker.Rebalancing(s.State) {
			rebalancing++
		}
		if i > 0 && len(s.Members) > 0 && len(g.Samples[i-1].Members) > 0 && !slices.Equal(s.Members, g.Samples[i-1].Members) {
			changed++
		}
	}
	return rebalancing, changed
}

// RestsWithin is how long a group may share out its partitions: after a restart of a
// consumer Kafka itself waits some seconds for more of them to come.
const RestsWithin = 10 * time.Second

// movesWithin is how long a group may do so while a broker is missing: it moves to
// another broker, its consumers join anew there, and what they were before is a member
// until its session ends (30 s in kafka-go, 45 s in the Java client).
const movesWithin = time.Minute

// rebalanceStorm finds groups that do nothing but share out their partitions: for
// longer than a restart takes, or again and again with other members. While
// partitions are without a leader, or a broker is missing, groups move to other brokers
// and share out what is left: that is part of the outage, and told as a doubt. Only
// members that come and go for longer are more than that.
func rebalanceStorm(k Kafka) (found []report.Finding) {
	if len(leaderless(k)) > 0 {
		return nil
	}
	missing, rests := len(brokerLost(k)) > 0, RestsWithin
	if missing {
		rests = movesWithin
	}
	for _, g := range k.Groups {
		run := g.Restless()
		if !k.required(g) || len(run) == 0 || !broker.Rebalancing(g.State) {
			continue
		}
		g.Samples = g.Samples[max(0, len(g.Samples)-max(len(run), enoughSamples)):]
		n := len(g.Samples)
		rebalancing, changed := churn(g)
		first := slices.IndexFunc(g.Samples, func(s broker.Sample) bool { return broker.Rebalancing(s.State) })
		long := g.Now().At.Sub(g.Samples[first].At) >= rests
		throughout := rebalancing == len(run)
		always := throughout && len(run) >= enoughSamples && !missing
		again := changed >= 2 || changed == 1 && throughout
		if !long || rebalancing < 2 || !always && !again {
			continue
		}
		t := TrendOf(g)
		f := report.NewFinding(catalog.ConsumerRebalanceStorm, "%s keeps rebalancing: at %d of %d samples over %s, members changed %d times, %s%d records wait", Name(g.Name), rebalancing, n, short(span(g)), changed, AtLeast(t.Partial), t.Lag).
			With(kafkaSource, "DescribeGroups of "+Name(g.Name), stateWords(g), g.Now().At).
			With(kafkaSource, "members of "+Name(g.Name), memberWords(g), g.Now().At).
			Then("Look in the worker's log for max.poll.interval: 500 records of 2 s each take longer than the 300 s that it has between polls, so it is put out and comes again",
				"Lower max.poll.records, or raise max.poll.interval.ms")
		if what := Hurt(topicsOf(g)...); what != "" {
			f = f.Hurts("late, and some of it done twice: %s", what)
		}
		found = append(found, f.ConfirmWith("inspect_consumer_lag"))
	}
	return found
}

// stateWords are the states of the samples, runs of one as "Stable x3".
func stateWords(g broker.Group) string {
	var words []string
	for n := 0; n < len(g.Samples); {
		state, from := g.Samples[n].State, n
		for n < len(g.Samples) && g.Samples[n].State == state {
			n++
		}
		text := cmp.Or(state, "not told")
		if n-from > 1 {
			text += fmt.Sprintf(" x%d", n-from)
		}
		words = append(words, text)
	}
	return strings.Join(words, " -> ")
}

// span is the time between the first sample and the last.
func span(g broker.Group) time.Duration { return g.Now().At.Sub(g.Samples[0].At) }

// memberWords name the members of the first sample and of the last.
func memberWords(g broker.Group) string {
	first, last := g.Samples[0].Members, g.Now().Members
	if slices.Equal(first, last) {
		return fmt.Sprintf("%d, the same at each", len(last))
	}
	return fmt.Sprintf("first %s; now %s", some(first), some(last))
}

func some(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	text := Name(list[0])
	if n := len(list) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
