// Package quota limits how often a merchant may do what, with a counter in
// Redis that begins anew a window after its first request.
package quota

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/seed"
)

// Limit is how many requests a window has room for.
type Limit struct {
	Capacity int64
	Window   time.Duration
}

// Defaults are the limits of the real service, by action.
func Defaults() map[string]Limit {
	return map[string]Limit{
		"authorize": {30_000, time.Minute},
		"capture":   {30_000, time.Minute},
		"refund":    {15_000, time.Minute},
	}
}

// Limiter counts requests. Its methods may be called side by side.
type Limiter struct {
	Redis   redis.Cmdable
	Limits  map[string]Limit // by action; an action without one is not limited
	Defects *defect.Set
}

// count begins a counter together with its expiry, or raises it: either way one
// write, which a server that is killed has done or not. A counter that lost its
// expiry all the same gets one again.
var count = redis.NewScript(`
if redis.call('SET', KEYS[1], 1, 'EX', ARGV[1], 'NX') then
  return {1, tonumber(ARGV[1])}
end
local n = redis.call('INCR', KEYS[1])
local ttl = redis.call('TTL', KEYS[1])
if ttl < 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
  ttl = tonumber(ARGV[1])
end
return {n, ttl}`)

// Allow counts one request and says whether there was room for it, and else
// after how long to try again. Without Redis there is always room: a limiter
// that is broken must not stop payments.
func (l *Limiter) Allow(ctx context.Context, action, merchant string) (bool, time.Duration) {
	limit, ok := l.Limits[action]
	if !ok {
		return true, 0
	}
	key := seed.RateKey(action, merchant)
	var n, ttl int64
	if l.Defects.Has(defect.RateNotAtomic) {
		n, ttl = l.twoCommands(ctx, key, limit)
	} else {
		result, err := count.Run(ctx, l.Redis, []string{key}, int64(limit.Window.Seconds())).Int64Slice()
		if err != nil || len(result) != 2 {
			return true, 0
		}
		n, ttl = result[0], result[1]
	}
	if n <= limit.Capacity {
		return true, 0
	}
	return false, time.Duration(ttl) * time.Second
}

// twoCommands is the original's way: an expiry that could not be set is never
// set again, and a counter without one is told as a whole window to wait.
func (l *Limiter) twoCommands(ctx context.Context, key string, limit Limit) (n, ttl int64) {
	n, err := l.Redis.Incr(ctx, key).Result()
	if err != nil {
		return 0, 0
	}
	if n == 1 {
		if l.Redis.Expire(ctx, key, limit.Window).Err() != nil {
			return n, 0
		}
	}
	if n <= limit.Capacity {
		return n, 0
	}
	left, err := l.Redis.TTL(ctx, key).Result()
	if err != nil || left < 0 {
		left = limit.Window
	}
	return n, int64(left.Seconds())
}
