package redisd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/embedded/redisd"
)

func start(t *testing.T) (admin, reader *redis.Client) {
	t.Helper()
	s, err := redisd.Start(redisd.Options{Addr: "127.0.0.1:0", Accounts: map[string]string{"admin": "a", "payro": "r"}, Reader: "payro", MaxMemory: "0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	client := func(user, password string) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: s.Addr(), Username: user, Password: password, MaxRetries: -1})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return client("admin", "a"), client("payro", "r")
}

func TestAccounts(t *testing.T) {
	admin, reader := start(t)
	if err := admin.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("the reader reads %q: %v", got, err)
	}
	for name, do := range map[string]func() error{
		"SET":        func() error { return reader.Set(t.Context(), "k", "w", 0).Err() },
		"DEL":        func() error { return reader.Del(t.Context(), "k").Err() },
		"EVAL":       func() error { return reader.Eval(t.Context(), "return 1", nil).Err() },
		"CONFIG SET": func() error { return reader.ConfigSet(t.Context(), "maxmemory", "1").Err() },
		"KEYS":       func() error { return reader.Keys(t.Context(), "*").Err() },
	} {
		if err := do(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("the reader may %s: %v", name, err)
		}
	}
	stranger := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: "payro", Password: "wrong", MaxRetries: -1})
	defer func() { _ = stranger.Close() }()
	if err := stranger.Info(t.Context()).Err(); err == nil {
		t.Error("INFO answers who has not come in")
	}
}

// A scan in small steps finds every key that is there all the time, once.
func TestScan(t *testing.T) {
	admin, reader := start(t)
	for i := range 500 {
		if err := admin.Set(t.Context(), fmt.Sprintf("rate:%d", i), 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := admin.Set(t.Context(), "idem:x", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	steps, cursor := 0, uint64(0)
	for {
		keys, next, err := reader.Scan(t.Context(), cursor, "rate:*", 50).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			seen[key]++
		}
		// Others come and go meanwhile.
		if err := admin.Set(t.Context(), fmt.Sprintf("other:%d", steps), 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if steps++; next == 0 {
			break
		}
		cursor = next
	}
	if len(seen) != 500 || steps < 8 {
		t.Errorf("%d keys in %d steps, want 500 in about 10", len(seen), steps)
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s is found %d times", key, n)
		}
	}
}

func info(t *testing.T, c *redis.Client, name string) string {
	t.Helper()
	text, err := c.Info(t.Context(), "everything").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

func TestMemoryLimit(t *testing.T) {
	admin, _ := start(t)
	if err := admin.ConfigSet(t.Context(), "maxmemory", "1000").Err(); err != nil {
		t.Fatal(err)
	}
	if err := admin.Incr(t.Context(), "n").Err(); err == nil || !strings.HasPrefix(err.Error(), "OOM") {
		t.Errorf("beyond the limit a write is answered %v", err)
	}
	if got := info(t, admin, "errorstat_OOM"); got != "count=1" {
		t.Errorf("errorstat_OOM is %q", got)
	}
	got, err := admin.ConfigGet(t.Context(), "max*").Result()
	if err != nil || got["maxmemory"] != "1000" || got["maxmemory-policy"] != "noeviction" {
		t.Errorf("CONFIG GET max*: %v %v", got, err)
	}
	if err := admin.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := admin.Incr(t.Context(), "n").Err(); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// Keys end by themselves, and what was looked up is counted.
func TestTimeAndLookups(t *testing.T) {
	admin, reader := start(t)
	if err := admin.Set(t.Context(), "short", "x", 300*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	if reader.Get(t.Context(), "short").Val() != "x" || reader.Get(t.Context(), "never").Err() == nil {
		t.Error("the key is not there at first, or another is")
	}
	if hits, misses := info(t, reader, "keyspace_hits"), info(t, reader, "keyspace_misses"); hits != "1" || misses != "1" {
		t.Errorf("%s hits and %s misses, want 1 and 1", hits, misses)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); admin.Exists(t.Context(), "short").Val() != 0; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("a key of 300 ms is there after a minute")
		}
	}
}
