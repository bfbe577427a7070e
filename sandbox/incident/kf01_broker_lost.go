package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/stack"
)

// KF-01: one broker of three is killed, and every partition has one replica: those
// that it led have no leader any more.
var _ = add(Incident{ID: "KF-01", Parts: paying, Brokers: 3,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		id := w.between(1, 3)
		name := "kafka-" + strconv.Itoa(id)
		did := Injected{Asks: []Ask{askKafka()}, Quotes: []string{"2 of 3 brokers alive", "broker " + strconv.Itoa(id)}, Kept: map[string]string{"broker": name}}
		broker, err := w.Stack.Part(name)
		if err != nil {
			return did, err
		}
		if err := broker.Kill(ctx); err != nil {
			return did, err
		}
		return did, await(ctx, "partitions without a leader", func(ctx context.Context) (bool, error) {
			lost, err := leaderless(ctx, w.Stack)
			return len(lost) > 0, err
		})
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		broker, err := w.Stack.Part(did.Kept["broker"])
		if err != nil {
			return err
		}
		if err := broker.Start(ctx); err != nil {
			return err
		}
		return await(ctx, "a leader for every partition", func(ctx context.Context) (bool, error) {
			lost, err := leaderless(ctx, w.Stack)
			return len(lost) == 0, err
		})
	},
})

// leaderless are the partitions that have no leader, as the first broker that
// answers knows it.
func leaderless(ctx context.Context, s *stack.Stack) ([]string, error) {
	var failed error
	for addr := range strings.SplitSeq(s.KafkaAdminAddr(), ",") {
		// Its own each time: a transport answers from its cache.
		transport := &kafka.Transport{DialTimeout: time.Second}
		client := &kafka.Client{Addr: kafka.TCP(addr), Transport: transport, Timeout: 5 * time.Second}
		meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		transport.CloseIdleConnections()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		var lost []string
		for _, topic := range meta.Topics {
			for _, p := range topic.Partitions {
				if errors.Is(p.Error, kafka.LeaderNotAvailable) {
					lost = append(lost, fmt.Sprintf("%s/%d", topic.Name, p.ID))
				}
			}
		}
		return lost, nil
	}
	return nil, failed
}
