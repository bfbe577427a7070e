package cb

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"payops-mcp/bench/internal/stat"
	"payops-mcp/bench/internal/subject"
)

// How much the cluster holds, and the bounds.
const (
	lagBrokers, lagTopics, lagPartitions, lagGroups = 3, 50, 12, 20

	lagRequests = lagBrokers + 2*lagGroups + 2
	ofOneByOne  = 0.6
	lagRound    = 2 * time.Millisecond
)

// byName keeps to requests that name topics: newer ones go by their ids.
var byName = kgo.MaxVersions(kversion.V3_8_0())

// fleet is a cluster with many groups. It is a stand-in that counts what it is
// asked, and that has a round trip of any length: real brokers do neither.
type fleet struct {
	cluster *kfake.Cluster
	asked   atomic.Int64
	delay   atomic.Int64 // nanoseconds that each request takes on its way
}

func newFleet(ctx context.Context) (*fleet, error) {
	f := &fleet{}
	var topics []string
	for i := range lagTopics {
		topics = append(topics, fmt.Sprintf("t%02d", i))
	}
	var err error
	f.cluster, err = kfake.NewCluster(kfake.NumBrokers(lagBrokers), kfake.SeedTopics(lagPartitions, topics...),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return slowListener{l, &f.delay}, err
		}))
	if err != nil {
		return nil, err
	}
	if err := f.fill(ctx, topics); err != nil {
		f.cluster.Close()
		return nil, err
	}
	f.cluster.ControlKey(-1, func(kmsg.Request) (kmsg.Response, error, bool) {
		f.cluster.KeepControl()
		f.asked.Add(1)
		return nil, nil, false
	})
	return f, nil
}

// fill writes a record into the first partition of each topic, and has each group
// commit the beginning of every partition.
func (f *fleet) fill(ctx context.Context, topics []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), byName)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, t := range topics {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: t, Value: []byte("{}")}).FirstErr(); err != nil {
			return err
		}
	}
	for g := range lagGroups {
		q := kmsg.NewPtrOffsetCommitRequest()
		q.Group, q.Generation = groupName(g), -1
		for _, t := range topics {
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic = t
			for p := range lagPartitions {
				part := kmsg.NewOffsetCommitRequestTopicPartition()
				part.Partition = int32(p)
				topic.Partitions = append(topic.Partitions, part)
			}
			q.Topics = append(q.Topics, topic)
		}
		answer, err := q.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		if code := answer.Topics[0].Partitions[0].ErrorCode; code != 0 {
			return fmt.Errorf("commit of %s: error %d", groupName(g), code)
		}
	}
	return nil
}

func groupName(n int) string { return fmt.Sprintf("g%02d", n) }

// slowListener hands out connections on which every request takes its time to
// arrive; those that are sent one behind the other arrive together.
type slowListener struct {
	net.Listener
	delay *atomic.Int64
}

func (l slowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return slowConn{c, l.delay}, err
}

type slowConn struct {
	net.Conn
	delay *atomic.Int64
}

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if d := c.delay.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
	return n, err
}

// lags compares the lag of all groups by one call with describing one group at a
// time over a connection that stands, on the loopback and with a round trip of a
// local network.
func (b *bench) lags(ctx context.Context) error {
	f, err := newFleet(ctx)
	if err != nil {
		return err
	}
	defer f.cluster.Close()
	settings := maps.Clone(b.healthy)
	settings["KAFKA_BOOTSTRAP_SERVERS"] = strings.Join(f.cluster.ListenAddrs(), ",")
	settings["KAFKA_REQUIRED_GROUPS"], settings["KAFKA_REQUIRED_TOPICS"], settings["KAFKA_DLQ_TOPICS"] = groupName(0), "t00", "t01"
	server, _, err := subject.Start(ctx, b.program, settings)
	if err != nil {
		return err
	}
	defer server.Kill()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), byName)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, round := range []struct {
		name  string
		delay time.Duration
	}{{"loopback", 0}, {"2 ms round trip", lagRound}} {
		f.delay.Store(int64(round.delay))
		var one, all []float64
		var asked int64
		for n := range max(b.Calls/3, 3) + 1 {
			before := f.asked.Load()
			took, err := allLags(ctx, server)
			if err != nil {
				return err
			}
			asked = f.asked.Load() - before
			begun := time.Now()
			for g := range lagGroups {
				if err := oneLag(ctx, client, groupName(g)); err != nil {
					return err
				}
			}
			if n > 0 { // the first of each opens connections and files
				all, one = append(all, took), append(one, float64(time.Since(begun).Microseconds())/1000)
			}
		}
		mine, theirs := stat.Median(all), stat.Median(one)
		b.figures.Add("all lags, "+round.name, "one group at a time", "ms", theirs)
		b.figures.Add("all lags, "+round.name, "check_kafka_health", "ms", mine).Says("%d lags of %d groups; a call over MCP, with the breakers", lagTopics*lagPartitions*lagGroups, lagGroups)
		b.figures.Add("all lags / one group at a time, "+round.name, "check_kafka_health", "ratio", mine/theirs).AtMost(ofOneByOne)
		if round.delay == 0 {
			b.figures.Add("requests for all lags", "check_kafka_health", "requests", float64(asked)).AtMost(lagRequests)
		}
	}
	return nil
}

// allLags is one call. An answer that tells a wrong lag is void.
func allLags(ctx context.Context, server *subject.Process) (ms float64, err error) {
	a, err := server.Call(ctx, subject.Call{Tool: "check_kafka_health", Args: map[string]any{"groups": []string{"*", groupName(0)}, "samples": 1}})
	if err != nil {
		return 0, err
	}
	var said struct {
		Data struct {
			Groups []struct {
				Group string
				Lag   *int64
			}
		}
	}
	if err := json.Unmarshal(a.Structured, &said); err != nil {
		return 0, err
	}
	if len(said.Data.Groups) != lagGroups {
		return 0, fmt.Errorf("%d groups, there are %d:\n%s", len(said.Data.Groups), lagGroups, a.Text)
	}
	for _, g := range said.Data.Groups {
		if g.Lag == nil || *g.Lag != lagTopics {
			return 0, fmt.Errorf("the lag of %s is wrong, want %d:\n%s", g.Group, lagTopics, a.Text)
		}
	}
	return float64(a.Took.Microseconds()) / 1000, nil
}

// oneLag asks for one group as tools do that know one group at a time: what it is,
// what it has committed, and where these partitions end.
func oneLag(ctx context.Context, client *kgo.Client, group string) error {
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{group}
	if _, err := describe.RequestWith(ctx, client); err != nil {
		return err
	}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Group = group
	byGroup := kmsg.NewOffsetFetchRequestGroup()
	byGroup.Group = group
	fetch.Groups = append(fetch.Groups, byGroup)
	offsets, err := fetch.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	committed := map[string]map[int32]int64{}
	list := kmsg.NewPtrListOffsetsRequest()
	for _, t := range offsets.Groups[0].Topics {
		committed[t.Topic] = map[int32]int64{}
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			committed[t.Topic][p.Partition] = p.Offset
			part := kmsg.NewListOffsetsRequestTopicPartition()
			part.Partition, part.Timestamp = p.Partition, -1
			topic.Partitions = append(topic.Partitions, part)
		}
		list.Topics = append(list.Topics, topic)
	}
	var lag int64
	for _, shard := range client.RequestSharded(ctx, list) {
		if shard.Err != nil {
			return shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				lag += p.Offset - committed[t.Topic][p.Partition]
			}
		}
	}
	if lag != lagTopics {
		return fmt.Errorf("one group at a time: the lag of %s is %d, want %d", group, lag, lagTopics)
	}
	return nil
}
