package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/scenario"
	"payops-mcp/sandbox/stack"
)

func step(format string, args ...any) { fmt.Fprintf(os.Stderr, "\n"+format+"\n", args...) }

// player asks questions and shows each with its call and its answer.
type player struct {
	out      io.Writer
	programs map[string]string
	servers  scenario.Servers
}

// start starts the servers; those that run are ended.
func (d *player) start(ctx context.Context, with map[string]string) error {
	d.close()
	for name, program := range d.programs {
		server, err := host.Start(ctx, name, program, with)
		if err != nil {
			return err
		}
		d.servers[name] = server
	}
	return nil
}

func (d *player) close() {
	for name, s := range d.servers {
		_ = s.Close() // its end changes nothing any more
		delete(d.servers, name)
	}
}

// play shows the system while it is well, lets the incident happen, and asks
// what an engineer would ask then.
func (d *player) play(ctx context.Context, s *stack.Stack, what incident.Incident, seed uint64) error {
	step("While all is well:")
	if err := s.WaitScraped(ctx); err != nil {
		return err
	}
	for _, a := range healthyAsks(s) {
		if _, err := d.ask(ctx, a); err != nil {
			return err
		}
	}
	row := what.Row()
	step("Something happens now …")
	did, err := what.Start(ctx, &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(seed, 0))})
	if err != nil {
		return err
	}
	if len(did.Settings) > 0 {
		with := incident.ServerSettings(s)
		maps.Copy(with, did.Settings)
		if err := d.start(ctx, with); err != nil {
			return err
		}
	}
	step("It has happened (%s, seed %d). Asking:", what.ID, seed)
	var said []incident.Said
	for _, a := range did.Asks {
		answer, err := d.ask(ctx, a)
		if err != nil {
			return err
		}
		one, err := answer.Said(a.Server, a.Tool)
		if err != nil {
			return err
		}
		said = append(said, one)
	}
	step("What had happened: %s: %s. What had to be named: %v", row.ID, row.Name, row.Root)
	if mistakes := what.Judge(did, said); len(mistakes) > 0 {
		return errors.New("the answers are not right:\n  " + strings.Join(mistakes, "\n  "))
	}
	step("The answers name it, and nothing else.")
	return nil
}

// healthyAsks are what anybody asks first.
func healthyAsks(s *stack.Stack) []incident.Ask {
	asks := []incident.Ask{
		{Question: "Is the circuit breaker closed?", Server: binaries.CircuitBreaker, Tool: "get_circuit_breaker_status"},
		{Question: "Which payments failed in the last hour?", Server: binaries.DBQuery, Tool: "query_payments",
			Args: map[string]any{"filter": "failed payments last hour", "limit": 5}},
		{Question: "Is merchant MERCHANT-1001 near its limit?", Server: binaries.RedisCache, Tool: "check_rate_limit",
			Args: map[string]any{"merchant_id": "MERCHANT-1001"}},
	}
	if s.Has(stack.PartKafka) {
		kafka := incident.Ask{Question: "Is Kafka all right?", Server: binaries.CircuitBreaker, Tool: "check_kafka_health"}
		asks = slices.Insert(asks, 1, kafka)
	}
	return asks
}

// ask shows a question, the call, and the answer as a model reads it.
func (d *player) ask(ctx context.Context, a incident.Ask) (host.Answer, error) {
	call, err := d.servers.Ask(ctx, a)
	if err != nil {
		return call.Answer, err
	}
	return call.Answer, call.Show(d.out)
}
