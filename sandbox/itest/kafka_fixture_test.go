package itest

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/proc"
	"payops-mcp/sandbox/stack/stacktest"
)

const (
	kafkaTopic      = "payment.captured"
	kafkaPartitions = 6
	// kafkaDial is short, so that tests of silence are.
	kafkaDial = 400 * time.Millisecond
)

// startKafka starts a cluster that ends with the test. Without Java, or Maven
// for the first time, the test is skipped, or fails where the environment says
// CI=true.
func startKafka(t *testing.T, o stack.KafkaOptions) *stack.Kafka {
	t.Helper()
	for _, n := range stack.KafkaMissing(o.Version) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and CI must not skip; install the package %s", n.Name, n.Debian)
		}
		t.Skipf("%s is not installed (Debian package %s, Homebrew formula %s)", n.Name, n.Debian, n.Brew)
	}
	// Not t.TempDir: the supervisor removes its own folder.
	sup, err := proc.New(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Close(); err != nil {
			t.Errorf("close the supervisor: %v", err)
		}
	})
	o.Supervisor, o.Log = sup, t.Output()
	k, err := stack.StartKafka(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("close Kafka: %v", err)
		}
	})
	return k
}

// kafkaClient is a client whose transport is at hand, for requests below it.
type kafkaClient struct {
	*kafka.Client
	transport *kafka.Transport
}

// newKafkaClient returns a client that knows nothing of the cluster yet.
func newKafkaClient(t *testing.T, addrs string, options ...func(*kafka.Transport)) kafkaClient {
	transport := &kafka.Transport{DialTimeout: kafkaDial}
	for _, set := range options {
		set(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return kafkaClient{
		Client: &kafka.Client{
			// One address a broker: a comma list given as one address
			// ends the program in a panic.
			Addr:      kafka.TCP(strings.Split(addrs, ",")...),
			Transport: transport,
			Timeout:   10 * time.Second,
		},
		transport: transport,
	}
}

// patientDial is for clients of which no silence is expected.
func patientDial(tr *kafka.Transport) { tr.DialTimeout = 10 * time.Second }

// produce writes so many messages to each partition of a topic.
func produce(t *testing.T, k *stack.Kafka, topic string, counts ...int) {
	t.Helper()
	w := &kafka.Writer{
		Addr:         kafka.TCP(strings.Split(k.AdminAddr(), ",")...),
		Topic:        topic,
		BatchTimeout: time.Millisecond,
		// The zero value, no acknowledgement, loses messages without an error.
		RequiredAcks: kafka.RequireAll,
		Transport:    &kafka.Transport{DialTimeout: 10 * time.Second},
		Balancer:     kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return int(m.Key[0]) }),
	}
	var messages []kafka.Message
	for partition, n := range counts {
		for range n {
			messages = append(messages, kafka.Message{Key: []byte{byte(partition)}, Value: []byte("{}")})
		}
	}
	if err := errors.Join(w.WriteMessages(t.Context(), messages...), w.Close()); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

// deleteRecords has the first offset of a partition be this one.
func deleteRecords(t *testing.T, k *stack.Kafka, topic string, partition int, before int64) {
	t.Helper()
	if err := stack.DeleteRecords(t.Context(), k.AdminAddr(), topic, partition, before); err != nil {
		t.Fatal(err)
	}
}

// kafkaScene is what a cluster holds after fillKafka.
type kafkaScene struct {
	first, last []int64 // by partition of kafkaTopic
}

// The consumer groups of kafkaScene.
const (
	groupJava    = "java-live"      // a Java consumer is in it
	groupGo      = "go-live"        // a member that kafka-go made is in it
	groupLeft    = "java-left"      // a Java consumer was in it
	groupSimple  = "never-joined"   // offsets were committed without joining
	groupKIP848  = "java-kip848"    // a Java consumer with the new protocol is in it
	groupMissing = "never-heard-of" // does not exist
)

// fillKafka makes topics, messages and groups.
func fillKafka(t *testing.T, k *stack.Kafka, kip848 bool) kafkaScene {
	t.Helper()
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	produce(t, k, kafkaTopic, 10, 20, 30, 40, 50, 60)
	deleteRecords(t, k, kafkaTopic, 0, 4)
	s := kafkaScene{first: []int64{4, 0, 0, 0, 0, 0}, last: []int64{10, 20, 30, 40, 50, 60}}

	consumers := []stack.KafkaConsumer{
		{Group: groupJava, Topic: kafkaTopic},
		{Group: groupLeft, Topic: kafkaTopic, Stop: 206},
	}
	if kip848 {
		consumers = append(consumers, stack.KafkaConsumer{Group: groupKIP848, Topic: kafkaTopic, Protocol: "consumer"})
	}
	var all sync.WaitGroup
	for _, c := range consumers {
		all.Go(func() {
			child, err := k.StartConsumer(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if c.Stop > 0 {
				<-child.Done()
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	join(t, k, groupGo, kafkaTopic, kafkaPartitions)
	commitSimple(t, k)
	return s
}

// join makes a group with one member that has partitions of a topic, as many as
// there are. It answers no heartbeat and lasts for minutes. A kafka.Reader
// would do the same, but takes half a minute to close without a broker.
func join(t *testing.T, k *stack.Kafka, group, topic string, partitions int) {
	t.Helper()
	c := newKafkaClient(t, k.AdminAddr(), patientDial)
	member := &kafka.JoinGroupRequest{
		GroupID: group, ProtocolType: "consumer",
		SessionTimeout: 5 * time.Minute, RebalanceTimeout: 5 * time.Minute,
		Protocols: []kafka.GroupProtocol{{
			Name: "range", Metadata: kafka.GroupProtocolSubscription{Topics: []string{topic}},
		}},
	}
	assign := &kafka.SyncGroupRequest{GroupID: group, ProtocolType: "consumer", ProtocolName: "range"}
	stacktest.Works(t, "join "+group, func(ctx context.Context) error {
		joined, err := c.JoinGroup(ctx, member)
		if err != nil {
			return err
		}
		// Joining for the first time, a member is told its id and has to
		// come again with it.
		member.MemberID, assign.MemberID, assign.GenerationID = joined.MemberID, joined.MemberID, joined.GenerationID
		return joined.Error
	})
	var all []int
	for p := range partitions {
		all = append(all, p)
	}
	assign.Assignments = []kafka.SyncGroupRequestAssignment{{
		MemberID: assign.MemberID,
		Assignment: kafka.GroupProtocolAssignment{
			AssignedPartitions: map[string][]int{topic: all},
		},
	}}
	synced, err := c.SyncGroup(t.Context(), assign)
	if err == nil {
		err = synced.Error
	}
	if err != nil {
		t.Fatalf("sync %s: %v", group, err)
	}
}

// commitSimple has groupSimple commit one offset, and so exist.
func commitSimple(t *testing.T, k *stack.Kafka) {
	t.Helper()
	commit(t, k, groupSimple, kafkaTopic, 7)
}

// commit has a group that nobody is in commit an offset in partition 0 of a topic.
func commit(t *testing.T, k *stack.Kafka, group, topic string, offset int64) {
	t.Helper()
	c := newKafkaClient(t, k.AdminAddr(), patientDial)
	stacktest.Works(t, "commit for "+group, func(ctx context.Context) error {
		resp, err := c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: offset}}},
		})
		if err != nil {
			return err
		}
		return resp.Topics[topic][0].Error
	})
}
