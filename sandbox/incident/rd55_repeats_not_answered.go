package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack"
)

const (
	// repeated answers are asked for again and again, each so often while all is well.
	repeated, times = 200, 1000
	repeatsEvery    = 100 * time.Millisecond
	repeatsAtOnce   = 50
	// forClients is what the buffers of connections may take in a Redis that is nearly
	// empty: without it, there may be nothing left to evict, and writes are refused.
	forClients = 512 << 10 // bytes
)

// RD-55: merchants repeat their requests, and most of the repeats were answered from
// Redis. Then Redis became too small: it throws the answers away before they are
// asked for, and the hit rate falls. What a server is told of the lifetime of an
// answer is short here, so that it soon takes this Redis for one with a past.
var _ = add(Incident{ID: "RD-55", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		lifetime, merchant := w.between(2, 4), w.merchant()
		did := Injected{Asks: []Ask{askCacheStats()}, Quotes: []string{"volatile-lru"}, Kept: map[string]string{},
			Settings: map[string]string{"APP_IDEMPOTENCY_CACHE_TTL_SECONDS": strconv.Itoa(lifetime)}}
		admin := w.Stack.Redis.Admin()
		if err := errors.Join(admin.ConfigResetStat(ctx).Err(), repeatAnswered(ctx, admin, merchant, w.between(60, 80))); err != nil {
			return did, err
		}
		if err := waitRedis(ctx, w, "server", "some past", func(info string) bool { return number(info, "uptime_in_seconds") > 3*lifetime }); err != nil {
			return did, err
		}
		used, err := usedMemory(ctx, w)
		if err != nil {
			return did, err
		}
		used += forClients
		did.Quotes = append(did.Quotes, strconv.FormatInt(used, 10))
		if err := setRedis(ctx, w, &did, "maxmemory-policy", "volatile-lru", "maxmemory", strconv.FormatInt(used, 10)); err != nil {
			return did, err
		}
		// It says that this lasts, and is taken away by Undo. It has no TTL, so that
		// volatile-lru leaves it alone.
		lasts := "settings:" + w.token(12)
		did.Kept["lasts"] = lasts
		if err := admin.Set(ctx, lasts, 1, 0).Err(); err != nil {
			return did, err
		}
		for range 100 {
			left, err := answersLeft(ctx, admin, merchant)
			if err != nil || left < repeated/10 {
				go repeatInVain(context.WithoutCancel(ctx), admin, merchant, lasts)
				return did, err
			}
			if err := cacheAnswers(ctx, w, 200); err != nil {
				return did, err
			}
		}
		return did, errors.New("redis: it does not evict the answers that are repeated")
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		admin := w.Stack.Redis.Admin()
		err := restoreRedis(ctx, w, did)
		if lasts := did.Kept["lasts"]; lasts != "" {
			err = errors.Join(err, admin.Del(ctx, lasts).Err())
		}
		if w.Stack.Plan != nil { // what it evicted of the others'
			err = errors.Join(err, w.Stack.Plan.LoadRedis(ctx, admin))
		}
		return err
	},
})

// repeatAnswered caches answers and asks for them, and for others, so that a percentage
// of what is asked for is there.
func repeatAnswered(ctx context.Context, admin *redis.Client, merchant string, percent int) error {
	pipe := admin.Pipeline()
	for i := range repeated {
		pipe.Set(ctx, seed.IdemKey(merchant, orderKey(i)), strings.Repeat("x", 500), 10*time.Minute)
	}
	for range times {
		for i := range repeated {
			key := seed.IdemKey(merchant, orderKey(i))
			if i*100 >= repeated*percent {
				key += "-new"
			}
			pipe.Get(ctx, key)
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// answersLeft counts the answers that are still there, by a question that is no
// lookup.
func answersLeft(ctx context.Context, admin *redis.Client, merchant string) (left int, err error) {
	pipe := admin.Pipeline()
	for i := range repeated {
		pipe.MemoryUsage(ctx, seed.IdemKey(merchant, orderKey(i)))
	}
	all, err := pipe.Exec(ctx)
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, err
	}
	for _, one := range all {
		if one.Err() == nil {
			left++
		}
	}
	return left, nil
}

// repeatInVain goes on asking for the answers, while others take their place, until
// the incident is over or has been forgotten.
func repeatInVain(ctx context.Context, admin *redis.Client, merchant, lasts string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for n := 0; admin.Exists(ctx, lasts).Val() == 1; {
		pipe := admin.Pipeline()
		for range repeatsAtOnce {
			pipe.Get(ctx, seed.IdemKey(merchant, orderKey(n%repeated)))
			n++
		}
		pipe.Set(ctx, seed.IdemKey(merchant, fmt.Sprintf("later-%d", n)), strings.Repeat("x", 2000), answersLive)
		_, _ = pipe.Exec(ctx) // a miss is what it is about
		select {
		case <-ctx.Done():
		case <-time.After(repeatsEvery):
		}
	}
}
