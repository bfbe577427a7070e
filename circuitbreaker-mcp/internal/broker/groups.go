package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// GroupAsk is a group to look at and the topics that it is to consume; none when
// that is not known.
type GroupAsk struct {
	Name   string
	Topics []string
}

// groupState is what is known of a group within a session.
type groupState struct {
	Group
	asked     []string
	listed    bool
	committed map[string]map[int32]int64 // by topic and partition, of the newest look
}

// listing is what brokers list of the groups that they coordinate.
type listing struct {
	by map[string]listedAt
	// refused are the brokers that answered without their groups, as one does that is
	// still loading them.
	refused []fault.Source
}

type listedAt struct {
	listedGroup
	broker int32
}

// take takes in a broker's answer.
func (l *listing) take(c *Client, broker int32, m *listGroups) {
	if err := kafkaError(m.code); err != nil {
		name := fmt.Sprintf("kafka broker %d", broker)
		l.refused = append(l.refused, fault.Source{Name: name, Asked: "ListGroups of " + name, Err: c.failure(err)})
	}
	for _, g := range m.Groups {
		l.by[g.name] = listedAt{g, broker}
	}
}

// find has every broker list the groups that it coordinates, and asks for the
// coordinators of those that none lists. With all, every listed group is taken; refused
// are the brokers whose groups are then missing.
func (s *session) find(ctx context.Context, told Cluster, asks []GroupAsk, all bool) (groups []*groupState, refused []fault.Source) {
	questions := map[int32][]protocol.Message{}
	for id := range s.addrs {
		questions[id] = []protocol.Message{&listGroups{}}
	}
	list := listing{by: map[string]listedAt{}}
	s.each(ctx, "ListGroups", questions, func(broker int32, answers []protocol.Message) {
		list.take(s.client, broker, answers[0].(*listGroups))
	})
	listed := list.by
	if all {
		refused = list.refused
		slices.SortFunc(refused, func(a, b fault.Source) int { return strings.Compare(a.Name, b.Name) })
		for _, name := range slices.Sorted(maps.Keys(listed)) {
			if !slices.ContainsFunc(asks, func(a GroupAsk) bool { return a.Name == name }) {
				asks = append(asks, GroupAsk{Name: name})
			}
		}
	}
	var unlisted []*groupState
	for _, a := range asks {
		g := &groupState{Group: Group{Name: a.Name, Coordinator: -1}, asked: a.Topics}
		if l, ok := listed[a.Name]; ok {
			g.listed, g.Coordinator, g.State, g.Type = true, l.broker, l.state, strings.ToLower(l.kind)
		} else {
			unlisted = append(unlisted, g)
		}
		groups = append(groups, g)
	}
	// To ask for a coordinator has brokers create the topic that they keep groups
	// in. Without it there is no group.
	if t, ok := told.Topic(OffsetsTopic); ok && t.Missing {
		for _, g := range unlisted {
			g.State = Absent
		}
		return groups, refused
	}
	s.coordinators(ctx, unlisted)
	return groups, refused
}

// coordinators asks one broker who coordinates groups that nobody lists: they do
// not exist, we may not see them, or the one who would list them is silent.
func (s *session) coordinators(ctx context.Context, groups []*groupState) {
	if len(groups) == 0 {
		return
	}
	ctx, cancel := half(ctx)
	defer cancel()
	var q []protocol.Message
	for _, g := range groups {
		q = append(q, &findcoordinator.Request{Key: g.Name})
	}
	answers, err := s.first.ask(ctx, q...)
	for i, g := range groups {
		if i >= len(answers) {
			g.Err = s.client.failure(err)
			continue
		}
		m := answers[i].(*findcoordinator.Response)
		if m.ErrorCode != 0 {
			g.Err = s.client.failure(kafkaError(m.ErrorCode))
			continue
		}
		g.Coordinator = m.NodeID
	}
}

// look takes a sample of each group: its state, its members, what it has
// committed.
func (s *session) look(ctx context.Context, groups []*groupState) {
	questions := map[int32][]protocol.Message{}
	at := map[int32][]*groupState{}
	for _, g := range groups {
		if g.Coordinator < 0 {
			continue
		}
		g.Err = nil
		at[g.Coordinator] = append(at[g.Coordinator], g)
	}
	_, newer := s.first.takes.of(consumerGroupDescribe)
	for broker, list := range at {
		var classic, kip848 []string
		for _, g := range list {
			if g.Type == "consumer" && newer {
				kip848 = append(kip848, g.Name)
			} else {
				classic = append(classic, g.Name)
			}
		}
		if len(classic) > 0 {
			questions[broker] = append(questions[broker], &describegroups.Request{Groups: classic})
		}
		if len(kip848) > 0 {
			questions[broker] = append(questions[broker], &describeConsumerGroups{names: kip848})
		}
		for _, g := range list {
			questions[broker] = append(questions[broker], &fetchOffsets{group: g.Name})
		}
		for _, g := range list { // until it is heard
			g.Err = &fault.Failure{Class: fault.Timeout, Said: foreign.Text(fmt.Sprintf("broker %d, its coordinator, did not answer", broker)), Next: "Look at that broker: the others cannot tell of this group"}
		}
	}
	s.each(ctx, "DescribeGroups and OffsetFetch", questions, func(broker int32, answers []protocol.Message) {
		byName := map[string]*groupState{}
		var order []*groupState
		for _, g := range at[broker] {
			byName[g.Name], g.Err = g, nil
			order = append(order, g)
		}
		for _, m := range answers {
			switch m := m.(type) {
			case *describegroups.Response:
				for _, d := range m.Groups {
					if g := byName[d.GroupID]; g != nil {
						s.described(g, d)
					}
				}
			case *describedConsumerGroups:
				for _, d := range m.groups {
					if g := byName[d.name]; g != nil {
						s.describedConsumer(g, d)
					}
				}
			case *fetchOffsets: // the answer names no group: they come in the order asked
				s.fetched(order[0], m)
				order = order[1:]
			}
		}
		for _, g := range at[broker] {
			g.settle()
		}
	})
}

// lookAgain looks at groups that have gone to another coordinator since they were
// found, as they do when a broker comes or goes.
func (s *session) lookAgain(ctx context.Context, groups []*groupState) {
	moved := slices.DeleteFunc(slices.Clone(groups), func(g *groupState) bool {
		return g.Err == nil || !errors.Is(g.Err, kafka.NotCoordinatorForGroup)
	})
	if len(moved) > 0 {
		s.coordinators(ctx, moved)
		s.look(ctx, moved)
	}
}

func (s *session) described(g *groupState, d describegroups.ResponseGroup) {
	if d.ErrorCode != 0 && kafka.Error(d.ErrorCode) != kafka.GroupIdNotFound {
		g.Err = s.client.failure(kafkaError(d.ErrorCode))
		return
	}
	g.State, g.Members, g.Subscribed = d.GroupState, nil, nil
	if d.ErrorCode != 0 {
		g.State = "Dead"
	}
	for _, m := range d.Members {
		var assigned map[string][]int32
		if d.ProtocolType == "consumer" { // others, as Kafka Connect, share out no partitions
			assigned = topicPartitions(m.MemberAssignment, true)
		}
		g.Members = append(g.Members, Member{m.MemberID, m.ClientID, m.ClientHost, assigned})
		g.Subscribed = append(g.Subscribed, slices.Collect(maps.Keys(topicPartitions(m.MemberMetadata, false)))...)
		g.Subscribed = append(g.Subscribed, slices.Collect(maps.Keys(assigned))...)
	}
}

func (s *session) describedConsumer(g *groupState, d describedGroup) {
	if err := kafkaError(d.code); err != nil {
		if kafka.Error(d.code) == kafka.GroupIdNotFound {
			g.State, g.Members = "Dead", nil
			return
		}
		g.Err = s.client.failure(err)
		return
	}
	g.State, g.Members, g.Subscribed = d.state, d.members, slices.Clone(d.subscribed)
	for _, m := range d.members {
		g.Subscribed = append(g.Subscribed, slices.Collect(maps.Keys(m.Assigned))...)
	}
}

func (s *session) fetched(g *groupState, m *fetchOffsets) {
	g.committed = nil
	switch code := kafka.Error(m.code); code {
	case 0:
		g.committed = m.committed
	case kafka.GroupIdNotFound:
	default:
		if g.Err == nil {
			g.Err = s.client.failure(code)
		}
	}
}

// settle tells a group that is not there from one whose members cannot be seen:
// to those who ask in the old way Kafka calls both dead.
func (g *groupState) settle() {
	slices.Sort(g.Subscribed)
	g.Subscribed = slices.Compact(g.Subscribed)
	slices.SortFunc(g.Members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	g.Unseen = false
	if g.Err != nil || g.State != "Dead" {
		return
	}
	switch {
	case g.listed && g.Type != "classic":
		g.Unseen, g.State = true, ""
	case len(g.committed) == 0:
		g.State = Absent
	case g.Type != "classic":
		g.Unseen, g.State = true, ""
	}
}

// topics are those that the group is judged by: what it is configured to consume
// and what its members say that they read; without either, what it has committed.
// A commit on any other topic is a leftover.
func (g *groupState) topics() []string {
	topics := slices.Concat(g.asked, g.Subscribed)
	if len(topics) == 0 {
		topics = slices.Collect(maps.Keys(g.committed))
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// topicLog are the partitions of a topic, in order.
type topicLog struct {
	topic string
	parts []partLog
}

type partLog struct {
	id int32
	extent
}

// inOrder puts what the leaders said in order, once for all groups.
func inOrder(logs map[partitionOf]extent) (all []topicLog) {
	by := map[string]int{}
	for p, e := range logs {
		i, ok := by[p.topic]
		if !ok {
			i = len(all)
			by[p.topic] = i
			all = append(all, topicLog{topic: p.topic})
		}
		all[i].parts = append(all[i].parts, partLog{p.id, e})
	}
	slices.SortFunc(all, func(a, b topicLog) int { return strings.Compare(a.topic, b.topic) })
	for _, t := range all {
		slices.SortFunc(t.parts, func(a, b partLog) int { return int(a.id - b.id) })
	}
	return all
}

// sample puts a group's look together with what the leaders say.
func (g *groupState) sample(at time.Time, logs []topicLog) {
	now := Sample{At: at, State: g.State}
	owners := map[string]map[int32]string{}
	for _, m := range g.Members {
		now.Members = append(now.Members, m.ID)
		for topic, list := range m.Assigned {
			if owners[topic] == nil {
				owners[topic] = map[int32]string{}
			}
			for _, id := range list {
				owners[topic][id] = m.ClientID + " " + m.Host
			}
		}
	}
	topics := g.topics() // in order, as the logs are
	for _, t := range logs {
		if _, mine := slices.BinarySearch(topics, t.topic); !mine {
			continue
		}
		now.Offsets = slices.Grow(now.Offsets, len(t.parts))
		committed, owner := g.committed[t.topic], owners[t.topic]
		for _, p := range t.parts {
			o := Offset{Topic: t.topic, Partition: p.id, Committed: -1, First: p.first, Last: p.last, Known: p.told, Owner: owner[p.id], Due: p.at}
			if c, ok := committed[p.id]; ok {
				o.Committed = c
			}
			now.Offsets = append(now.Offsets, o)
		}
	}
	g.Samples = append(g.Samples, now)
}

// topicPartitions reads what a member of the classic protocol says of itself:
// a version, then topics, in an assignment with their partitions; nothing at all where
// it was given none. It is nil when it does not fit: any program may join a group and say
// anything.
func topicPartitions(blob []byte, assigned bool) map[string][]int32 {
	all := map[string][]int32{}
	if len(blob) == 0 {
		return all
	}
	r := &reader{b: blob}
	r.int16()
	for n := r.int32(); n > 0 && r.err == nil; n-- {
		size := r.take(2)
		if size == nil {
			break
		}
		topic := string(r.take(uint64(binary.BigEndian.Uint16(size))))
		var list []int32
		if assigned {
			for p := r.int32(); p > 0 && r.err == nil; p-- {
				list = append(list, r.int32())
			}
		}
		all[topic] = list
	}
	if r.err != nil {
		return nil
	}
	return all
}

// GroupNames lists the groups that the brokers show us, by name; none when they
// do not answer.
func (c *Client) GroupNames(ctx context.Context) []string {
	s, told := c.open(ctx, nil)
	defer s.close()
	if !told.Source.OK() {
		return nil
	}
	var names []string
	groups, _ := s.find(ctx, told, nil, true)
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return names
}
