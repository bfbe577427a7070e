package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// ConsumerLagIn are the arguments of inspect_consumer_lag.
type ConsumerLagIn struct {
	Group   string `json:"group" jsonschema:"the consumer group, e.g. settlement-worker-group" min:"1" max:"255"`
	Topic   string `json:"topic,omitempty" jsonschema:"one of its topics; default all" min:"1" max:"249"`
	Samples int    `json:"samples,omitempty" jsonschema:"looks, 1 s apart; more see slower movement" default:"3" min:"1" max:"20"`
	Limit   int    `json:"limit,omitempty" jsonschema:"partitions to list, the largest lag first" default:"20" min:"1" max:"200"`
}

// ConsumerLagData is what inspect_consumer_lag answers.
type ConsumerLagData struct {
	State       *string        `json:"state"`
	Protocol    string         `json:"protocol,omitempty"` // classic, or consumer (KIP-848)
	Coordinator *int32         `json:"coordinator"`
	Lag         *int64         `json:"lag"`
	Movement    string         `json:"movement,omitempty"`
	Drained     *string        `json:"drained_in"` // at the present pace; null when it does not fall
	Members     []MemberRow    `json:"members,omitempty"`
	Partitions  []PartitionRow `json:"partitions,omitempty"`
}

// MemberRow is one consumer of the group.
type MemberRow struct {
	Client   foreign.Text `json:"client"`
	Host     foreign.Text `json:"host"`
	Assigned string       `json:"assigned"`
}

// PartitionRow is how far the group has come in one partition. Consumed and
// Produced are records in the window.
type PartitionRow struct {
	Partition foreign.Text `json:"partition"` // topic/number
	Committed *int64       `json:"committed"` // null when nothing is
	End       *int64       `json:"end"`       // null when its leader did not tell
	Lag       *int64       `json:"lag"`
	Consumed  *int64       `json:"consumed"`
	Produced  *int64       `json:"produced"`
	Owner     foreign.Text `json:"owner,omitempty"`
	Note      string       `json:"note,omitempty"`
}

// maxMembers is how many members are listed; the rest are counted.
const maxMembers = 20

func (s Sources) consumerLag(ctx context.Context, in ConsumerLagIn) (report.Answer[ConsumerLagData], error) {
	var none report.Answer[ConsumerLagData]
	asks := s.Kafka.ask([]string{in.Group})
	k := s.Kafka.health(ctx, topicsOf(asks), asks, false, in.Samples, nil, s.clock(ctx))
	if err := ctx.Err(); err != nil {
		return none, err
	}
	g := broker.Group{Name: in.Group}
	if k.Source.OK() {
		g = k.Groups[0]
	}
	if g.State == broker.Absent && len(asks[0].Topics) == 0 {
		return none, s.unknownGroup(ctx, in.Group)
	}
	if in.Topic != "" && k.Source.OK() {
		var err error
		if g, err = ofTopic(g, in.Topic); err != nil {
			return none, err
		}
	}
	k.Groups, k.DeadLetters, k.At = []broker.Group{g}, nil, s.inZone(k.At)
	if !k.Source.OK() {
		k.Groups = nil
	}
	found, ran := diagnose.KafkaFindings(k)
	a := report.Answer[ConsumerLagData]{
		Summary: lagSummary(k, g), Findings: found, Sources: kafkaSources(k.Cluster, k.Silent),
		Because: strings.Join(diagnose.KafkaDoubts(k), "; "), AsOf: k.At,
	}
	if k.Source.OK() {
		a.Data, a.Coverage = lagData(g, in.Limit)
		tellClock(&a.Coverage, k.Clock)
		if k.Kept {
			a.Coverage.Looked = append(a.Coverage.Looked, "samples of earlier calls among them")
		}
	}
	a.Conclude(ran...)
	return a, nil
}

func topicsOf(asks []broker.GroupAsk) []string {
	topics := []string{}
	for _, a := range asks {
		topics = append(topics, a.Topics...)
	}
	return topics
}

// unknownGroup refuses a group that the cluster does not have, and names those
// that it has.
func (s Sources) unknownGroup(ctx context.Context, name string) error {
	bounded, cancel := sourceContext(ctx)
	defer cancel()
	names := s.Kafka.Client.GroupNames(bounded)
	const most = 20
	more := ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], fmt.Sprintf(" and %d more", n)
	}
	return fault.New(fault.NotFound, "", "Kafka shows no consumer group %s; there are %s%s", foreign.Text(name).Quoted(), list(names), more)
}

// ofTopic keeps one topic of what is known of a group.
func ofTopic(g broker.Group, topic string) (broker.Group, error) {
	var has []string
	for _, o := range g.Now().Offsets {
		if !slices.Contains(has, o.Topic) {
			has = append(has, o.Topic)
		}
	}
	has = append(has, g.Unread...)
	if g.Err == nil && !slices.Contains(has, topic) {
		return g, fault.New(fault.NotFound, "", "%s does not consume %s; it consumes %s", foreign.Text(g.Name).Quoted(), foreign.Text(topic).Quoted(), list(has))
	}
	g.Unread = slices.DeleteFunc(slices.Clone(g.Unread), func(name string) bool { return name != topic })
	g.Samples = slices.Clone(g.Samples)
	for i := range g.Samples {
		g.Samples[i].Offsets = slices.DeleteFunc(slices.Clone(g.Samples[i].Offsets), func(o broker.Offset) bool { return o.Topic != topic })
	}
	return g, nil
}

func lagSummary(k diagnose.Kafka, g broker.Group) string {
	name := diagnose.Name(g.Name)
	switch {
	case !k.Source.OK():
		return fmt.Sprintf("UNKNOWN - Kafka did not tell of %s (%s)", name, k.Source.Err.Class)
	case g.Err != nil:
		return fmt.Sprintf("UNKNOWN - Kafka did not tell of %s (%s)", name, g.Err.Class)
	}
	t := diagnose.TrendOf(g)
	state, members := g.State, counted(len(g.Members), "member")
	if g.Unseen {
		state, members = "there", "members not visible (KIP-848)"
	}
	text := fmt.Sprintf("%s is %s, %s, lag %s%d", name, state, members, diagnose.AtLeast(t.Partial), t.Lag)
	if t.Lag > 0 {
		text += ": " + t.Words()
	}
	return text
}

func lagData(g broker.Group, limit int) (d ConsumerLagData, c report.Coverage) {
	if g.Err != nil {
		c.Not = append(c.Not, "the group: "+g.Err.Said.Quoted())
		return d, c
	}
	t := diagnose.TrendOf(g)
	if g.State != "" {
		d.State = &g.State
	}
	d.Protocol, d.Lag, d.Movement = g.Type, &t.Lag, t.Words()
	if g.Coordinator >= 0 {
		d.Coordinator = &g.Coordinator
	}
	if in := t.Drain(); in > 0 {
		text := diagnose.Short(in)
		d.Drained = &text
	}
	for _, m := range g.Members[:min(len(g.Members), maxMembers)] {
		d.Members = append(d.Members, MemberRow{foreign.Text(m.ClientID), foreign.Text(m.Host), diagnose.Assigned(m.Assigned)})
	}
	if more := len(g.Members) - maxMembers; more > 0 {
		c.Not = append(c.Not, fmt.Sprintf("%d more members", more))
	}
	for _, name := range g.Unread {
		c.Not = append(c.Not, "topic "+diagnose.Name(name)+", which Kafka does not show")
	}
	moves := diagnose.Movements(g)
	slices.SortStableFunc(moves, func(a, b diagnose.Movement) int { return int(max(b.Lag(), 0) - max(a.Lag(), 0)) })
	c.Looked = append(c.Looked, counted(len(moves), "partition")+", "+sampled(t))
	if len(moves) > limit {
		c.Cut, c.More = true, "raise limit, or name a topic"
		c.Not = append(c.Not, fmt.Sprintf("%d partitions with less lag are not listed", len(moves)-limit))
		moves = moves[:limit]
	}
	for _, m := range moves {
		if len(g.Members) == 1 { // it has all there are
			m.Owner = ""
		}
		row := partitionRow(m)
		if diagnose.Unowned(g, m.Offset) {
			row.Note = strings.TrimSuffix("no member has it; "+row.Note, "; ")
		}
		d.Partitions = append(d.Partitions, row)
	}
	return d, c
}

// counted writes a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sampled says how often a group was looked at, and over how long.
func sampled(t diagnose.Trend) string {
	text := counted(t.Samples, "sample")
	if t.Seen > 0 {
		text += " over " + diagnose.Short(t.Seen)
	}
	return text
}

func partitionRow(m diagnose.Movement) PartitionRow {
	row := PartitionRow{Partition: foreign.Text(fmt.Sprintf("%s/%d", m.Topic, m.Partition)), Owner: foreign.Text(m.Owner)}
	if m.Committed >= 0 {
		row.Committed = &m.Committed
	}
	if m.Known {
		lag := m.Lag()
		row.End, row.Lag = &m.Last, &lag
	}
	if m.Window > 0 && m.Consumed >= 0 {
		row.Consumed = &m.Consumed
	}
	if m.Window > 0 && m.Produced >= 0 {
		row.Produced = &m.Produced
	}
	switch {
	case !m.Known:
		row.Note = "end not told"
	case m.OutOfRange() && m.Committed > m.Last:
		row.Note = "committed beyond the end"
	case m.OutOfRange():
		row.Note = fmt.Sprintf("log begins at %d", m.First)
	case m.Still() && m.Overdue():
		row.Note = "still, oldest waits over " + broker.Grace.String()
	case m.Still():
		row.Note = "still"
	}
	return row
}

func inspectConsumerLag(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "inspect_consumer_lag",
		Title: "Lag of a consumer group",
		Description: "One consumer group in depth, asked of Kafka: state, members and what is assigned to them, and for each partition committed offset, end, lag and movement over some seconds: stuck, slow, rebalancing, or draining and when it is done. " +
			"Ask it when check_kafka_health names a group, or captures (settlement-worker-group), refunds (refund-worker-group) or ledger entries (payment-consumer) are late. " +
			"It cannot see what a consumer does with a record: its log and the database do.",
		Examples: []string{`{"group":"payment-consumer"}`, `{"group":"settlement-worker-group","topic":"payment.capture-requested","samples":5}`},
	}, s.consumerLag)
}
