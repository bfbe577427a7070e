package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// What is planted among the counters of a Redis.
const (
	capacity = 30_000
	near     = 100 // one counter of so many is at 80 % or more
	// latent counters have no TTL, blocking ones are over the capacity too, the
	// corrupt ones hold a word and the lists are none.
	latent, blocking, corrupt, lists = 40, 20, 15, 15
	// lasts is the TTL of everything else, and the window that the server is told.
	lasts = 24 * time.Hour
)

// planted is what an answer must find.
type planted struct {
	keys      int64
	counters  int64    // that hold a number, or should
	near      []string // merchants at 80 % or more
	neverEnds int64
	corrupt   int64
	merchants []string // some, for a question by name
}

// fill writes about n keys: a tenth counters, six tenths cached answers of some 300
// bytes, the rest payment:N.
func fill(ctx context.Context, db *redis.Client, n int) (p planted, err error) {
	if err := db.FlushAll(ctx).Err(); err != nil {
		return p, err
	}
	answer := fmt.Sprintf(`{"paymentId":%%d,"status":"CAPTURE_REQUESTED","amount":15000,"currency":"KRW","createdAt":"2026-11-20T10:00:00Z","ledgerEntries":[],"message":%q}`, strings.Repeat("m", 160))
	pipe := db.Pipeline()
	flush := func(room int) error {
		if pipe.Len() < room {
			return nil
		}
		_, err := pipe.Exec(ctx)
		return err
	}
	for i := range n {
		switch {
		case i%10 == 0:
			merchant, count := fmt.Sprintf("MERCHANT_%d", i/10), i/10*7%(capacity*7/10)
			if i/10%near == 0 {
				count = capacity*8/10 + i/10/near%(capacity/5)
				p.near = append(p.near, merchant)
			} else if len(p.merchants) < 1000 {
				p.merchants = append(p.merchants, merchant)
			}
			pipe.Set(ctx, "rate:authorize:"+merchant, count, lasts)
			p.counters++
		case i%10 <= 6:
			pipe.Set(ctx, fmt.Sprintf("idem:authorize:MERCHANT_%d:order-%d", i%5000, i), fmt.Sprintf(answer, i), lasts)
		default:
			pipe.Set(ctx, fmt.Sprintf("payment:%d", i), i, lasts)
		}
		if err := flush(2000); err != nil {
			return p, err
		}
	}
	for i := range latent {
		pipe.Set(ctx, fmt.Sprintf("rate:capture:LATENT_%d", i), i, 0)
	}
	for i := range blocking {
		merchant := fmt.Sprintf("EVER_%d", i)
		pipe.Set(ctx, "rate:refund:"+merchant, capacity+1+i, 0)
		p.near = append(p.near, merchant)
	}
	for i := range corrupt {
		pipe.Set(ctx, fmt.Sprintf("rate:refund:WORD_%d", i), "abc", lasts)
	}
	for i := range lists {
		pipe.RPush(ctx, fmt.Sprintf("rate:refund:LIST_%d", i), "x")
		pipe.Expire(ctx, fmt.Sprintf("rate:refund:LIST_%d", i), lasts)
	}
	if err := flush(1); err != nil {
		return p, err
	}
	p.counters += latent + blocking + corrupt + lists
	p.neverEnds, p.corrupt = latent+blocking, corrupt+lists
	slices.Sort(p.near)
	p.keys, err = db.DBSize(ctx).Result()
	return p, err
}

// fillCounters writes n counters, of which one in near is at 80 % or more and none
// is wrong.
func fillCounters(ctx context.Context, db *redis.Client, n int) error {
	if err := db.FlushAll(ctx).Err(); err != nil {
		return err
	}
	pipe := db.Pipeline()
	for i := range n {
		count := i * 7 % (capacity * 7 / 10)
		if i%near == 0 {
			count = capacity*8/10 + i/near%(capacity/5)
		}
		pipe.Set(ctx, fmt.Sprintf("rate:authorize:MERCHANT_%d", i), count, lasts)
		if pipe.Len() >= 2000 || i == n-1 {
			if _, err := pipe.Exec(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// settings are those of a server for these keys.
func settings(url string) map[string]string {
	s := map[string]string{"REDIS_URL": url}
	for _, action := range []string{"AUTHORIZE", "CAPTURE", "REFUND"} {
		s["APP_RATE_LIMIT_"+action+"_CAPACITY"] = fmt.Sprint(capacity)
		s["APP_RATE_LIMIT_"+action+"_WINDOW_SECONDS"] = fmt.Sprint(int(lasts.Seconds()))
	}
	return s
}
