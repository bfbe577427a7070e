package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

const ledgerGroup = "payment-consumer"

var kafkaNow = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

// cluster is one with three brokers of which some live, and a topic whose
// partitions are as given.
func cluster(live int32, minISR int, parts ...broker.Partition) Kafka {
	k := Kafka{Topics: []string{"payment.captured"}, Required: []string{ledgerGroup}}
	k.Source = fault.Source{Name: "kafka"}
	k.At = kafkaNow
	for id := range live {
		k.Brokers = append(k.Brokers, broker.Broker{ID: id + 1})
	}
	for i := range parts {
		parts[i].ID = int32(i)
	}
	k.Cluster.Topics = []broker.Topic{{Name: "payment.captured", MinISR: minISR, Partitions: parts}}
	return k
}

func part(leader int32, replicas, isr []int32) broker.Partition {
	return broker.Partition{Leader: leader, Replicas: replicas, ISR: isr}
}

var three = []int32{1, 2, 3}

// sample is a look at a group in partitions of payment.captured: for each what is
// committed and where the log ends.
func sample(after time.Duration, state string, ends ...[2]int64) broker.Sample {
	s := broker.Sample{At: kafkaNow.Add(after), State: state}
	if !desertedState(state) {
		s.Members = []string{"a"}
	}
	for i, e := range ends {
		s.Offsets = append(s.Offsets, broker.Offset{Topic: "payment.captured", Partition: int32(i), Committed: e[0], Last: e[1], Known: true, Due: -1})
	}
	return s
}

// consuming is a healthy cluster and a group as it was sampled.
func consuming(samples ...broker.Sample) Kafka {
	k := cluster(3, 1, part(1, three, three))
	g := broker.Group{Name: ledgerGroup, Samples: samples}
	now := g.Now()
	g.State = now.State
	for _, m := range now.Members {
		g.Members = append(g.Members, broker.Member{ID: m})
	}
	k.Groups = []broker.Group{g}
	return k
}

// overdue has the records of the newest sample wait for longer than the grace.
func overdue(k Kafka) Kafka {
	g := &k.Groups[0]
	last := &g.Samples[len(g.Samples)-1]
	for i := range last.Offsets {
		last.Offsets[i].Due = last.Offsets[i].Last
	}
	return k
}

func unanswered(class fault.Class) Kafka {
	f := &fault.Failure{Class: class, Said: "said", Next: "next"}
	k := Kafka{}
	k.Source = fault.Source{Name: "kafka", Asked: "Metadata", Err: f}
	k.Tried = []fault.Source{{Name: "kafka a:1", Asked: "Metadata", Err: f}, {Name: "kafka b:1", Asked: "Metadata", Err: f}}
	return k
}

func TestKafkaRules(t *testing.T) {
	const second = time.Second
	lost := part(-1, []int32{3}, []int32{3})
	for name, x := range map[string]struct {
		k    Kafka
		want []catalog.Code
	}{
		"all is well":                         {consuming(sample(0, "Stable", [2]int64{10, 10})), nil},
		"no broker":                           {unanswered(fault.Unreachable), []catalog.Code{catalog.KafkaBrokersUnreachable}},
		"all hang":                            {unanswered(fault.Timeout), []catalog.Code{catalog.KafkaBrokersUnreachable}},
		"all hang up":                         {unanswered(fault.Disconnected), []catalog.Code{catalog.KafkaBrokersUnreachable}},
		"wrong password is not Kafka's fault": {unanswered(fault.Auth), []catalog.Code{catalog.SrcKafkaAuth}},
		"no rights are not Kafka's fault":     {unanswered(fault.Permission), []catalog.Code{catalog.SrcKafkaPermission}},

		"a broker and its partitions":                     {cluster(2, 1, part(1, []int32{1}, []int32{1}), lost), []catalog.Code{catalog.KafkaLeaderlessPartitions, catalog.KafkaBrokerLost}},
		"a broker, and replicas elsewhere":                {cluster(2, 1, part(1, three, []int32{1, 2})), []catalog.Code{catalog.KafkaBrokerLost, catalog.KafkaUnderReplicated}},
		"what the lost broker explains is not told twice": {cluster(2, 1, lost, part(1, three, []int32{1, 2})), []catalog.Code{catalog.KafkaLeaderlessPartitions, catalog.KafkaBrokerLost}},
		"a slow replica":                                  {cluster(3, 1, part(1, three, []int32{1, 2})), []catalog.Code{catalog.KafkaUnderReplicated}},
		"below min ISR":                                   {cluster(3, 2, part(1, three, []int32{1})), []catalog.Code{catalog.KafkaUnderReplicated, catalog.KafkaBelowMinISR}},
		"one replica of one is a risk and no fault":       {cluster(3, 1, part(1, []int32{1}, []int32{1})), nil},
		"one replica, two wanted":                         {cluster(3, 2, part(1, []int32{1}, []int32{1})), []catalog.Code{catalog.KafkaBelowMinISR}},
		"a topic of somebody else":                        {withTopic(cluster(3, 1), broker.Topic{Name: "theirs", Partitions: []broker.Partition{{Leader: -1, Replicas: []int32{1}}}}), nil},
		"Kafka's own topic":                               {withTopic(cluster(3, 1), broker.Topic{Name: broker.OffsetsTopic, Internal: true, Partitions: []broker.Partition{{Leader: -1, Replicas: []int32{1}}}}), []catalog.Code{catalog.KafkaLeaderlessPartitions}},
		"a topic missing":                                 {missing(broker.Topic{Name: "payment.captured", Missing: true}), []catalog.Code{catalog.KafkaTopicMissing}},
		"a topic not ours to see":                         {missing(broker.Topic{Name: "payment.captured", Denied: true}), []catalog.Code{catalog.SrcKafkaPermission}},

		"nobody there, records wait":  {consuming(sample(0, "Empty", [2]int64{3200, 5000})), []catalog.Code{catalog.ConsumerGroupEmpty}},
		"nobody at both looks":        {consuming(sample(0, "Empty", [2]int64{3200, 5000}), sample(second, "Empty", [2]int64{3200, 5001})), []catalog.Code{catalog.ConsumerGroupEmpty}},
		"gone a moment ago":           {consuming(sample(0, "Stable", [2]int64{10, 10}), sample(second, "Empty", [2]int64{10, 11})), nil},
		"never there":                 {consuming(sample(0, broker.Absent, [2]int64{-1, 7})), []catalog.Code{catalog.ConsumerGroupEmpty}},
		"nobody, and nothing waits":   {consuming(sample(0, "Empty", [2]int64{10, 10})), nil},
		"members that cannot be seen": {unseenMembers(consuming(sample(0, "", [2]int64{10, 20}))), nil},
		"not required":                {notRequired(consuming(sample(0, "Empty", [2]int64{10, 20}))), nil},

		"falls behind":                                   {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(6*second, "Stable", [2]int64{10, 150}), sample(12*second, "Stable", [2]int64{20, 200}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"falls behind, for a moment":                     {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(second, "Stable", [2]int64{10, 150}), sample(2*second, "Stable", [2]int64{20, 200}))), nil},
		"falls behind, in bursts":                        {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(6*second, "Stable", [2]int64{10, 100}), sample(12*second, "Stable", [2]int64{20, 200}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"by little, and ever later":                      {overdue(consuming(sample(0, "Stable", [2]int64{0, 10_000}), sample(300*second, "Stable", [2]int64{28_500, 40_000}), sample(301*second, "Stable", [2]int64{28_595, 40_100}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"by little, and no later":                        {overdue(consuming(sample(0, "Stable", [2]int64{0, 10_000}), sample(60*second, "Stable", [2]int64{5_700, 16_000}), sample(61*second, "Stable", [2]int64{5_795, 16_100}))), nil},
		"in one partition, the others keep up":           {overdue(consuming(sample(0, "Stable", [2]int64{0, 900}, [2]int64{0, 5}), sample(30*second, "Stable", [2]int64{30, 1200}, [2]int64{6000, 6005}), sample(60*second, "Stable", [2]int64{60, 1500}, [2]int64{12_000, 12_005}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"in one partition, while another drains":         {overdue(consuming(sample(0, "Stable", [2]int64{0, 900}, [2]int64{0, 90_000}), sample(30*second, "Stable", [2]int64{30, 1200}, [2]int64{9000, 90_000}), sample(60*second, "Stable", [2]int64{60, 1500}, [2]int64{18_000, 90_000}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"in one partition, until a minute ago":           {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(20*second, "Stable", [2]int64{80, 1060}), sample(80*second, "Stable", [2]int64{400, 1069}), sample(81*second, "Stable", [2]int64{440, 1070}), sample(82*second, "Stable", [2]int64{480, 1071}))), nil},
		"in one partition, for a moment":                 {overdue(consuming(sample(0, "Stable", [2]int64{0, 900}, [2]int64{0, 5}), sample(6*second, "Stable", [2]int64{6, 960}, [2]int64{1200, 1205}), sample(12*second, "Stable", [2]int64{12, 1020}, [2]int64{2400, 2405}))), nil},
		"the end of one was not told at first":           {overdue(untold(consuming(sample(0, "Stable", [2]int64{990, 1000}, [2]int64{499, 0}), sample(6*second, "Stable", [2]int64{1040, 1055}, [2]int64{500, 1500}), sample(12*second, "Stable", [2]int64{1090, 1112}, [2]int64{505, 1500})))), nil},
		"a burst in between looks":                       {overdue(upAndDown(691, 689, 641, 610, 780)), nil},
		"a burst, and falls again":                       {overdue(upAndDown(691, 610, 800, 780, 760)), nil},
		"higher at each look":                            {overdue(upAndDown(610, 650, 700, 780)), []catalog.Code{catalog.ConsumerLagGrowing}},
		"ever more, after a backlog that fell":           {overdue(consuming(sample(0, "Stable", [2]int64{0, 600}), sample(20*second, "Stable", [2]int64{1000, 1300}), sample(24*second, "Stable", [2]int64{1020, 1420}), sample(28*second, "Stable", [2]int64{1040, 1430}), sample(31*second, "Stable", [2]int64{1055, 1630}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"slower, and nothing hides it that was consumed": {overdue(consuming(sample(0, "Stable", [2]int64{0, 50}), sample(20*second, "Stable", [2]int64{9000, 9040}), sample(24*second, "Stable", [2]int64{9010, 9100}), sample(28*second, "Stable", [2]int64{9020, 9200}), sample(31*second, "Stable", [2]int64{9030, 9300}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"since a moment, after a backlog that fell":      {overdue(consuming(sample(0, "Stable", [2]int64{0, 600}), sample(20*second, "Stable", [2]int64{1000, 1300}), sample(21*second, "Stable", [2]int64{1005, 1330}), sample(22*second, "Stable", [2]int64{1010, 1360}))), nil},
		"one burst, on nothing left":                     {overdue(consuming(sample(0, "Stable", [2]int64{100, 100}), sample(second, "Stable", [2]int64{100, 100}), sample(2*second, "Stable", [2]int64{110, 800}))), nil},
		"falls behind, from nothing":                     {overdue(consuming(sample(0, "Stable", [2]int64{100, 100}), sample(20*second, "Stable", [2]int64{280, 700}), sample(21*second, "Stable", [2]int64{290, 740}), sample(22*second, "Stable", [2]int64{300, 790}))), []catalog.Code{catalog.ConsumerLagGrowing}},
		"from nothing, just now":                         {consuming(sample(0, "Stable", [2]int64{100, 100}), sample(second, "Stable", [2]int64{110, 300}), sample(2*second, "Stable", [2]int64{120, 600}), sample(3*second, "Stable", [2]int64{130, 800})), nil},
		"waited while partitions were shared out":        {consuming(sample(0, "Stable", [2]int64{0, 1}), sample(second, "PreparingRebalance", [2]int64{1, 66}), sample(2*second, "PreparingRebalance", [2]int64{1, 90}), sample(3*second, "Stable", [2]int64{1, 116})), nil},
		"stood while partitions were shared out":         {ownedBy(overdue(consuming(sample(0, "PreparingRebalance", [2]int64{5, 9}, [2]int64{0, 50}), sample(second, "PreparingRebalance", [2]int64{5, 9}, [2]int64{0, 50}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), "a", "b"), nil},
		"up and down":                                    {overdue(upAndDown(12, 4, 9, 3, 14)), nil},
		"it was worse before":                            {overdue(upAndDown(100, 400, 200, 300)), nil},
		"one burst, and falls":                           {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(second, "Stable", [2]int64{10, 200}), sample(2*second, "Stable", [2]int64{95, 200}))), nil},
		"far more waits than is consumed in the grace":   {consuming(sample(0, "Stable", [2]int64{0, 1000}), sample(second, "Stable", [2]int64{10, 1050}), sample(2*second, "Stable", [2]int64{20, 1100})), nil},
		"a burst, and some always are on their way":      {consuming(sample(0, "Stable", [2]int64{1000, 1003}), sample(6*second, "Stable", [2]int64{1100, 2100}), sample(12*second, "Stable", [2]int64{1200, 3200})), nil},
		"grows by what is on its way":                    {consuming(sample(0, "Stable", [2]int64{100, 101}), sample(second, "Stable", [2]int64{150, 153}), sample(2*second, "Stable", [2]int64{200, 204})), nil},
		"two samples are no trend":                       {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(second, "Stable", [2]int64{10, 150}))), nil},
		"drains":                                         {overdue(consuming(sample(0, "Stable", [2]int64{0, 800}), sample(second, "Stable", [2]int64{300, 800}), sample(2*second, "Stable", [2]int64{600, 800}))), nil},

		"one partition stands":            {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), "a", "b"), []catalog.Code{catalog.ConsumerPartitionStuck}},
		"one partition stands since":      {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{2, 4}, [2]int64{0, 10}), sample(20*second, "Stable", [2]int64{5, 9}, [2]int64{20, 30}), sample(21*second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(22*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), "a", "b"), []catalog.Code{catalog.ConsumerPartitionStuck}},
		"both stand since, on a batch":    {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{2, 4}, [2]int64{0, 10}), sample(20*second, "Stable", [2]int64{5, 9}, [2]int64{20, 30}), sample(21*second, "Stable", [2]int64{5, 9}, [2]int64{20, 50}), sample(22*second, "Stable", [2]int64{5, 9}, [2]int64{20, 50}))), "a", "b"), nil},
		"its reader is at another one":    {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}, [2]int64{3, 900}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}, [2]int64{30, 900}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}, [2]int64{60, 900}))), "a", "b", "a"), nil},
		"nobody has it":                   {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), "", "b"), []catalog.Code{catalog.ConsumerPartitionStuck}},
		"nobody has it, nothing moves":    {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{50, 50}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), "", "b"), []catalog.Code{catalog.ConsumerPartitionStuck}},
		"one reader, one after the other": {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), "a", "a"), nil},
		"six readers drain a backlog":     {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{0, 900}, [2]int64{0, 900}), sample(second, "Stable", [2]int64{0, 900}, [2]int64{0, 900}), sample(2*second, "Stable", [2]int64{0, 900}, [2]int64{500, 900}))), "a", "b"), nil},
		"and one does not for a minute":   {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{0, 900}, [2]int64{0, 900}), sample(30*second, "Stable", [2]int64{0, 900}, [2]int64{300, 900}), sample(60*second, "Stable", [2]int64{0, 900}, [2]int64{500, 900}))), "a", "b"), []catalog.Code{catalog.ConsumerPartitionStuck}},
		"one partition, for a moment":     {consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(2*second, "Stable", [2]int64{5, 9}, [2]int64{50, 50})), nil},
		"slow is not stuck":               {overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}), sample(second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(2*second, "Stable", [2]int64{6, 9}, [2]int64{50, 50}))), nil},
		"one where nothing ever was":      {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{-1, 80}, [2]int64{0, 900}), sample(30*second, "Stable", [2]int64{-1, 90}, [2]int64{300, 900}), sample(60*second, "Stable", [2]int64{-1, 91}, [2]int64{500, 900}))), "a", "b"), []catalog.Code{catalog.ConsumerPartitionStuck}},
		"nothing ever was, nothing comes": {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{-1, 80}, [2]int64{0, 900}), sample(30*second, "Stable", [2]int64{-1, 80}, [2]int64{300, 900}), sample(60*second, "Stable", [2]int64{-1, 80}, [2]int64{500, 900}))), "a", "b"), nil},
		"and begins now":                  {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{-1, 80}, [2]int64{0, 900}), sample(30*second, "Stable", [2]int64{-1, 90}, [2]int64{300, 900}), sample(60*second, "Stable", [2]int64{50, 91}, [2]int64{500, 900}))), "a", "b"), nil},
		"a topic that it does not read":   {ownedBy(ofAnother(overdue(consuming(sample(0, "Stable", [2]int64{-1, 80}, [2]int64{0, 900}), sample(30*second, "Stable", [2]int64{-1, 90}, [2]int64{300, 900}), sample(60*second, "Stable", [2]int64{-1, 91}, [2]int64{500, 900})))), "", "b"), nil},
		"at work on a batch":              {overdue(consuming(sample(0, "Stable", [2]int64{5, 900}), sample(second, "Stable", [2]int64{5, 900}), sample(2*second, "Stable", [2]int64{5, 900}))), nil},
		"still for longer than any batch": {overdue(consuming(sample(0, "Stable", [2]int64{5, 900}), sample(3*time.Minute, "Stable", [2]int64{5, 900}), sample(6*time.Minute, "Stable", [2]int64{5, 900}))), []catalog.Code{catalog.ConsumerPartitionStuck}},

		"rebalances all the time":                   {consuming(sample(0, "PreparingRebalance"), sample(5*second, "CompletingRebalance"), sample(10*second, "PreparingRebalance")), []catalog.Code{catalog.ConsumerRebalanceStorm}},
		"rebalances all the time, seen often":       {consuming(slices.Concat([]broker.Sample{sample(-second, "Stable")}, restless(11))...), []catalog.Code{catalog.ConsumerRebalanceStorm}},
		"a worker was restarted":                    {consuming(restless(3)...), nil},
		"restarted, with other members":             {otherMembers(consuming(slices.Concat([]broker.Sample{sample(-60*second, "Stable")}, restless(3))...)), nil},
		"restarted, twice in a minute":              {consuming(sample(0, "PreparingRebalance"), sample(30*second, "Stable"), sample(60*second, "PreparingRebalance")), nil},
		"rebalances once":                           {consuming(sample(0, "PreparingRebalance"), sample(second, "Stable"), sample(2*second, "Stable")), nil},
		"other members each time":                   {otherMembers(consuming(sample(0, "Stable"), sample(second, "PreparingRebalance"), sample(12*second, "PreparingRebalance"))), []catalog.Code{catalog.ConsumerRebalanceStorm}},
		"at rest in between, with others each time": {otherMembers(consuming(sample(0, "PreparingRebalance"), sample(30*second, "Stable"), sample(60*second, "PreparingRebalance"))), []catalog.Code{catalog.ConsumerRebalanceStorm}},
		"shares out after a broker was lost":        {afterLoss(consuming(sample(0, "PreparingRebalance"), sample(second, "PreparingRebalance"), sample(12*second, "PreparingRebalance"))), []catalog.Code{catalog.KafkaBrokerLost, catalog.KafkaUnderReplicated}},
		"joins anew after a broker was lost":        {afterLoss(otherMembers(consuming(sample(0, "PreparingRebalance"), sample(second, "CompletingRebalance"), sample(12*second, "PreparingRebalance")))), []catalog.Code{catalog.KafkaBrokerLost, catalog.KafkaUnderReplicated}},
		"other members each time, and one broker":   {afterLoss(otherMembers(consuming(sample(0, "Stable"), sample(second, "PreparingRebalance"), sample(62*second, "PreparingRebalance")))), []catalog.Code{catalog.ConsumerRebalanceStorm, catalog.KafkaBrokerLost, catalog.KafkaUnderReplicated}},
		"came to rest":                              {otherMembers(consuming(sample(0, "PreparingRebalance"), sample(second, "PreparingRebalance"), sample(2*second, "Stable"))), nil},

		"committed beyond the end": {consuming(sample(0, "Stable", [2]int64{9000, 40})), []catalog.Code{catalog.KafkaTopicRecreated}},
		"beyond the end, once":     {consuming(sample(0, "Stable", [2]int64{30, 40}), sample(second, "Stable", [2]int64{41, 40})), nil},
		"all deleted, none waits":  {deletedTo(overdue(consuming(sample(0, "Stable", [2]int64{10, 90}), sample(3*time.Minute, "Stable", [2]int64{10, 90}), sample(6*time.Minute, "Stable", [2]int64{10, 90}))), 90), []catalog.Code{catalog.ConsumerOffsetOutOfRange}},
		"deleted before consumed":  {deletedTo(consuming(sample(0, "Stable", [2]int64{10, 90})), 50), []catalog.Code{catalog.ConsumerOffsetOutOfRange}},

		"new dead letters": {dead(broker.DeadTopic{Topic: "payment.dlq", Depth: 40, Recent: 3, Window: time.Minute}), []catalog.Code{catalog.DLQGrowing}},
		"old dead letters": {dead(broker.DeadTopic{Topic: "payment.dlq", Depth: 40, Window: time.Minute}), nil},

		"every event twice":         {repeated(broker.Repeats{Topic: "payment.capture-requested", Records: 200, Events: 100, Example: "7", Times: 2}), []catalog.Code{catalog.OutboxDuplicatePublish}},
		"still, but for the newest": {repeated(broker.Repeats{Topic: "payment.capture-requested", Records: 200, Events: 100, Later: 5, Example: "7", Times: 2}), []catalog.Code{catalog.OutboxDuplicatePublish}},
		"no more":                   {repeated(broker.Repeats{Topic: "payment.refund-requested", Records: 65, Events: 50, Later: 30, Example: "7", Times: 2}), nil},
		"a few sent again":          {repeated(broker.Repeats{Topic: "payment.capture-requested", Records: 109, Events: 100, Example: "7", Times: 2}), nil},
		"many, and a small share":   {repeated(broker.Repeats{Topic: "payment.capture-requested", Records: 1150, Events: 1000, Example: "7", Times: 2}), nil},
		"sent again in an outage":   {withTopic(repeated(broker.Repeats{Topic: "payment.captured", Records: 200, Events: 100}), broker.Topic{Name: "payment.captured", Partitions: []broker.Partition{part(-1, []int32{4}, nil)}}), []catalog.Code{catalog.KafkaLeaderlessPartitions, catalog.KafkaBrokerLost}},
		"a silent broker":           {silentBroker(consuming(sample(0, "Stable", [2]int64{10, 10}))), []catalog.Code{catalog.SrcKafkaPartial}},
		"a group that was not told": {failedGroup(fault.Timeout), []catalog.Code{catalog.SrcKafkaPartial}},
		"a group not ours to see":   {failedGroup(fault.Permission), []catalog.Code{catalog.SrcKafkaPermission}},
	} {
		t.Run(name, func(t *testing.T) {
			found, ran := KafkaFindings(x.k)
			var got []catalog.Code
			for _, f := range found {
				got = append(got, f.Code)
				complete(t, f)
			}
			slices.Sort(got)
			slices.Sort(x.want)
			if !slices.Equal(got, x.want) {
				t.Errorf("found %v, want %v", got, x.want)
			}
			for _, c := range ran {
				if strings.HasPrefix(string(c), "SRC_") {
					t.Errorf("%s is said to be ruled out", c)
				}
			}
		})
	}
}

// complete checks what every finding must have: numbers, and what to do. What our
// own sources say stands with the source.
func complete(t *testing.T, f report.Finding) {
	t.Helper()
	if len(f.Evidence) == 0 || f.Claim == "" || len(f.Next) == 0 {
		t.Errorf("%s lacks evidence, claim or next step: %+v", f.Code, f)
	}
	for _, e := range f.Evidence {
		if e.Source == "" || e.Asked == "" || e.Value == "" {
			t.Errorf("%s: evidence %+v", f.Code, e)
		}
	}
}

func withTopic(k Kafka, topic broker.Topic) Kafka {
	k.Cluster.Topics = append(k.Cluster.Topics, topic)
	return k
}

// afterLoss has the third broker gone, whose partitions others lead.
func afterLoss(k Kafka) Kafka {
	k.Brokers = k.Brokers[:2]
	k.Cluster.Topics[0].Partitions[0].ISR = []int32{1, 2}
	return k
}

func missing(topic broker.Topic) Kafka {
	k := cluster(3, 1)
	k.Cluster.Topics = []broker.Topic{topic}
	return k
}

func unseenMembers(k Kafka) Kafka {
	k.Groups[0].Unseen, k.Groups[0].Members = true, nil
	return k
}

func notRequired(k Kafka) Kafka {
	k.Required = nil
	return k
}

func otherMembers(k Kafka) Kafka {
	for i := range k.Groups[0].Samples {
		k.Groups[0].Samples[i].Members = []string{fmt.Sprint(i)}
	}
	return k
}

func deletedTo(k Kafka, first int64) Kafka {
	for _, s := range k.Groups[0].Samples {
		s.Offsets[0].First = first
	}
	return k
}

// untold lacks the end of the second partition at the first sample.
func untold(k Kafka) Kafka {
	k.Groups[0].Samples[0].Offsets[1].Known = false
	return k
}

// ageless has Kafka not tell since when records wait, agesTold that they just came.
func ageless(k Kafka) Kafka  { return due(k, -1) }
func agesTold(k Kafka) Kafka { return due(k, 0) }

func due(k Kafka, first int64) Kafka {
	for _, s := range k.Groups[0].Samples {
		for i := range s.Offsets {
			s.Offsets[i].Due = first
		}
	}
	return k
}

func dead(d broker.DeadTopic) Kafka {
	k := cluster(3, 1)
	k.DeadLetters = []broker.DeadTopic{d}
	return k
}

func repeated(r broker.Repeats) Kafka {
	k := cluster(3, 1)
	r.Window = 2 * time.Minute
	k.Repeats = []broker.Repeats{r}
	return k
}

func silentBroker(k Kafka) Kafka {
	k.Silent = []fault.Source{{Name: "kafka broker 2", Asked: "ListOffsets", Err: &fault.Failure{Class: fault.Timeout, Said: "i/o timeout"}}}
	return k
}

func failedGroup(class fault.Class) Kafka {
	k := cluster(3, 1)
	k.Groups = []broker.Group{{Name: ledgerGroup, Err: &fault.Failure{Class: class, Said: "said"}}}
	return k
}

// With the account that is recommended no topic of the outbox is read: that duplicates
// were not looked for was said nowhere.
func TestRepeatsThatWereNotLookedFor(t *testing.T) {
	const refused, partly = "we may not read it", "not all of it was told"
	for name, x := range map[string]struct {
		repeats []broker.Repeats
		want    []string
	}{
		"none asked for": {nil, nil},
		"all was read":   {[]broker.Repeats{{Topic: "payment.authorized"}}, nil},
		"refused": {[]broker.Repeats{{Topic: "payment.authorized", Unread: refused}, {Topic: "payment.capture-requested", Unread: refused}},
			[]string{"repeated events in payment.authorized, payment.capture-requested: we may not read it"}},
		"one of two, in part": {[]broker.Repeats{{Topic: "payment.authorized"}, {Topic: "payment.capture-requested", Unread: partly}},
			[]string{"repeated events in payment.capture-requested: not all of it was told"}},
		"more than are read": {[]broker.Repeats{{Topic: "payment.authorized", Window: 2 * time.Minute, Records: 200, Events: 200, Cut: true, Reach: 34 * time.Second}},
			[]string{"repeated events in payment.authorized: only the last 34s of 2m were read, the newest records of each partition"}},
	} {
		k := cluster(3, 1)
		k.Repeats = x.repeats
		if got := RepeatsNotLooked(k); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
		if _, ran := KafkaFindings(k); slices.Contains(ran, catalog.OutboxDuplicatePublish) != (len(x.repeats) > 0 && x.want == nil) {
			t.Errorf("%s: ruled out %v", name, ran)
		}
	}
}

// A rule that had not what it needs is not told as ruled out.
func TestOnlyWhatWasSeenIsRuledOut(t *testing.T) {
	for name, x := range map[string]struct {
		k   Kafka
		not []catalog.Code
	}{
		"no group asked":          {cluster(3, 1), []catalog.Code{catalog.ConsumerGroupEmpty, catalog.ConsumerLagGrowing, catalog.DLQGrowing}},
		"one sample":              {consuming(sample(0, "Stable", [2]int64{1, 9})), []catalog.Code{catalog.ConsumerLagGrowing, catalog.ConsumerPartitionStuck}},
		"group not told":          {failedGroup(fault.Timeout), []catalog.Code{catalog.ConsumerGroupEmpty}},
		"turned away":             {unanswered(fault.Auth), []catalog.Code{catalog.KafkaBrokersUnreachable, catalog.KafkaLeaderlessPartitions}},
		"topic not seen":          {missing(broker.Topic{Name: "payment.captured", Denied: true}), []catalog.Code{catalog.KafkaTopicMissing}},
		"letters not told":        {dead(broker.DeadTopic{Topic: "payment.dlq", Unknown: 1}), []catalog.Code{catalog.DLQGrowing}},
		"clocks apart":            {clocksApart(dead(broker.DeadTopic{Topic: "payment.dlq"})), []catalog.Code{catalog.DLQGrowing}},
		"repeats, apart":          {clocksApart(repeated(broker.Repeats{Topic: "payment.authorized"})), []catalog.Code{catalog.OutboxDuplicatePublish}},
		"from nothing, just now":  {consuming(sample(0, "Stable", [2]int64{100, 100}), sample(time.Second, "Stable", [2]int64{110, 300}), sample(2*time.Second, "Stable", [2]int64{120, 600}), sample(3*time.Second, "Stable", [2]int64{130, 800})), []catalog.Code{catalog.ConsumerLagGrowing}},
		"shared out lately":       {consuming(sample(0, "Stable", [2]int64{1, 9}), sample(1, "PreparingRebalance", [2]int64{1, 9}), sample(2, "Stable", [2]int64{1, 9})), []catalog.Code{catalog.ConsumerLagGrowing, catalog.ConsumerPartitionStuck}},
		"replicas without leader": {cluster(2, 1, part(-1, []int32{3}, []int32{3}), part(1, three, []int32{1, 2})), []catalog.Code{catalog.KafkaUnderReplicated}},
		"repeats of an outage":    {belowMin(repeated(broker.Repeats{Topic: "payment.authorized"})), []catalog.Code{catalog.OutboxDuplicatePublish}},
		"controllers that hang":   {hungControllers(), []catalog.Code{catalog.KafkaLeaderlessPartitions, catalog.KafkaBrokerLost, catalog.KafkaUnderReplicated, catalog.KafkaBelowMinISR}},
		"nobody has a topic":      {has(twoTopics(10), 2, 0), []catalog.Code{catalog.ConsumerLagGrowing, catalog.ConsumerPartitionStuck}},
		"settings not ours":       {noSettings(), []catalog.Code{catalog.KafkaBelowMinISR}},
	} {
		_, ran := KafkaFindings(x.k)
		for _, c := range x.not {
			if slices.Contains(ran, c) {
				t.Errorf("%s: %s is said to be ruled out", name, c)
			}
		}
	}
}

// belowMin has a topic that does not take what waits for all replicas.
func belowMin(k Kafka) Kafka {
	k.Cluster.Topics = []broker.Topic{{Name: "payment.captured", MinISR: 2, Partitions: []broker.Partition{part(1, three, []int32{1})}}}
	return k
}

// An address that nobody gave and that does not answer says nothing of Kafka, and
// nothing of a breaker that is CLOSED.
func TestKafkaThatNobodyConfigured(t *testing.T) {
	k := unanswered(fault.Unreachable)
	k.Assumed = true
	found, ran := KafkaFindings(k)
	if len(found) != 1 || found[0].Verdict != catalog.Unknown || found[0].Severity != catalog.Low || !strings.Contains(found[0].Claim, "KAFKA_BOOTSTRAP_SERVERS is not set") || len(ran) > 0 {
		t.Errorf("%+v, ruled out %v", found, ran)
	}
	if KafkaSettled(k) {
		t.Error("it is said to be settled whether Kafka works")
	}
	if got := (Versus{Kafka: found}).troubles(); len(got) > 0 {
		t.Errorf("troubles: %v", codesOf(got))
	}
}

// upAndDown is a group whose lag was seen to be these, a minute after each other, while
// it consumed fifty records in each.
func upAndDown(lags ...int64) Kafka {
	var samples []broker.Sample
	for n, lag := range lags {
		done := int64(50 * n)
		samples = append(samples, sample(time.Duration(n)*time.Minute, "Stable", [2]int64{done, done + lag}))
	}
	return consuming(samples...)
}

func TestStateWords(t *testing.T) {
	k := consuming(append([]broker.Sample{sample(-time.Second, "Stable")}, restless(3)...)...)
	if got := stateWords(k.Groups[0]); got != "Stable -> PreparingRebalance x3" {
		t.Error(got)
	}
}

// restless are looks at a group that shares out its partitions, a second apart.
func restless(n int) (all []broker.Sample) {
	for i := range n {
		all = append(all, sample(time.Duration(i)*time.Second, "PreparingRebalance"))
	}
	return all
}

// ofAnother has the first partition be one of another topic.
func ofAnother(k Kafka) Kafka {
	for _, s := range k.Groups[0].Samples {
		s.Offsets[0].Topic = "payment.authorized"
	}
	return k
}

// ownedBy gives partitions to members at the newest sample.
func ownedBy(k Kafka, members ...string) Kafka {
	k.Groups[0].Members = nil
	for partition, id := range members {
		if id == "" {
			continue
		}
		k.Groups[0].Members = append(k.Groups[0].Members, broker.Member{ID: id, Assigned: map[string][]int32{"payment.captured": {int32(partition)}}})
	}
	return k
}

// twoTopics is a group with two partitions of each of its topics, in which nothing waits.
// In the last of them so much is committed.
func twoTopics(committed int64) Kafka {
	s := sample(0, "Stable", [2]int64{10, 10}, [2]int64{10, 10}, [2]int64{10, 10}, [2]int64{committed, max(committed, 0)})
	for i := range s.Offsets[2:] {
		s.Offsets[2+i].Topic, s.Offsets[2+i].Partition = "payment.refunded", int32(i)
	}
	return consuming(s)
}

// has gives the only member so many partitions of each of the two topics.
func has(k Kafka, captured, refunded int32) Kafka {
	by := map[string][]int32{}
	for id := range captured {
		by["payment.captured"] = append(by["payment.captured"], id)
	}
	for id := range refunded {
		by["payment.refunded"] = append(by["payment.refunded"], id)
	}
	k.Groups[0].Members[0].Assigned = by
	return k
}

// settling has members that were not told yet of what they are to have.
func settling(k Kafka) Kafka {
	k.Groups[0].State = "Reconciling"
	return k
}

func clocksApart(k Kafka) Kafka {
	k.Clock = broker.Clock{Known: true, Apart: 10 * time.Minute}
	return k
}

func noSettings() Kafka {
	k := cluster(3, 0, part(1, three, three))
	k.MinISR = &fault.Failure{Class: fault.Permission, Said: "no"}
	return k
}

func TestPartialLagIsALowerBound(t *testing.T) {
	k := consuming(sample(0, "Stable", [2]int64{3, 10}, [2]int64{0, 0}))
	k.Groups[0].Samples[0].Offsets[1].Known = false
	k.Ends = map[string][]broker.End{"payment.captured": {{Partition: 0, Last: 10, Known: true}, {Partition: 1, Err: "its leader did not answer"}}}
	k = silentBroker(k)
	found, _ := KafkaFindings(k)
	if len(found) != 1 || found[0].Code != catalog.SrcKafkaPartial || !strings.Contains(found[0].Claim, ">= 7") || !strings.Contains(found[0].Claim, "payment.captured 1") {
		t.Errorf("%+v", found)
	}
}

func TestKafkaDoubts(t *testing.T) {
	for name, x := range map[string]struct {
		k    Kafka
		want string
	}{
		"none":                     {consuming(sample(0, "Stable", [2]int64{10, 10})), ""},
		"a new environment":        {consuming(sample(0, broker.Absent, [2]int64{-1, 0})), ""},
		"nobody, nothing waits":    {consuming(sample(0, "Empty", [2]int64{10, 10})), "no consumer"},
		"rebalancing":              {consuming(sample(0, "PreparingRebalance", [2]int64{10, 10})), "rebalancing"},
		"waits, seen once":         {overdue(consuming(sample(0, "Stable", [2]int64{1, 10}))), "one sample"},
		"waits, nothing moves":     {overdue(consuming(sample(0, "Stable", [2]int64{1, 10}), sample(time.Second, "Stable", [2]int64{1, 10}))), "stuck, or at work on a batch"},
		"one partition waits":      {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{0, 900}, [2]int64{0, 900}), sample(time.Second, "Stable", [2]int64{0, 900}, [2]int64{500, 900}))), "a", "b"), "payment.captured 0 in 1s while others move"},
		"one, nothing ever there":  {ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{-1, 900}, [2]int64{0, 900}), sample(time.Second, "Stable", [2]int64{-1, 900}, [2]int64{500, 900}))), "a", "b"), "payment.captured 0 in 1s while others move"},
		"stands since a batch":     {overdue(consuming(sample(0, "Stable", [2]int64{0, 0}), sample(20*time.Second, "Stable", [2]int64{400, 412}), sample(21*time.Second, "Stable", [2]int64{400, 412}), sample(22*time.Second, "Stable", [2]int64{400, 412}))), "payment.captured 0 in 2s: stuck, or at work on a batch"},
		"all left just now":        {consuming(sample(0, "Stable", [2]int64{10, 10}), sample(time.Second, "Empty", [2]int64{10, 410})), "lost its last consumer between two looks, and 400 records wait"},
		"a leader moves":           {movedLeader(), "what waits for payment-consumer in payment.captured 1 is not known"},
		"waits, seen twice":        {overdue(consuming(sample(0, "Stable", [2]int64{1, 10}), sample(time.Second, "Stable", [2]int64{2, 20}))), "2 samples tell no trend"},
		"waits, since when?":       {ageless(consuming(sample(0, "Stable", [2]int64{1, 10}), sample(time.Second, "Stable", [2]int64{2, 10}))), "did not tell for how long"},
		"waits for a moment":       {agesTold(consuming(sample(0, "Stable", [2]int64{1, 10}), sample(time.Second, "Stable", [2]int64{2, 10}))), ""},
		"shared out lately":        {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(1, "PreparingRebalance", [2]int64{1, 110}), sample(2, "Stable", [2]int64{2, 130}), sample(3, "Stable", [2]int64{3, 150}))), "may be falling behind"},
		"a commit may hide it":     {overdue(consuming(sample(0, "Stable", [2]int64{0, 900}), sample(time.Minute, "Stable", [2]int64{0, 1200}), sample(2*time.Minute, "Stable", [2]int64{250, 1550}), sample(3*time.Minute, "Stable", [2]int64{500, 1750}))), "may be falling behind"},
		"one commit, just now":     {overdue(consuming(sample(0, "Stable", [2]int64{0, 900}), sample(time.Second, "Stable", [2]int64{0, 1000}), sample(2*time.Second, "Stable", [2]int64{500, 1100}))), "may be falling behind"},
		"falls since its peak":     {overdue(consuming(sample(0, "Stable", [2]int64{0, 100}), sample(20*time.Second, "Stable", [2]int64{80, 1060}), sample(80*time.Second, "Stable", [2]int64{400, 1069}), sample(81*time.Second, "Stable", [2]int64{440, 1070}), sample(82*time.Second, "Stable", [2]int64{480, 1071}))), ""},
		"one commit, of a lot":     {overdue(consuming(sample(0, "Stable", [2]int64{0, 9000}), sample(6*time.Second, "Stable", [2]int64{0, 9100}), sample(12*time.Second, "Stable", [2]int64{5000, 9200}))), ""},
		"waits and drains":         {overdue(consuming(sample(0, "Stable", [2]int64{1, 10}), sample(time.Second, "Stable", [2]int64{5, 10}))), ""},
		"nobody leads the cluster": {leaderlessCluster(), "no controller"},
		"controllers that hang":    {hungControllers(), "no controller answers (timeout)"},
		"nobody, some not told":    {silentEnd(consuming(sample(0, "Empty", [2]int64{10, 10}))), "not all that waits for it is known"},
		"nobody has a topic":       {has(twoTopics(10), 2, 0), "payment.refunded 0,1 belong to no member: what comes there is read by nobody"},
		"nobody has new ones":      {has(twoTopics(-1), 2, 1), "payment.refunded 1 belong to no member: what comes there is read by nobody; if they were just added"},
		"all have somebody":        {has(twoTopics(10), 2, 2), ""},
		"who has what, not told":   {twoTopics(10), ""},
		"who has what, unseen":     {unseenMembers(has(twoTopics(10), 2, 0)), ""},
		"a share is still coming":  {settling(has(twoTopics(10), 2, 0)), ""},
		"clocks that differ":       {clocksApart(consuming(sample(0, "Stable", [2]int64{10, 10}))), "the clocks of ingest and Prometheus are 10m apart"},
	} {
		got := strings.Join(KafkaDoubts(x.k), "; ")
		if x.want == "" && got != "" || !strings.Contains(got, x.want) {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}

// What is doubted is not ruled out.
func TestAGroupThatWasJustLeft(t *testing.T) {
	found, ran := KafkaFindings(consuming(sample(0, "Stable", [2]int64{10, 10}), sample(time.Second, "Empty", [2]int64{10, 410})))
	if len(found) > 0 || slices.Contains(ran, catalog.ConsumerGroupEmpty) {
		t.Errorf("%+v, ruled out %v", found, ran)
	}
	found, ran = KafkaFindings(consuming(sample(0, "Empty", [2]int64{10, 10}), sample(time.Second, "Empty", [2]int64{10, 410})))
	if !slices.Equal(codesOf(found), []catalog.Code{catalog.ConsumerGroupEmpty}) || !slices.Contains(ran, catalog.ConsumerGroupEmpty) {
		t.Errorf("%+v, judged %v", found, ran)
	}
}

// Nothing is ruled out of a group whose topics Kafka does not show.
func TestAGroupWhoseTopicsAreHidden(t *testing.T) {
	unread := consuming(sample(0, "Stable", [2]int64{10, 10}), sample(time.Second, "Stable", [2]int64{10, 10}))
	unread.Groups[0].Unread = []string{"payment.refunded"}
	for name, k := range map[string]Kafka{"a topic": unread, "all of them": consuming(sample(0, "Empty"), sample(time.Second, "Empty"))} {
		found, ran := KafkaFindings(k)
		for _, code := range []catalog.Code{catalog.ConsumerGroupEmpty, catalog.ConsumerLagGrowing, catalog.ConsumerPartitionStuck, catalog.ConsumerOffsetOutOfRange} {
			if slices.Contains(ran, code) {
				t.Errorf("%s: %s is ruled out; found %+v", name, code, found)
			}
		}
		if len(KafkaDoubts(k)) == 0 {
			t.Errorf("%s: nothing is doubted", name)
		}
	}
}

func movedLeader() Kafka {
	k := consuming(sample(0, "Stable", [2]int64{10, 10}, [2]int64{4, 4}), sample(time.Second, "Stable", [2]int64{10, 10}, [2]int64{4, 4}))
	k.Groups[0].Samples[1].Offsets[1].Known = false
	k.Ends = map[string][]broker.End{"payment.captured": {{Partition: 0, Last: 10, Known: true}, {Partition: 1, Last: 4, Known: true}}}
	return k
}

func leaderlessCluster() Kafka {
	k := consuming(sample(0, "Stable", [2]int64{10, 10}))
	k.NoLeader = true
	return k
}

func hungControllers() Kafka {
	k := consuming(sample(0, "Stable", [2]int64{10, 10}))
	k.Leading = &fault.Failure{Class: fault.Timeout, Said: "i/o timeout"}
	return k
}

// silentEnd lacks the end of the first partition at the newest sample.
func silentEnd(k Kafka) Kafka {
	k.Groups[0].Now().Offsets[0].Known = false
	return silentBroker(k)
}

func TestTrend(t *testing.T) {
	g := consuming(sample(0, "Stable", [2]int64{0, 800}), sample(2*time.Second, "Stable", [2]int64{300, 800})).Groups[0]
	tr := TrendOf(g)
	if tr.Lag != 500 || tr.Consumed != 300 || tr.Produced != 0 || tr.Drain().Round(time.Millisecond) != 3333*time.Millisecond {
		t.Errorf("%+v, drained in %s", tr, tr.Drain())
	}
	if words := tr.Words(); !strings.HasPrefix(words, "falls: -300 +0 in 2s, done in 3.3s") {
		t.Error(words)
	}
}

// No end is promised of what does not fall in each partition: the others do not help.
func TestDrainOfTheSlowestPartition(t *testing.T) {
	for want, k := range map[string]Kafka{
		"falls: -110 +0 in 2s, done in 10s": overdue(consuming(sample(0, "Stable", [2]int64{0, 100}, [2]int64{0, 60}), sample(2*time.Second, "Stable", [2]int64{100, 100}, [2]int64{10, 60}))),
		"-18 +17 in 2s":                     overdue(consuming(sample(0, "Stable", [2]int64{0, 18}, [2]int64{5, 58}), sample(2*time.Second, "Stable", [2]int64{18, 35}, [2]int64{5, 58}))),
		"falls: -18 +3 in 2s, done in 4s":   agesTold(consuming(sample(0, "Stable", [2]int64{0, 54}, [2]int64{5, 5}), sample(2*time.Second, "Stable", [2]int64{18, 54}, [2]int64{5, 8}))),
	} {
		if got := TrendOf(k.Groups[0]).Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Where no member has a partition there is no record to look for, but a consumer.
func TestAPartitionThatNobodyHas(t *testing.T) {
	stands := func(members ...string) Kafka {
		return ownedBy(overdue(consuming(sample(0, "Stable", [2]int64{5, 9}, [2]int64{0, 50}), sample(time.Second, "Stable", [2]int64{5, 9}, [2]int64{25, 50}), sample(2*time.Second, "Stable", [2]int64{5, 9}, [2]int64{50, 50}))), members...)
	}
	const start, log, none = "Start the consumer that subscribes to payment.captured", "Look in its consumer's log", "no member has it"
	for name, x := range map[string]struct {
		k           Kafka
		next, value string
	}{
		"nobody":   {stands("", "b"), start, none},
		"somebody": {stands("a", "b"), log, ""},
	} {
		found := partitionStuck(x.k)
		if len(found) != 1 || !strings.HasPrefix(found[0].Next[0], x.next) || !strings.Contains(found[0].Evidence[0].Value, x.value) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

// What was kept of earlier calls had a burst in it, and a lag that falls was told as
// "-891 +1670", with no word of when it is done.
func TestALagThatFallsSinceABurst(t *testing.T) {
	for want, lags := range map[string][]int64{
		"falls: -100 +80 in 2m since its peak, done in 76m": {691, 610, 780, 770, 760},
		"falls: -150 +140 in 3m since its peak, done in":    {100, 700, 700, 695, 690},
		"falls: -150 +81 in 3m, done in":                    {691, 641, 650, 622},
		"-200 +340 in 4m":                                   {660, 610, 780, 770, 800},
	} {
		tr := TrendOf(overdue(upAndDown(lags...)).Groups[0])
		if got := tr.Words(); !strings.HasPrefix(got, want) {
			t.Errorf("%v: %q, want %q", lags, got, want)
		}
		if whole := time.Duration(len(lags)-1) * time.Minute; tr.Seen != whole {
			t.Errorf("%v: seen over %s, want %s", lags, tr.Seen, whole)
		}
	}
}

func TestPartitionNumbers(t *testing.T) {
	for want, list := range map[string][]int32{"": nil, "4": {4}, "0,1": {1, 0}, "0-2": {0, 1, 2}, "0-2,5,7,8": {8, 7, 5, 2, 1, 0}} {
		if got := ids(list); got != want {
			t.Errorf("%v: %q, want %q", list, got, want)
		}
	}
}

func TestDeadPoison(t *testing.T) {
	letter := func(kind string, age time.Duration) broker.Letter {
		return broker.Letter{Topic: "payment.dlq", At: kafkaNow.Add(-age), ErrorType: kind, Origin: "payment.captured", OriginPartition: "2", OriginOffset: "991", PaymentID: "7"}
	}
	for name, x := range map[string]struct {
		letter broker.Letter
		poison bool
	}{
		"no JSON":             {letter("com.fasterxml.jackson.core.JsonParseException", time.Minute), true},
		"wrong type":          {letter("MismatchedInputException", time.Minute), true},
		"validation":          {letter("ConstraintViolationException: validation", time.Minute), true},
		"database":            {letter("DataIntegrityViolationException", time.Minute), false},
		"old":                 {letter("JsonParseException", time.Hour), false},
		"not our format":      {broker.Letter{At: kafkaNow, Odd: "not a JSON object", ErrorType: ""}, false},
		"the gateway refused": {broker.Letter{At: kafkaNow, Code: "PG_TIMEOUT"}, false},
	} {
		tail := broker.Tail{Letters: []broker.Letter{x.letter}}
		tail.At = kafkaNow
		found := DeadPoison(tail, 15*time.Minute)
		if (len(found) == 1) != x.poison {
			t.Errorf("%s: %+v", name, found)
		}
		for _, f := range found {
			complete(t, f)
			if e := f.Evidence[0].Value; !strings.Contains(e, "payment.captured/2 offset 991") {
				t.Errorf("%s: evidence %q", name, e)
			}
		}
	}
}

// Letters of a partition that its leader did not hand out are not ruled out.
func TestDeadLettersThatWereNotRead(t *testing.T) {
	k := dead(broker.DeadTopic{Topic: "payment.dlq"})
	if _, ran := DeadLetterFindings(k, broker.Tail{}, time.Minute); !slices.Contains(ran, catalog.DLQPoisonMessage) {
		t.Errorf("all was read, and only %v is ruled out", ran)
	}
	unread := broker.Tail{Unread: []string{"payment.dlq"}}
	if _, ran := DeadLetterFindings(k, unread, time.Minute); slices.Contains(ran, catalog.DLQPoisonMessage) {
		t.Error("what was not read is ruled out")
	}
	if d := strings.Join(DeadDoubts(unread), "; "); !strings.Contains(d, "not all of payment.dlq could be read") {
		t.Errorf("doubts %q", d)
	}
}

// Of a flood the newest letters are read: what is in the others of the window is not ruled
// out, and what was found is no more than a part.
func TestDeadLettersThatAreTooMany(t *testing.T) {
	letter := broker.Letter{Topic: "payment.dlq", At: kafkaNow, ErrorType: "JsonParseException"}
	for name, x := range map[string]struct {
		from     time.Time
		ruledOut bool
		claim    string
	}{
		"all were read":        {time.Time{}, true, "1 dead letters of the last 15m"},
		"cut before the time":  {kafkaNow.Add(-16 * time.Minute), true, "1 dead letters of the last 15m"},
		"cut within the time":  {kafkaNow.Add(-14 * time.Minute), false, ">= 1 dead letters of the last 15m"},
		"cut some seconds ago": {kafkaNow.Add(-2 * time.Second), false, ">= 1 dead letters of the last 15m"},
	} {
		tail := broker.Tail{From: x.from}
		tail.At = kafkaNow
		if _, ran := DeadLetterFindings(dead(broker.DeadTopic{Topic: "payment.dlq"}), tail, 15*time.Minute); slices.Contains(ran, catalog.DLQPoisonMessage) != x.ruledOut {
			t.Errorf("%s: ruled out %v", name, !x.ruledOut)
		}
		tail.Letters = []broker.Letter{letter}
		if found := DeadPoison(tail, 15*time.Minute); len(found) != 1 || !strings.HasPrefix(found[0].Claim, x.claim) {
			t.Errorf("%s: %+v, want %q", name, found, x.claim)
		}
	}
}

func TestGroupDead(t *testing.T) {
	var all []broker.Letter
	for i := range 3 {
		all = append(all, broker.Letter{Topic: "settlement.dlq", Code: "PG_TIMEOUT", ErrorMessage: "no answer", PaymentID: fmt.Sprint(i % 2), At: kafkaNow.Add(-time.Duration(i) * time.Minute)})
	}
	all = append(all, broker.Letter{Topic: "payment.dlq", Odd: "not text", At: kafkaNow.Add(-time.Hour)})
	g := GroupDead(all)
	if len(g) != 2 || g[0].Count != 3 || !g[0].Newest.Equal(kafkaNow) || !g[0].Oldest.Equal(kafkaNow.Add(-2*time.Minute)) || !slices.Equal(g[0].Payments, []string{"0", "1"}) {
		t.Errorf("%+v", g)
	}
	if !g[1].Odd || g[1].Error != "not text" {
		t.Errorf("%+v", g[1])
	}
}
