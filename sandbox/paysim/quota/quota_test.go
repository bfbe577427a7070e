package quota_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/quota"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

func limiter(t *testing.T, rdb redis.Cmdable, capacity int64, defects ...defect.Name) *quota.Limiter {
	t.Helper()
	set := &defect.Set{}
	if err := set.Set(defects...); err != nil {
		t.Fatal(err)
	}
	return &quota.Limiter{Redis: rdb, Limits: map[string]quota.Limit{"authorize": {Capacity: capacity, Window: time.Minute}}, Defects: set}
}

func TestAllow(t *testing.T) {
	rdb := stacktest.Start(t, stack.PartRedis).Redis.Admin()
	for _, defects := range [][]defect.Name{nil, {defect.RateNotAtomic}} {
		merchant := "M-1" + string(append(defects, "")[0])
		l := limiter(t, rdb, 10, defects...)
		var allowed atomic.Int64
		var all sync.WaitGroup
		for range 25 {
			all.Go(func() {
				if ok, _ := l.Allow(t.Context(), "authorize", merchant); ok {
					allowed.Add(1)
				}
			})
		}
		all.Wait()
		if allowed.Load() != 10 {
			t.Errorf("%v: %d of 25 allowed, want 10", defects, allowed.Load())
		}
		ok, wait := l.Allow(t.Context(), "authorize", merchant)
		if ok || wait <= 0 || wait > time.Minute {
			t.Errorf("%v: allowed %t, wait %s", defects, ok, wait)
		}
		if ttl := rdb.TTL(t.Context(), "rate:authorize:"+merchant).Val(); ttl <= 0 || ttl > time.Minute {
			t.Errorf("%v: the counter lives for %s", defects, ttl)
		}
		if ok, _ := l.Allow(t.Context(), "refund", merchant); !ok {
			t.Error("an action without a limit was limited")
		}
	}
}

// An account that may not set expiries stands for a crash, or a lost
// connection, between the two commands.
func TestExpiryThatWasNotSet(t *testing.T) {
	s := stacktest.Start(t, stack.PartRedis)
	admin := s.Redis.Admin()
	if err := admin.ACLSetUser(t.Context(), "lame", "on", ">lame", "~*", "+@all", "-expire").Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.ACLDelUser(context.Background(), "lame") })
	lame := redis.NewClient(&redis.Options{Addr: s.Redis.Addr(), Username: "lame", Password: "lame", MaxRetries: -1})
	t.Cleanup(func() { _ = lame.Close() })

	broken := limiter(t, lame, 3, defect.RateNotAtomic)
	broken.Allow(t.Context(), "authorize", "M-2")
	if ttl := admin.TTL(t.Context(), "rate:authorize:M-2").Val(); ttl != -1 {
		t.Fatalf("the counter lives for %s, want for ever", ttl)
	}
	// The permission is back; the defect does not heal, the healthy way does.
	later := limiter(t, admin, 3, defect.RateNotAtomic)
	for range 5 {
		later.Allow(t.Context(), "authorize", "M-2")
	}
	if ok, wait := later.Allow(t.Context(), "authorize", "M-2"); ok || wait != time.Minute {
		t.Errorf("allowed %t, wait %s: want blocked, and told to wait the whole window", ok, wait)
	}
	if ttl := admin.TTL(t.Context(), "rate:authorize:M-2").Val(); ttl != -1 {
		t.Errorf("the counter lives for %s, want for ever", ttl)
	}
	limiter(t, admin, 3).Allow(t.Context(), "authorize", "M-2")
	if ttl := admin.TTL(t.Context(), "rate:authorize:M-2").Val(); ttl <= 0 {
		t.Errorf("the counter lives for %s, want a window", ttl)
	}
}

func TestWithoutRedis(t *testing.T) {
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = gone.Close() })
	for _, defects := range [][]defect.Name{nil, {defect.RateNotAtomic}} {
		if ok, _ := limiter(t, gone, 0, defects...).Allow(t.Context(), "authorize", "M-3"); !ok {
			t.Errorf("%v: blocked because Redis is away", defects)
		}
	}
}
