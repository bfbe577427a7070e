package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/tool"
)

// Kafka is the cluster and what of it the payment system lives on.
type Kafka struct {
	Client      *broker.Client
	Topics      []string // required
	Groups      []broker.GroupAsk
	DeadLetters []string
}

// Cluster asks the brokers for the state of the cluster and of the topics that
// must be there, in the time that one system may take; not for groups.
func (k Kafka) Cluster(ctx context.Context) diagnose.Kafka {
	ctx, cancel := sourceContext(ctx)
	defer cancel()
	required := k.required(nil)
	return diagnose.Kafka{Health: broker.Health{Cluster: k.Client.Cluster(ctx, required)}, Topics: required}
}

// required are the topics that must be there: those given, or those configured
// and the dead-letter topics.
func (k Kafka) required(given []string) []string {
	if len(given) > 0 {
		return given
	}
	all := slices.Concat(k.Topics, k.DeadLetters)
	slices.Sort(all)
	return slices.Compact(all)
}

const (
	// everySample is how long after each other groups are looked at.
	everySample = time.Second
	// rest is how long a group may share out its partitions before that is told of.
	rest = diagnose.RestsWithin
	// newDead is over which time dead letters count as new.
	newDead = 15 * time.Minute
	// newRepeats is over which time repeated events count: those of an outage
	// that is over are history.
	newRepeats = 2 * time.Minute
)

// look is how long one look at Kafka may take within a call.
func look(ctx context.Context) time.Duration {
	bounded, cancel := sourceContext(ctx)
	defer cancel()
	end, _ := bounded.Deadline()
	return time.Until(end)
}

// health asks for groups, dead letters and required topics, and reads the newest
// records of those of the outbox. Groups that are not
// required are looked at and never alarmed about.
func (k Kafka) health(ctx context.Context, topics []string, groups []broker.GroupAsk, all bool, samples int, outbox []string, clock func() broker.Clock) diagnose.Kafka {
	required := k.required(topics)
	outbox = slices.DeleteFunc(slices.Clone(outbox), func(t string) bool { return !slices.Contains(required, t) })
	further, undecided := rest, diagnose.Undecided
	if samples == 1 { // one look was asked for
		further, undecided = 0, nil
	}
	h := k.Client.Health(ctx, broker.Ask{
		Topics: required, DeadLetters: k.DeadLetters, Also: []string{diagnose.UnknownTopic}, Groups: groups, AllGroups: all,
		Samples: samples, Every: everySample, Look: look(ctx), Window: newDead, Outbox: outbox, Again: newRepeats, Clock: clock, Rest: further, Undecided: undecided,
		Progress: func(done, total int) {
			tool.Progress(ctx, float64(done), float64(total), "looking how far the consumers get")
		},
	})
	q := diagnose.Kafka{Health: h, Topics: required}
	for _, g := range groups {
		q.Required = append(q.Required, g.Name)
	}
	return q
}

// ask finds the configured topics of groups by name.
func (k Kafka) ask(names []string) []broker.GroupAsk {
	if len(names) == 0 {
		return k.Groups
	}
	var asks []broker.GroupAsk
	for _, name := range names {
		i := slices.IndexFunc(k.Groups, func(g broker.GroupAsk) bool { return g.Name == name })
		if i >= 0 {
			asks = append(asks, k.Groups[i])
		} else {
			asks = append(asks, broker.GroupAsk{Name: name})
		}
	}
	return asks
}

// kafkaSources are the cluster as one source, and each broker that was silent.
func kafkaSources(c broker.Cluster, silent []fault.Source) []fault.Source {
	if c.Source.OK() {
		return append([]fault.Source{c.Source}, silent...)
	}
	if len(c.Tried) == 0 {
		return []fault.Source{c.Source}
	}
	return c.Tried // each says what it said
}

// aliveWords say which brokers are alive.
func aliveWords(c broker.Cluster) string {
	var ids []string
	for _, b := range c.Brokers {
		ids = append(ids, fmt.Sprint(b.ID))
	}
	text := fmt.Sprintf("%d alive (%s)", len(c.Brokers), strings.Join(ids, ", "))
	switch {
	case c.NoLeader:
		text += ", no controller"
	case c.Leading != nil:
		text += ", no controller answers"
	case c.Controller >= 0:
		text += fmt.Sprintf(", controller %d", c.Controller)
	}
	return text
}

// inZone gives the clocks of a look the zone that times are shown in.
func (s Sources) inZone(t time.Time) time.Time {
	if t.IsZero() || s.Zone == nil {
		return t
	}
	return t.In(s.Zone)
}
