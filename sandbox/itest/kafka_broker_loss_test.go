package itest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// TestKafkaClientBrokerLoss holds what kafka-go says of a cluster that lost
// one broker of three, with topics of one replica.
func TestKafkaClientBrokerLoss(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{Version: "4", Brokers: 3})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	last := []int64{1, 2, 3, 4, 5, 6}
	produce(t, k, kafkaTopic, 1, 2, 3, 4, 5, 6)
	commitSimple(t, k)
	admin := newKafkaClient(t, k.AdminAddr(), patientDial)
	found, err := admin.FindCoordinator(t.Context(), &kafka.FindCoordinatorRequest{Key: groupSimple, KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err != nil {
		t.Fatal(err)
	}
	victim := found.Coordinator.NodeID
	meta, err := admin.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{kafkaTopic}})
	if err != nil {
		t.Fatal(err)
	}
	lost := map[int]bool{}
	for _, p := range meta.Topics[0].Partitions {
		lost[p.ID] = p.Leader.ID == victim
	}
	if err := k.Broker(victim).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Partitions whose leader is gone carry an error that says nothing, and a
	// first offset of 0 that looks like an answer; the others are right. The
	// same before and after the cluster has noticed.
	checkOffsets := func(t *testing.T) {
		resp, err := newKafkaClient(t, k.Bootstrap()).ListOffsets(t.Context(), bothOffsets(kafkaTopic, 0, 1, 2, 3, 4, 5))
		if err != nil {
			t.Fatal(err)
		}
		for id, p := range offsetsOf(resp, kafkaTopic) {
			switch {
			case lost[id] && !errors.Is(p.Error, kafka.Unknown):
				t.Errorf("partition %d without a leader: %+v", id, p)
			case lost[id] && (p.FirstOffset != 0 || p.LastOffset != -1):
				t.Errorf("partition %d without a leader has offsets: %+v", id, p)
			case !lost[id] && (p.Error != nil || p.LastOffset != last[id]):
				t.Errorf("partition %d: %+v, want %d", id, p, last[id])
			}
		}
	}
	t.Run("offsets at once", checkOffsets)
	t.Run("metadata tells", func(t *testing.T) {
		stacktest.Works(t, "leaderless partitions", func(ctx context.Context) error {
			resp, err := newKafkaClient(t, k.Bootstrap()).Metadata(ctx, &kafka.MetadataRequest{Topics: []string{kafkaTopic}})
			if err != nil {
				return err
			}
			if len(resp.Brokers) != 2 {
				return fmt.Errorf("%d brokers", len(resp.Brokers))
			}
			for _, p := range resp.Topics[0].Partitions {
				// The leader of a partition without one is the zero
				// broker, whose id could be real.
				if lost[p.ID] != errors.Is(p.Error, kafka.LeaderNotAvailable) || lost[p.ID] != (p.Leader.ID == 0) {
					return fmt.Errorf("partition %d: %+v", p.ID, p)
				}
			}
			return nil
		})
	})
	t.Run("offsets after it was noticed", checkOffsets)
	t.Run("groups move", func(t *testing.T) {
		c := newKafkaClient(t, k.Bootstrap(), patientDial)
		stacktest.Works(t, "the group with its commits at another coordinator", func(ctx context.Context) error {
			types, err := listGroups(ctx, c)
			if err != nil {
				return err
			}
			if _, ok := types[groupSimple]; !ok {
				return fmt.Errorf("groups: %v", types)
			}
			got, err := committed(ctx, c, groupSimple, nil)
			if err == nil && len(got) == 0 {
				err = errors.New("no commits")
			}
			return err
		})
	})
	t.Run("all is well again", func(t *testing.T) {
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		clear(lost)
		checkOffsets(t)
	})
}
