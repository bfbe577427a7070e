package tools_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/rediscache-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

type ttlData struct {
	Keys     int64
	Families []struct {
		Family     string
		Keys       int64
		NoTTL      int64  `json:"no_ttl"`
		Under10S   int64  `json:"under_10s"`
		Under1Min  int64  `json:"under_1min"`
		Under10Min int64  `json:"under_10min"`
		Under1H    int64  `json:"under_1h"`
		Over1H     int64  `json:"over_1h"`
		TooLong    *int64 `json:"over_configured"`
	}
	Notes []string
}

func TestTTLAnalysis(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, text := call[ttlData](t, d, "ttl_analysis", `{}`)
	concludes(t, a, "ok")
	says(t, text, "0 keys looked at\n", "families: none", "100% of 0 keys")

	plant(t, s, 1000)
	for i := range 300 {
		s.Must("SET", fmt.Sprintf("payment:%d", i), "x")
	}
	s.Must("SET", "rate:authorize:SOON", "5", "PX", "9000")
	s.Must("SET", "nofamily", "x", "EX", "7200")
	a, text = call[ttlData](t, d, "ttl_analysis", `{}`)
	concludes(t, a, "ok") // keys of others may stay
	says(t, text, "2302 keys looked at; rate limit counters: 1001, 0 without TTL; cached answers: 1000, 0 without TTL\n",
		`"rate limit counters" | 1001 | 0 | 1 | 1000 | 0 | 0 | 0 | 0`, `"cached answers" | 1000 | 0 | 0 | 0 | 1000 | 0 | 0 | 0`, `"payment:" | 300 | 300`, `"(others)" | 1 | 0 | 0 | 0 | 0 | 0 | 1`)
	if !strings.Contains(text, "RATE_KEY_NO_TTL_LATENT, RATE_WINDOW_MISMATCH") || !strings.Contains(text, "IDEM_KEY_NO_TTL") || strings.Contains(text, "RATE_KEY_CORRUPT") {
		t.Errorf("ruled out %v", a.RuledOut)
	}

	s.Must("SET", "rate:authorize:EVER", "24731")
	s.Must("SET", "rate:capture:LATENT", "310")
	s.Must("SET", "rate:capture:LONG", "5", "EX", "3544")
	s.Must("SET", "idem:authorize:M:k", body)
	s.Must("SET", "idem:authorize:M:long", body, "EX", "4000")
	a, text = call[ttlData](t, d, "ttl_analysis", `{"pattern":"*"}`)
	t.Log(text)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING", "IDEM_KEY_NO_TTL", "RATE_KEY_NO_TTL_LATENT", "RATE_WINDOW_MISMATCH")
	says(t, text, `merchant "EVER", authorize: 24731 of 24000`, `1 cached answers have no TTL`, `"idem:authorize:M:k"`, "TTL 3544 s")
	if f := a.Data.Families; *f[0].TooLong != 1 || *f[1].TooLong != 1 || f[0].NoTTL != 2 || f[1].NoTTL != 1 {
		t.Errorf("%+v", f)
	}
	a, _ = call[ttlData](t, d, "ttl_analysis", `{"pattern":"idem:*"}`)
	concludes(t, a, "attention", "IDEM_KEY_NO_TTL")
}

// NM-26: ingest sets the TTL in a step of its own, and keys end while they are
// looked at. None of this is an anomaly.
func TestTTLAnalysisAmidTraffic(t *testing.T) {
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			key := fmt.Sprint("rate:authorize:", i%500)
			s.Admin.Del(t.Context(), key)
			s.Admin.Incr(t.Context(), key)
			s.Admin.PExpire(t.Context(), key, 20*time.Millisecond)
		}
	}()
	for range 10 {
		a, text := call[ttlData](t, d, "ttl_analysis", `{}`)
		if a.Verdict != "ok" {
			t.Error(text)
		}
		if b, text := call[hittingData](t, d, find, `{}`); b.Verdict != "ok" {
			t.Error(text)
		}
	}
	close(done)
	<-stopped
}

func TestTTLAnalysisFailures(t *testing.T) {
	s := redistest.Start(t, account, "user nottl on >x ~* -@all +@read -pttl +info")
	plant(t, s, 10)
	a, text := call[ttlData](t, deps(t, "redis://nottl:x@"+s.Addr), "ttl_analysis", `{}`)
	concludes(t, a, "unknown", "SRC_REDIS_PERMISSION")
	says(t, text, "20 keys looked at", "pttl")
	if len(a.RuledOut) > 0 && strings.Contains(text, "IDEM_KEY_NO_TTL") {
		t.Errorf("ruled out without a look: %v", a.RuledOut)
	}
	a, text = call[ttlData](t, deps(t, "redis://u:hunter2@"+redistest.Refusing(t)), "ttl_analysis", `{}`)
	concludes(t, a, "critical", "REDIS_UNREACHABLE")
	says(t, text, "NOT KNOWN - ")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	d.Scope = []string{"SHOP-1"}
	if r := tooltest.New(t, tools.All(d)...).Call(t, "ttl_analysis", `{}`); !r.IsError || !strings.HasPrefix(r.Text, "refused: ") {
		t.Error(r.Text)
	}
}

// Names of families come from keys: few, short and shown as data.
func TestTTLAnalysisOfStrangeKeys(t *testing.T) {
	s := redistest.Start(t, account)
	for i := range 100 {
		s.Must("SET", fmt.Sprintf("f%d\u202e\r\n:x", i), "x", "EX", "60")
	}
	s.Must("SET", "rate limit counters:x", "x", "EX", "60")
	a, text := call[ttlData](t, deps(t, "redis://payro:ropass@"+s.Addr), "ttl_analysis", `{}`)
	if len(a.Data.Families) > 21 || a.Data.Keys != 101 || strings.ContainsAny(text, "\u202e\r") {
		t.Errorf("%d families: %s", len(a.Data.Families), text)
	}
}

// Many other applications beside ours: the families of theirs have no end, and ours are
// told all the same, in whatever order a scan comes by them.
func TestFamiliesOfOthersHideNoneOfOurs(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	for i := range 3000 {
		s.Must("SET", fmt.Sprintf("app%d:x", i), "x", "EX", "600")
	}
	s.Must("SET", "idem:authorize:M:k", body)
	s.Must("SET", "rate:authorize:M", "5", "EX", "3544")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, text := call[ttlData](t, d, "ttl_analysis", `{}`)
	concludes(t, a, "attention", "IDEM_KEY_NO_TTL", "RATE_WINDOW_MISMATCH")
	says(t, text, "rate limit counters: 1, 0 without TTL; cached answers: 1, 1 without TTL", `"idem:authorize:M:k"`)
	if f := a.Data.Families; len(f) < 3 || f[0].TooLong == nil || *f[0].TooLong != 1 {
		t.Errorf("%+v", f)
	}
	b, text := call[statsData](t, d, stats, `{}`)
	concludes(t, b, "ok")
	says(t, text, `"cached answers" | 1`, `"rate limit counters" | 1`)
	if len(b.Data.Families) > 23 {
		t.Errorf("%d families", len(b.Data.Families))
	}
}

// Counters of an action without a window come by before one that has a window.
func TestTTLAnalysisOfAnActionWithoutAWindow(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	off := d.Limits[keyspace.Refund]
	off.Capacity, off.Window = 0, 0
	d.Limits[keyspace.Refund] = off
	for i := range 200 {
		s.Must("SET", fmt.Sprintf("rate:refund:M-%d", i), "5", "EX", "30")
	}
	s.Must("SET", "rate:capture:M", "5", "EX", "3544")
	a, text := call[ttlData](t, d, "ttl_analysis", `{}`)
	concludes(t, a, "attention", "RATE_WINDOW_MISMATCH")
	if f := a.Data.Families; len(f) != 1 || f[0].TooLong == nil || *f[0].TooLong != 1 {
		t.Errorf("%s", text)
	}
}

// Of many counters without a TTL one blocks already. It is found, and the others are all
// counted.
func TestTTLAnalysisOfManyWithoutTTL(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("EVAL", "for i=1,5000 do redis.call('SET', 'rate:capture:M-'..i, 310) end return 1", 0)
	a, text := call[ttlData](t, d, "ttl_analysis", `{}`)
	concludes(t, a, "attention", "RATE_KEY_NO_TTL_LATENT")
	says(t, text, "5000 counters have no TTL")
	if !slices.Contains(a.RuledOut, "RATE_KEY_NO_TTL_BLOCKING") || slices.Contains(a.RuledOut, "RATE_KEY_NO_TTL_LATENT") {
		t.Errorf("ruled out %v", a.RuledOut)
	}
	s.Must("SET", "rate:authorize:EVER", "24731")
	a, text = call[ttlData](t, d, "ttl_analysis", `{}`)
	concludes(t, a, "critical", "RATE_KEY_NO_TTL_BLOCKING", "RATE_KEY_NO_TTL_LATENT")
	says(t, text, `merchant "EVER", authorize: 24731 of 24000`, "5000 counters have no TTL")
}
