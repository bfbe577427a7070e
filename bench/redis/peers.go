package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/redis/go-redis/v9"
)

const counters = "rate:*"

// bareScan names the counters and looks at none: the least that a scan can cost.
func bareScan(ctx context.Context, db *redis.Client) (took time.Duration, found int, err error) {
	begin := time.Now()
	for cursor := uint64(0); ; {
		keys, next, err := db.Scan(ctx, cursor, counters, 1000).Result()
		if err != nil {
			return 0, 0, err
		}
		found += len(keys)
		if cursor = next; cursor == 0 {
			return time.Since(begin), found, nil
		}
	}
}

// cliScan is what an engineer types: redis-cli --scan, names alone.
func cliScan(ctx context.Context, host, port, user, password string) (time.Duration, error) {
	begin := time.Now()
	cmd := exec.CommandContext(ctx, "redis-cli", "--no-auth-warning", "-h", host, "-p", port, "--user", user, "--pass", password, "--scan", "--pattern", counters)
	cmd.Stdout = io.Discard
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("redis-cli: %w", err)
	}
	return time.Since(begin), nil
}

// oneByOne is what this server replaces: KEYS, then a GET and a TTL of each key. It
// returns how long KEYS alone took too.
func oneByOne(ctx context.Context, db *redis.Client) (took, keysAlone time.Duration, err error) {
	begin := time.Now()
	keys, err := db.Keys(ctx, counters).Result()
	if err != nil {
		return 0, 0, err
	}
	keysAlone = time.Since(begin)
	for _, k := range keys {
		if err := db.Get(ctx, k).Err(); err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "WRONGTYPE") {
			return 0, 0, err
		}
		if err := db.TTL(ctx, k).Err(); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begin), keysAlone, nil
}

// bareCheck asks what check_rate_limit asks, in the same one round trip.
func bareCheck(ctx context.Context, db *redis.Client, merchant string) (time.Duration, error) {
	begin := time.Now()
	pipe := db.Pipeline()
	for _, action := range []string{"authorize", "capture", "refund"} {
		key := "rate:" + action + ":" + merchant
		pipe.GetRange(ctx, key, 0, 31)
		pipe.PTTL(ctx, key)
	}
	pipe.Info(ctx)
	_, err := pipe.Exec(ctx)
	return time.Since(begin), err
}
