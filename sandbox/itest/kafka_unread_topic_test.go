package itest

import (
	"slices"
	"strings"
	"testing"

	"payops-mcp/sandbox/stack"
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
	read := a.call(toolLag, map[string]any{"group": groupJava, "topic": kafkaTopic})
	wantCodes(t, "the topic that it reads", read, "ok")
}
