// Package kafkatest sets scenes on a real Kafka for tests: topics, records and
// commits of groups, all under names that no other test has.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// Scene is a Kafka to put things into.
type Scene struct {
	Servers []string
	t       testing.TB
	client  *kafka.Client
}

// New returns the Kafka that the environment names. Without one the test is
// skipped, which is a failure under CI.
func New(t testing.TB) *Scene {
	t.Helper()
	list := os.Getenv("KAFKA_BOOTSTRAP_SERVERS")
	switch {
	case list == "" && os.Getenv("CI") == "true":
		t.Fatal("KAFKA_BOOTSTRAP_SERVERS is not set, and in CI nothing is skipped")
	case list == "":
		t.Skip("KAFKA_BOOTSTRAP_SERVERS is not set: no broker to ask")
	}
	servers := strings.Split(list, ",")
	transport := &kafka.Transport{DialTimeout: 30 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &Scene{servers, t, &kafka.Client{Addr: kafka.TCP(servers...), Transport: transport, Timeout: time.Minute}}
}

// Name is a name that nobody else uses.
func (s *Scene) Name(what string) string {
	return fmt.Sprintf("test.%s.%d", what, time.Now().UnixNano())
}

// Topic creates a topic, waits until it can be written to, and removes it in the
// end.
func (s *Scene) Topic(name string, partitions int, settings ...kafka.ConfigEntry) {
	s.t.Helper()
	resp, err := s.client.CreateTopics(s.t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: settings},
	}})
	if err == nil {
		err = resp.Errors[name]
	}
	if err != nil {
		s.t.Fatalf("create %s: %v", name, err)
	}
	s.t.Cleanup(func() {
		_, _ = s.client.DeleteTopics(context.WithoutCancel(s.t.Context()), &kafka.DeleteTopicsRequest{Topics: []string{name}})
	})
	s.Eventually("leaders of "+name, func(ctx context.Context) error {
		ends := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
		for p := range partitions {
			ends.Topics[name] = append(ends.Topics[name], kafka.LastOffsetOf(p))
		}
		resp, err := s.client.ListOffsets(ctx, ends)
		if err != nil {
			return err
		}
		for _, p := range resp.Topics[name] {
			err = errors.Join(err, p.Error)
		}
		return err
	})
}

// Send writes records of a topic; their Partition is where each goes.
func (s *Scene) Send(topic string, records ...kafka.Message) {
	s.t.Helper()
	s.send(topic, 0, records)
}

// SendPacked is Send, with the records packed as small as can be.
func (s *Scene) SendPacked(topic string, records ...kafka.Message) {
	s.t.Helper()
	s.send(topic, kafka.Zstd, records)
}

func (s *Scene) send(topic string, packed kafka.Compression, records []kafka.Message) {
	s.t.Helper()
	transport := &kafka.Transport{DialTimeout: 30 * time.Second}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(s.Servers...), Topic: topic, Transport: transport, BatchTimeout: time.Millisecond, BatchBytes: 512 << 20, Compression: packed,
		RequiredAcks: kafka.RequireAll, Balancer: kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return m.WriterData.(int) }),
	}
	for i := range records {
		records[i].WriterData = records[i].Partition
		records[i].Partition = 0
	}
	if err := errors.Join(w.WriteMessages(s.t.Context(), records...), w.Close()); err != nil {
		s.t.Fatalf("write to %s: %v", topic, err)
	}
}

// Records are n plain records for each partition in turn.
func Records(counts ...int) (all []kafka.Message) {
	for partition, n := range counts {
		for range n {
			all = append(all, kafka.Message{Partition: partition, Value: []byte("{}")})
		}
	}
	return all
}

// Commit has a group that nobody is in commit offsets, by partition; below 0 none.
func (s *Scene) Commit(group, topic string, offsets ...int64) {
	s.t.Helper()
	req := &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{}}
	for p, o := range offsets {
		if o >= 0 {
			req.Topics[topic] = append(req.Topics[topic], kafka.OffsetCommit{Partition: p, Offset: o})
		}
	}
	s.Eventually("commit of "+group, func(ctx context.Context) error {
		resp, err := s.client.OffsetCommit(ctx, req)
		if err != nil {
			return err
		}
		for _, p := range resp.Topics[topic] {
			err = errors.Join(err, p.Error)
		}
		return err
	})
	s.t.Cleanup(func() {
		_, _ = s.client.DeleteGroups(context.WithoutCancel(s.t.Context()), &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	})
}

// Exists reports whether the cluster has a topic.
func (s *Scene) Exists(topic string) bool {
	s.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&kafka.Client{Addr: kafka.TCP(s.Servers...), Transport: transport, Timeout: time.Minute}).Metadata(s.t.Context(), &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Topics[0].Error == nil
}

// Join makes a group with one member that has the given partitions of a topic and
// never answers again; the brokers keep it for some minutes.
func (s *Scene) Join(group, topic string, partitions ...int) {
	s.t.Helper()
	join := &kafka.JoinGroupRequest{
		GroupID: group, ProtocolType: "consumer", SessionTimeout: 5 * time.Minute, RebalanceTimeout: 5 * time.Minute,
		Protocols: []kafka.GroupProtocol{{Name: "range", Metadata: kafka.GroupProtocolSubscription{Topics: []string{topic}}}},
	}
	sync := &kafka.SyncGroupRequest{GroupID: group, ProtocolType: "consumer", ProtocolName: "range"}
	s.Eventually("join "+group, func(ctx context.Context) error {
		joined, err := s.client.JoinGroup(ctx, join)
		if err != nil {
			return err
		}
		join.MemberID, sync.MemberID, sync.GenerationID = joined.MemberID, joined.MemberID, joined.GenerationID
		return joined.Error
	})
	sync.Assignments = []kafka.SyncGroupRequestAssignment{{
		MemberID: sync.MemberID, Assignment: kafka.GroupProtocolAssignment{AssignedPartitions: map[string][]int{topic: partitions}},
	}}
	synced, err := s.client.SyncGroup(s.t.Context(), sync)
	if err == nil {
		err = synced.Error
	}
	if err != nil {
		s.t.Fatalf("sync %s: %v", group, err)
	}
	s.t.Cleanup(func() {
		_, _ = s.client.LeaveGroup(context.WithoutCancel(s.t.Context()), &kafka.LeaveGroupRequest{GroupID: group, Members: []kafka.LeaveGroupRequestMember{{ID: join.MemberID}}})
	})
}

// Eventually tries until it works.
func (s *Scene) Eventually(what string, try func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("not within a minute: %s: %v", what, err)
		}
	}
}
