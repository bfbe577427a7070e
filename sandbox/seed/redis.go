package seed

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long keys live, as the payment system is configured.
const (
	rateWindow = 60 * time.Second
	idemTTL    = 600 * time.Second
)

// RateKey is where the counter of a merchant's action is.
func RateKey(action, merchant string) string { return "rate:" + action + ":" + merchant }

// IdemKey is where the cached answer to an authorization is.
func IdemKey(merchant, key string) string { return "idem:authorize:" + merchant + ":" + key }

// LoadRedis writes the keys that a healthy system has: cached answers to the
// payments of the last ten minutes, and counters of merchants with traffic.
func (p *Plan) LoadRedis(ctx context.Context, rdb redis.Cmdable) error {
	pipe := rdb.Pipeline()
	for shard := range p.Shards {
		for i := p.count(shard+1) - 1; i >= 0; i-- {
			pay := p.payment(shard+1, i)
			age := p.Now.Sub(pay.RequestedAt)
			if age >= idemTTL-time.Second {
				break
			}
			pipe.Set(ctx, IdemKey(pay.Merchant, pay.Key), pay.CachedAnswer(), idemTTL-age)
			if pipe.Len() >= 1000 {
				if _, err := pipe.Exec(ctx); err != nil {
					return err
				}
			}
		}
	}
	p.rates(ctx, pipe)
	_, err := pipe.Exec(ctx)
	return err
}

// rates writes the counters of the busiest merchants, unless they are there.
// The highest is far below any capacity.
func (p *Plan) rates(ctx context.Context, pipe redis.Pipeliner) {
	if p.Options.Payments == 0 {
		return
	}
	rng := rand.New(rand.NewPCG(p.Options.Seed, 0x7a7e))
	for _, names := range p.Merchants {
		for rank, merchant := range names[:min(len(names), 8)] {
			for _, action := range []string{"authorize", "capture", "refund"} {
				n := (1 + rng.IntN(400)) / (1 + rank)
				ttl := time.Duration(1+rng.IntN(59)) * time.Second
				if n > 0 {
					pipe.SetNX(ctx, RateKey(action, merchant), strconv.Itoa(n), min(ttl, rateWindow))
				}
			}
		}
	}
}
