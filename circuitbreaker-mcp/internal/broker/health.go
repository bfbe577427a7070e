package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// Ask is what to look at.
type Ask struct {
	Topics      []string   // required: one that is not there is told as missing
	DeadLetters []string   // dead-letter topics
	Also        []string   // topics of which it is told how much they hold, where they are
	Groups      []GroupAsk // in the order of the answer
	AllGroups   bool       // also every group that the brokers list
	// Samples is how often groups are looked at, and Every how long after each
	// other. Samples of earlier calls count, unless a group is not as it was at
	// the last of them, or records have waited for long. Fewer are taken where another
	// would tell nothing: nothing waits and no group is rebalancing.
	Samples int
	Every   time.Duration
	// Rest is for how long a group that was asked for is looked at further while it
	// shares out its partitions, or has just come to another coordinator: that is soon
	// over, or it is not.
	Rest time.Duration
	// Undecided says of a group that was asked for that a later look tells more; then it
	// is looked at further, until what waits now is Overdue at the latest. nil is never.
	Undecided func(Group) bool
	Look      time.Duration // how long one look may take
	Window    time.Duration // over which dead letters are counted as new
	// Outbox are topics, of those that are required, whose newest records are read
	// for events that are there more than once, none older than Again.
	Outbox []string
	Again  time.Duration
	// Clock tells how the clocks that stamp records compare with ours, when the
	// first question is put to which that matters; nil where they are the same.
	Clock func() Clock
	// Progress is told after each sample.
	Progress func(done, total int)
}

// Health looks at the cluster, then at groups as often as was asked. The time of
// the call beyond a look is spent on waiting between samples.
func (c *Client) Health(ctx context.Context, ask Ask) Health {
	looking, cancel := context.WithTimeout(ctx, ask.Look)
	s, told := c.open(looking, slices.Concat(ask.Topics, ask.DeadLetters, topicsOf(ask.Groups)))
	defer s.close()
	h := Health{Cluster: told, Ends: map[string][]End{}}
	if !told.Source.OK() {
		cancel()
		return h
	}
	if ask.Clock != nil {
		h.Clock = ask.Clock()
		h.At = h.At.Add(h.Clock.Ahead)
	}
	groups, unlisted := s.find(looking, told, ask.Groups, ask.AllGroups)
	h.Unlisted = unlisted
	kept := c.kept.recall(groups)
	h.Kept = kept > 0
	began, undecided := time.Now(), time.Time{} // undecided since
	for n := kept + 1; ; n++ {
		s.take(looking, &h, groups, ask, n == kept+1)
		cancel()
		if ask.Progress != nil {
			ask.Progress(n-kept, max(ask.Samples-kept, n-kept))
		}
		enough := n >= ask.Samples && (n-kept >= ask.Samples || !turned(groups, n-kept)) && !restless(groups[:len(ask.Groups)], ask.Rest)
		if enough && ask.undecided(groups) {
			if undecided.IsZero() {
				undecided = time.Now()
			}
			enough = time.Since(undecided) > Grace
		}
		enough = (enough || settled(groups)) && (time.Since(began) >= ask.Rest || !moving(groups[:len(ask.Groups)]))
		if enough || !wait(ctx, ask.Every) {
			break
		}
		looking, cancel = context.WithTimeout(ctx, ask.Look)
	}
	h.Silent = s.silentBrokers()
	for _, g := range groups {
		if g.Err == nil {
			g.Unread = h.unread(g)
		}
		h.Groups = append(h.Groups, g.Group)
	}
	c.kept.keep(h.Groups)
	return h
}

func (a Ask) undecided(groups []*groupState) bool {
	return a.Undecided != nil && slices.ContainsFunc(groups[:len(a.Groups)], func(g *groupState) bool { return g.Err == nil && a.Undecided(g.Group) })
}

// take is one look at groups, at the ends of their partitions, and, the first
// time, at dead letters. What is committed is read before the ends: the other way
// round a group that is quick would seem to be ahead of the log.
func (s *session) take(ctx context.Context, h *Health, groups []*groupState, ask Ask, first bool) {
	s.look(ctx, groups)
	s.lookAgain(ctx, groups)
	if first {
		if names := h.untold(groups[:len(ask.Groups)]); len(names) > 0 {
			s.why(ctx, &h.Cluster, names)
			s.know(h.Cluster) // one may be there by now
		}
	}
	at := h.Clock.now()
	since := map[partitionOf]time.Time{}
	add := func(topic string, from time.Time) {
		for id := range s.leader[topic] {
			since[partitionOf{topic, id}] = from
		}
	}
	for _, g := range groups {
		for _, topic := range g.topics() {
			add(topic, at.Add(-Grace))
		}
	}
	if first {
		for _, topic := range slices.Concat(ask.Topics, ask.Also) {
			if _, ok := since[partitionOf{topic, 0}]; !ok {
				add(topic, time.Time{})
			}
		}
		for _, topic := range ask.DeadLetters {
			add(topic, at.Add(-ask.Window))
		}
	}
	logs := s.extents(ctx, since)
	seen := time.Now() // how long after each other samples are is told by one clock
	ordered := inOrder(logs)
	for _, g := range groups {
		if g.Err == nil {
			g.sample(seen, ordered)
		}
	}
	if first {
		h.ends(logs)
		h.dead(ask, logs)
		h.Repeats = s.repeats(ctx, ask.Outbox, logs, at, ask.Again)
	}
}

// untold are the topics of groups of which the cluster has told nothing at all.
func (h *Health) untold(groups []*groupState) (names []string) {
	for _, g := range groups {
		for _, name := range g.topics() {
			if _, ok := h.Topic(name); !ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// unread are the topics of a group that may hold what nobody has shown us.
func (h *Health) unread(g *groupState) []string {
	return slices.DeleteFunc(g.topics(), func(name string) bool {
		t, _ := h.Topic(name)
		return t.Missing || len(t.Partitions) > 0
	})
}

func (h *Health) ends(logs map[partitionOf]extent) {
	for p, e := range logs {
		h.Ends[p.topic] = append(h.Ends[p.topic], End{p.id, e.first, e.last, e.told, e.why()})
	}
	for _, list := range h.Ends {
		slices.SortFunc(list, func(a, b End) int { return int(a.Partition - b.Partition) })
	}
}

func (h *Health) dead(ask Ask, logs map[partitionOf]extent) {
	for _, name := range ask.DeadLetters {
		t, _ := h.Topic(name)
		d := DeadTopic{Topic: name, Missing: t.Missing, Err: t.Err, Window: ask.Window}
		if t.Denied {
			d.Err = "we may not see it"
		}
		for _, p := range t.Partitions {
			e := logs[partitionOf{name, p.ID}]
			if !e.told {
				d.Unknown++
				continue
			}
			d.Depth += e.last - e.first
			if !e.atTold || e.at < 0 {
				d.Unknown++
				continue
			}
			d.Recent += e.last - max(e.at, e.first)
		}
		h.DeadLetters = append(h.DeadLetters, d)
	}
}

// settled reports whether another sample would tell nothing that this one does
// not: nothing waits anywhere, nothing is out of range, and no group is at work on
// itself.
func settled(groups []*groupState) bool {
	return !slices.ContainsFunc(groups, func(g *groupState) bool {
		lag, _ := g.Lag()
		return lag > 0 || Rebalancing(g.State) || slices.ContainsFunc(g.Now().Offsets, Offset.OutOfRange)
	})
}

// jump is how many more records wait than at the last call, beyond twice as many, for
// that to be looked into.
const jump = 50

// turned reports whether a group has come into another state since the earlier
// calls, or out of its log, or far more waits for it, or longer than what is on its way:
// what is kept of it then tells nothing of how it comes on, and one look does not tell a
// moment from a state, nor a burst that is over from one that goes on. fresh is how many
// samples are of this call.
func turned(groups []*groupState, fresh int) bool {
	return slices.ContainsFunc(groups, func(g *groupState) bool {
		before := len(g.Samples) - fresh - 1
		if before < 0 {
			return false
		}
		was, now := g.Samples[before], g.Now()
		return was.State != g.State ||
			!slices.ContainsFunc(was.Offsets, Offset.OutOfRange) && slices.ContainsFunc(now.Offsets, Offset.OutOfRange) ||
			now.overdue() || now.Lag() > jump+2*was.Lag()
	})
}

// restless reports whether a group shares out its partitions, and was not seen to for
// long enough to tell a restart of a consumer from a group that never comes to rest.
func restless(groups []*groupState, enough time.Duration) bool {
	return slices.ContainsFunc(groups, func(g *groupState) bool {
		run := g.Restless()
		return len(run) > 0 && run[len(run)-1].At.Sub(run[0].At) < enough
	})
}

// moving reports whether a group has come to another coordinator that has not read yet
// what it must know of it, or is on its way there: nobody can tell of it.
func moving(groups []*groupState) bool {
	return slices.ContainsFunc(groups, func(g *groupState) bool {
		return g.Err != nil && (errors.Is(g.Err, kafka.GroupLoadInProgress) || errors.Is(g.Err, kafka.NotCoordinatorForGroup))
	})
}

// Rebalancing reports whether a state is one in which nothing is consumed because
// the group shares out its partitions.
func Rebalancing(state string) bool {
	return state == "PreparingRebalance" || state == "CompletingRebalance"
}

func topicsOf(groups []GroupAsk) []string {
	var all []string
	for _, g := range groups {
		all = append(all, g.Topics...)
	}
	return all
}

// wait returns false when the context ends before the time is up, or would.
func wait(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < 2*d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
