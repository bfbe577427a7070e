package itest

import (
	"context"
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

const (
	kafkaReader   = "reader"
	kafkaPassword = "correct"
)

// TestKafkaSecured holds what kafka-go says to a wrong password and to missing
// rights, and that a cluster behind a proxy is reached only through it.
func TestKafkaSecured(t *testing.T) {
	t.Parallel()
	k := startKafka(t, stack.KafkaOptions{
		Version: "4", Proxied: true,
		Security: &stack.KafkaSecurity{Users: map[string]string{kafkaReader: kafkaPassword}, ACLs: true},
	})
	if err := k.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	produce(t, k, kafkaTopic, 3)
	commitSimple(t, k)
	as := func(m sasl.Mechanism) kafkaClient {
		return newKafkaClient(t, k.Bootstrap(), patientDial, func(tr *kafka.Transport) { tr.SASL = m })
	}
	mechanism := func(a scram.Algorithm, password string) sasl.Mechanism {
		m, err := scram.Mechanism(a, kafkaReader, password)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}

	t.Run("wrong password", func(t *testing.T) {
		for _, m := range []sasl.Mechanism{
			plain.Mechanism{Username: kafkaReader, Password: "wrong"},
			mechanism(scram.SHA256, "wrong"),
		} {
			for _, name := range []string{"ApiVersions", "Metadata", "DescribeGroups"} {
				if err := kafkaCalls(as(m))[name](t.Context()); !errors.Is(err, kafka.SASLAuthenticationFailed) {
					t.Errorf("%s with %s: %v", name, m.Name(), err)
				}
			}
			types, err := listGroups(t.Context(), as(m))
			if err != nil || len(types) != 0 {
				t.Errorf("ListGroups with %s: %v, %v; want the empty list it is known for", m.Name(), types, err)
			}
		}
	})
	t.Run("no password", func(t *testing.T) {
		c := newKafkaClient(t, k.Bootstrap())
		if err := kafkaCalls(c)["Metadata"](t.Context()); err == nil {
			t.Error("Metadata works without a password")
		}
	})
	t.Run("no rights", func(t *testing.T) { checkNoRights(t, as(mechanism(scram.SHA512, kafkaPassword))) })
	t.Run("rights to look", func(t *testing.T) {
		allowToLook(t, k)
		for _, m := range []sasl.Mechanism{
			plain.Mechanism{Username: kafkaReader, Password: kafkaPassword},
			mechanism(scram.SHA256, kafkaPassword),
			mechanism(scram.SHA512, kafkaPassword),
		} {
			stacktest.Works(t, m.Name(), func(ctx context.Context) error { return sees(ctx, as(m)) })
		}
	})
	t.Run("behind the proxy", func(t *testing.T) {
		reader := plain.Mechanism{Username: kafkaReader, Password: kafkaPassword}
		c := as(reader)
		if err := sees(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := k.SetNetwork(t.Context(), faultnet.Fault{Mode: faultnet.Refuse}); err != nil {
			t.Fatal(err)
		}
		if err := sees(t.Context(), c); err == nil {
			t.Error("the client gets past a proxy that refuses")
		}
		if err := k.SetNetwork(t.Context(), faultnet.Fault{}); err != nil {
			t.Fatal(err)
		}
		stacktest.Works(t, "the same client is through again", func(ctx context.Context) error { return sees(ctx, c) })
	})
	t.Run("stopped and started", func(t *testing.T) {
		if err := k.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if pid := k.Broker(1).Pid(); pid != 0 {
			t.Errorf("a stopped broker has pid %d", pid)
		}
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := as(plain.Mechanism{Username: kafkaReader, Password: kafkaPassword})
		stacktest.Works(t, "data, users and rights are what they were", func(ctx context.Context) error { return sees(ctx, c) })
	})
}

// checkNoRights: a client that may log in and no more is told of few refusals.
func checkNoRights(t *testing.T, c kafkaClient) {
	meta, err := c.Metadata(t.Context(), &kafka.MetadataRequest{})
	if err != nil || len(meta.Topics) != 0 {
		t.Errorf("Metadata: %+v, %v; want no topic and no error", meta, err)
	}
	if types, err := listGroups(t.Context(), c); err != nil || len(types) != 0 {
		t.Errorf("ListGroups: %v, %v; want no group and no error", types, err)
	}
	offsets, err := c.ListOffsets(t.Context(), bothOffsets(kafkaTopic, 0))
	if err != nil {
		t.Fatal(err)
	}
	if p := offsetsOf(offsets, kafkaTopic)[0]; !errors.Is(p.Error, kafka.TopicAuthorizationFailed) {
		t.Errorf("ListOffsets: %+v", p)
	}
	// The client asks for the coordinator first and does not look at the
	// refusal; the same refusal then comes from whichever broker it asks.
	groups, err := c.DescribeGroups(t.Context(), &kafka.DescribeGroupsRequest{GroupIDs: []string{groupSimple}})
	if err != nil {
		t.Fatal(err)
	}
	if g := groups.Groups[0]; !errors.Is(g.Error, kafka.GroupAuthorizationFailed) {
		t.Errorf("DescribeGroups: %+v", g)
	}
	if got, err := committed(t.Context(), c, groupSimple, nil); !errors.Is(err, kafka.GroupAuthorizationFailed) {
		t.Errorf("OffsetFetch: %v, %v", got, err)
	}
}

// allowToLook gives the reader what a diagnosis needs.
func allowToLook(t *testing.T, k *stack.Kafka) {
	t.Helper()
	allow := func(what kafka.ResourceType, name string, op kafka.ACLOperationType) kafka.ACLEntry {
		return kafka.ACLEntry{
			ResourceType: what, ResourceName: name, ResourcePatternType: kafka.PatternTypeLiteral,
			Principal: "User:" + kafkaReader, Host: "*", Operation: op, PermissionType: kafka.ACLPermissionTypeAllow,
		}
	}
	resp, err := newKafkaClient(t, k.AdminAddr(), patientDial).CreateACLs(t.Context(), &kafka.CreateACLsRequest{ACLs: []kafka.ACLEntry{
		allow(kafka.ResourceTypeTopic, "*", kafka.ACLOperationTypeDescribe),
		allow(kafka.ResourceTypeGroup, "*", kafka.ACLOperationTypeDescribe),
		allow(kafka.ResourceTypeCluster, "kafka-cluster", kafka.ACLOperationTypeDescribe),
	}})
	if err == nil {
		err = errors.Join(resp.Errors...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sees says what of the scene a client with the right to look does not see.
func sees(ctx context.Context, c kafkaClient) error {
	offsets, err := c.ListOffsets(ctx, bothOffsets(kafkaTopic, 0))
	if err != nil {
		return err
	}
	p := offsetsOf(offsets, kafkaTopic)[0]
	if p.Error == nil && p.LastOffset != 3 {
		err = errors.New("the offset is wrong")
	}
	types, listErr := listGroups(ctx, c)
	if _, ok := types[groupSimple]; !ok {
		listErr = errors.Join(listErr, errors.New("ListGroups does not have the group"))
	}
	got, fetchErr := committed(ctx, c, groupSimple, nil)
	if len(got) == 0 {
		fetchErr = errors.Join(fetchErr, errors.New("OffsetFetch has nothing"))
	}
	return errors.Join(err, p.Error, listErr, fetchErr)
}
