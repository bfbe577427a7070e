package stack_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"payops-mcp/sandbox/faultnet"
	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// probe asks a part something that only a working one answers, in limited time.
func probe(t *testing.T, s *stack.Stack, p stack.Part) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	switch p := p.(type) {
	case *stack.MariaDB:
		var n int
		return p.Admin().QueryRowContext(ctx, "SELECT COUNT(*) FROM shedlock").Scan(&n)
	case *stack.Redis:
		return p.Admin().Ping(ctx).Err()
	case *stack.Prometheus:
		_, err := p.API().Buildinfo(ctx)
		return err
	case *stack.Ingest:
		return get(ctx, p.URL()+"/actuator/health")
	default:
		t.Fatalf("no probe for %s", p.Name())
		return nil
	}
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// No connection from before, which a closed port does not disturb.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// checkLifecycle takes every part away in every way and brings it back.
func checkLifecycle(t *testing.T, s *stack.Stack) {
	ctx := t.Context()
	write(t, s)
	for _, p := range s.Parts() {
		t.Run(p.Name(), func(t *testing.T) {
			steps := []struct {
				name       string
				down, back func(context.Context) error
			}{
				{"stop", p.Stop, p.Start},
				{"kill", p.Kill, p.Start},
				{"pause", p.Pause, p.Resume},
				{"stop paused", func(ctx context.Context) error { return errors.Join(p.Pause(ctx), p.Stop(ctx)) }, p.Start},
				{"kill paused", func(ctx context.Context) error { return errors.Join(p.Pause(ctx), p.Kill(ctx)) }, p.Start},
			}
			for _, step := range steps {
				if err := step.down(ctx); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				if err := probe(t, s, p); err == nil {
					t.Errorf("%s: it still answers", step.name)
				}
				if err := step.back(ctx); err != nil {
					t.Fatalf("back after %s: %v", step.name, err)
				}
				stacktest.Eventually(t, "answer after "+step.name, func() bool { return probe(t, s, p) == nil })
			}
			if err := errors.Join(p.Start(ctx), p.Stop(ctx), p.Stop(ctx), p.Start(ctx)); err != nil {
				t.Errorf("stopping twice, starting twice: %v", err)
			}
		})
	}
	survived(t, s)
}

// write leaves something in each store; survived looks for it.
func write(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, m := range s.Shards {
		if _, err := m.App().ExecContext(t.Context(), "REPLACE INTO shedlock (name, locked_by) VALUES ('survivor', 'test')"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Redis.Admin().Set(t.Context(), "survivor", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func survived(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, m := range s.Shards {
		var by string
		if err := m.App().QueryRowContext(t.Context(), "SELECT locked_by FROM shedlock WHERE name='survivor'").Scan(&by); err != nil || by != "test" {
			t.Errorf("%s lost its row: %q, %v", m.Name(), by, err)
		}
	}
	if v, err := s.Redis.Admin().Get(t.Context(), "survivor").Result(); err != nil || v != "yes" {
		t.Errorf("redis lost its key: %q, %v", v, err)
	}
}

// checkNetwork breaks the way to every part that Env names.
func checkNetwork(t *testing.T, s *stack.Stack) {
	for _, p := range s.Parts() {
		t.Run(p.Name()+" network", func(t *testing.T) {
			check := func(f faultnet.Fault, ok func(error) bool, want string) {
				t.Helper()
				if err := p.SetNetwork(t.Context(), f); err != nil {
					t.Fatal(err)
				}
				if err := reach(p, patience(f)); !ok(err) {
					t.Errorf("%+v: %v, want %s", f, err, want)
				}
			}
			check(faultnet.Fault{Mode: faultnet.Refuse}, func(err error) bool { return err != nil && !isTimeout(err) }, "refused")
			check(faultnet.Fault{Mode: faultnet.BlackHole}, isTimeout, "silence")
			check(faultnet.Fault{Mode: faultnet.Reset}, func(err error) bool { return err != nil && !isTimeout(err) }, "reset")
			check(faultnet.Fault{}, func(err error) bool { return err == nil }, "an answer")
			if err := p.SetNetwork(t.Context(), faultnet.Fault{Mode: "odd"}); err == nil {
				t.Error("an unknown fault was accepted")
			}
		})
	}
}

// patience is short where silence is expected: a machine under load may be slow
// to answer, never to be silent.
func patience(f faultnet.Fault) time.Duration {
	if f.Mode == faultnet.BlackHole {
		return 300 * time.Millisecond
	}
	return 10 * time.Second
}

// reach makes a server say a byte to whoever is at the door.
func reach(p stack.Part, within time.Duration) error {
	c, err := net.Dial("tcp", p.ClientAddr())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	switch p.(type) {
	case *stack.MariaDB: // speaks first
	case *stack.Redis:
		_, err = c.Write([]byte("PING\r\n"))
	default:
		_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	if err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	s := stacktest.Fresh(t, stack.Options{Parts: stack.All &^ stack.PartKafka, Proxied: true})
	checkLifecycle(t, s)
	checkNetwork(t, s)

	// A client on the way through the proxy sees a stopped server refuse.
	if err := s.Redis.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reach(s.Redis, 10*time.Second); err == nil || isTimeout(err) {
		t.Errorf("through the proxy a stopped server gives %v, want refused", err)
	}
	if err := s.Redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reach(s.Redis, 10*time.Second); err != nil {
		t.Errorf("through the proxy a started server gives %v", err)
	}
}

func TestWithoutProxies(t *testing.T) {
	s := stacktest.Start(t, stack.PartRedis)
	if s.Redis.Addr() != s.Redis.ClientAddr() {
		t.Errorf("clients go to %s, the server is on %s", s.Redis.ClientAddr(), s.Redis.Addr())
	}
	if err := s.Redis.SetNetwork(t.Context(), faultnet.Fault{}); !errors.Is(err, stack.ErrNotProxied) {
		t.Errorf("got %v, want ErrNotProxied", err)
	}
	if _, err := s.Part("shard1"); err == nil {
		t.Error("a part that was not started was found")
	}
	if p, err := s.Part("redis"); err != nil || p != stack.Part(s.Redis) {
		t.Errorf("got %v, %v", p, err)
	}
}

// One instance can be broken without the other, and Prometheus need not see it.
func TestIngestInstances(t *testing.T) {
	s := stacktest.Start(t, stack.PartIngest)
	ctx := t.Context()
	one, two := s.Ingest[0], s.Ingest[1]
	t.Cleanup(func() { _ = one.SetFault(context.Background(), ingest.Fault{}) })
	if err := one.SetFault(ctx, ingest.BadGateway()); err != nil {
		t.Fatal(err)
	}
	if err := get(ctx, one.URL()+"/circuit-breaker/status"); err == nil {
		t.Error("instance 1 answers in spite of its fault")
	}
	if err := get(ctx, two.URL()+"/circuit-breaker/status"); err != nil {
		t.Errorf("instance 2: %v", err)
	}
	if err := get(ctx, one.AdminURL()+"/actuator/prometheus"); err != nil {
		t.Errorf("the scrape of instance 1: %v", err)
	}
}
