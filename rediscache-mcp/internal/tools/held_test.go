package tools_test

import (
	"slices"
	"testing"

	"payops-mcp/rediscache-mcp/internal/redistest"
)

// While writes are paused Redis answers us at once, and holds back each request of ingest.
func TestPausedWritesAreNotFine(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("CLIENT", "PAUSE", "60000", "WRITE")
	answered := make(chan string)
	go func() { answered <- s.Do("INCR", "rate:authorize:M") }()
	s.Await("a client to be held back", func() bool { return s.Number("blocked_clients") == 1 })
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "unknown", "REDIS_SLOW")
	says(t, text, "holds 1 client back though none of them can wait for data", "blocked_clients:1 of connected_clients:")
	for _, code := range []string{"REDIS_SLOW", "RATE_LIMITER_FAIL_OPEN"} {
		if slices.Contains(a.RuledOut, code) {
			t.Errorf("%s is ruled out\n%s", code, text)
		}
	}
	r, text := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "unknown", "REDIS_SLOW")
	says(t, text, "CLIENT UNPAUSE")
	h, _ := call[hittingData](t, d, find, `{}`)
	concludes(t, h, "unknown", "REDIS_SLOW")

	s.Must("CLIENT", "UNPAUSE")
	if said := <-answered; said != "1" {
		t.Errorf("INCR answered %q", said)
	}
	r, _ = ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "attention", "RATE_KEY_NO_TTL_LATENT")
}

// Who waits for data, as workers of a queue in the same Redis do, is held back by nobody.
func TestClientsThatWaitForDataAreFine(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	answered := make(chan string)
	go func() { answered <- s.Do("BLPOP", "queue", "0") }()
	s.Await("a client to wait", func() bool { return s.Number("blocked_clients") == 1 })
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	r, said := ask(t, d, `{"merchant_id":"M"}`)
	found(t, r, "ok")
	for _, ruled := range [][]string{a.RuledOut, r.RuledOut} {
		if !slices.Contains(ruled, "RATE_LIMITER_FAIL_OPEN") {
			t.Errorf("not ruled out\n%s\n%s", text, said)
		}
	}
	s.Must("RPUSH", "queue", "1")
	<-answered
}
