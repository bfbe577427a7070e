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

// What went on since the last look is told also where that was less than a second ago.
func TestALookSoonAfterAnotherSeesWhatWentOnSince(t *testing.T) {
	s := redistest.Start(t)
	target, err := Parse("redis://"+s.Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := Open(target)
	t.Cleanup(func() { _ = db.Close() })
	db.Stats(t.Context())
	for node, k := range db.stats { // as if that were half a second ago, however slow this machine is
		k.last.Time = time.Now().Add(-growAfter / 2)
		db.stats[node] = k
	}
	s.Must("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	s.Must("SET", "evicted", "x")
	s.Must("CONFIG", "SET", "maxmemory", "1")
	s.Await("an eviction", func() bool { return s.Do("EXISTS", "evicted") == "0" })
	s.Must("CONFIG", "SET", "maxmemory", "0")
	again := db.Stats(t.Context())[0]
	if again.Before == nil || *again.Before.Load.Evicted != 0 || *again.Info.Load.Evicted == 0 {
		t.Errorf("before %+v, now %+v", again.Before, again.Info)
	}
}
