package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// KF-54: one broker of three is killed that holds only second replicas. Everything
// goes on, and one more loss would stop it.
var _ = add(Incident{ID: "KF-54", Parts: paying, Brokers: 3,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		victim := w.between(1, 3)
		name := "kafka-" + strconv.Itoa(victim)
		did := Injected{Asks: []Ask{askKafka()}, Quotes: []string{bus.Captured, "2 of 3 brokers alive", "missing broker " + strconv.Itoa(victim)}, Kept: map[string]string{}}
		before, err := replicas(ctx, w)
		if err != nil {
			return did, err
		}
		leaders, err := json.Marshal(before.first())
		if err != nil {
			return did, err
		}
		did.Kept["leaders"] = string(leaders)
		if err := reassign(ctx, w, before.with(victim)); err != nil {
			return did, err
		}
		if err := awaitReplicas(ctx, w, "two replicas in sync", func(r replicaState) bool { return len(r.All) == 2 && r.InSync == 2 }); err != nil {
			return did, err
		}
		broker, err := w.Stack.Part(name)
		if err != nil {
			return did, err
		}
		did.Kept["broker"] = name
		if err := broker.Kill(ctx); err != nil {
			return did, err
		}
		err = awaitReplicas(ctx, w, "a leader and one replica in sync", func(r replicaState) bool { return r.Leader != victim && r.InSync == 1 })
		if err != nil {
			return did, err
		}
		for _, group := range []string{bus.SettlementGroup, bus.RefundGroup, bus.LedgerGroup} {
			if err := awaitGroup(ctx, w, group, "Stable"); err != nil {
				return did, err
			}
		}
		return did, nil
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		if name, killed := did.Kept["broker"]; killed {
			broker, err := w.Stack.Part(name)
			if err != nil {
				return err
			}
			if err := broker.Start(ctx); err != nil {
				return err
			}
		}
		var single map[string][][]int
		if err := json.Unmarshal([]byte(did.Kept["leaders"]), &single); err != nil {
			return err
		}
		if err := reassign(ctx, w, single); err != nil {
			return err
		}
		return awaitReplicas(ctx, w, "one replica", func(r replicaState) bool { return len(r.All) == 1 && r.InSync == 1 })
	},
})

// replicaState is a partition with its replicas.
type replicaState struct {
	Leader, InSync int
	All            []int
}

// layout is where the partitions of the payment system's topics are.
type layout map[string][]replicaState

// first says for each partition that its first replica is the only one.
func (l layout) first() map[string][][]int {
	return l.each(func(r replicaState) []int { return r.All[:1] })
}

// with adds a broker as the second replica of each partition; where it was the
// first, another becomes that.
func (l layout) with(id int) map[string][][]int {
	return l.each(func(r replicaState) []int {
		if r.All[0] == id {
			return []int{id%3 + 1, id}
		}
		return []int{r.All[0], id}
	})
}

func (l layout) each(of func(replicaState) []int) map[string][][]int {
	all := map[string][][]int{}
	for topic, partitions := range l {
		for _, r := range partitions {
			all[topic] = append(all[topic], of(r))
		}
	}
	return all
}

// replicas are where the partitions are at present, as a broker that answers knows
// it.
func replicas(ctx context.Context, w *World) (layout, error) {
	var names []string
	for _, t := range stack.PaymentTopics(1) {
		names = append(names, t.Name)
	}
	all := layout{}
	err := withKafka(w, func(c *kafka.Client) error {
		meta, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
		if err != nil {
			return err
		}
		for _, t := range meta.Topics {
			all[t.Name] = make([]replicaState, len(t.Partitions))
			for _, p := range t.Partitions {
				r := replicaState{Leader: p.Leader.ID, InSync: len(p.Isr)}
				for _, b := range p.Replicas {
					r.All = append(r.All, b.ID)
				}
				all[t.Name][p.ID] = r
				err = errors.Join(err, p.Error)
			}
		}
		return err
	})
	return all, err
}

// awaitReplicas waits until every partition is so.
func awaitReplicas(ctx context.Context, w *World, what string, so func(replicaState) bool) error {
	return await(ctx, what+" of every partition", func(ctx context.Context) (bool, error) {
		all, err := replicas(ctx, w)
		if err != nil {
			return false, err
		}
		for _, partitions := range all {
			for _, r := range partitions {
				if !so(r) {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// reassign says which brokers are to have the replicas of partitions.
func reassign(ctx context.Context, w *World, to map[string][][]int) error {
	ask := &kafka.AlterPartitionReassignmentsRequest{Timeout: noticedWithin}
	for topic, partitions := range to {
		for p, brokers := range partitions {
			ask.Assignments = append(ask.Assignments, kafka.AlterPartitionReassignmentsRequestAssignment{Topic: topic, PartitionID: p, BrokerIDs: brokers})
		}
	}
	return withKafka(w, func(c *kafka.Client) error {
		resp, err := c.AlterPartitionReassignments(ctx, ask)
		if err != nil {
			return err
		}
		err = resp.Error
		for _, r := range resp.PartitionResults {
			if r.Error != nil {
				err = errors.Join(err, fmt.Errorf("%s/%d to brokers %s: %w", r.Topic, r.PartitionID, strings.Trim(fmt.Sprint(to[r.Topic][r.PartitionID]), "[]"), r.Error))
			}
		}
		return err
	})
}
