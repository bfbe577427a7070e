package quota_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// Redis writes a script that has changed two things into its log as a
// transaction, and some versions, whose default user may do nothing, leave
// transactions out when they read the log again: all counters that were ever
// begun had then lost their expiry after a kill.
func TestRedisKilled(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartRedis})
	rdb := s.Redis.Admin()
	l := limiter(t, rdb, 1000)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for range 3 {
				l.Allow(t.Context(), "authorize", fmt.Sprintf("M-%d", i))
			}
		})
	}
	all.Wait()
	if err := s.Redis.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		key := fmt.Sprintf("rate:authorize:M-%d", i)
		n, ttl := rdb.Get(t.Context(), key).Val(), rdb.PTTL(t.Context(), key).Val()
		if n != "3" || ttl <= 0 || ttl > time.Minute {
			t.Errorf("%s is %s and lives for %s, want 3 and at most a minute", key, n, ttl)
		}
	}
}
