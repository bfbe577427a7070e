package stack

import (
	"context"
	"slices"
)

// kafkaAddrs is how Kafka is reached, also in a stack that was attached to.
type kafkaAddrs struct{ addr, bootstrap, admin string }

// KafkaBootstrap is where clients of Kafka connect, as a comma list.
func (s *Stack) KafkaBootstrap() string { return s.kafka.bootstrap }

// KafkaAdminAddr is where the brokers take orders without a password, as a
// comma list; for setting a scene.
func (s *Stack) KafkaAdminAddr() string { return s.kafka.admin }

// newestKafka is the release line that is used unless another is asked for.
func newestKafka() string { return slices.Max(KafkaVersions()) }

// startKafka starts the brokers and creates the payment system's topics.
func (s *Stack) startKafka(ctx context.Context) error {
	k, err := StartKafka(ctx, KafkaOptions{
		Supervisor: s.sup, Log: s.log.writer(), Proxied: s.options.Proxied,
		Version: s.options.KafkaVersion, Brokers: s.options.KafkaBrokers,
	})
	if err != nil {
		return err
	}
	s.Kafka = k
	if err := k.CreateTopics(ctx, PaymentTopics(1)...); err != nil {
		return err
	}
	s.kafka = kafkaAddrs{addr: k.Addr(), bootstrap: k.Bootstrap(), admin: k.AdminAddr()}
	return nil
}

// kafkaPart is Kafka as a part, or nil.
func (s *Stack) kafkaPart() Part {
	switch {
	case s.Kafka != nil:
		return s.Kafka
	case s.kafka.bootstrap != "":
		sv := s.attached("kafka", s.kafka.addr, s.kafka.bootstrap)
		return &sv
	default:
		return nil
	}
}
