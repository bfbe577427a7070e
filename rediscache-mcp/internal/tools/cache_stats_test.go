package tools_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
)

type statsData struct {
	Servers []struct {
		Server string
		Keys   int64
		Memory struct {
			Used, Max  *int64
			EvictedNow *int64   `json:"evicted_in_window"`
			WindowS    *float64 `json:"window_s"`
		}
		HitRate struct {
			Percent *float64
			Lookups int64
			Means   string
		} `json:"hit_rate"`
		Latency struct {
			P95 *float64 `json:"p95_ms"`
		}
	}
	Families []struct {
		Family string
		Seen   int64
		About  *int64 `json:"estimated"`
	}
	Biggest []struct {
		Key   string
		Bytes int64
		IdleS *int64 `json:"idle_s"`
	} `json:"biggest_of_a_sample"`
	Slow []struct {
		TookMS float64 `json:"took_ms"`
	} `json:"slow_log"`
	Notes []string
}

const stats = "cache_stats"

func TestCacheStats(t *testing.T) {
	s := redistest.Start(t, account, "maxmemory 100mb")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	plant(t, s, 500)
	s.Must("SET", "payment:big", strings.Repeat("x", 3<<20))
	s.Must("CONFIG", "RESETSTAT")
	start := time.Now()
	a, text := call[statsData](t, d, stats, `{}`)
	t.Log(text)
	concludes(t, a, "ok")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	says(t, text, "OK - redis "+s.Addr+" master, 1001 keys, ", "% of the limit), 0 evicted in ", "hit rate n/a", `"rate limit counters" | 500`, `"cached answers" | 500`, `"payment:" | 1`, "no lookups: there is no rate")
	row := a.Data.Servers[0]
	if row.Keys != 1001 || *row.Memory.EvictedNow != 0 || *row.Memory.WindowS < 1 || row.HitRate.Percent != nil || row.Latency.P95 == nil || *row.Memory.Max != 100<<20 {
		t.Errorf("%+v", row)
	}
	if b := a.Data.Biggest; len(b) != 3 || b[0].Bytes < b[1].Bytes || b[0].IdleS == nil {
		t.Errorf("%+v", b)
	}
	if hits, misses := s.Number("keyspace_hits"), s.Number("keyspace_misses"); hits > 3+20 || misses != 0 {
		t.Errorf("the answer itself made %d hits and %d misses", hits, misses)
	}
	if got := s.Do("ACL", "LOG"); got != "[]" {
		t.Errorf("the least account was refused something: %s", got)
	}
}

// NM-07: every new payment misses once; what we look up besides must not show.
func TestHitRateIsThatOfOthers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	plant(t, s, 300)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	if a, _ := call[statsData](t, d, stats, `{}`); a.Verdict != "ok" {
		t.Error(a.Verdict)
	}
	for i := range 400 {
		s.Admin.Get(t.Context(), fmt.Sprint("idem:authorize:M:new", i)) // a miss is no failure here
	}
	s.Admin.Get(t.Context(), "idem:authorize:SHOP-1:k")
	call[ttlData](t, d, "ttl_analysis", `{}`) // 600 hits of ours
	call[hittingData](t, d, find, `{}`)
	call[idemData](t, d, "idempotency_lookup", `{"merchant_id":"M","idempotency_key":"gone"}`)
	s.Await("the next look to be a second later", func() bool { return s.Number("uptime_in_seconds") > 2 })
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	if r := a.Data.Servers[0].HitRate; r.Lookups != 401 || r.Percent == nil || *r.Percent > 1 {
		t.Errorf("%+v: want the 401 lookups of others and no more\n%s", r, text)
	}
	says(t, text, "low is normal here")
}

func TestStatsOfEviction(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "maxmemory 3mb", "maxmemory-policy allkeys-lru")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ctx.Err() == nil; i++ {
			s.Admin.Set(ctx, fmt.Sprint("idem:authorize:M:", i), strings.Repeat("x", 2000), time.Minute)
		}
	}()
	s.Await("the first eviction", func() bool { return s.Number("evicted_keys") > 0 })
	a, text := call[statsData](t, deps(t, "redis://payro:ropass@"+s.Addr), stats, `{}`)
	cancel()
	<-stopped
	concludes(t, a, "attention", "REDIS_EVICTING")
	says(t, text, "ATTENTION - ", "evicts keys for want of memory", "maxmemory_policy:allkeys-lru")
}

// Full to the brim, small writes find the room that the last eviction left: what follows
// them decides.
func TestStatsOfEvictionThatPauses(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "maxmemory 100mb", "maxmemory-policy allkeys-lru")
	for i := 0; s.Number("evicted_keys") == 0; i++ {
		s.Must("SET", fmt.Sprint("idem:authorize:M:", i), strings.Repeat("x", 100_000), "EX", "600")
	}
	s.Must("CONFIG", "SET", "maxmemory", s.Number("used_memory")+500_000) // room for clients' buffers
	var writer sync.WaitGroup
	writer.Go(func() {
		for until := time.Now().Add(900 * time.Millisecond); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
			s.Do("SET", "rate:authorize:M", "5", "EX", "60")
		}
	})
	a, text := call[statsData](t, deps(t, "redis://payro:ropass@"+s.Addr), stats, `{}`)
	writer.Wait()
	concludes(t, a, "attention", "REDIS_EVICTING")
	says(t, text, "no write was seen, and the next ones evict")
}

// What this process has seen and is not there any more was lost, by a restart or by
// a command.
func TestStatsOfDataLoss(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	plant(t, s, 100)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, _ := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	s.Stop()
	s.Run(account)
	s.Await("the next look to be a second later", func() bool { return s.Number("uptime_in_seconds") > 1 })
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_DATA_LOSS")
	says(t, text, "was started anew and lost its keys: 200 before, 0 now")
	a, _ = call[statsData](t, d, stats, `{}`) // they are still lost
	concludes(t, a, "attention", "REDIS_DATA_LOSS")

	plant(t, s, 100)
	call[statsData](t, d, stats, `{}`)
	began := s.Number("uptime_in_seconds")
	s.Must("FLUSHALL")
	s.Await("the next look to be a second later", func() bool { return s.Number("uptime_in_seconds") > began+1 })
	a, text = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_DATA_LOSS")
	says(t, text, "was emptied: 200 keys before, 0 now")
	plant(t, s, 100) // they have come back
	a, _ = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
}

// Most keys end within seconds, which Redis's own estimate does not know yet, for it
// comes from keys that are gone. A restart meanwhile has lost none of them.
func TestStatsOfKeysThatEndBesideARestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	briefAndLasting(t, s)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, _ := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	s.Await("the brief ones to end", func() bool { return strings.Contains(s.Do("INFO", "keyspace"), "keys=12,") })
	s.Stop()
	s.Run(account)
	answers(s, 12, "lasting", "3600") // as if they had been loaded
	a, text := call[statsData](t, d, stats, `{}`)
	if concludes(t, a, "ok"); t.Failed() {
		t.Error(text)
	}
}

// The keys were lost, and have come back with another restart. A question about a
// merchant before all that had counted keys that ended by themselves.
func TestStatsOfDataThatCameBack(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	briefAndLasting(t, s)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	if r, text := ask(t, d, `{"merchant_id":"M"}`); r.Verdict != "ok" {
		t.Error(text)
	}
	s.Await("the brief ones to end", func() bool { return strings.Contains(s.Do("INFO", "keyspace"), "keys=12,") })
	a, _ := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	s.Stop()
	s.Run(account)
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_DATA_LOSS")
	says(t, text, ", 0 now")
	s.Stop()
	s.Run(account)
	answers(s, 12, "lasting", "3600")
	a, text = call[statsData](t, d, stats, `{}`)
	if concludes(t, a, "ok"); t.Failed() {
		t.Error(text)
	}
}

// briefAndLasting plants keys most of which end within seconds, where Redis takes the
// TTL of others, which are gone, for theirs.
func briefAndLasting(t *testing.T, s *redistest.Server) {
	t.Helper()
	answers(s, 1000, "old", "3600")
	s.Await("an estimate of the TTLs", func() bool {
		_, mean, _ := strings.Cut(s.Do("INFO", "keyspace"), "avg_ttl=")
		return len(mean) > 6 && mean[0] != '0'
	})
	for i := range 1000 {
		s.Must("UNLINK", fmt.Sprint("idem:authorize:old:", i))
	}
	answers(s, 300, "brief", "4")
	answers(s, 12, "lasting", "3600")
}

func answers(s *redistest.Server, n int, name, seconds string) {
	for i := range n {
		s.Must("SET", fmt.Sprint("idem:authorize:", name, ":", i), "x", "EX", seconds)
	}
}

// Somebody else's database of the same Redis was flushed, which was told as our loss;
// and ours beside theirs was none.
func TestStatsOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	plant(t, s, 100)
	in1 := func(script string) { s.Must("EVAL", "redis.call('SELECT', 1) "+script+" return 1", "0") }
	in1("for i = 1, 5000 do redis.call('SET', 'x' .. i, i) end")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	says(t, text, "keys | keys_of_other_databases |", "| 200 | 5000 |")
	later := func() {
		began := s.Number("uptime_in_seconds")
		s.Await("the next look to be a second later", func() bool { return s.Number("uptime_in_seconds") > began+1 })
	}
	in1("redis.call('FLUSHDB')")
	later()
	a, _ = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")

	in1("for i = 1, 5000 do redis.call('SET', 'x' .. i, i) end")
	call[statsData](t, d, stats, `{}`)
	s.Must("FLUSHDB")
	later()
	a, text = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_DATA_LOSS")
	says(t, text, "was emptied: 200 keys before, 0 now")
}

// The restart falls between the two looks of one call, or between a question about a
// merchant and this one.
func TestStatsOfDataLossInBetween(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	plant(t, s, 100)
	looks := make(chan struct{}, 100)
	proxy := redistest.Cutting(t, s.Addr, func(request []byte) redistest.Fate {
		if strings.Contains(string(request), "everything") {
			looks <- struct{}{}
		}
		return redistest.Pass
	})
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-looks
		s.Await("the first look to be over", func() bool { return strings.Contains(s.Do("INFO", "commandstats"), "cmdstat_dbsize") })
		s.Stop()
		s.Run(account)
	}()
	a, text := call[statsData](t, deps(t, "redis://payro:ropass@"+proxy), stats, `{}`)
	<-restarted
	// Whether the new process listens when it is looked at again is chance.
	if c := a.Codes(); len(c) == 0 || c[0] != "REDIS_DATA_LOSS" && c[0] != "REDIS_UNREACHABLE" {
		t.Errorf("%s", text)
	}

	plant(t, s, 100)
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	if r, text := ask(t, d, `{"merchant_id":"M"}`); r.Verdict != "ok" {
		t.Error(text)
	}
	s.Stop()
	s.Run(account)
	a, text = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_DATA_LOSS")
	says(t, text, "was started anew and lost its keys: 200 before, 0 now")
}

// Keys that had little time left end by themselves. Redis's estimate of it is late: it
// says that most of them must still be there.
func TestStatsOfKeysThatEndedAndWereNotLost(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account)
	plant(t, s, 20)
	for i := range 400 {
		s.Must("SET", fmt.Sprint("rate:refund:N", i), "1", "PX", "2500")
	}
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	a, _ := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	s.Must("EVAL", "redis.call('select', 1) return redis.call('flushdb')", "0")
	s.Await("the end of most", func() bool { return s.Do("DBSIZE") == "40" })
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	says(t, text, "40 keys")
}

func TestStatsOfRefusedWritesAndStalls(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "slowlog-log-slower-than 1000", "enable-debug-command yes")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	s.Must("DEBUG", "SLEEP", "1.2")
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_SLOW")
	says(t, text, `SLOWLOG GET 128: "DEBUG" took 2 s`, "one command held up all others")

	s.Must("SLOWLOG", "RESET")
	for range 3 {
		s.Must("DEBUG", "SLEEP", "0.6")
	}
	a, text = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_SLOW")
	says(t, text, "stood still again and again, for 18", "3 commands held up all others")
	s.Must("SLOWLOG", "RESET")
	a, text = call[statsData](t, d, stats, `{}`)
	if concludes(t, a, "ok"); !slices.Contains(a.RuledOut, "REDIS_SLOW") {
		t.Errorf("it was measured: %s", text)
	}

	full := redistest.Start(t, account, "maxmemory 3mb", "maxmemory-policy noeviction")
	for i := 0; !strings.HasPrefix(full.Do("SET", fmt.Sprint("fill", i), strings.Repeat("x", 10000)), "OOM"); i++ {
	}
	full.Must("CONFIG", "SET", "maxmemory", "2mb")
	a, text = call[statsData](t, deps(t, "redis://payro:ropass@"+full.Addr), stats, `{}`)
	concludes(t, a, "attention", "REDIS_WRITES_REJECTED_OOM", "RATE_LIMITER_FAIL_OPEN")
	says(t, text, "of its memory limit: beyond it, it refuses writes")
}

// A stall of some seconds ago stands in the slow log behind many short commands; and where
// these have pushed it out, nobody can say that there was none.
func TestStatsOfAStallBehindManyShortCommands(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "slowlog-log-slower-than 1000", "enable-debug-command yes")
	d := deps(t, "redis://payro:ropass@"+s.Addr)
	short := func(n int) {
		for range n {
			s.Must("DEBUG", "SLEEP", "0.002")
		}
	}
	s.Must("DEBUG", "SLEEP", "1.2")
	short(12)
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "attention", "REDIS_SLOW")
	says(t, text, `"DEBUG" took 2 s; 1 of the last`, "one command held up all others")
	if len(a.Data.Slow) != 3 || a.Data.Slow[0].TookMS < 1200 {
		t.Errorf("of the slow log are shown %+v", a.Data.Slow)
	}

	s.Must("SLOWLOG", "RESET")
	s.Must("DEBUG", "SLEEP", "1.2")
	short(128)
	a, text = call[statsData](t, d, stats, `{}`)
	concludes(t, a, "ok")
	says(t, text, "to 15 s ago: the 128 entries of its slow log that were read are all younger")
	if slices.Contains(a.RuledOut, "REDIS_SLOW") {
		t.Errorf("ruled out %v", a.RuledOut)
	}
}

func TestStatsSourceFailures(t *testing.T) {
	s := redistest.Start(t, account, "user noslow on >x ~* -@all +@read +info", "user noinfo on >x ~* -@all +@read +slowlog|get", "user noscan on >x ~* -@all +@read +info +slowlog|get -scan")
	plant(t, s, 10)
	for name, c := range map[string]struct {
		url, verdict string
		codes        []string
		says         []string
	}{
		"refused":    {"redis://u:hunter2@" + redistest.Refusing(t), "critical", []string{"REDIS_UNREACHABLE"}, []string{"CRITICAL - redis 127.0.0.1:"}},
		"black hole": {"redis://u:hunter2@" + redistest.BlackHole(t), "attention", []string{"REDIS_SLOW", "REDIS_UNREACHABLE"}, []string{"(timeout)"}},
		"no SLOWLOG": {"redis://noslow:x@" + s.Addr, "unknown", []string{"SRC_REDIS_PERMISSION"}, []string{"20 keys", "slowlog"}},
		"no INFO":    {"redis://noinfo:x@" + s.Addr, "unknown", []string{"SRC_REDIS_PERMISSION"}, []string{"NOT KNOWN - ", `"cached answers" | 10`}},
		"no SCAN":    {"redis://noscan:x@" + s.Addr, "unknown", []string{"SRC_REDIS_PERMISSION"}, []string{"20 keys", "families: none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			a, text := call[statsData](t, deps(t, c.url), stats, `{}`)
			concludes(t, a, c.verdict, c.codes...)
			says(t, text, c.says...)
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	d := deps(t, "redis://x")
	d.Redis = redisdb.Unset("REDIS_URL is not set", "Set REDIS_URL")
	a, text := call[statsData](t, d, stats, `{}`)
	concludes(t, a, "unknown")
	says(t, text, "NOT KNOWN - REDIS_URL is not set")
}

// It evicted, and then it was given more room: what is written now evicts nothing.
func TestStatsOfEvictionThatIsOver(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, account, "maxmemory 20mb", "maxmemory-policy allkeys-lru")
	for i := 0; s.Number("evicted_keys") == 0; i++ {
		s.Must("SET", fmt.Sprint("idem:authorize:M:", i), strings.Repeat("x", 100_000), "EX", "600")
	}
	s.Must("CONFIG", "SET", "maxmemory", s.Number("used_memory")*100/97)
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for ctx.Err() == nil {
			s.Do("SET", "rate:authorize:M", "5", "EX", "60")
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	a, text := call[statsData](t, deps(t, "redis://payro:ropass@"+s.Addr), stats, `{}`)
	stop()
	writer.Wait()
	concludes(t, a, "ok")
	says(t, text, ", 0 evicted in ", "of its memory limit: beyond it, it evicts keys")
}
