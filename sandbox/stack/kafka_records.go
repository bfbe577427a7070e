package stack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// DeleteRecords has the first offset of a partition be before, on a cluster at a
// comma list of brokers. The client has no such call, but it lets requests be
// added.
func DeleteRecords(ctx context.Context, brokers, topic string, partition int, before int64) error {
	transport := &kafka.Transport{DialTimeout: 10 * time.Second}
	defer transport.CloseIdleConnections()
	m, err := transport.RoundTrip(ctx, kafka.TCP(strings.Split(brokers, ",")...), &deleteRecordsRequest{
		TimeoutMs: 10_000,
		Topics: []deleteRecordsTopic{{Name: topic, Partitions: []deleteRecordsPartition{
			{Partition: int32(partition), Before: before},
		}}},
	})
	if err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	for _, t := range m.(*deleteRecordsResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("delete records of %s/%d: %w", topic, partition, kafka.Error(p.ErrorCode))
			}
		}
	}
	return nil
}

func init() { protocol.Register(&deleteRecordsRequest{}, &deleteRecordsResponse{}) }

type deleteRecordsRequest struct {
	Topics    []deleteRecordsTopic `kafka:"min=v0,max=v1"`
	TimeoutMs int32                `kafka:"min=v0,max=v1"`
}

func (*deleteRecordsRequest) ApiKey() protocol.ApiKey { return protocol.DeleteRecords } //nolint:revive // the name is kafka-go's

// Broker sends it to the partition's leader.
func (r *deleteRecordsRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	t := r.Topics[0]
	p, ok := cluster.Topics[t.Name].Partitions[t.Partitions[0].Partition]
	if !ok {
		return protocol.Broker{}, fmt.Errorf("no leader of %s/%d", t.Name, t.Partitions[0].Partition)
	}
	return cluster.Brokers[p.Leader], nil
}

type deleteRecordsTopic struct {
	Name       string                   `kafka:"min=v0,max=v1"`
	Partitions []deleteRecordsPartition `kafka:"min=v0,max=v1"`
}

type deleteRecordsPartition struct {
	Partition int32 `kafka:"min=v0,max=v1"`
	Before    int64 `kafka:"min=v0,max=v1"`
}

type deleteRecordsResponse struct {
	ThrottleTimeMs int32                   `kafka:"min=v0,max=v1"`
	Topics         []deletedRecordsOfTopic `kafka:"min=v0,max=v1"`
}

func (*deleteRecordsResponse) ApiKey() protocol.ApiKey { return protocol.DeleteRecords } //nolint:revive // the name is kafka-go's

type deletedRecordsOfTopic struct {
	Name       string           `kafka:"min=v0,max=v1"`
	Partitions []deletedRecords `kafka:"min=v0,max=v1"`
}

type deletedRecords struct {
	Partition    int32 `kafka:"min=v0,max=v1"`
	LowWatermark int64 `kafka:"min=v0,max=v1"`
	ErrorCode    int16 `kafka:"min=v0,max=v1"`
}
