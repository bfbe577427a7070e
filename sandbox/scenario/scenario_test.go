package scenario_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/scenario"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/testseed"
	"payops-mcp/shared/catalog"
)

// scene is something that happens to the payment system and what somebody who
// knows nothing of it notices.
type scene struct {
	title  string
	prompt string
	shown  string         // the section of the documents that shows it, if one does
	row    string         // the incident whose row says what must be named
	with   []catalog.Code // what comes of it here, and must be told too
	happen func(t *testing.T, w *incident.World) noticed
}

// noticed is what somebody who knows nothing of the cause can say.
type noticed struct {
	words  string            // what was seen
	args   map[string]string // what the prompt is given
	quotes []string          // names that the answers must quote
}

var scenes = []scene{
	{title: "a worker is down", prompt: "payment_stuck", shown: "a payment is not captured", row: "KF-04", happen: stuckWhile("KF-04")},
	{title: "a lock is stuck", prompt: "payment_stuck", row: "OB-02", happen: stuckWhile("OB-02")},
	{title: "a counter has no end", prompt: "merchant_429", shown: "a merchant gets 429", row: "RD-01", happen: refusedWhile("RD-01")},
	{title: "a limit is reached", prompt: "merchant_429", row: "RD-03", happen: refusedWhile("RD-03")},
	{title: "the payment gateway is slow", prompt: "api_slow", shown: "the API is slow", row: "CB-06", with: []catalog.Code{catalog.PGAuthBreakerOpen}, happen: slowGateway},
}

// TestScenarios lets each thing happen to a living payment system, has it
// investigated from nothing but what was noticed, and compares what the
// investigation concludes with what had happened.
func TestScenarios(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.prompt+"/"+s.title, func(t *testing.T) {
			up := system(t)
			if err := incident.Calm(t.Context(), up); err != nil {
				t.Fatal(err)
			}
			what := s.happen(t, &incident.World{Stack: up, Rand: rand.New(rand.NewPCG(testseed.Of(t), 0))})
			found, err := servers(t, up).Investigate(t.Context(), s.prompt, what.args)
			if err != nil {
				t.Fatal(err)
			}
			transcript := found.Transcript(what.words)
			judge(t, s, what, found)
			if s.shown != "" && !t.Failed() {
				compare(t, s.shown, transcript)
			}
			if t.Failed() || testing.Verbose() {
				t.Log(transcript)
			}
		})
	}
}

// judge compares an investigation with the row of what had happened.
func judge(t *testing.T, s scene, what noticed, found *scenario.Investigation) {
	t.Helper()
	row, ok := incident.Find(s.row)
	if !ok {
		t.Fatalf("no incident %s", s.row)
	}
	var named []catalog.Code
	for _, f := range found.Roots {
		named = append(named, f.Code)
	}
	if !slices.Equal(named, row.Root) {
		t.Errorf("the investigation concludes %v, and %v has happened", named, row.Root)
	}
	row.Root = append(slices.Clone(row.Root), s.with...)
	did := incident.Injected{Quotes: what.quotes}
	var said []incident.Said
	for _, c := range found.Calls {
		one, err := c.Said()
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, one)
		if !slices.ContainsFunc(one.Findings, func(f incident.Finding) bool { return slices.Contains(row.Root, f.Code) }) {
			did.Aside = append(did.Aside, c.Tool) // on the way, it need not look where the cause is
		}
	}
	for _, mistake := range incident.Assess([]incident.Happening{{Row: row, Did: did}}, said) {
		if mistake.Fault == incident.TooLong {
			continue // is judged where the incident by itself is
		}
		t.Error(mistake)
	}
}

// happens injects an incident that ends with the test.
func happens(t *testing.T, w *incident.World, id string) incident.Injected {
	t.Helper()
	i, err := incident.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	did, err := i.Start(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Undo(context.WithoutCancel(t.Context()), w, did); err != nil {
			t.Errorf("undo %s: %v", id, err)
		}
	})
	return did
}

// stuckWhile lets an incident happen, and then a merchant pays. Ten minutes and more
// later the payment is not captured.
func stuckWhile(id string) func(*testing.T, *incident.World) noticed {
	return func(t *testing.T, w *incident.World) noticed {
		happens(t, w, id)
		merchant := fmt.Sprintf("M-%06d", w.Rand.IntN(1_000_000))
		asked := request(t, w, "/payments/authorize", merchant)
		payment := asked.payment(t)
		if id != "OB-02" { // where events leave the outbox, this one does too
			published(t, w.Stack, payment)
		}
		minutes := 10 + w.Rand.IntN(10)
		if err := incident.LetPass(t.Context(), w.Stack, time.Duration(minutes)*time.Minute); err != nil {
			t.Fatal(err)
		}
		n := strconv.FormatInt(payment, 10)
		return noticed{
			words:  fmt.Sprintf("%s\n%d minutes later payment %s is not captured", asked, minutes, n),
			args:   map[string]string{"payment_id": n},
			quotes: []string{n, merchant},
		}
	}
}

// published waits until the events of a payment have left the outbox.
func published(t *testing.T, s *stack.Stack, payment int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		n := 0
		for _, shard := range s.Shards {
			var some int
			err := shard.Admin().QueryRowContext(ctx, "SELECT COUNT(*) FROM outbox_event WHERE aggregate_id=? AND published=0", payment).Scan(&some)
			if err != nil {
				t.Fatalf("wait for the events of payment %d to be published: %v", payment, err)
			}
			n += some
		}
		if n == 0 {
			return
		}
		<-tick.C
	}
}

// refusedWhile lets an incident of the rate limiter happen: a merchant is answered
// 429.
func refusedWhile(id string) func(*testing.T, *incident.World) noticed {
	return func(t *testing.T, w *incident.World) noticed {
		// The healthy limiter would mend a counter without an end.
		switchOn(t, w, defect.RateNotAtomic)
		key := strings.Split(happens(t, w, id).Kept["key"], ":")
		action, merchant := key[1], key[2]
		path := "/payments/" + action
		if action != "authorize" {
			path += fmt.Sprintf("/%d", 1+w.Rand.IntN(1000))
		}
		asked := request(t, w, path, merchant)
		if asked.status != http.StatusTooManyRequests {
			t.Fatal(asked)
		}
		return noticed{asked.String(), map[string]string{"merchant_id": merchant, "action": action}, []string{merchant}}
	}
}

// slowGateway makes the payment gateway slow: authorize takes seconds, until the
// breaker around the gateway opens.
func slowGateway(t *testing.T, w *incident.World) noticed {
	switchOn(t, w, defect.FailuresAs409)
	slow := time.Duration(2300+w.Rand.IntN(600)) * time.Millisecond
	for _, p := range w.Stack.PaysimOf(paysim.RoleGateway) {
		before, err := p.Behaviour(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.SetBehaviour(context.WithoutCancel(t.Context()), before); err != nil {
				t.Error(err)
			}
		})
		if err := p.SetBehaviour(t.Context(), gateway.Behaviour{Latency: slow, Only: gateway.Authorize}); err != nil {
			t.Fatal(err)
		}
	}
	asked := request(t, w, "/payments/authorize", fmt.Sprintf("M-%06d", w.Rand.IntN(1_000_000)))
	if asked.took < slow {
		t.Errorf("a gateway that takes %s makes nothing slow: %s", slow, asked)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	const open = `min(resilience4j_circuitbreaker_state{name="pg-auth-api",state="open"}) == 1`
	if _, err := w.Stack.Prometheus.WaitFor(ctx, open); err != nil {
		t.Fatal(err)
	}
	return noticed{fmt.Sprintf("%s\nit took %.1f s", asked, asked.took.Seconds()), map[string]string{"time_range": "15m"}, nil}
}

// switchOn switches defects of the real service on, until the test has ended.
func switchOn(t *testing.T, w *incident.World, names ...defect.Name) {
	t.Helper()
	for _, p := range w.Stack.PaysimOf(paysim.RoleIngest) {
		t.Cleanup(func() {
			if err := p.SetDefects(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
		if err := p.SetDefects(t.Context(), names...); err != nil {
			t.Fatal(err)
		}
	}
}
