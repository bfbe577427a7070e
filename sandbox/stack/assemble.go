package stack

import (
	"context"
	"errors"
	"fmt"

	"payops-mcp/sandbox/faultnet"
)

// Control is how a service is taken away and brought back by the program that
// assembled a stack.
type Control interface {
	// Do does one of start, stop, kill, pause and resume; see Part.
	Do(ctx context.Context, verb string) error
	// Network breaks or mends the network in front of the service.
	Network(ctx context.Context, f faultnet.Fault) error
}

// Server is one service of an assembled stack.
type Server struct {
	// Addr is where it listens, ClientAddr where its clients are sent.
	Addr, ClientAddr string
	Control          Control
}

// Target is something that Prometheus scrapes: the address, and the labels it
// gets.
type Target struct {
	Addr   string
	Labels map[string]string
}

// Assembly is all the services of a stack that runs otherwise than as child
// processes.
type Assembly struct {
	Dir            string
	Shards         []Server
	Passwords      Passwords
	Redis          Server
	RedisPasswords RedisPasswords
	Kafka          Server
	// Prometheus starts the one that scrapes these targets, by job; SetTargets
	// changes those of a job later.
	Prometheus func(jobs map[string][]Target) (Server, error)
	SetTargets func(job string, targets []Target) error
	// Close ends all of them.
	Close func() error
}

// RedisPasswords are those of the accounts of Redis.
type RedisPasswords struct{ Reader, Admin string }

// assembled adapts a Control.
type assembled struct{ Control }

func (a assembled) do(ctx context.Context, verb string) error { return a.Do(ctx, verb) }
func (a assembled) network(ctx context.Context, f faultnet.Fault) error {
	return a.Network(ctx, f)
}

func (s Server) service(name string) service {
	return service{name: name, addr: s.Addr, clientAddr: s.ClientAddr, control: assembled{s.Control}}
}

// Assemble makes a living stack of services that run already, all but
// Prometheus: it seeds them and starts the payment system inside of this
// process. Options say the rest; those about how to start services are ignored.
func Assemble(ctx context.Context, o Options, a Assembly) (*Stack, error) {
	o.Parts = Living
	s := &Stack{options: o.withDefaults(), log: logger{w: o.Log}, Dir: a.Dir, assembly: &a, StandIns: true}
	for n, shard := range a.Shards {
		m := &MariaDB{Shard: n + 1, passwords: a.Passwords}
		m.service = shard.service(fmt.Sprintf("shard%d", n+1))
		s.Shards = append(s.Shards, m)
	}
	s.Redis = &Redis{service: a.Redis.service("redis"), readerPassword: a.RedisPasswords.Reader, adminPassword: a.RedisPasswords.Admin}
	s.kafka = kafkaAddrs{addr: a.Kafka.Addr, bootstrap: a.Kafka.ClientAddr, admin: a.Kafka.Addr}
	if err := s.assemble(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) assemble(ctx context.Context) error {
	if err := CreateTopics(ctx, s.kafka.admin, PaymentTopics(1)...); err != nil {
		return err
	}
	if err := s.seed(ctx); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := s.startPaysim(ctx); err != nil {
		return err
	}
	jobs := map[string][]Target{}
	for _, t := range s.targets() {
		jobs[t.Job()] = append(jobs[t.Job()], Target{t.scrapeAddr(), t.ScrapeLabels()})
	}
	server, err := s.assembly.Prometheus(jobs)
	if err != nil {
		return err
	}
	s.Prometheus = &Prometheus{service: server.service("prometheus"), set: s.assembly.SetTargets}
	s.startLoad()
	return s.serveControl()
}
