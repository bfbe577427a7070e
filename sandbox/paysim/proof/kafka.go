package proof

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
)

// groups are the consumers and what they read.
var groups = map[string][]string{
	bus.SettlementGroup: {bus.CaptureRequested},
	bus.RefundGroup:     {bus.RefundRequested},
	bus.LedgerGroup:     {bus.Captured, bus.Refunded},
}

// partitionEnds are the offsets at which the next records will be, by topic and
// partition.
func (s *System) partitionEnds(ctx context.Context, client *kafka.Client, topics ...string) (map[string]map[int]int64, error) {
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, err
	}
	ask := map[string][]kafka.OffsetRequest{}
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("topic %s: %w", t.Name, t.Error)
		}
		for _, p := range t.Partitions {
			ask[t.Name] = append(ask[t.Name], kafka.LastOffsetOf(p.ID))
		}
	}
	offsets, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: ask})
	if err != nil {
		return nil, err
	}
	ends := map[string]map[int]int64{}
	for topic, partitions := range offsets.Topics {
		ends[topic] = map[int]int64{}
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("topic %s, partition %d: %w", topic, p.Partition, p.Error)
			}
			ends[topic][p.Partition] = p.LastOffset
		}
	}
	return ends, nil
}

// client has a transport of its own: transports answer from what they knew.
func (s *System) client() (*kafka.Client, func()) {
	transport := &kafka.Transport{}
	return &kafka.Client{Addr: kafka.TCP(s.Kafka...), Transport: transport, Timeout: 5 * time.Second}, transport.CloseIdleConnections
}

// ends is how many records topics have had.
func (s *System) ends(ctx context.Context, topics ...string) (map[string]int64, error) {
	client, done := s.client()
	defer done()
	ends, err := s.partitionEnds(ctx, client, topics...)
	sums := map[string]int64{}
	for topic, partitions := range ends {
		for _, end := range partitions {
			sums[topic] += end
		}
	}
	return sums, err
}

// lags is how many records each group has not committed.
func (s *System) lags(ctx context.Context) (map[string]int64, error) {
	client, done := s.client()
	defer done()
	lags := map[string]int64{}
	for group, topics := range groups {
		ends, err := s.partitionEnds(ctx, client, topics...)
		if err != nil {
			return nil, err
		}
		ask := map[string][]int{}
		for topic, partitions := range ends {
			for p := range partitions {
				ask[topic] = append(ask[topic], p)
			}
		}
		committed, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: ask})
		if err != nil {
			return nil, err
		}
		if committed.Error != nil {
			return nil, fmt.Errorf("group %s: %w", group, committed.Error)
		}
		for topic, partitions := range committed.Topics {
			for _, p := range partitions {
				if p.Error != nil {
					return nil, fmt.Errorf("group %s, topic %s, partition %d: %w", group, topic, p.Partition, p.Error)
				}
				// A group that never committed has -1, and reads from 0.
				lags[group] += ends[topic][p.Partition] - max(0, p.CommittedOffset)
			}
		}
	}
	return lags, nil
}
