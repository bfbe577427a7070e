package watch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/sandbox/binaries"
	"payops-mcp/sandbox/host"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
	"payops-mcp/sandbox/testseed"
	"payops-mcp/sandbox/watch"
	"payops-mcp/shared/catalog"
)

func TestMain(m *testing.M) {
	os.Exit(binaries.Main(m))
}

// For a minute every tool is asked every few seconds about a living system that is
// well, and finds nothing above info. When something breaks the same questions tell.
// PAYOPS_WATCH=1h makes it an hour.
func TestALivingMinute(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{
		Parts: stack.Living, KafkaBrokers: 3, Rate: 10, Seed: &seed.Options{Payments: 2000}, Paysim: incident.LivingSettings(), Log: t.Output(),
	})
	settings := incident.ServerSettings(s)
	programs, err := binaries.Paths()
	if err != nil {
		t.Fatal(err)
	}
	servers, err := watch.Start(t.Context(), programs, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Close)

	var lines bytes.Buffer
	o := watch.Options{Stack: s, Servers: servers, For: lasts(t), Every: 5 * time.Second, Seed: testseed.Of(t), Lines: &lines, Log: t.Output()}
	sum, err := watch.Healthy(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := sum.Print(t.Output()); err != nil {
		t.Error(err)
	}
	if sum.Wrong() > 0 {
		t.Errorf("a healthy system is not called healthy:\n%s", &lines)
	}
	// Each twice a minute, of the twelve times that a machine with nothing else to do manages.
	if least := int(2 * o.For.Minutes() * float64(sum.Tools())); sum.Tools() < 27 || sum.Calls() < least {
		t.Errorf("%d calls of %d tools are too few, want %d", sum.Calls(), sum.Tools(), least)
	}

	oom, err := incident.Get("RD-05")
	if err != nil {
		t.Fatal(err)
	}
	w := &incident.World{Stack: s, Rand: rand.New(rand.NewPCG(o.Seed, 0))}
	did, err := oom.Start(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o.For = 0
	_, err = o.Poll(ctx, func(seen watch.Seen) []string {
		wrong := seen.WrongWhenHealthy()
		if slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, "REDIS_WRITES_REJECTED_OOM") }) {
			cancel()
		}
		return wrong
	})
	if err = errors.Join(err, oom.Undo(t.Context(), w, did)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lines.String(), "REDIS_WRITES_REJECTED_OOM") {
		t.Errorf("Redis refused writes, and nobody told:\n%s", &lines)
	}
	for line := range strings.Lines(lines.String()) {
		var l struct {
			Tool, Text string
			Wrong      []string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Tool == "" || l.Text == "" || len(l.Wrong) == 0 {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// lasts is how long the living minute is.
func lasts(t *testing.T) time.Duration {
	text := os.Getenv("PAYOPS_WATCH")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWrongWhenHealthy(t *testing.T) {
	said := func(v catalog.Verdict, findings ...incident.Finding) watch.Seen {
		return watch.Seen{Tool: "ask", Said: incident.Said{Verdict: v, Findings: findings}}
	}
	long := said(catalog.OK)
	long.Answer = host.Answer{Text: strings.Repeat("x", incident.MaxText+1), Structured: make([]byte, 70_000)}
	for name, x := range map[string]struct {
		seen watch.Seen
		want []string
	}{
		"well":         {said(catalog.OK, incident.Finding{Code: catalog.OutboxPendingFresh, Severity: catalog.Info}), nil},
		"a finding":    {said(catalog.Attention, incident.Finding{Code: catalog.CBFalseTrip, Severity: catalog.Medium, Kind: catalog.Cause}), []string{"concludes attention", "CB_FALSE_TRIP (medium cause)"}},
		"not known":    {said(catalog.Unknown), []string{"concludes unknown"}},
		"refused":      {watch.Seen{Tool: "ask", Said: incident.Said{IsError: true}}, []string{"ask failed"}},
		"no answer":    {watch.Seen{Tool: "ask", Err: errors.New("gone")}, []string{"gone"}},
		"far too long": {long, []string{"more than 3600 bytes of text", "more than 60000 bytes of structure"}},
	} {
		got := x.seen.WrongWhenHealthy()
		if len(got) != len(x.want) {
			t.Errorf("%s: %q, want %q", name, got, x.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], x.want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], x.want[i])
			}
		}
	}
}

// A tool that nobody has a question for must not go unasked.
func TestAToolWithoutAQuestion(t *testing.T) {
	q := watch.NewQuestions(&stack.Stack{}, rand.New(rand.NewPCG(1, 1)))
	if _, err := q.Args(t.Context(), binaries.CircuitBreaker, "newest_tool"); err == nil || !strings.Contains(err.Error(), "no question") {
		t.Errorf("it is passed over: %v", err)
	}
	if args, err := q.Args(t.Context(), binaries.RedisCache, "cache_stats"); err != nil || len(args) > 0 {
		t.Errorf("%v %v", args, err)
	}
}

func TestSummary(t *testing.T) {
	sum := watch.NewSummary()
	for i := range 100 {
		sum.Add(watch.Seen{Server: binaries.DBQuery, Tool: "query_payments", Took: time.Duration(i+1) * time.Millisecond,
			Said: incident.Said{Verdict: catalog.OK, Findings: []incident.Finding{{Code: catalog.OutboxPendingFresh}}}}, nil)
	}
	sum.Add(watch.Seen{Server: binaries.DBQuery, Tool: "trace_payment", Took: time.Second, Err: errors.New("gone")}, []string{"gone"})
	var text strings.Builder
	if err := sum.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"101 of 2 tools", "p50 51ms", "p95 96ms", "OUTBOX_PENDING_FRESH", "verdict ok", "gone"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not tell %q:\n%s", want, &text)
		}
	}
	if sum.Calls() != 101 || sum.Wrong() != 1 {
		t.Errorf("%d calls, %d wrong", sum.Calls(), sum.Wrong())
	}
}
