package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

func demo(ctx context.Context, args []string) error {
	var sys system
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	sys.flags(fs, "mariadb,redis,prometheus,ingest")
	once := fs.Bool("once", false, "end after the investigation instead of staying up")
	id := fs.String("incident", "HT-03", "the incident that happens; `ID` as sandbox incident list shows it")
	seed := fs.Uint64("seed", uint64(time.Now().UnixNano()), "`N` from which names and numbers are drawn")
	if err := fs.Parse(args); err != nil {
		return err
	}
	what, err := incident.Get(*id)
	if err != nil {
		return err
	}
	step("Building the three servers (the first time this takes a minute or two) …")
	begin := time.Now()
	programs, err := install(ctx)
	if err != nil {
		return err
	}
	step("Built in %.1f s. Starting a payment system on this machine …", time.Since(begin).Seconds())
	s, err := sys.start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // the end of the program says the rest
	if err := remember(running{Environment: environment(s)}); err != nil {
		return err
	}
	defer func() { _ = forget() }()

	d := player{out: os.Stdout, servers: map[string]*host.Server{}}
	defer d.close()
	for name, program := range programs {
		if d.servers[name], err = host.Start(ctx, name, program, settings(s)); err != nil {
			return err
		}
	}
	if err := d.play(ctx, s, what, *seed); err != nil {
		return err
	}
	step("Claude Desktop configuration for this system (claude_desktop_config.json):")
	if err := printConfig(os.Stdout, programs, settings(s)); err != nil {
		return err
	}
	if *once {
		return nil
	}
	step("The system stays up, with the incident, until Ctrl-C. In another terminal: go run ./sandbox/cmd/sandbox incident list")
	<-ctx.Done()
	return nil
}

func step(format string, args ...any) { fmt.Fprintf(os.Stderr, "\n"+format+"\n", args...) }

// player asks questions and shows each with its call and its answer.
type player struct {
	out     io.Writer
	servers map[string]*host.Server
}

func (d *player) close() {
	for _, s := range d.servers {
		_ = s.Close() // its end changes nothing any more
	}
}

// play shows the system while it is well, lets the incident happen, and asks
// what an engineer would ask then.
func (d *player) play(ctx context.Context, s *stack.Stack, what incident.Incident, seed uint64) error {
	step("While all is well:")
	if err := s.Prometheus.WaitScraped(ctx, s.Ingest...); err != nil {
		return err
	}
	for _, a := range healthyAsks() {
		if _, err := d.ask(ctx, a); err != nil {
			return err
		}
	}
	row := what.Row()
	did, err := what.Start(ctx, &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(seed, 0))})
	if err != nil {
		return err
	}
	step("Something happens now (%s, seed %d). Asking:", what.ID, seed)
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
	step("What had happened: %s: %s (%s). What had to be named: %v", row.ID, row.Name, row.What, row.Root)
	if mistakes := row.Judge(said, did.Quotes); len(mistakes) > 0 {
		return errors.New("the answers are not right:\n  " + strings.Join(mistakes, "\n  "))
	}
	step("The answers name it, and nothing else.")
	return nil
}

func healthyAsks() []incident.Ask {
	return []incident.Ask{
		{Question: "Is the circuit breaker closed?", Server: binaries.CircuitBreaker, Tool: "get_circuit_breaker_status"},
		{Question: "Which payments failed in the last hour?", Server: binaries.DBQuery, Tool: "query_payments",
			Args: map[string]any{"filter": "failed payments last hour", "limit": 5}},
		{Question: "Is merchant MERCHANT_X near its limit?", Server: binaries.RedisCache, Tool: "check_rate_limit",
			Args: map[string]any{"merchant_id": "MERCHANT_X"}},
	}
}

// ask shows a question, the call, and the answer as a model reads it.
func (d *player) ask(ctx context.Context, a incident.Ask) (host.Answer, error) {
	args, err := json.Marshal(a.Args)
	if err != nil {
		return host.Answer{}, err
	}
	if a.Args == nil {
		args = []byte("{}")
	}
	begin := time.Now()
	answer, err := d.servers[a.Server].Call(ctx, a.Tool, a.Args)
	if err != nil {
		return answer, err
	}
	fmt.Fprintf(d.out, "\n? %s\n> %s %s %s\n", a.Question, a.Server, a.Tool, args)
	for line := range strings.Lines(answer.Text) {
		fmt.Fprintf(d.out, "  | %s", line)
	}
	fmt.Fprintf(d.out, "  (%d ms, about %d tokens)\n", time.Since(begin).Milliseconds(), len(answer.Text)/4)
	return answer, nil
}
