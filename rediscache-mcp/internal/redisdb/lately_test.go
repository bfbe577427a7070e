package redisdb

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redistest"
)

// What was refused since minutes ago says nothing of now: a server is looked at once
// more before its refusals are told as the present.
func TestRefusalsOfMinutesAgoAreLookedAtAgain(t *testing.T) {
	s := redistest.Start(t)
	s.Must("CONFIG", "SET", "maxmemory-policy", "noeviction") // one by one, as Redis 6.2 takes them
	s.Must("CONFIG", "SET", "maxmemory", "1mb")
	s.Await("a refusal", func() bool { return strings.HasPrefix(s.Do("APPEND", "filled", strings.Repeat("x", 1<<20)), "OOM") })
	s.Must("CONFIG", "SET", "maxmemory", "0")
	target, err := Parse("redis://"+s.Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func(*DB) Server{
		"of counters": func(db *DB) Server { return db.Counters(t.Context(), []string{"a"}).Servers[0] },
		"of all":      func(db *DB) Server { return db.Stats(t.Context())[0] },
	} {
		t.Run(name, func(t *testing.T) {
			db := Open(target)
			t.Cleanup(func() { _ = db.Close() })
			first := look(db)
			if first.Info == nil || first.Info.Errors["OOM"] == 0 || first.Lately != nil {
				t.Fatalf("%+v, lately %v", first.Info, first.Lately)
			}
			// As if it had been asked four minutes ago, before the refusal.
			old := *first.Info
			old.Time, old.Errors = old.Time.Add(-4*time.Minute), nil
			for node := range db.before {
				db.before[node] = old
			}
			for node, k := range db.stats {
				k.last = old
				db.stats[node] = k
			}
			again := look(db)
			if again.Before == nil || again.Lately == nil || again.Info.Errors["OOM"] != again.Lately.Errors["OOM"] {
				t.Fatalf("before %v, lately %v", again.Before, again.Lately)
			}
			if over := again.Info.Time.Sub(again.Lately.Time); over < growAfter || over > LatelyWithin {
				t.Errorf("looked at again after %s", over)
			}
		})
	}
}
