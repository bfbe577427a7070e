package main

import (
	"context"
	"flag"
	"io"
	"maps"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

// system is what the flags say of the system to start.
type system struct {
	parts    string
	payments int
	proxied  bool
}

func (s *system) flags(fs *flag.FlagSet, parts string) {
	fs.StringVar(&s.parts, "parts", parts, "services to start: comma `LIST` of mariadb, redis, prometheus, ingest, kafka, or all")
	fs.IntVar(&s.payments, "payments", 2000, "payments to seed in each shard")
	fs.BoolVar(&s.proxied, "proxied", false, "put a breakable proxy in front of each service")
}

func (s *system) start(ctx context.Context, log io.Writer) (*stack.Stack, error) {
	parts, err := stack.ParseParts(s.parts)
	if err != nil {
		return nil, err
	}
	return stack.Start(ctx, stack.Options{Parts: parts, Log: log, Proxied: s.proxied, Seed: &seed.Options{Payments: s.payments}})
}

// settings are what the servers under test are configured with.
func settings(s *stack.Stack) map[string]string {
	all := s.Env()
	maps.Copy(all, incident.Settings())
	return all
}

// environment is all that another process needs of a system: the settings of
// the servers, and what injectors need on top.
func environment(s *stack.Stack) map[string]string {
	all := settings(s)
	maps.Copy(all, s.AdminEnv())
	return all
}
