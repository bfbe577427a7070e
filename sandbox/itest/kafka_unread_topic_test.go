package itest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// TestKafkaToolsUnreadTopic: the only consumer of the ledger's group reads one of its
// two topics. That is no health, however little waits in the other one.
func TestKafkaToolsUnreadTopic(t *testing.T) {
	t.Parallel()
	const unread = "payment.refunded"
	k := startKafka(t, stack.KafkaOptions{Version: "4"})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	commit(t, k, groupJava, unread, 0)
	if _, err := k.StartConsumer(t.Context(), stack.KafkaConsumer{Group: groupJava, Topic: kafkaTopic}); err != nil {
		t.Fatal(err)
	}
	a := newAsker(t, k.Bootstrap(), map[string]string{"KAFKA_REQUIRED_GROUPS": groupJava + ":" + kafkaTopic + "+" + unread})
	for tool, args := range map[string]map[string]any{toolHealth: {}, toolLag: {"group": groupJava}} {
		got := a.call(tool, args)
		wantCodes(t, tool, got, "unknown")
		if !strings.Contains(got.Because, unread+" 0-5 belong to no member") || slices.Contains(got.RuledOut, "CONSUMER_PARTITION_STUCK") {
			t.Errorf("%s: because %s, ruled out %v", tool, got.Because, got.RuledOut)
		}
	}
	produce(t, k, unread, 7)
	var got kafkaAnswer
	stacktest.Works(t, "what nobody reads is overdue", func(context.Context) error {
		produce(t, k, kafkaTopic, 1, 1, 1)
		if got = a.call(toolLag, map[string]any{"group": groupJava}); !slices.Contains(got.Codes(), "CONSUMER_PARTITION_STUCK") {
			return fmt.Errorf("%s: %v, because %s", got.Summary, got.Codes(), got.Because)
		}
		return nil
	})
	if next := got.Findings[0].NextSteps[0]; !strings.HasPrefix(next, "Start the consumer that subscribes to "+unread) || got.Data.Drained != nil || strings.Contains(got.Summary, "done in") {
		t.Errorf("%s: next %s", got.Summary, next)
	}
	read := a.call(toolLag, map[string]any{"group": groupJava, "topic": kafkaTopic})
	wantCodes(t, "the topic that it reads", read, "ok")
}
