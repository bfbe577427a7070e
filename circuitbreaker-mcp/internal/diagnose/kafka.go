package diagnose

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// Kafka is what the brokers say of the cluster, its groups and its dead letters.
// A tool that asked for the cluster alone leaves the groups empty.
type Kafka struct {
	broker.Health
	Topics   []string // required
	Required []string // groups that must be at work; others are told of and never alarmed about
}

// kafkaRules are the judges of Kafka itself.
var kafkaRules = []struct {
	code  catalog.Code
	judge func(Kafka) []report.Finding
	seen  func(Kafka) bool
}{
	{catalog.KafkaBrokersUnreachable, brokersUnreachable, Kafka.settled},
	{catalog.KafkaLeaderlessPartitions, leaderless, Kafka.current},
	{catalog.KafkaBrokerLost, brokerLost, Kafka.current},
	{catalog.KafkaUnderReplicated, underReplicated, Kafka.led},
	{catalog.KafkaBelowMinISR, belowMinISR, Kafka.minISRKnown},
	{catalog.KafkaTopicMissing, topicMissing, Kafka.topicsKnown},
	{catalog.KafkaTopicRecreated, topicRecreated, Kafka.offsetsKnown},
	{catalog.ConsumerGroupEmpty, groupEmpty, Kafka.desertionKnown},
	{catalog.ConsumerLagGrowing, lagGrowing, Kafka.movementKnown},
	{catalog.ConsumerPartitionStuck, partitionStuck, Kafka.movementKnown},
	{catalog.ConsumerRebalanceStorm, rebalanceStorm, Kafka.restKnown},
	{catalog.ConsumerOffsetOutOfRange, offsetOutOfRange, Kafka.offsetsKnown},
	{catalog.DLQGrowing, dlqGrowing, Kafka.deadKnown},
	{catalog.OutboxDuplicatePublish, duplicatePublish, Kafka.repeatsKnown},
}

// KafkaFindings runs the rules. ran are the codes of those that had what they need.
func KafkaFindings(k Kafka) (found []report.Finding, ran []catalog.Code) {
	for _, r := range kafkaRules {
		found = append(found, r.judge(k)...)
		if r.seen(k) {
			ran = append(ran, r.code)
		}
	}
	return append(found, kafkaSources(k)...), ran
}

// KafkaSettled reports whether the question whether Kafka works has an answer: it
// told its metadata as it is now, or no broker could be reached. Being turned away is no
// answer, and neither is silence at an address that nobody gave.
func KafkaSettled(k Kafka) bool { return k.settled() && (k.current() || !k.answered()) }

func (k Kafka) answered() bool { return k.Source.OK() }

// current reports whether the metadata is as it is now: without a controller nobody
// notes there that a broker has gone, or what with it has no leader.
func (k Kafka) current() bool { return k.answered() && controllerDoubt(k) == "" }

func (k Kafka) settled() bool {
	return k.answered() || !k.Assumed && !refusesUs(k.Source.Err)
}

// refusesUs reports whether a failure shows that a broker is there.
func refusesUs(f *fault.Failure) bool {
	switch f.Class {
	case fault.Unreachable, fault.Timeout, fault.Disconnected:
		return false
	}
	return true
}

// led reports whether every partition has a leader: who is in sync without one, and with
// what went with it, is not judged.
func (k Kafka) led() bool { return k.current() && len(leaderless(k)) == 0 }

func (k Kafka) minISRKnown() bool { return k.current() && k.MinISR == nil }

func (k Kafka) topicsKnown() bool {
	return k.answered() && !slices.ContainsFunc(k.Topics, func(name string) bool {
		t, ok := k.Topic(name)
		return !ok || t.Denied || t.Err != ""
	})
}

// offsetsKnown reports whether of every required group state and lag are known.
func (k Kafka) offsetsKnown() bool {
	if !k.answered() || len(k.Required) == 0 {
		return false
	}
	for _, name := range k.Required {
		g, ok := k.group(name)
		if !ok || g.Err != nil {
			return false
		}
		if _, partial := g.Lag(); partial || topicsDoubt(g) != "" {
			return false
		}
	}
	return true
}

// movementKnown reports whether each required group was seen often enough to tell
// whether what waits grows, falls or stands; where nothing waits, and what comes is read,
// once is enough.
func (k Kafka) movementKnown() bool {
	if !k.offsetsKnown() {
		return false
	}
	for _, name := range k.Required {
		g, _ := k.group(name)
		if unownedDoubt(g) != "" {
			return false
		}
		if lag, _ := g.Lag(); lag > 0 && (!k.agesKnown() || !courseOf(g).Known) || groupDoubt(g) != "" {
			return false
		}
	}
	return true
}

// restKnown reports whether no required group shares out its partitions just now.
func (k Kafka) restKnown() bool {
	return k.offsetsKnown() && !k.anyRequired(func(g broker.Group) bool { return broker.Rebalancing(g.State) })
}

// agesKnown reports whether it can be told how old a record is: those who stamp
// records, or know those who do, agree what time it is.
func (k Kafka) agesKnown() bool { return k.Clock.Apart == 0 }

func (k Kafka) deadKnown() bool {
	return k.answered() && k.agesKnown() && len(k.DeadLetters) > 0 && !slices.ContainsFunc(k.DeadLetters, func(d broker.DeadTopic) bool {
		return d.Err != "" || d.Unknown > 0
	})
}

func (k Kafka) group(name string) (broker.Group, bool) {
	for _, g := range k.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return broker.Group{}, false
}

// required reports whether anything depends on a group.
func (k Kafka) required(g broker.Group) bool { return slices.Contains(k.Required, g.Name) }

// anyRequired reports whether a group on which something depends is of a kind.
func (k Kafka) anyRequired(of func(broker.Group) bool) bool {
	return slices.ContainsFunc(k.Groups, func(g broker.Group) bool { return k.required(g) && of(g) })
}

// watched are the topics that the payment system lives on: those required, those
// of its groups and dead letters, and where Kafka keeps the groups themselves.
// What is wrong with another topic is somebody else's.
func (k Kafka) watched() []broker.Topic {
	names := append(slices.Clone(k.Topics), broker.OffsetsTopic, UnknownTopic)
	for _, g := range k.Groups {
		if k.required(g) {
			for _, o := range g.Now().Offsets { // in the order of their topics
				if o.Topic != names[len(names)-1] {
					names = append(names, o.Topic)
				}
			}
		}
	}
	for _, d := range k.DeadLetters {
		names = append(names, d.Topic)
	}
	return slices.DeleteFunc(slices.Clone(k.Cluster.Topics), func(t broker.Topic) bool { return !slices.Contains(names, t.Name) })
}

// UnknownTopic is where events of a type that the publisher does not know go, and
// nobody reads.
const UnknownTopic = "payment.unknown"

// kafkaSource is the name under which evidence of the cluster stands.
const kafkaSource = "kafka"

// hurt says what a topic carries, in the payment system's words.
var hurt = map[string]string{
	"payment.authorized":        "notices of authorized payments (nothing reads them)",
	"payment.capture-requested": "captures: payments stay CAPTURE_REQUESTED",
	"payment.captured":          "ledger entries of captured payments",
	"payment.refund-requested":  "refunds: payments stay REFUND_REQUESTED",
	"payment.refunded":          "ledger entries of refunded payments",
	"payment.dlq":               "dead letters of the ledger",
	"settlement.dlq":            "dead letters of settlements",
	"refund.dlq":                "dead letters of refunds",
	broker.OffsetsTopic:         "the consumer groups kept there, which can neither join nor commit",
}

// Hurt says what topics carry, in the payment system's words; empty when they are
// not its. Where payments are kept from coming on, the rest is not worth saying.
func Hurt(topics ...string) string {
	var worst, all []string
	for _, t := range topics {
		if what := hurt[t]; what != "" {
			all = append(all, what)
			if slices.Contains(vital, t) {
				worst = append(worst, what)
			}
		}
	}
	if len(worst) > 0 {
		all = worst
	}
	return strings.Join(all, "; ")
}

// vital are the topics without which a payment does not come on.
var vital = []string{"payment.capture-requested", "payment.captured", "payment.refund-requested", "payment.refunded", broker.OffsetsTopic}

// partitions writes topics with partition numbers: "payment.captured 1, 4".
type partitions struct {
	topics []string
	ids    map[string][]int32
}

func (p *partitions) add(topic string, id int32) {
	if p.ids == nil {
		p.ids = map[string][]int32{}
	}
	if _, ok := p.ids[topic]; !ok {
		p.topics = append(p.topics, topic)
	}
	p.ids[topic] = append(p.ids[topic], id)
}

func (p *partitions) count() (n int) {
	for _, ids := range p.ids {
		n += len(ids)
	}
	return n
}

// maxTopics is how many topics a sentence names.
const maxTopics = 6

func (p *partitions) String() string {
	var parts []string
	for _, t := range p.topics {
		parts = append(parts, Name(t)+" "+ids(p.ids[t]))
	}
	return strings.Join(few(parts, maxTopics, "more topics"), "; ")
}

// ids writes numbers, runs of them as "0-5".
func ids(list []int32) string {
	list = slices.Clone(list)
	slices.Sort(list)
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		text := strconv.Itoa(int(list[i]))
		if j > i+1 {
			text += "-" + strconv.Itoa(int(list[j]))
		} else if j == i+1 {
			text += "," + strconv.Itoa(int(list[j]))
		}
		parts = append(parts, text)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

func brokerIDs(list []broker.Broker) string {
	var all []int32
	for _, b := range list {
		all = append(all, b.ID)
	}
	return ids(all)
}

// Assigned writes what is assigned to a member: "payment.captured 0-2".
func Assigned(by map[string][]int32) string {
	switch {
	case by == nil:
		return "not known"
	case len(by) == 0:
		return "nothing"
	}
	var p partitions
	for _, topic := range slices.Sorted(maps.Keys(by)) {
		for _, id := range by[topic] {
			p.add(topic, id)
		}
	}
	return p.String()
}
