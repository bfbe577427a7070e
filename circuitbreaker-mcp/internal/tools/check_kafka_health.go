package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// KafkaHealthIn are the arguments of check_kafka_health.
type KafkaHealthIn struct {
	Topics  []string `json:"topics,omitempty" jsonschema:"topics that must be there; default those configured" max:"100"`
	Groups  []string `json:"groups,omitempty" jsonschema:"consumer groups that must be at work; default those configured; * shows every other one too" max:"100"`
	Samples int      `json:"samples,omitempty" jsonschema:"looks at the groups, 1 s apart, taken only while records wait; 1 tells no movement" default:"3" min:"1" max:"10"`
}

// KafkaHealthData is what check_kafka_health answers.
type KafkaHealthData struct {
	Brokers     string     `json:"brokers,omitempty"`
	Topics      []TopicRow `json:"topics,omitempty"`
	Groups      []GroupRow `json:"groups,omitempty"`
	DeadLetters []DeadRow  `json:"dead_letters,omitempty"`
	Breaker     string     `json:"breaker,omitempty"` // how its view agrees
	Risks       []string   `json:"risks,omitempty"`
}

// TopicRow is one topic. Records are those that its log holds.
type TopicRow struct {
	Topic      foreign.Text `json:"topic"`
	Partitions int          `json:"partitions"`
	Replicas   int          `json:"replicas"`
	MinISR     *int         `json:"min_isr"`
	Records    *int64       `json:"records"`
	Note       string       `json:"note,omitempty"`
}

// GroupRow is one consumer group. Lag is records that wait; with a note of
// "lower bound" some partitions are not in it.
type GroupRow struct {
	Group    foreign.Text `json:"group"`
	State    *string      `json:"state"`
	Members  *int         `json:"members"`
	Lag      *int64       `json:"lag"`
	Movement string       `json:"movement,omitempty"`
	Note     string       `json:"note,omitempty"`
}

// DeadRow is one dead-letter topic.
type DeadRow struct {
	Topic foreign.Text `json:"topic"`
	Depth *int64       `json:"depth"`
	New   *int64       `json:"new_15m"`
	Note  string       `json:"note,omitempty"`
}

func (s Sources) kafkaHealth(ctx context.Context, in KafkaHealthIn) (report.Answer[KafkaHealthData], error) {
	names := slices.DeleteFunc(slices.Clone(in.Groups), func(n string) bool { return n == "*" })
	all := len(names) < len(in.Groups)
	var k diagnose.Kafka
	var api []ingest.Instance
	var prom promql.Facts
	clock := s.clock(ctx)
	fault.Together(
		func() {
			k = s.Kafka.health(ctx, in.Topics, s.Kafka.ask(names), all, in.Samples, diagnose.OutboxTopics, clock)
		},
		func() { api, prom = s.breakerView(ctx) },
	)
	if err := ctx.Err(); err != nil {
		return report.Answer[KafkaHealthData]{}, err
	}
	k.At = s.inZone(k.At)
	found, ran := diagnose.KafkaFindings(k)
	view := diagnose.Join(api, prom, s.Zone).Select(diagnose.KafkaPublisher, "")
	versus, ranToo := diagnose.BreakerVersusKafka(diagnose.Versus{Status: view, Kafka: found, Asked: diagnose.KafkaSettled(k)})
	found = append(found, versus...)
	a := report.Answer[KafkaHealthData]{
		Summary: kafkaSummary(k, found), Findings: byCause(found), Sources: kafkaSources(k.Cluster, k.Silent),
		Because: strings.Join(diagnose.KafkaDoubts(k), "; "), Coverage: s.kafkaCoverage(k, view), AsOf: k.At,
		Data: kafkaData(k, view),
	}
	if len(found) > 0 {
		a.Data.trim()
	}
	a.Conclude(append(ran, ranToo...)...)
	return a, nil
}

// breakerView asks for the breaker around Kafka. It is a second opinion: that it
// cannot be had takes nothing from what Kafka says.
func (s Sources) breakerView(ctx context.Context) (api []ingest.Instance, prom promql.Facts) {
	ctx, cancel := sourceContext(ctx)
	defer cancel()
	fault.Together(
		func() { api = s.Ingest.Breakers(ctx) },
		func() { prom = s.Prometheus.Breakers(ctx) },
	)
	return api, prom
}

func kafkaSummary(k diagnose.Kafka, found []report.Finding) string {
	if !k.Source.OK() {
		switch {
		case diagnose.KafkaSettled(k):
			return fmt.Sprintf("DOWN - no broker of Kafka answers (%d asked)", len(k.Tried))
		case k.Assumed:
			return fmt.Sprintf("UNKNOWN - KAFKA_BOOTSTRAP_SERVERS is not set, and the default did not answer (%s)", k.Source.Err.Class)
		}
		return fmt.Sprintf("UNKNOWN - Kafka is there and does not let us ask (%s)", k.Source.Err.Class)
	}
	word := "OK"
	for _, f := range found {
		switch {
		case f.Verdict == catalog.CriticalVerdict:
			word = "BROKEN"
		case f.Verdict == catalog.Attention && word != "BROKEN":
			word = "TROUBLE"
		case f.Verdict == catalog.Unknown && word == "OK":
			word = "UNKNOWN"
		}
	}
	if word == "OK" && (len(diagnose.KafkaDoubts(k)) > 0 || len(k.Silent) > 0) {
		word = "UNKNOWN"
	}
	there := 0
	for _, name := range k.Topics {
		if t, ok := k.Topic(name); ok && len(t.Partitions) > 0 {
			there++
		}
	}
	text := fmt.Sprintf("%s - brokers %s; %d of %d required topics", word, aliveWords(k.Cluster), there, len(k.Topics))
	at, of, untold := 0, 0, 0
	var lag int64
	partial := false
	for _, g := range k.Groups {
		if !slices.Contains(k.Required, g.Name) {
			continue
		}
		of++
		switch {
		case g.Err != nil:
			untold++
		case !diagnose.Deserted(g):
			at++
		}
		n, some := g.Lag()
		lag += n
		partial = partial || some || g.Err != nil
	}
	text += fmt.Sprintf("; %s of %d groups have consumers, lag %s%d", ofThose(at, of, untold), of, diagnose.AtLeast(partial), lag)
	var depth, recent int64
	partial = false
	for _, d := range k.DeadLetters {
		depth, recent = depth+d.Depth, recent+d.Recent
		partial = partial || d.Err != "" || d.Unknown > 0
	}
	least := diagnose.AtLeast(partial)
	return text + fmt.Sprintf("; dead letters %s%d, %s%d new in 15m", least, depth, least, recent)
}

// ofThose counts those of a kind, where of some it was not told whether they are.
func ofThose(count, all, untold int) string {
	if untold > 0 && untold == all {
		return "?"
	}
	return diagnose.AtLeast(untold > 0) + fmt.Sprint(count)
}

func kafkaData(k diagnose.Kafka, view diagnose.Status) KafkaHealthData {
	d := KafkaHealthData{Breaker: breakerWords(view)}
	if !k.Source.OK() {
		return d
	}
	d.Brokers = aliveWords(k.Cluster)
	for _, name := range k.Topics {
		if slices.ContainsFunc(k.DeadLetters, func(dead broker.DeadTopic) bool { return dead.Topic == name }) {
			continue
		}
		if t, ok := k.Topic(name); ok {
			d.Topics = append(d.Topics, topicRow(t, k))
		}
	}
	if t, ok := k.Topic(diagnose.UnknownTopic); ok && len(t.Partitions) > 0 {
		if row := topicRow(t, k); row.Records != nil && *row.Records > 0 {
			row.Note = strings.TrimPrefix(row.Note+"; events of a type that nobody reads", "; ")
			d.Topics = append(d.Topics, row)
		}
	}
	for _, g := range k.Groups {
		d.Groups = append(d.Groups, groupRow(g))
	}
	for _, dead := range k.DeadLetters {
		d.DeadLetters = append(d.DeadLetters, deadRow(dead))
	}
	if single := diagnose.SingleReplica(k); len(single) > 0 {
		d.Risks = append(d.Risks, fmt.Sprintf("1 replica: %d of %d topics; the loss of one broker stops their partitions (a risk, no fault)", len(single), len(k.Topics)))
	}
	return d
}

// trim leaves out what is as it should be, and what a finding tells already: beside
// findings it is in the way.
func (d *KafkaHealthData) trim() {
	d.Topics = slices.DeleteFunc(d.Topics, func(r TopicRow) bool { return r.Note == "" || strings.HasPrefix(r.Note, notTold) })
	d.DeadLetters = slices.DeleteFunc(d.DeadLetters, func(r DeadRow) bool { return r.Depth != nil && *r.Depth == 0 })
	d.Risks = nil
}

// notTold begins the note of a topic that was told of in part.
const notTold = "not told of partition "

func topicRow(t broker.Topic, k diagnose.Kafka) TopicRow {
	row := TopicRow{Topic: foreign.Text(t.Name), Partitions: len(t.Partitions)}
	switch {
	case t.Missing:
		row.Note = "missing"
	case t.Denied:
		row.Note = "not ours to see"
	case t.Err != "":
		row.Note = foreign.Text(t.Err).Quoted()
	}
	for _, p := range t.Partitions {
		row.Replicas = max(row.Replicas, len(p.Replicas))
	}
	if t.MinISR > 0 {
		row.MinISR = &t.MinISR
	}
	var records int64
	var untold []int32
	ends, known := k.Ends[t.Name]
	for _, e := range ends {
		if !e.Known {
			known = false
			untold = append(untold, e.Partition)
		}
		records += e.Last - e.First
	}
	if known {
		row.Records = &records
	}
	if len(untold) > 0 {
		row.Note = notTold + diagnose.IDs(untold)
	}
	return row
}

func groupRow(g broker.Group) GroupRow {
	row := GroupRow{Group: foreign.Text(g.Name)}
	if g.Err != nil {
		row.Note = string(g.Err.Class) + ": " + g.Err.Said.Quoted()
		return row
	}
	if g.State != "" {
		row.State = &g.State
	}
	t := diagnose.TrendOf(g)
	row.Lag, row.Movement = &t.Lag, t.Words()
	var notes []string
	if g.Unseen {
		notes = append(notes, "KIP-848: members not visible")
	} else {
		n := len(g.Members)
		row.Members = &n
	}
	if t.Partial {
		notes = append(notes, "lower bound")
	}
	if t.Overdue {
		notes = append(notes, "oldest waits over "+broker.Grace.String())
	} else if t.Lag > 0 && !t.Partial {
		notes = append(notes, "in flight")
	}
	if diagnose.Deserted(g) && t.Lag == 0 && !t.Partial {
		notes = append(notes, "no consumer, nothing waits")
	}
	row.Note = strings.Join(notes, "; ")
	return row
}

func deadRow(d broker.DeadTopic) DeadRow {
	row := DeadRow{Topic: foreign.Text(d.Topic)}
	switch {
	case d.Missing:
		row.Note = "missing"
	case d.Err != "":
		row.Note = d.Err
	default:
		row.Depth, row.New = &d.Depth, &d.Recent
		if d.Unknown > 0 {
			row.Note = "lower bound: " + counted(d.Unknown, "partition") + " not told"
		}
	}
	return row
}

// breakerWords say in which states the breaker around Kafka is.
func breakerWords(s diagnose.Status) string {
	if len(s.Readings) == 0 {
		return "kafka-publisher: not known"
	}
	var parts []string
	for _, state := range knownFirst {
		some := slices.DeleteFunc(slices.Clone(s.Readings), func(r diagnose.Reading) bool { return stateOf(r) != state })
		if len(some) > 0 {
			parts = append(parts, state+" "+diagnose.Where(some, s.Readings))
		}
	}
	return "kafka-publisher " + strings.Join(parts, ", ") + " (never proof that Kafka works)"
}

func (s Sources) kafkaCoverage(k diagnose.Kafka, view diagnose.Status) report.Coverage {
	var c report.Coverage
	if !k.Source.OK() {
		c.Not = append(c.Not, "topics, groups, lag and dead letters")
	}
	var most diagnose.Trend
	for _, g := range k.Groups {
		if n := len(g.Samples); n > most.Samples {
			most = diagnose.Trend{Samples: n, Seen: g.Now().At.Sub(g.Samples[0].At)}
		}
	}
	if most.Samples > 0 {
		text := sampled(most)
		if k.Kept {
			text += ", some of earlier calls"
		}
		c.Looked = append(c.Looked, text)
	}
	if n := diagnose.OtherTopics(k); n > 0 {
		c.Looked = append(c.Looked, fmt.Sprintf("%d other topics by metadata alone", n))
	}
	if k.Source.OK() {
		tellClock(&c, k.Clock)
	}
	c.Not = append(c.Not, diagnose.RepeatsNotLooked(k)...)
	for _, u := range k.Unlisted {
		c.Not = append(c.Not, fmt.Sprintf("other groups of %s, which did not list them: %s", u.Name, u.Err.Said.Quoted()))
	}
	for _, t := range k.Tried {
		if !t.OK() && k.Source.OK() {
			c.Not = append(c.Not, fmt.Sprintf("bootstrap server %s: %s", t.Name, t.Err.Class))
		}
	}
	for _, i := range view.API {
		if !i.Source.OK() {
			c.Not = append(c.Not, fmt.Sprintf("the breaker by %s: %s", i.Source.Name, i.Source.Err.Class))
		}
	}
	if !view.Prom.Source.OK() {
		c.Not = append(c.Not, fmt.Sprintf("the breaker by Prometheus: %s", view.Prom.Source.Err.Class))
	}
	return c
}

func checkKafkaHealth(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "check_kafka_health",
		Title: "Kafka health",
		Description: "Is Kafka all right? Asked of the brokers themselves: which are alive, partitions without leader or with too few replicas, required topics, required consumer groups with their state, lag and its movement, dead letters and how many are new; and whether the circuit breaker agrees. " +
			"Ask it when a breaker is open, events wait in the outbox, or captures, refunds or ledger entries are late. " +
			"It sees no history: diagnose_circuit_breaker does.",
		Examples: []string{`{}`, `{"groups":["payment-consumer"]}`, `{"topics":["payment.captured"],"groups":["*"],"samples":1}`},
	}, s.kafkaHealth)
}
