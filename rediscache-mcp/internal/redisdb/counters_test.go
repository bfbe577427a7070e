package redisdb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/redistest"
	"payops-mcp/shared/fault"
)

// payro is the account that a deployment should give us.
const payro = "user payro on >ropass ~* -@all +@read +info +slowlog|get +config|get +client|list +memory|usage"

func open(t *testing.T, url string) *redisdb.DB {
	t.Helper()
	target, err := redisdb.Parse(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := redisdb.Open(target)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func ask(t *testing.T, db *redisdb.DB, keys ...string) redisdb.Reading {
	t.Helper()
	ctx, cancel := redisdb.Within(t.Context())
	defer cancel()
	return db.Counters(ctx, keys)
}

func TestCounters(t *testing.T) {
	s := redistest.Start(t, payro)
	s.Must("SET", "counts", "24731", "EX", "41")
	s.Must("SET", "stays", "310")
	s.Must("SET", "empty", "")
	s.Must("SET", "word", "abc", "EX", "3600")
	s.Must("SET", "full", "9223372036854775807", "EX", "60")
	s.Must("RPUSH", "list", "1")
	s.Must("HSET", "hash", "1", "2")
	s.Must("SET", "huge", strings.Repeat("7", 10<<20))
	db := open(t, "redis://payro:ropass@"+s.Addr)
	s.Must("CONFIG", "RESETSTAT")
	keys := []string{"counts", "none", "stays", "empty", "word", "full", "list", "hash", "huge"}
	r := ask(t, db, keys...)
	if len(r.Servers) != 1 || !r.Servers[0].Source.OK() || r.Servers[0].InfoErr != nil {
		t.Fatalf("servers: %+v", r.Servers)
	}
	c := map[string]redisdb.Counter{}
	for i, k := range keys {
		if c[k] = r.Counters[i]; c[k].Key != k || c[k].Err != nil || c[k].TTLErr != nil {
			t.Errorf("%s: %+v", k, c[k])
		}
	}
	if got := c["counts"].Last(); got.Value != "24731" || got.NoTTL || got.TTL <= 40*time.Second || got.TTL > 41*time.Second {
		t.Errorf("counts: %+v", got)
	}
	if c["counts"].Type != "" || c["counts"].Length != nil {
		t.Errorf("a counter in order was asked for more than is needed: %+v", c["counts"])
	}
	if c["none"].Last().Exists {
		t.Errorf("none: %+v", c["none"])
	}
	if got := c["stays"]; !got.First.NoTTL || got.Second == nil || !got.Second.NoTTL || got.Second.After-got.First.After < 250*time.Millisecond {
		t.Errorf("a counter without a TTL is seen twice, a quarter of a second apart: %+v", got)
	}
	if got := c["empty"]; !got.Last().Exists || got.Second == nil || got.Last().Value != "" {
		t.Errorf("empty: %+v", got)
	}
	if got := c["word"]; got.Last().Value != "abc" || got.Type != "string" || *got.Length != 3 {
		t.Errorf("word: %+v", got)
	}
	if got := c["list"]; !got.Last().WrongType || got.Type != "list" {
		t.Errorf("list: %+v", got)
	}
	if got := c["hash"]; !got.Last().WrongType || got.Type != "hash" {
		t.Errorf("hash: %+v", got)
	}
	if got := c["huge"]; !got.Last().Cut || len(got.Last().Value) != 32 || *got.Length != 10<<20 {
		t.Errorf("huge: cut %v, %d bytes of %d", got.Last().Cut, len(got.Last().Value), *got.Length)
	}
	if clock := r.Clock(); time.Since(clock).Abs() > 10*time.Second {
		t.Errorf("the clock of the server is %v", clock)
	}
	// Nothing was refused to the least account, and no log of Redis shows us.
	if got := s.Do("ACL", "LOG"); got != "[]" {
		t.Errorf("the least account was refused something: %s", got)
	}
}

// The rule that says what is a counter must be that of INCR itself.
func TestCountIsWhatINCRTakes(t *testing.T) {
	s := redistest.Start(t)
	for _, value := range []string{"0", "1", "-1", "24731", "9223372036854775806", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "", " 1", "1 ", "+1", "01", "-0", "1.0", "1e3", "abc", "１"} {
		s.Must("SET", "k", value)
		_, err := s.Admin.Incr(t.Context(), "k").Result()
		if _, counts := limiter.Count(value); counts != (err == nil) {
			t.Errorf("Count(%q) says %v, INCR says %v", value, counts, err)
		}
	}
}

// The payment system's hit rate rests on few lookups, which ours must not drown.
func TestLookupsThatAreCounted(t *testing.T) {
	s := redistest.Start(t, payro)
	s.Must("SET", "a", "5", "EX", "60")
	db := open(t, "redis://payro:ropass@"+s.Addr)
	s.Must("CONFIG", "RESETSTAT")
	ask(t, db, "a", "b", "c")
	ctx, cancel := redisdb.Within(t.Context())
	defer cancel()
	if there, failure := db.Exist(ctx, []string{"a", "b"}); !there[0] || there[1] || failure != nil {
		t.Errorf("Exist says %v, %v", there, failure)
	}
	if hits, misses := s.Stat("keyspace_hits"), s.Stat("keyspace_misses"); hits != "2" || misses != "4" {
		t.Errorf("%s hits and %s misses, want two lookups a key and none for Exist", hits, misses)
	}
	if calls := s.Stat("cmdstat_info"); !strings.HasPrefix(calls, "calls=3,") { // one of ours, two of this test's
		t.Errorf("INFO was asked more than once: %s", calls)
	}
}

// Whether a key is there is told without the right to the probe too, and not at all where
// it may not be read.
func TestExistWithFewerRights(t *testing.T) {
	s := redistest.Start(t, "user noprobe on >x ~* -@all +@read +info", "user some on >x ~a* -@all +@read +info +memory|usage")
	for _, key := range []string{"a", "b"} {
		s.Must("SET", key, "5", "EX", "60")
	}
	for url, c := range map[string]struct {
		keys  []string
		there []bool
		class fault.Class
	}{
		"redis://noprobe:x@" + s.Addr:      {[]string{"none", "a", "b"}, []bool{false, true, true}, ""},
		"redis://some:x@" + s.Addr:         {[]string{"b", "a", "another"}, []bool{false, true, false}, fault.Permission},
		"redis://" + redistest.Refusing(t): {[]string{"a"}, []bool{false}, fault.Unreachable},
	} {
		ctx, cancel := redisdb.Within(t.Context())
		there, failure := open(t, url).Exist(ctx, c.keys)
		cancel()
		if !slices.Equal(there, c.there) || (failure == nil) != (c.class == "") || failure != nil && failure.Class != c.class {
			t.Errorf("%s: %v, %v", url, there, failure)
		}
	}
}

// ingest sets the TTL in a step of its own: a counter may be seen between the two.
func TestTTLThatComesLater(t *testing.T) {
	s := redistest.Start(t)
	s.Must("INCR", "new")
	db := open(t, "redis://"+s.Addr)
	go func() {
		time.Sleep(50 * time.Millisecond) // the step between INCR and EXPIRE
		s.Admin.Expire(context.Background(), "new", time.Minute)
	}()
	if got := ask(t, db, "new").Counters[0]; !got.First.NoTTL || got.Last().NoTTL || got.Last().TTL <= 0 {
		t.Errorf("%+v", got)
	}
}

func TestKeysAreExact(t *testing.T) {
	s := redistest.Start(t)
	db := open(t, "redis://"+s.Addr)
	keys := []string{"rate:a:b:c d", "가맹점\u202e", "{x}{y}", "a*", "?[a]", "l\r\nDEL a*\r\n", "nul\x00", "\xff\xfe", `q"\`, " "}
	for i, k := range keys {
		s.Must("SET", k, i+1, "EX", "60")
	}
	s.Must("SET", "abc", "99", "EX", "60") // what a* would match
	for i, c := range ask(t, db, keys...).Counters {
		if string(c.Last().Value) != fmt.Sprint(i+1) {
			t.Errorf("%q holds %q, want %d", c.Key, string(c.Last().Value), i+1)
		}
	}
}

func TestFailures(t *testing.T) {
	s := redistest.Start(t, payro, "user nothing on >x ~* -@all", "user noinfo on >x ~* -@all +@read", "user nottl on >x ~* -@all +@read +info -pttl", "user somekeys on >x ~b* -@all +@read +info")
	s.Must("SET", "a", "5", "EX", "60")
	for name, c := range map[string]struct {
		url   string
		class fault.Class
		said  string
		most  time.Duration
	}{
		"refused":                  {"redis://" + redistest.Refusing(t), fault.Unreachable, "connection refused", time.Second},
		"black hole":               {"redis://" + redistest.BlackHole(t), fault.Timeout, "timeout", 4 * time.Second},
		"unknown name":             {"redis://no-such-host.invalid", redisdb.UnknownHost, "no-such-host.invalid", 4 * time.Second},
		"wrong password":           {"redis://payro:hunter2@" + s.Addr, fault.Auth, "WRONGPASS", time.Second},
		"unknown user":             {"redis://nobody:hunter2@" + s.Addr, fault.Auth, "WRONGPASS", time.Second},
		"no right to a command":    {"redis://nothing:x@" + s.Addr, fault.Permission, "NOPERM", time.Second},
		"no right to a key":        {"redis://somekeys:x@" + s.Addr, fault.Permission, "NOPERM", time.Second},
		"no right to SELECT":       {"redis://payro:ropass@" + s.Addr + "/2", fault.Permission, "'select'", time.Second},
		"no such database":         {"redis://" + s.Addr + "/99", fault.BadStatus, "DB index is out of range", time.Second},
		"a web server":             {"redis://" + redistest.Saying(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), fault.Schema, "HTTP/1.1", time.Second},
		"hung up":                  {"redis://" + redistest.Saying(t, ""), fault.Disconnected, "EOF", time.Second},
		"too many clients":         {"redis://" + redistest.Saying(t, "-ERR max number of clients reached\r\n"), fault.Busy, "max number", time.Second},
		"protected mode, password": {"redis://:hunter2@" + redistest.Saying(t, "-DENIED Redis is running in protected mode\r\n"), fault.Auth, "DENIED", time.Second},
		"protected mode":           {"redis://" + redistest.Saying(t, "-DENIED Redis is running in protected mode\r\n"), fault.Auth, "DENIED", time.Second},
		"TLS to plain":             {"rediss://" + s.Addr, redisdb.NoHandshake, "TLS handshake", 4 * time.Second},
		"plain garbage for TLS":    {"rediss://" + redistest.Saying(t, "-ERR no TLS here, sorry\r\n"), fault.Schema, "TLS handshake", time.Second},
		"no sentinel":              {"redis+sentinel://" + redistest.Refusing(t) + "/main", fault.Unreachable, "refused", time.Second},
		"no node of a cluster":     {"redis://" + redistest.Refusing(t) + "," + redistest.Refusing(t), fault.Unreachable, "refused", 3 * time.Second},
		"no cluster":               {"redis://" + s.Addr + "," + s.Addr, fault.WrongServer, "cluster support disabled", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			r := ask(t, open(t, c.url), "a")
			took := time.Since(start)
			err := r.Servers[0].Source.Err
			if err == nil || err.Class != c.class || !strings.Contains(err.Said.String(), c.said) {
				t.Fatalf("%v, want %s with %q", err, c.class, c.said)
			}
			if r.Counters[0].Err == nil {
				t.Errorf("the counter reads as known: %+v", r.Counters[0])
			}
			if took > c.most+2*time.Second {
				t.Errorf("took %s, want at most %s", took, c.most)
			}
			for _, text := range []string{err.Error(), err.Next, err.Err.Error(), r.Servers[0].Source.Name, r.Servers[0].Source.Asked} {
				if strings.Contains(text, "hunter2") {
					t.Errorf("the password is in %q", text)
				}
			}
		})
	}
	t.Run("INFO alone", func(t *testing.T) {
		t.Parallel()
		r := ask(t, open(t, "redis://noinfo:x@"+s.Addr), "a")
		if srv := r.Servers[0]; !srv.Source.OK() || srv.Info != nil || srv.InfoErr == nil || srv.InfoErr.Class != fault.Permission || !srv.Clock.IsZero() {
			t.Errorf("%+v", srv)
		}
		if r.Counters[0].Last().Value != "5" {
			t.Errorf("the rest is not answered: %+v", r.Counters[0])
		}
	})
	t.Run("PTTL alone", func(t *testing.T) {
		t.Parallel()
		r := ask(t, open(t, "redis://nottl:x@"+s.Addr), "a")
		if c := r.Counters[0]; c.Err != nil || c.TTLErr == nil || c.Last().Value != "5" || !c.Last().Exists {
			t.Errorf("%+v", c)
		}
		if r.Servers[0].Source.Err == nil || r.Servers[0].Info == nil {
			t.Errorf("%+v", r.Servers[0])
		}
	})
	t.Run("one of two keys", func(t *testing.T) {
		t.Parallel()
		r := ask(t, open(t, "redis://somekeys:x@"+s.Addr), "a", "b")
		if r.Counters[0].Err == nil || r.Counters[1].Err != nil {
			t.Errorf("%+v", r.Counters)
		}
	})
}

// A call with a short deadline must have time left to say what failed.
func TestShortDeadline(t *testing.T) {
	outer, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ctx, cancel := redisdb.Within(outer)
	defer cancel()
	latest, _ := outer.Deadline()
	if ours, ok := ctx.Deadline(); !ok || latest.Sub(ours) < 50*time.Millisecond {
		t.Errorf("ours ends %s before the caller's", latest.Sub(ours))
	}
	r := open(t, "redis://"+redistest.BlackHole(t)).Counters(ctx, []string{"a"})
	if err := r.Servers[0].Source.Err; err == nil || err.Class != fault.Timeout || r.Servers[0].Source.Took > 2*time.Second {
		t.Errorf("%+v", r.Servers[0].Source)
	}
}

func TestHungServerAndBack(t *testing.T) {
	s := redistest.Start(t)
	s.Must("SET", "a", "5", "EX", "60")
	db := open(t, "redis://"+s.Addr)
	if r := ask(t, db, "a"); !r.Servers[0].Source.OK() {
		t.Fatal(r.Servers[0].Source.Err)
	}
	s.Hang()
	start := time.Now()
	r := ask(t, db, "a")
	s.Resume()
	if err := r.Servers[0].Source.Err; err == nil || err.Class != fault.Timeout {
		t.Errorf("a hung server gives %v", err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
	if r := ask(t, db, "a"); !r.Servers[0].Source.OK() || r.Counters[0].Last().Value != "5" {
		t.Errorf("after it went on: %+v", r.Servers[0].Source)
	}
}

func TestRestartBetweenQuestions(t *testing.T) {
	s := redistest.Start(t)
	db := open(t, "redis://"+s.Addr)
	for range 3 {
		if r := ask(t, db, "a"); !r.Servers[0].Source.OK() {
			t.Fatalf("kept connections are dead, the server is not: %v", r.Servers[0].Source.Err)
		}
		s.Stop()
		if r := ask(t, db, "a"); r.Servers[0].Source.Err == nil || r.Servers[0].Source.Err.Class != fault.Unreachable {
			t.Errorf("while it is down: %+v", r.Servers[0].Source)
		}
		s.Run()
	}
}

// go-redis stops to dial after as many failures as its pool has places, and then
// repeats the last error: an answer from memory, not from Redis.
func TestManyFailuresAreNotRemembered(t *testing.T) {
	s := redistest.Start(t)
	s.Stop()
	db := open(t, "redis://"+s.Addr)
	for range 100 {
		if r := ask(t, db, "a"); r.Servers[0].Source.OK() {
			t.Fatal("it is down")
		}
	}
	s.Run()
	if r := ask(t, db, "a"); !r.Servers[0].Source.OK() {
		t.Errorf("it is back: %v", r.Servers[0].Source.Err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := redistest.Start(t)
	s.Must("SET", "a", "5", "EX", "60")
	db := open(t, "redis://"+s.Addr)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if r := ask(t, db, "a", "b"); !r.Servers[0].Source.OK() || r.Counters[0].Last().Value != "5" {
				t.Errorf("%+v", r.Servers[0].Source)
			}
		})
	}
	wg.Wait()
}

func TestPaceIsMeasuredOnlyWhenAnAnswerWasSlow(t *testing.T) {
	s := redistest.Start(t)
	slow := ask(t, open(t, "redis://"+redistest.Slow(t, s.Addr, 120*time.Millisecond)), "a").Servers[0].Pace
	if len(slow.Trips) < 3 || slow.Rank(0.5) < 120*time.Millisecond || slow.Network == nil || *slow.Network > 100*time.Millisecond || len(slow.Late) < len(slow.Trips) || slow.LateRank(0.5) > slow.Rank(0.5) {
		t.Errorf("slow: %+v", slow)
	}
	// Nothing but the time to connect is slow on a first question; a second one
	// shows the server as it is.
	db := open(t, "redis://"+s.Addr)
	ask(t, db, "a")
	s.Await("a quick answer", func() bool { return len(ask(t, db, "a").Servers[0].Pace.Trips) == 0 })
}

func TestUnset(t *testing.T) {
	db := redisdb.Unset("REDIS_URL is not set", "Set it")
	r := ask(t, db, "a")
	if err := r.Servers[0].Source.Err; err == nil || err.Class != redisdb.NotConfigured || err.Next != "Set it" || r.Counters[0].Err == nil {
		t.Errorf("%+v", r)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	s := redistest.Start(t, payro, "user noinfo on >x ~* -@all +@read")
	if src := open(t, "redis://payro:ropass@"+s.Addr).Check("none")(t.Context()); !src.OK() || src.Name != "redis "+s.Addr {
		t.Errorf("%+v", src)
	}
	if src := open(t, "redis://noinfo:x@"+s.Addr).Check("none")(t.Context()); src.OK() || src.Asked != "INFO" {
		t.Errorf("a right is missing: %+v", src)
	}
}
