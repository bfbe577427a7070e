package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
)

// kafkaAddrs is how Kafka is reached, also in a stack that was attached to.
type kafkaAddrs struct {
	addr, bootstrap, admin string
	accounts               string            // where clients log in; "" where nobody can
	passwords              map[string]string // of the accounts
}

// The accounts that clients of Kafka can log in with; see KafkaOptions.Accounts.
const (
	// KafkaPaymentsUser is the payment system's own.
	KafkaPaymentsUser = "payments"
	// KafkaReaderUser is for whoever looks.
	KafkaReaderUser = "reader"
)

// KafkaLogin is where a client of Kafka logs in with an account, as a comma list,
// and the account's password. Both are empty where Kafka has no accounts.
func (s *Stack) KafkaLogin(user string) (addr, password string) {
	return s.kafka.accounts, s.kafka.passwords[user]
}

// KafkaBootstrap is where clients of Kafka connect, as a comma list.
func (s *Stack) KafkaBootstrap() string { return s.kafka.bootstrap }

// KafkaAdminAddr is where the brokers take orders without a password, as a
// comma list; for setting a scene.
func (s *Stack) KafkaAdminAddr() string { return s.kafka.admin }

// HasKafkaAccounts says whether clients can log in to Kafka.
func (s *Stack) HasKafkaAccounts() bool { return s.kafka.accounts != "" }

// KafkaProxied says whether clients of Kafka go through proxies.
func (s *Stack) KafkaProxied() bool { return s.kafka.bootstrap != s.kafka.addr }

// newestKafka is the release line that is used unless another is asked for.
func newestKafka() string { return slices.Max(KafkaVersions()) }

// startKafka starts the brokers and creates the payment system's topics.
func (s *Stack) startKafka(ctx context.Context) error {
	accounts := map[string]string{KafkaPaymentsUser: rand.Text(), KafkaReaderUser: rand.Text()}
	k, err := StartKafka(ctx, KafkaOptions{
		Supervisor: s.sup, Log: s.log.writer(), Proxied: s.options.Proxied,
		Version: s.options.KafkaVersion, Brokers: s.options.KafkaBrokers, Accounts: accounts,
	})
	if err != nil {
		return err
	}
	s.Kafka = k
	if err := k.CreateTopics(ctx, PaymentTopics(1)...); err != nil {
		return err
	}
	s.kafka = kafkaAddrs{addr: k.Addr(), bootstrap: k.Bootstrap(), admin: k.AdminAddr(), accounts: k.AccountsAddr(), passwords: accounts}
	return nil
}

// kafkaPart is Kafka as a part, or nil.
func (s *Stack) kafkaPart() Part {
	switch {
	case s.Kafka != nil:
		return s.Kafka
	case s.assembly != nil:
		sv := s.assembly.Kafka.service("kafka")
		return &sv
	case s.kafka.bootstrap != "":
		sv := s.attached("kafka", s.kafka.addr, s.kafka.bootstrap)
		return &sv
	default:
		return nil
	}
}

// brokerParts are the brokers of a cluster of several, each by itself.
func (s *Stack) brokerParts() []Part {
	addrs := strings.Split(s.kafka.addr, ",")
	if len(addrs) < 2 {
		return nil
	}
	var parts []Part
	if s.Kafka != nil {
		for _, b := range s.Kafka.Brokers() {
			parts = append(parts, b)
		}
		return parts
	}
	clients := strings.Split(s.kafka.bootstrap, ",")
	for i, addr := range addrs {
		sv := s.attached(fmt.Sprintf("kafka-%d", i+1), addr, clients[min(i, len(clients)-1)])
		parts = append(parts, &sv)
	}
	return parts
}
