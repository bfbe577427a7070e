// Package itest tests, on real servers, what the three servers rely on in
// libraries that they use. A fact that changes with a new version of a library
// or a server shows here first.
package itest

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/listoffsets"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// TestKafkaClient holds what kafka-go does against real brokers of each
// version: while they are well, gone, and silent.
func TestKafkaClient(t *testing.T) {
	for _, version := range stack.KafkaVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, stack.KafkaOptions{Version: version})
			kip848 := version != "3.9"
			s := fillKafka(t, k, kip848)
			c := newKafkaClient(t, k.Bootstrap(), patientDial)
			t.Run("ApiVersions", func(t *testing.T) { checkAPIVersions(t, c) })
			t.Run("Metadata", func(t *testing.T) { checkMetadata(t, k, c) })
			t.Run("ListOffsets", func(t *testing.T) { checkListOffsets(t, c, s) })
			t.Run("ListOffsets in one request", func(t *testing.T) { checkOneListOffsets(t, k, s) })
			t.Run("OffsetFetch", func(t *testing.T) { checkOffsetFetch(t, c, s) })
			t.Run("ListGroups", func(t *testing.T) { checkListGroups(t, c, kip848) })
			t.Run("DescribeGroups", func(t *testing.T) { checkDescribeGroups(t, c, kip848) })
			t.Run("killed", func(t *testing.T) { checkKilled(t, k, c) })
			t.Run("silent", func(t *testing.T) { checkSilent(t, k) })
		})
	}
}

// Each version of a request that the client sends is one that the broker takes.
func checkAPIVersions(t *testing.T, c kafkaClient) {
	resp, err := c.ApiVersions(t.Context(), &kafka.ApiVersionsRequest{})
	if err = cmp.Or(err, respError(resp)); err != nil {
		t.Fatal(err)
	}
	sent := map[protocol.ApiKey]int{
		protocol.ListOffsets: 5, protocol.Metadata: 8, protocol.OffsetFetch: 5, protocol.FindCoordinator: 2,
		protocol.DescribeGroups: 5, protocol.ListGroups: 2, protocol.ApiVersions: 2,
	}
	for _, key := range resp.ApiKeys {
		if v, ok := sent[protocol.ApiKey(key.ApiKey)]; ok && (v < key.MinVersion || v > key.MaxVersion) {
			t.Errorf("%s: the client sends version %d, the broker takes %d to %d", key.ApiName, v, key.MinVersion, key.MaxVersion)
		}
		delete(sent, protocol.ApiKey(key.ApiKey))
	}
	if len(sent) > 0 {
		t.Errorf("the broker does not know %v", sent)
	}
}

func respError(resp *kafka.ApiVersionsResponse) error {
	if resp == nil {
		return nil
	}
	return resp.Error
}

func checkMetadata(t *testing.T, k *stack.Kafka, c kafkaClient) {
	const missing = "no.such.topic"
	resp, err := c.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{kafkaTopic, missing}})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Brokers) != 1 || resp.Brokers[0].ID != 1 {
		t.Errorf("brokers: %+v", resp.Brokers)
	}
	if got := net.JoinHostPort(resp.Brokers[0].Host, fmt.Sprint(resp.Brokers[0].Port)); got != k.Bootstrap() {
		t.Errorf("the broker says that it is at %s, not %s", got, k.Bootstrap())
	}
	known, unknown := resp.Topics[0], resp.Topics[1]
	if known.Error != nil || len(known.Partitions) != kafkaPartitions {
		t.Errorf("%s: error %v, %d partitions", known.Name, known.Error, len(known.Partitions))
	}
	for _, p := range known.Partitions {
		if p.Error != nil || p.Leader.ID != 1 || len(p.Isr) != 1 || len(p.Replicas) != 1 {
			t.Errorf("%s/%d: %+v", known.Name, p.ID, p)
		}
	}
	if !errors.Is(unknown.Error, kafka.UnknownTopicOrPartition) {
		t.Errorf("%s: error %v", missing, unknown.Error)
	}
	// The broker creates topics that are asked for in the usual way.
	all, err := newKafkaClient(t, k.Bootstrap(), patientDial).Metadata(t.Context(), &kafka.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range all.Topics {
		if topic.Name == missing {
			t.Errorf("asking for %s created it", missing)
		}
	}
}

// bothOffsets asks for the first and the last offset of partitions.
func bothOffsets(topic string, partitions ...int) *kafka.ListOffsetsRequest {
	var all []kafka.OffsetRequest
	for _, p := range partitions {
		all = append(all, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	return &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: all}}
}

// offsetsOf is one answer by partition: the client returns them in any order.
func offsetsOf(resp *kafka.ListOffsetsResponse, topic string) map[int]kafka.PartitionOffsets {
	byID := map[int]kafka.PartitionOffsets{}
	for _, p := range resp.Topics[topic] {
		byID[p.Partition] = p
	}
	return byID
}

func checkListOffsets(t *testing.T, c kafkaClient, s kafkaScene) {
	resp, err := c.ListOffsets(t.Context(), bothOffsets(kafkaTopic, 0, 1, 2, 3, 4, 5, 17))
	if err != nil {
		t.Fatal(err)
	}
	got := offsetsOf(resp, kafkaTopic)
	for p := range kafkaPartitions {
		if got[p].Error != nil || got[p].FirstOffset != s.first[p] || got[p].LastOffset != s.last[p] {
			t.Errorf("partition %d: %+v, want %d to %d", p, got[p], s.first[p], s.last[p])
		}
	}
	// A partition that does not exist spoils nothing and says so itself.
	if p := got[17]; !errors.Is(p.Error, kafka.UnknownTopicOrPartition) {
		t.Errorf("partition 17: %+v", p)
	}
}

// Client.ListOffsets sends two requests a partition. Below it, one request
// asks a broker for the ends of all partitions that it leads.
func checkOneListOffsets(t *testing.T, k *stack.Kafka, s kafkaScene) {
	tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", k.Bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	conn := protocol.NewConn(tcp, "itest")
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	m, err := conn.RoundTrip(&apiversions.Request{})
	if err != nil {
		t.Fatal(err)
	}
	versions := map[protocol.ApiKey]int16{}
	for _, key := range m.(*apiversions.Response).ApiKeys {
		versions[protocol.ApiKey(key.ApiKey)] = protocol.ApiKey(key.ApiKey).SelectVersion(key.MinVersion, key.MaxVersion)
	}
	conn.SetVersions(versions)
	req := &listoffsets.Request{ReplicaID: -1, Topics: []listoffsets.RequestTopic{{Topic: kafkaTopic}}}
	for p := range kafkaPartitions {
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, listoffsets.RequestPartition{
			Partition: int32(p), CurrentLeaderEpoch: -1, Timestamp: kafka.LastOffset,
		})
	}
	m, err = conn.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int32]int64{}
	for _, p := range m.(*listoffsets.Response).Topics[0].Partitions {
		if p.ErrorCode != 0 {
			t.Errorf("partition %d: %v", p.Partition, kafka.Error(p.ErrorCode))
		}
		got[p.Partition] = p.Offset
	}
	for p := range kafkaPartitions {
		if got[int32(p)] != s.last[p] {
			t.Errorf("partition %d ends at %d, want %d", p, got[int32(p)], s.last[p])
		}
	}
}

// committed fetches the offsets of a group, of all topics when there are none.
// An error anywhere in the answer is an error.
func committed(ctx context.Context, c kafkaClient, group string, topics map[string][]int) (map[string]int64, error) {
	resp, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: topics})
	if err != nil {
		return nil, err
	}
	err = resp.Error
	got := map[string]int64{}
	for topic, partitions := range resp.Topics {
		for _, p := range partitions {
			err = errors.Join(err, p.Error)
			got[fmt.Sprintf("%s/%d", topic, p.Partition)] = p.CommittedOffset
		}
	}
	return got, err
}

func checkOffsetFetch(t *testing.T, c kafkaClient, s kafkaScene) {
	want := map[string]int64{}
	var partitions []int
	for p, last := range s.last {
		want[fmt.Sprintf("%s/%d", kafkaTopic, p)] = last
		partitions = append(partitions, p)
	}
	for _, topics := range []map[string][]int{nil, {kafkaTopic: partitions}} {
		stacktest.Works(t, "the Java consumer has committed everything", func(ctx context.Context) error {
			got, err := committed(ctx, c, groupJava, topics)
			if err == nil && !maps.Equal(got, want) {
				err = fmt.Errorf("committed %v, want %v", got, want)
			}
			return err
		})
	}
	some := map[string][]int{kafkaTopic: {0, 1}, "no.such.topic": {0}}
	for _, tc := range []struct {
		name   string
		group  string
		topics map[string][]int
		want   map[string]int64
	}{
		{"asked for nothing, a group tells what it has", groupSimple, nil, map[string]int64{"payment.captured/0": 7}},
		{"-1 is no commit, also of a topic that does not exist", groupSimple, some,
			map[string]int64{"payment.captured/0": 7, "payment.captured/1": -1, "no.such.topic/0": -1}},
		{"a group that does not exist has committed nothing", groupMissing, nil, map[string]int64{}},
		{"nor of these partitions", groupMissing, some,
			map[string]int64{"payment.captured/0": -1, "payment.captured/1": -1, "no.such.topic/0": -1}},
	} {
		got, err := committed(t.Context(), c, tc.group, tc.topics)
		if err != nil || !maps.Equal(got, tc.want) {
			t.Errorf("%s: got %v, %v; want %v", tc.name, got, err, tc.want)
		}
	}
}

// listGroups returns the protocol type of each group.
func listGroups(ctx context.Context, c kafkaClient) (map[string]string, error) {
	resp, err := c.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, g := range resp.Groups {
		types[g.GroupID] = g.ProtocolType
	}
	return types, resp.Error
}

func checkListGroups(t *testing.T, c kafkaClient, kip848 bool) {
	want := map[string]string{groupJava: "consumer", groupGo: "consumer", groupLeft: "consumer", groupSimple: ""}
	if kip848 {
		want[groupKIP848] = "consumer"
	}
	got, err := listGroups(t.Context(), c)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func checkDescribeGroups(t *testing.T, c kafkaClient, kip848 bool) {
	names := []string{groupJava, groupGo, groupLeft, groupSimple, groupMissing}
	if kip848 {
		names = append(names, groupKIP848)
	}
	resp, err := c.DescribeGroups(t.Context(), &kafka.DescribeGroupsRequest{GroupIDs: names})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	groups := map[string]kafka.DescribeGroupsResponseGroup{}
	for _, g := range resp.Groups {
		order = append(order, g.GroupID)
		groups[g.GroupID] = g
	}
	if !slices.Equal(order, names) {
		t.Fatalf("asked for %v, got %v", names, order)
	}
	for group, want := range map[string]struct {
		state   string
		members int
	}{
		groupGo:      {"Stable", 1},
		groupLeft:    {"Empty", 0},
		groupSimple:  {"Empty", 0},
		groupMissing: {"Dead", 0},
	} {
		if g := groups[group]; g.Error != nil || g.GroupState != want.state || len(g.Members) != want.members {
			t.Errorf("%s: %+v, want %+v", group, g, want)
		}
	}
	if g := groups[groupGo]; len(g.Members) == 1 {
		if topics := g.Members[0].MemberAssignments.Topics; len(topics) != 1 || len(topics[0].Partitions) != kafkaPartitions {
			t.Errorf("%s: assigned %+v", groupGo, topics)
		}
	}
	// A group of the new protocol cannot be told from one that does not
	// exist, but for its commits.
	if kip848 {
		if g := groups[groupKIP848]; g.Error != nil || g.GroupState != "Dead" || len(g.Members) != 0 {
			t.Errorf("%s: %+v", groupKIP848, g)
		}
		stacktest.Works(t, groupKIP848+" commits", func(ctx context.Context) error {
			got, err := committed(ctx, c, groupKIP848, nil)
			if err == nil && len(got) == 0 {
				err = errors.New("nothing is committed")
			}
			return err
		})
	}
	checkJavaMembers(t, c, groups[groupJava])
}

// Every Java consumer since 3.5 describes itself in a form that the client
// does not read: it gives up all members of the group. Below the client they
// are all there.
func checkJavaMembers(t *testing.T, c kafkaClient, g kafka.DescribeGroupsResponseGroup) {
	if g.GroupState != "Stable" || len(g.Members) != 0 || g.Error == nil || !strings.Contains(g.Error.Error(), "decode member metadata") {
		t.Errorf("Client.DescribeGroups: %+v", g)
	}
	m, err := c.transport.RoundTrip(t.Context(), c.Addr, &describegroups.Request{Groups: []string{groupJava}})
	if err != nil {
		t.Fatal(err)
	}
	raw := m.(*describegroups.Response).Groups[0]
	if raw.GroupState != "Stable" || raw.ProtocolType != "consumer" || len(raw.Members) != 1 {
		t.Fatalf("below the client: %+v", raw)
	}
	member := raw.Members[0]
	if member.ClientID == "" || member.ClientHost == "" {
		t.Errorf("below the client: member %+v", member)
	}
	if v := binary.BigEndian.Uint16(member.MemberMetadata); v != 3 {
		t.Errorf("metadata has version %d, want 3", v)
	}
	// The version, one topic, its name, its partitions: laid out as ever.
	head := binary.BigEndian.AppendUint32([]byte{0, 3}, 1)
	head = binary.BigEndian.AppendUint16(head, uint16(len(kafkaTopic)))
	head = append(head, kafkaTopic...)
	head = binary.BigEndian.AppendUint32(head, kafkaPartitions)
	if !strings.HasPrefix(string(member.MemberAssignment), string(head)) {
		t.Errorf("assignment %x, want one that begins with %x", member.MemberAssignment, head)
	}
}

// kafkaCalls are the calls that ask a cluster something, without the answers.
func kafkaCalls(c kafkaClient) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"ApiVersions": func(ctx context.Context) error {
			_, err := c.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
			return err
		},
		"Metadata": func(ctx context.Context) error {
			_, err := c.Metadata(ctx, &kafka.MetadataRequest{})
			return err
		},
		"ListOffsets": func(ctx context.Context) error {
			_, err := c.ListOffsets(ctx, bothOffsets(kafkaTopic, 0, 1, 2))
			return err
		},
		"ListGroups": func(ctx context.Context) error {
			_, err := c.ListGroups(ctx, &kafka.ListGroupsRequest{})
			return err
		},
		"DescribeGroups": func(ctx context.Context) error {
			_, err := c.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{groupLeft}})
			return err
		},
		"OffsetFetch": func(ctx context.Context) error {
			_, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: groupLeft})
			return err
		},
	}
}

// checkKilled: without a broker, Metadata of a client that knows the cluster
// goes on as if nothing were, and ListGroups of one that does not finds none.
func checkKilled(t *testing.T, k *stack.Kafka, warm kafkaClient) {
	const ttl = time.Second
	expired := newKafkaClient(t, k.Bootstrap(), func(tr *kafka.Transport) { tr.MetadataTTL = ttl })
	if err := kafkaCalls(expired)["Metadata"](t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, call := range kafkaCalls(warm) {
		if err := call(t.Context()); (err == nil) != (name == "Metadata") {
			t.Errorf("%s of a client that knows the cluster: %v", name, err)
		}
	}
	for name := range kafkaCalls(warm) {
		fresh := newKafkaClient(t, k.Bootstrap())
		err := kafkaCalls(fresh)[name](t.Context())
		if name == "ListGroups" {
			if err != nil {
				t.Errorf("%s of a new client: %v, want the empty list it is known for", name, err)
			}
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s of a new client: %v", name, err)
		}
	}
	// Nor does what it knows expire.
	tick := time.NewTicker(ttl / 10)
	defer tick.Stop()
	for end := time.Now().Add(2 * ttl); time.Now().Before(end); <-tick.C {
		if err := kafkaCalls(expired)["Metadata"](t.Context()); err != nil {
			t.Fatalf("Metadata after more than its time to live: %v", err)
		}
	}

	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, call := range kafkaCalls(warm) {
		stacktest.Works(t, name+" of the same client after the broker is back", call)
	}
}

// checkSilent: a broker that accepts and says nothing costs a client twice its
// DialTimeout, or as long as the context lasts where a connection is open or
// where one call has many requests.
func checkSilent(t *testing.T, k *stack.Kafka) {
	const allowed = 2 * time.Second // what a call may take, and a busy machine may add
	warm := newKafkaClient(t, k.Bootstrap(), patientDial)
	for name, call := range kafkaCalls(warm) {
		stacktest.Works(t, name, call)
	}
	if err := k.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	timed := func(c kafkaClient, name string) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(t.Context(), allowed)
		defer cancel()
		begin := time.Now()
		err := kafkaCalls(c)[name](ctx)
		return time.Since(begin), err
	}
	for name := range kafkaCalls(warm) {
		fresh := newKafkaClient(t, k.Bootstrap())
		took, err := timed(fresh, name)
		if (err == nil) != (name == "ListGroups") || took > 2*allowed {
			t.Errorf("%s of a new client: %v after %s", name, err, took)
		}
	}
	for _, name := range []string{"ApiVersions", "Metadata"} {
		took, err := timed(warm, name)
		if (err == nil) != (name == "Metadata") || took > 2*allowed {
			t.Errorf("%s of a client with an open connection: %v after %s", name, err, took)
		}
	}
	if err := k.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, call := range kafkaCalls(warm) {
		stacktest.Works(t, name+" after the silence", call)
	}
}
