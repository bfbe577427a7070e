package tools_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// zone is not the one of the machines these tests run on.
var zone = time.FixedZone("KST", 9*3600)

func limits(set bool) map[keyspace.Action]limiter.Limit {
	all := map[keyspace.Action]limiter.Limit{}
	for a, capacity := range map[keyspace.Action]int64{keyspace.Authorize: 24000, keyspace.Capture: 24000, keyspace.Refund: 1000} {
		all[a] = limiter.Limit{Capacity: capacity, Window: time.Minute, CapacitySet: set, WindowSet: set}
	}
	return all
}

// deps asks url, with limits that are set.
func deps(t testing.TB, url string) tools.Deps {
	t.Helper()
	d := tools.Deps{Limits: limits(true), Zone: zone}
	if err := d.RateKey.UnmarshalText([]byte("rate:{action}:{merchant_id}")); err != nil {
		t.Fatal(err)
	}
	if err := d.IdemKey.UnmarshalText([]byte("idem:{action}:{merchant_id}:{idempotency_key}")); err != nil {
		t.Fatal(err)
	}
	d.IdemTTL = limiter.Lifetime{TTL: 10 * time.Minute, Set: true}
	d.Redis = opened(t, parse(t, url))
	return d
}

func parse(t testing.TB, url string) redisdb.Target {
	t.Helper()
	target, err := redisdb.Parse(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func opened(t testing.TB, target redisdb.Target) *redisdb.DB {
	t.Helper()
	db := redisdb.Open(target)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// call calls a tool as a client does and checks what is true of every answer.
func call[D any](t *testing.T, d tools.Deps, name string, args any) (tooltest.Answer[D], string) {
	t.Helper()
	r := tooltest.New(t, tools.All(d)...).Call(t, name, args)
	a := tooltest.Decode[D](t, r)
	if !strings.HasPrefix(r.Text, a.Summary+"\n") {
		t.Errorf("the text does not begin with the summary %q:\n%s", a.Summary, r.Text)
	}
	if len(r.Text) > 4500 && !strings.Contains(fmt.Sprint(args), "limit") {
		t.Errorf("%d bytes of text", len(r.Text))
	}
	if strings.Contains(r.Text+string(r.Structured), "hunter2") {
		t.Errorf("the password is in %s", r.Text)
	}
	return a, r.Text
}

// concludes checks verdict and codes, in order.
func concludes[D any](t *testing.T, a tooltest.Answer[D], verdict string, want ...string) {
	t.Helper()
	if got := a.Codes(); !slices.Equal(got, want) || a.Verdict != verdict {
		t.Errorf("found %v with verdict %s (%s), want %v with %s", got, a.Verdict, a.Because, want, verdict)
	}
}

func TestConventions(t *testing.T) {
	all := tools.All(deps(t, "redis://127.0.0.1:1"))
	c := tooltest.New(t, all...)
	tooltest.Conventions(t, c, all)
	tooltest.GoldenList(t, c)
}

// Every example of every tool is answered, by a healthy Redis and without a fault.
func TestExamples(t *testing.T) {
	s := redistest.Start(t, account)
	all := tools.All(deps(t, "redis://payro:ropass@"+s.Addr))
	c := tooltest.New(t, all...)
	for _, declared := range all {
		for _, example := range declared.Spec.Examples {
			r := c.Call(t, declared.Spec.Name, example)
			if r.IsError {
				t.Errorf("%s %s: %s", declared.Spec.Name, example, r.Text)
				continue
			}
			if a := tooltest.Decode[any](t, r); a.Verdict != "ok" {
				t.Errorf("%s %s concludes %s:\n%s", declared.Spec.Name, example, a.Verdict, r.Text)
			}
		}
	}
}
