package incident

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// keptKey is a key of Redis as it was.
type keptKey struct {
	Name, Value []byte // the value as Redis dumps it
	Ends        int64  // in milliseconds of Unix time; 0 for never
}

// keysName is the name under which emptyRedis keeps what there was.
const keysName = "keys"

// emptyRedis makes Redis one that nobody has used: without keys, which are kept for
// refillRedis, and never asked. Nobody may write meanwhile.
func emptyRedis(ctx context.Context, w *World, did *Injected) error {
	admin := w.Stack.Redis.Admin()
	var kept []keptKey
	all := admin.Scan(ctx, 0, "*", 1000).Iterator()
	for all.Next(ctx) {
		k := keptKey{Name: []byte(all.Val())}
		value, err := admin.Dump(ctx, all.Val()).Bytes()
		if errors.Is(err, redis.Nil) {
			continue // it has ended
		}
		if err != nil {
			return err
		}
		left, err := admin.PTTL(ctx, all.Val()).Result()
		if err != nil {
			return err
		}
		if left > 0 {
			k.Ends = time.Now().Add(left).UnixMilli()
		}
		k.Value = value
		kept = append(kept, k)
	}
	if err := all.Err(); err != nil {
		return err
	}
	if err := did.keep(keysName, kept); err != nil {
		return err
	}
	for _, k := range kept {
		if err := admin.Unlink(ctx, string(k.Name)).Err(); err != nil {
			return err
		}
	}
	// A Redis that has been asked for answers, and holds none, has lost them.
	return admin.ConfigResetStat(ctx).Err()
}

// refillRedis brings back what emptyRedis took, but for what has ended since.
func refillRedis(ctx context.Context, w *World, did Injected) error {
	return eachKept(did, keysName, func(all []keptKey) error {
		var errs []error
		for _, k := range all {
			errs = append(errs, w.Stack.Redis.Admin().Do(ctx, "RESTORE", k.Name, k.Ends, k.Value, "REPLACE", "ABSTTL").Err())
		}
		return errors.Join(errs...)
	})
}
