package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"

	"payops-mcp/sandbox/embedded"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// The kinds of systems there are.
const (
	stackEmbedded = "embedded" // everything inside of this program
	stackChildren = "children" // real servers as child processes
	stackCompose  = "compose"  // what docker compose runs, or somebody else
)

// system is what the flags say of the system to start.
type system struct {
	kind     string
	parts    string
	payments int
	proxied  bool
	rate     float64
	brokers  int
}

func (s *system) flags(fs *flag.FlagSet, kind, parts string) {
	fs.StringVar(&s.kind, "stack", kind, "`KIND` of system: embedded needs nothing but Go, children are real servers started for it, compose is what the environment describes, see sandbox/compose/host.env")
	fs.StringVar(&s.parts, "parts", parts, "services to start as children: comma `LIST` of mariadb, redis, prometheus, ingest, kafka; or all; or living, with the payment system itself in place of ingest")
	fs.IntVar(&s.payments, "payments", 0, "payments to seed in each shard (default 2000, or 200 embedded)")
	fs.Float64Var(&s.rate, "rate", 0, "payments a second that merchants send to a living system (default 10, or 2 embedded)")
	fs.IntVar(&s.brokers, "brokers", max(1, s.brokers), "brokers of Kafka")
	fs.BoolVar(&s.proxied, "proxied", false, "put a breakable proxy in front of each service")
}

// suit chooses the parts for an incident, unless they were named.
func (s *system) suit(what incident.Incident) {
	s.brokers, s.proxied = max(s.brokers, what.Brokers), s.proxied || what.Proxied
	if s.parts != "" {
		return
	}
	s.parts = "living"
	if what.Parts.Has(stack.PartIngest) {
		s.parts = "all"
	}
}

func (s *system) start(ctx context.Context, log io.Writer) (*stack.Stack, error) {
	o := stack.Options{
		Log: log, Proxied: s.proxied, KafkaBrokers: s.brokers, Rate: s.rate,
		Seed: &seed.Options{Payments: s.payments}, Paysim: incident.LivingSettings(),
	}
	switch s.kind {
	case stackEmbedded:
		return embedded.Start(ctx, o)
	case stackCompose:
		if !stack.Attached(os.Getenv) {
			return nil, errors.New("no system is described in the environment; for docker compose: docker compose --profile traffic up --build --wait, and then: set -a; . sandbox/compose/host.env; set +a")
		}
		return stack.Attach(os.Getenv)
	case stackChildren:
	default:
		return nil, fmt.Errorf("unknown kind of system %q: want %s, %s or %s", s.kind, stackEmbedded, stackChildren, stackCompose)
	}
	var err error
	if o.Parts, err = stack.ParseParts(s.parts); err != nil {
		return nil, err
	}
	if s.payments == 0 {
		o.Seed.Payments = 2000
	}
	return stack.Start(ctx, o)
}

// environment is all that another process needs of a system: the settings of
// the servers, and what injectors need on top.
func environment(s *stack.Stack) map[string]string {
	all := incident.ServerSettings(s)
	maps.Copy(all, s.AdminEnv())
	return all
}
