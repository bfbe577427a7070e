package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// KafkaTopic is a topic to create.
type KafkaTopic struct {
	Name       string
	Partitions int
	// Replicas is the replication factor; 0 means 1.
	Replicas int
	// Config holds settings of the topic, such as min.insync.replicas.
	Config map[string]string
}

// PaymentTopics are the topics of the payment system, with the partitions they
// have there. Those that it leaves to the broker's default have one. It keeps
// one replica of each; ask for more to try what replication brings.
func PaymentTopics(replicas int) []KafkaTopic {
	return []KafkaTopic{
		{Name: "payment.authorized", Partitions: 6, Replicas: replicas},
		{Name: "payment.capture-requested", Partitions: 1, Replicas: replicas},
		{Name: "payment.captured", Partitions: 6, Replicas: replicas},
		{Name: "payment.refund-requested", Partitions: 1, Replicas: replicas},
		{Name: "payment.refunded", Partitions: 6, Replicas: replicas},
		{Name: "payment.dlq", Partitions: 3, Replicas: replicas},
		{Name: "settlement.dlq", Partitions: 3, Replicas: replicas},
		{Name: "refund.dlq", Partitions: 3, Replicas: replicas},
		{Name: "payment.unknown", Partitions: 1, Replicas: replicas},
	}
}

// CreateTopics creates topics, leaves those that exist as they are, and
// returns when every partition has a leader.
func (k *Kafka) CreateTopics(ctx context.Context, topics ...KafkaTopic) error {
	if err := CreateTopics(ctx, k.AdminAddr(), topics...); err != nil {
		return err
	}
	return k.waitLeaders(ctx, topics...)
}

// CreateTopics creates topics on a cluster, whoever runs it, at a comma list of
// brokers. It leaves those that exist as they are. Their partitions may be
// without a leader for a moment.
func CreateTopics(ctx context.Context, brokers string, topics ...KafkaTopic) error {
	req := &kafka.CreateTopicsRequest{Addr: kafka.TCP(strings.Split(brokers, ",")...)}
	for _, t := range topics {
		config := kafka.TopicConfig{
			Topic:             t.Name,
			NumPartitions:     t.Partitions,
			ReplicationFactor: max(1, t.Replicas),
		}
		for name, value := range t.Config {
			config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
		}
		req.Topics = append(req.Topics, config)
	}
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&kafka.Client{Transport: transport, Timeout: 30 * time.Second}).CreateTopics(ctx, req)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for name, topicErr := range resp.Errors {
		if topicErr != nil && !errors.Is(topicErr, kafka.TopicAlreadyExists) {
			err = errors.Join(err, fmt.Errorf("create topic %s: %w", name, topicErr))
		}
	}
	return err
}

// waitLeaders waits until every broker knows these topics, and each partition
// of any topic has a leader that answers. It may be known as the leader some
// time before it knows that itself.
func (k *Kafka) waitLeaders(ctx context.Context, topics ...KafkaTopic) error {
	return poll(ctx, "a leader for each partition", func(ctx context.Context) error {
		req := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
		for _, b := range k.brokers {
			meta, err := kafkaMetadata(ctx, b.internal)
			if err != nil {
				return err
			}
			clear(req.Topics)
			for _, t := range meta.Topics {
				for _, p := range t.Partitions {
					if p.Error != nil {
						return fmt.Errorf("%s/%d: %w", t.Name, p.ID, p.Error)
					}
					// The client does not find the leaders of internal ones.
					if !t.Internal {
						req.Topics[t.Name] = append(req.Topics[t.Name], kafka.LastOffsetOf(p.ID))
					}
				}
			}
			for _, t := range topics {
				if req.Topics[t.Name] == nil {
					return fmt.Errorf("broker %d does not know %s yet", b.id, t.Name)
				}
			}
		}
		return k.askLeaders(ctx, req)
	})
}

// askLeaders says whether all leaders answer.
func (k *Kafka) askLeaders(ctx context.Context, req *kafka.ListOffsetsRequest) error {
	transport := &kafka.Transport{DialTimeout: time.Second}
	defer transport.CloseIdleConnections()
	req.Addr = kafka.TCP(strings.Split(k.AdminAddr(), ",")...)
	resp, err := (&kafka.Client{Transport: transport, Timeout: 10 * time.Second}).ListOffsets(ctx, req)
	if err != nil {
		return err
	}
	for name, partitions := range resp.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return fmt.Errorf("%s/%d: %w", name, p.Partition, p.Error)
			}
		}
	}
	return nil
}
