package incident

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"

	"payops-mcp/sandbox/paysim/bus"
)

// The questions about single groups and about dead letters.

func askLag(group string) Ask {
	return Ask{Question: "How far is " + group + "?", Server: "circuitbreaker-mcp", Tool: "inspect_consumer_lag", Args: map[string]any{"group": group}}
}

func askDeadLetters() Ask {
	return Ask{Question: "What was given up?", Server: "circuitbreaker-mcp", Tool: "inspect_dead_letters", Args: map[string]any{}}
}

// send writes records to Kafka.
func send(ctx context.Context, w *World, records ...kafka.Message) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	writer := &kafka.Writer{
		Addr: kafka.TCP(strings.Split(w.Stack.KafkaAdminAddr(), ",")...), Transport: transport,
		BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll, Balancer: &kafka.RoundRobin{},
	}
	return errors.Join(writer.WriteMessages(ctx, records...), writer.Close())
}

// partitionsOf is how many partitions the topics of the consumers have.
var partitionsOf = map[string]int{bus.CaptureRequested: 1, bus.RefundRequested: 1, bus.Captured: 6, bus.Refunded: 6, bus.PaymentDLQ: 3}

// logEnds are the offsets that come next, by partition.
func logEnds(ctx context.Context, w *World, topic string) (ends []int64, err error) {
	err = withKafka(w, func(c *kafka.Client) error {
		var ask []kafka.OffsetRequest
		for p := range partitionsOf[topic] {
			ask = append(ask, kafka.LastOffsetOf(p))
		}
		resp, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
		if err != nil {
			return err
		}
		ends = make([]int64, partitionsOf[topic])
		for _, p := range resp.Topics[topic] {
			err = errors.Join(err, p.Error)
			ends[p.Partition] = p.LastOffset
		}
		return err
	})
	return ends, err
}

// committedBy are the offsets that a group has committed, by partition; -1 for
// none.
func committedBy(ctx context.Context, w *World, group, topic string) (offsets []int64, err error) {
	err = withKafka(w, func(c *kafka.Client) error {
		var ids []int
		for p := range partitionsOf[topic] {
			ids = append(ids, p)
		}
		resp, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: ids}})
		if err != nil {
			return err
		}
		err = resp.Error
		offsets = make([]int64, len(ids))
		for _, p := range resp.Topics[topic] {
			err = errors.Join(err, p.Error)
			offsets[p.Partition] = p.CommittedOffset
		}
		return err
	})
	return offsets, err
}

// commit has a group without members commit an offset; below 0 takes the commit
// away.
func commit(ctx context.Context, w *World, group, topic string, partition int, offset int64) error {
	return withKafka(w, func(c *kafka.Client) error {
		if offset < 0 {
			resp, err := c.OffsetDelete(ctx, &kafka.OffsetDeleteRequest{GroupID: group, Topics: map[string][]int{topic: {partition}}})
			if err == nil {
				err = resp.Error
			}
			return err
		}
		resp, err := c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: partition, Offset: offset}}},
		})
		if err != nil {
			return err
		}
		return resp.Topics[topic][0].Error
	})
}

// groupState asks for the state of a group.
func groupState(ctx context.Context, w *World, group string) (state string, err error) {
	err = withKafka(w, func(c *kafka.Client) error {
		resp, err := c.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
		if err == nil {
			state = resp.Groups[0].GroupState
		}
		return err
	})
	return state, err
}

// awaitGroup waits until a group is in a state.
func awaitGroup(ctx context.Context, w *World, group, state string) error {
	return await(ctx, group+" in "+state, func(ctx context.Context) (bool, error) {
		now, err := groupState(ctx, w, group)
		return now == state, err
	})
}

// lagOf is how many records wait for a group in a topic.
func lagOf(ctx context.Context, w *World, group, topic string) (lag int64, err error) {
	done, err := committedBy(ctx, w, group, topic)
	if err != nil {
		return 0, err
	}
	ends, err := logEnds(ctx, w, topic)
	if err != nil {
		return 0, err
	}
	for p, end := range ends {
		lag += end - max(done[p], 0)
	}
	return lag, nil
}

// awaitLag waits until at least so many records wait for a group.
func awaitLag(ctx context.Context, w *World, group, topic string, least int64) error {
	return await(ctx, fmt.Sprintf("%d records that wait for %s", least, group), func(ctx context.Context) (bool, error) {
		lag, err := lagOf(ctx, w, group, topic)
		return lag >= least, err
	})
}

// setTopic changes a setting of a topic, and waits until every broker knows; an empty
// value takes it back to the broker's default.
func setTopic(ctx context.Context, w *World, topic, name, value string) error {
	err := withKafka(w, func(c *kafka.Client) error {
		op := kafka.ConfigOperationSet
		if value == "" {
			op = kafka.ConfigOperationDelete
		}
		resp, err := c.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: name, Value: value, ConfigOperation: op}},
		}}})
		if err != nil {
			return err
		}
		for _, r := range resp.Resources {
			err = errors.Join(err, r.Error)
		}
		return err
	})
	if err != nil {
		return err
	}
	return await(ctx, fmt.Sprintf("every broker to know that %s of %s is %q", name, topic, value), func(ctx context.Context) (bool, error) {
		for addr := range strings.SplitSeq(w.Stack.KafkaAdminAddr(), ",") {
			if now, err := topicSetting(ctx, addr, topic, name); err != nil || now != value {
				return false, err
			}
		}
		return true, nil
	})
}

// topicSetting is what one broker takes for a topic's own setting, empty where the topic
// has none; the client would ask any of them.
func topicSetting(ctx context.Context, broker, topic, name string) (value string, err error) {
	const ofTopic, version, within = 1, 1, 5 * time.Second
	tcp, err := (&net.Dialer{Timeout: within}).DialContext(ctx, "tcp", broker)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tcp.Close()) }()
	if err := tcp.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	m, err := protocol.RoundTrip(tcp, version, 1, "admin", &describeconfigs.Request{Resources: []describeconfigs.RequestResource{
		{ResourceType: int8(kafka.ResourceTypeTopic), ResourceName: topic, ConfigNames: []string{name}},
	}})
	if err != nil {
		return "", err
	}
	for _, r := range m.(*describeconfigs.Response).Resources {
		if r.ErrorCode != 0 {
			return "", kafka.Error(r.ErrorCode)
		}
		for _, e := range r.ConfigEntries {
			if e.ConfigSource == ofTopic {
				value = e.ConfigValue
			}
		}
	}
	return value, nil
}

// awaitDrained waits until a group is at work and next to nothing waits for it.
func awaitDrained(ctx context.Context, w *World, group string, topics ...string) error {
	if err := awaitGroup(ctx, w, group, "Stable"); err != nil {
		return err
	}
	const onItsWay = 30
	return await(ctx, group+" to catch up", func(ctx context.Context) (bool, error) {
		for _, topic := range topics {
			lag, err := lagOf(ctx, w, group, topic)
			if err != nil || lag > onItsWay {
				return false, err
			}
		}
		return true, nil
	})
}

// awaitPassed waits until a group has done with all that a topic holds now.
func awaitPassed(ctx context.Context, w *World, group, topic string) error {
	ends, err := logEnds(ctx, w, topic)
	if err != nil {
		return err
	}
	return await(ctx, group+" to have done with "+topic, func(ctx context.Context) (bool, error) {
		done, err := committedBy(ctx, w, group, topic)
		if err != nil {
			return false, err
		}
		for p, end := range ends {
			if done[p] < end && end > 0 {
				return false, nil
			}
		}
		return true, nil
	})
}
