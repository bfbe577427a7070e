package itest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
	"payops-mcp/shared/tooltest"
)

// The tools that ask Kafka, as built, against clusters that break.

const (
	toolHealth = "check_kafka_health"
	toolLag    = "inspect_consumer_lag"
	toolDead   = "inspect_dead_letters"
)

// asker is a running circuitbreaker-mcp that knows of a cluster alone.
type asker struct {
	t      *testing.T
	server *host.Server
}

// newAsker starts the server. There is no ingest API and no Prometheus: nothing
// listens on port 1.
func newAsker(t *testing.T, bootstrap string, with map[string]string) asker {
	t.Helper()
	program, err := binaries.Path(binaries.CircuitBreaker)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "API_BASE_URL": "http://127.0.0.1:1", "PROMETHEUS_URL": "http://127.0.0.1:1",
	}
	maps.Copy(settings, with)
	s, err := host.Start(t.Context(), binaries.CircuitBreaker, program, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return asker{t, s}
}

// kafkaRows are the facts of the three tools that the tests read.
type kafkaRows struct {
	Brokers string
	Groups  []struct {
		Group, Movement, Note string
		State                 *string
		Members               *int
		Lag                   *int64
	}
	State      *string
	Lag        *int64
	Drained    *string `json:"drained_in"`
	Members    []struct{ Client, Host, Assigned string }
	Partitions []struct {
		Partition   string
		Committed   *int64
		End, Lag    *int64
		Owner, Note string
	}
	Topics []struct {
		Topic, Note string
		Depth       *int64
	}
	Letters    []struct{ Record, Error string }
	Components []struct{ Component, State, Detail string }
}

type kafkaAnswer = tooltest.Answer[kafkaRows]

func (a asker) call(tool string, args map[string]any) kafkaAnswer {
	a.t.Helper()
	got, err := a.server.Call(a.t.Context(), tool, args)
	if err != nil {
		a.t.Fatal(err)
	}
	if got.IsError {
		a.t.Fatalf("%s: %s", tool, got.Text)
	}
	if len(got.Text) > 3600 {
		a.t.Errorf("%s answers with %d bytes:\n%s", tool, len(got.Text), got.Text)
	}
	var answer kafkaAnswer
	if err := json.Unmarshal(got.Structured, &answer); err != nil {
		a.t.Fatal(err)
	}
	if a.t.Failed() || testing.Verbose() {
		a.t.Logf("%s %v:\n%s", tool, args, got.Text)
	}
	return answer
}

// group is the row of a group.
func (a asker) group(answer kafkaAnswer, name string) (state string, members int, lag int64, note string) {
	a.t.Helper()
	for _, g := range answer.Data.Groups {
		if g.Group != name {
			continue
		}
		state, members, lag, note = "-", -1, -1, g.Note
		if g.State != nil {
			state = *g.State
		}
		if g.Members != nil {
			members = *g.Members
		}
		if g.Lag != nil {
			lag = *g.Lag
		}
		return state, members, lag, note
	}
	a.t.Fatalf("no group %s in %+v", name, answer.Data.Groups)
	return
}

// wantCodes checks which findings there are, in any order.
func wantCodes(t *testing.T, what string, a kafkaAnswer, verdict string, codes ...string) {
	t.Helper()
	got := slices.Sorted(slices.Values(a.Codes()))
	slices.Sort(codes)
	if a.Verdict != verdict || !slices.Equal(got, codes) {
		t.Errorf("%s: %s (%s) with %v; want %s with %v\n%s", what, a.Verdict, a.Because, got, verdict, codes, a.Summary)
	}
}

// TestKafkaTools asks real brokers of each version.
func TestKafkaTools(t *testing.T) {
	for _, version := range stack.KafkaVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			k := startKafka(t, stack.KafkaOptions{Version: version})
			kip848 := version != "3.9"
			fillKafka(t, k, kip848)
			a := newAsker(t, k.Bootstrap(), nil)
			t.Run("groups", func(t *testing.T) { a.t = t; checkGroups(a, kip848) })
			t.Run("dead letters", func(t *testing.T) { a.t = t; checkDeadLetters(a, k) })
			t.Run("silent", func(t *testing.T) {
				a.t = t
				if err := k.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
				for tool, args := range map[string]map[string]any{toolHealth: {}, toolLag: {"group": groupJava}, toolDead: {}} {
					wantCodes(t, tool, a.call(tool, args), "critical", "KAFKA_BROKERS_UNREACHABLE")
				}
				if err := k.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
			t.Run("killed", func(t *testing.T) {
				a.t = t
				if err := k.Kill(t.Context()); err != nil {
					t.Fatal(err)
				}
				wantCodes(t, "killed", a.call(toolHealth, nil), "critical", "KAFKA_BROKERS_UNREACHABLE")
			})
		})
	}
}

func checkGroups(a asker, kip848 bool) {
	t := a.t
	stacktest.Works(t, "everything is consumed", func(context.Context) error {
		if _, _, lag, _ := a.group(a.call(toolHealth, map[string]any{"groups": []string{groupJava}, "samples": 1}), groupJava); lag != 0 {
			return fmt.Errorf("lag %d", lag)
		}
		return nil
	})
	if state, members, _, _ := a.group(a.call(toolHealth, map[string]any{"groups": []string{groupJava}}), groupJava); state != "Stable" || members != 1 {
		t.Errorf("%s: %s, %d members", groupJava, state, members)
	}
	all := a.call(toolHealth, map[string]any{"groups": []string{groupSimple, "*"}, "samples": 1})
	wantCodes(t, groupSimple, all, "critical", "CONSUMER_GROUP_EMPTY")
	if state, members, lag, _ := a.group(all, groupSimple); state != "Empty" || members != 0 || lag != 203 {
		t.Errorf("%s: %s, %d members, lag %d", groupSimple, state, members, lag)
	}
	for _, name := range []string{groupJava, groupGo, groupLeft} {
		a.group(all, name)
	}
	if !kip848 {
		return
	}
	// A group of the new protocol is at work, and is shown with its members.
	now := a.call(toolHealth, map[string]any{"groups": []string{groupKIP848}})
	if state, members, _, note := a.group(now, groupKIP848); state != "Stable" || members != 1 || note != "" && note != "in flight" || now.Verdict != "ok" {
		t.Errorf("%s: %s, %d members, %q, %s", groupKIP848, state, members, note, now.Verdict)
	}
	one := a.call(toolLag, map[string]any{"group": groupKIP848})
	if len(one.Data.Members) != 1 || !strings.Contains(one.Data.Members[0].Assigned, kafkaTopic+" 0-5") {
		t.Errorf("%s: members %+v", groupKIP848, one.Data.Members)
	}
}

func checkDeadLetters(a asker, k *stack.Kafka) {
	w := &kafka.Writer{
		Addr: kafka.TCP(strings.Split(k.AdminAddr(), ",")...), Topic: "payment.dlq", BatchTimeout: time.Millisecond,
		RequiredAcks: kafka.RequireAll, Compression: kafka.Zstd, Transport: &kafka.Transport{DialTimeout: 10 * time.Second},
	}
	var letters []kafka.Message
	for i := range 5 {
		letters = append(letters, kafka.Message{Value: fmt.Appendf(nil, `{"originalTopic":"payment.captured","partition":1,"offset":%d,"payload":"{","errorType":"JsonParseException","errorMessage":"x"}`, i)})
	}
	if err := errors.Join(w.WriteMessages(a.t.Context(), letters...), w.Close()); err != nil {
		a.t.Fatal(err)
	}
	got := a.call(toolDead, nil)
	wantCodes(a.t, "compressed dead letters", got, "attention", "DLQ_POISON_MESSAGE", "DLQ_GROWING")
	if len(got.Data.Letters) != 5 {
		a.t.Errorf("%d letters", len(got.Data.Letters))
	}
}

// TestKafkaToolsBrokerLoss: of three brokers one dies, and another is cut off from
// us alone.
func TestKafkaToolsBrokerLoss(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{Version: "4", Brokers: 3, Proxied: true})
	topics := stack.PaymentTopics(3)
	for i := range topics {
		topics[i].Config = map[string]string{"min.insync.replicas": "2"}
	}
	if err := k.CreateTopics(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	produce(t, k, kafkaTopic, 10, 2, 3, 4, 5, 6)
	commitSimple(t, k)
	a := newAsker(t, k.Bootstrap(), map[string]string{"KAFKA_REQUIRED_GROUPS": groupSimple + ":" + kafkaTopic})
	ask := map[string]any{"samples": 1}
	before := a.call(toolHealth, ask)
	wantCodes(t, "all three", before, "critical", "CONSUMER_GROUP_EMPTY")
	_, _, whole, _ := a.group(before, groupSimple)

	t.Run("one does not answer us", func(t *testing.T) {
		a.t = t
		meta, err := newKafkaClient(t, k.AdminAddr(), patientDial).Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{kafkaTopic}})
		if err != nil {
			t.Fatal(err)
		}
		found, err := newKafkaClient(t, k.AdminAddr(), patientDial).FindCoordinator(t.Context(), &kafka.FindCoordinatorRequest{Key: groupSimple, KeyType: kafka.CoordinatorKeyTypeConsumer})
		if err != nil {
			t.Fatal(err)
		}
		// One that leads partitions and does not coordinate the group.
		var victim int
		for _, p := range meta.Topics[0].Partitions {
			if p.Leader.ID != found.Coordinator.NodeID {
				victim = p.Leader.ID
			}
		}
		b := k.Broker(victim)
		if err := b.SetNetwork(t.Context(), faultnet.Fault{Mode: faultnet.BlackHole}); err != nil {
			t.Fatal(err)
		}
		got := a.call(toolHealth, ask)
		if !slices.Contains(got.Codes(), "SRC_KAFKA_PARTIAL") || slices.Contains(got.Codes(), "KAFKA_LEADERLESS_PARTITIONS") || slices.Contains(got.Codes(), "KAFKA_BROKER_LOST") || slices.Contains(got.Codes(), "CONSUMER_LAG_GROWING") {
			t.Errorf("%v", got.Codes())
		}
		_, _, lag, note := a.group(got, groupSimple)
		if lag >= whole || lag <= 0 || !strings.Contains(note, "lower bound") {
			t.Errorf("lag %d of %d, %q", lag, whole, note)
		}
		silent := 0
		for _, s := range got.Sources {
			if !s.OK && s.Name == fmt.Sprintf("kafka broker %d", victim) && s.Error == "timeout" {
				silent++
			}
		}
		if silent != 1 {
			t.Errorf("sources: %+v", got.Sources)
		}
		if err := b.SetNetwork(t.Context(), faultnet.Fault{}); err != nil {
			t.Fatal(err)
		}
		wantCodes(t, "through again", a.call(toolHealth, ask), "critical", "CONSUMER_GROUP_EMPTY")
	})
	t.Run("one dies", func(t *testing.T) {
		a.t = t
		if err := k.Broker(2).Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		stacktest.Works(t, "the cluster has noticed", func(context.Context) error {
			got := a.call(toolHealth, ask)
			want := []string{"CONSUMER_GROUP_EMPTY", "KAFKA_BROKER_LOST", "KAFKA_UNDER_REPLICATED"}
			if codes := slices.Sorted(slices.Values(got.Codes())); !slices.Equal(codes, want) {
				return fmt.Errorf("%v, want %v", codes, want)
			}
			if _, _, lag, _ := a.group(got, groupSimple); lag != whole {
				return fmt.Errorf("lag %d, want %d", lag, whole)
			}
			return nil
		})
	})
}

// TestKafkaToolsSecured: who may not look is told that, and nothing of Kafka.
func TestKafkaToolsSecured(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{
		Version:  "4",
		Security: &stack.KafkaSecurity{Users: map[string]string{kafkaReader: kafkaPassword}, ACLs: true},
	})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	produce(t, k, kafkaTopic, 3)
	produce(t, k, "payment.dlq", 1)
	commitSimple(t, k)
	as := func(t *testing.T, mechanism, password string) asker {
		return newAsker(t, k.Bootstrap(), map[string]string{
			"KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SASL_USERNAME": kafkaReader, "KAFKA_SASL_PASSWORD": password,
			"KAFKA_REQUIRED_GROUPS": groupSimple,
		})
	}
	mechanisms := []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	for _, m := range mechanisms {
		wantCodes(t, "wrong password by "+m, as(t, m, "wr0ng").call(toolHealth, nil), "unknown", "SRC_KAFKA_AUTH")
	}
	// Without a login the broker hangs up: that looks like any other that does.
	nobody := newAsker(t, k.Bootstrap(), nil).call(toolHealth, nil)
	if nobody.Verdict == "ok" || !strings.Contains(nobody.Sources[0].Next, "KAFKA_SASL_MECHANISM") {
		t.Errorf("no password: %s, %+v", nobody.Verdict, nobody.Sources)
	}
	reader := as(t, "SCRAM-SHA-512", kafkaPassword)
	none := reader.call(toolHealth, nil)
	wantCodes(t, "no rights", none, "unknown", "SRC_KAFKA_PERMISSION")

	allowToLook(t, k)
	for _, m := range mechanisms {
		a := as(t, m, kafkaPassword)
		stacktest.Works(t, "rights to look by "+m, func(context.Context) error {
			got := a.call(toolHealth, map[string]any{"samples": 1})
			_, _, lag, _ := a.group(got, groupSimple)
			if !slices.Contains(got.Codes(), "CONSUMER_GROUP_EMPTY") && lag != 0 {
				return fmt.Errorf("%v, lag %d", got.Codes(), lag)
			}
			return nil
		})
	}
	checkHiddenTopics(t, k, reader)
	dead := reader.call(toolDead, nil)
	if dead.Verdict != "attention" || !strings.Contains(dead.Because, "READ") || len(dead.Data.Letters) != 0 {
		t.Errorf("dead letters that may be counted and not read: %s, %q", dead.Verdict, dead.Because)
	}
	if depth := dead.Data.Topics[0].Depth; depth == nil || *depth != 1 {
		t.Errorf("depth %v", depth)
	}
}

// checkHiddenTopics: that nothing waits is not said of a group whose topic the account
// may not see, nor of one that reads no topic that can be seen.
func checkHiddenTopics(t *testing.T, k *stack.Kafka, reader asker) {
	const hidden, reads, left = "ours.alone", "reads-what-is-hidden", "left-what-is-hidden"
	if err := k.CreateTopics(t.Context(), stack.KafkaTopic{Name: hidden, Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	admin := newKafkaClient(t, k.AdminAddr(), patientDial)
	denied, err := admin.CreateACLs(t.Context(), &kafka.CreateACLsRequest{ACLs: []kafka.ACLEntry{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: hidden, ResourcePatternType: kafka.PatternTypeLiteral,
		Principal: "User:" + kafkaReader, Host: "*", Operation: kafka.ACLOperationTypeDescribe, PermissionType: kafka.ACLPermissionTypeDeny,
	}}})
	if err = errors.Join(err, errors.Join(denied.Errors...)); err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{reads, left} {
		commit(t, k, group, hidden, 0)
	}
	join(t, k, reads, hidden, 1)
	stacktest.Works(t, "the topic is hidden", func(context.Context) error {
		got := reader.call(toolLag, map[string]any{"group": reads, "samples": 1})
		if got.Verdict == "ok" || !slices.Contains(got.Codes(), "SRC_KAFKA_PERMISSION") || !strings.Contains(got.Because, hidden) || !strings.Contains(got.Summary, "lag >= 0") {
			return fmt.Errorf("%s: %s, %v, because %s", got.Summary, got.Verdict, got.Codes(), got.Because)
		}
		return nil
	})
	got := reader.call(toolLag, map[string]any{"group": left, "samples": 1})
	if got.Verdict == "ok" || !strings.Contains(got.Because, "shows no topic") {
		t.Errorf("%s: %s, %v, because %s", got.Summary, got.Verdict, got.Codes(), got.Because)
	}
}

// TestKafkaToolsTLS: brokers that speak TLS are asked so, with a password too, and
// trusted by the authority that is configured alone. What does not fit is told as
// our own access, and which setting it is.
func TestKafkaToolsTLS(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{Version: "4", TLS: true, Security: &stack.KafkaSecurity{Users: map[string]string{kafkaReader: kafkaPassword}}})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	with := func(changed map[string]string) kafkaAnswer {
		settings := map[string]string{
			"KAFKA_TLS": "true", "KAFKA_CA_FILE": k.CAFile(),
			"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": kafkaReader, "KAFKA_SASL_PASSWORD": kafkaPassword,
		}
		maps.Copy(settings, changed)
		return newAsker(t, k.Bootstrap(), settings).call(toolHealth, map[string]any{"samples": 1})
	}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		wantCodes(t, m+" over TLS", with(map[string]string{"KAFKA_SASL_MECHANISM": m}), "ok")
	}
	wantCodes(t, "a wrong password over TLS", with(map[string]string{"KAFKA_SASL_PASSWORD": "wr0ng"}), "unknown", "SRC_KAFKA_AUTH")
	stranger := with(map[string]string{"KAFKA_CA_FILE": ""})
	wantCodes(t, "an authority that we do not know", stranger, "unknown", "SRC_KAFKA_AUTH")
	if next := stranger.Sources[0].Next; !strings.Contains(next, "KAFKA_CA_FILE") {
		t.Errorf("an authority that we do not know: %q", next)
	}
	plain := with(map[string]string{"KAFKA_TLS": "false", "KAFKA_CA_FILE": ""})
	if plain.Verdict == "ok" || !strings.Contains(plain.Sources[0].Next, "KAFKA_TLS") {
		t.Errorf("without TLS: %s, %+v", plain.Verdict, plain.Sources)
	}
}

// TestKafkaToolsTLSAlone: TLS without a password, of Kafka 3.
func TestKafkaToolsTLSAlone(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{Version: "3.9", TLS: true})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	a := newAsker(t, k.Bootstrap(), map[string]string{"KAFKA_TLS": "true", "KAFKA_CA_FILE": k.CAFile()})
	wantCodes(t, "TLS alone", a.call(toolHealth, map[string]any{"samples": 1}), "ok")
	wantCodes(t, "dead letters over TLS", a.call(toolDead, nil), "ok")
}
