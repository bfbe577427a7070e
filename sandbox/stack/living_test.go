package stack_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// soon bounds what takes a second where nobody is in the way.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// In a living stack payments are made and settled, Prometheus sees every
// process, and another process that attaches can do all that its owner can.
func TestLiving(t *testing.T) {
	own := stacktest.Fresh(t, stack.Options{Parts: stack.Living, Rate: 20, Seed: &seed.Options{Payments: 50}})
	if own.Has(stack.PartIngest) || !own.Has(stack.Living) || len(own.Ingest) > 0 {
		t.Errorf("it has the parts of another kind of stack: %v", own.Parts())
	}
	ctx := soon(t)
	if err := own.WaitPaid(ctx, 20); err != nil {
		t.Fatal(err)
	}
	if err := own.WaitScraped(ctx); err != nil {
		t.Fatal(err)
	}
	up, err := own.Prometheus.WaitFor(ctx, "count by (job) (up == 1)")
	if err != nil {
		t.Fatal(err)
	}
	jobs := map[string]model.SampleValue{}
	for _, sample := range up {
		jobs[string(sample.Metric["job"])] = sample.Value
	}
	if jobs[stack.IngestJob] != 2 || jobs["consumer-worker"] != 1 || jobs["settlement-worker"] != 1 || jobs["refund-worker"] != 1 || len(jobs) != 4 {
		t.Errorf("prometheus scrapes %v", jobs)
	}
	for _, shard := range own.Shards {
		var captured int
		for captured == 0 {
			const young = "SELECT COUNT(*) FROM payment WHERE status='CAPTURED' AND requested_at > UTC_TIMESTAMP() - INTERVAL 4 MINUTE"
			if err := shard.Admin().QueryRowContext(ctx, young).Scan(&captured); err != nil {
				t.Fatalf("%s: no payment gets captured: %v", shard.Name(), err)
			}
		}
	}

	env := own.AdminEnv()
	maps.Copy(env, own.Env())
	s, err := stack.Attach(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if !s.Has(stack.Living) || len(s.Paysim) != len(own.Paysim) {
		t.Fatalf("attached there are %v, want %v", s.Parts(), own.Parts())
	}
	for i, p := range s.Paysim {
		o := own.Paysim[i]
		if p.Name() != o.Name() || p.Role() != o.Role() || p.Addr() != o.Addr() || p.ControlAddr() != o.ControlAddr() || p.Job() != o.Job() || p.Instance() != o.Instance() {
			t.Errorf("%s is attached as %s %s on %s", o.Name(), p.Name(), p.Role(), p.Addr())
		}
	}
	controlled(t, s)
}

// controlled does to a stack what incidents do.
func controlled(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx := soon(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first := s.PaysimOf(paysim.RoleIngest)[0]
	must(first.PauseLoop(ctx, stack.LoopPoller))
	must(first.SetDefects(ctx, defect.FailuresAs409))
	must(first.SetBreaker(ctx, wire.PGAuthAPI, wire.ForcedOpen))
	status, err := first.Status(ctx)
	must(err)
	if !status.Paused[stack.LoopPoller] || len(status.Defects) != 1 || status.Breakers[wire.PGAuthAPI] != wire.ForcedOpen {
		t.Errorf("the process says %+v", status)
	}
	must(first.ResumeLoop(ctx, stack.LoopPoller))
	must(first.SetDefects(ctx))
	must(first.SetBreaker(ctx, wire.PGAuthAPI, wire.Closed))
	if err := first.PauseLoop(ctx, "no-such-loop"); err == nil {
		t.Error("a loop that is not there is paused")
	}

	pg := s.PaysimOf(paysim.RoleGateway)[0]
	before, err := pg.Behaviour(ctx)
	must(err)
	must(pg.SetBehaviour(ctx, gateway.Behaviour{FailureRate: 0.5}))
	if b, err := pg.Behaviour(ctx); err != nil || b.FailureRate != 0.5 {
		t.Errorf("the gateway works as %+v: %v", b, err)
	}
	must(pg.SetBehaviour(ctx, before))

	must(s.SetLoad(ctx, 0))
	if now, err := s.Load(ctx); err != nil || now.Rate != 0 {
		t.Errorf("the load is %+v: %v", now, err)
	}
	must(s.SetLoad(ctx, 30))
	must(s.WaitPaid(ctx, 5))

	worker, err := s.Part("settlement")
	must(err)
	must(worker.Kill(ctx))
	if _, err := s.Prometheus.WaitFor(ctx, `up{job="settlement-worker"} == 0`); err != nil {
		t.Error(err)
	}
	must(worker.Start(ctx))
	must(worker.Pause(ctx))
	must(worker.Resume(ctx))
	must(s.WaitScraped(ctx))
}

func TestPartsThatDoNotFit(t *testing.T) {
	for name, parts := range map[string]stack.Parts{
		"the stand-in beside what it stands for": stack.All | stack.PartPaysim,
		"without Kafka":                          stack.Living &^ stack.PartKafka,
	} {
		if s, err := stack.Start(t.Context(), stack.Options{Parts: parts}); err == nil {
			_ = s.Close()
			t.Errorf("%s: it starts", name)
		}
	}
	if p, err := stack.ParseParts("living"); err != nil || p != stack.Living {
		t.Errorf("living is %v: %v", p, err)
	}
	if _, err := stack.ParseParts("paysim"); err == nil {
		t.Error("paysim alone is understood")
	}
}
