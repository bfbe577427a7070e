package itest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// TestKafkaToolsControllerLoss: one of two controllers hangs, so that none leads. The
// broker that is well answers all that it can tell, and nothing is blamed on it.
func TestKafkaToolsControllerLoss(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{Version: "4", Brokers: 2})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	groups := groupOfEach(t, k)
	a := newAsker(t, k.Bootstrap(), map[string]string{"KAFKA_REQUIRED_GROUPS": strings.Join(groups, ",")})
	ask := map[string]any{"samples": 1}
	if got := a.call(toolHealth, ask); strings.Contains(got.Because, "no controller") || !strings.Contains(got.Data.Brokers, ", controller ") {
		t.Errorf("both: %s, because %s", got.Summary, got.Because)
	}
	if err := k.Broker(2).Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got kafkaAnswer
	stacktest.Works(t, "nobody leads", func(context.Context) error {
		if got = a.call(toolHealth, ask); !strings.Contains(got.Because, "no controller answers") {
			return fmt.Errorf("%s, because %s", got.Summary, got.Because)
		}
		return nil
	})
	for _, s := range got.Sources {
		if !s.OK && s.Name != "kafka broker 2" || strings.Contains(s.Next, "KAFKA_TLS") {
			t.Errorf("%s failed: %s; %s", s.Name, s.Error, s.Next)
		}
	}
	if state, _, _, note := a.group(got, groups[0]); state != "Empty" {
		t.Errorf("%s: %s, %s", groups[0], state, note)
	}
	if !strings.Contains(got.Summary, "; >= 0 of 2 groups have consumers, lag >= ") || !strings.Contains(got.Summary, "; dead letters >= 0") {
		t.Error(got.Summary)
	}
	for _, code := range []string{"KAFKA_BROKER_LOST", "KAFKA_LEADERLESS_PARTITIONS", "KAFKA_UNDER_REPLICATED", "KAFKA_BELOW_MIN_ISR"} {
		if slices.Contains(got.RuledOut, code) {
			t.Errorf("%s is ruled out", code)
		}
	}
	stacked := a.call("check_stack_health", nil)
	for _, row := range stacked.Data.Components {
		if row.Component == "kafka" && (row.State != "unknown" || !strings.Contains(row.Detail, "no controller answers")) {
			t.Errorf("%+v", row)
		}
	}
	if !strings.Contains(stacked.Because, "no controller answers") {
		t.Errorf("the stack is %s because %s", stacked.Verdict, stacked.Because)
	}
	if err := k.Broker(2).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	stacktest.Works(t, "somebody leads again", func(context.Context) error {
		if got := a.call(toolHealth, ask); strings.Contains(got.Because, "no controller") || len(got.Sources) != 1 {
			return fmt.Errorf("%s, because %s", got.Summary, got.Because)
		}
		return nil
	})
}

// groupOfEach has groups commit until each of two brokers coordinates one, and returns
// them in the order of the brokers.
func groupOfEach(t *testing.T, k *stack.Kafka) []string {
	t.Helper()
	c := newKafkaClient(t, k.AdminAddr(), patientDial)
	of := map[int]string{}
	for n := 0; len(of) < 2; n++ {
		name := fmt.Sprintf("group-%d", n)
		commit(t, k, name, kafkaTopic, 0)
		found, err := c.FindCoordinator(t.Context(), &kafka.FindCoordinatorRequest{Key: name, KeyType: kafka.CoordinatorKeyTypeConsumer})
		if err != nil {
			t.Fatal(err)
		}
		of[found.Coordinator.NodeID] = name
	}
	return []string{of[1], of[2]}
}
