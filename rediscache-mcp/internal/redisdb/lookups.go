package redisdb

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// lookups counts the keyspace hits and misses that this process has caused, since
// Redis counts them among those of the payment system. It sits in the client, so
// that no probe can be forgotten.
type lookups struct{ hits, misses atomic.Int64 }

// DialHook changes nothing.
func (l *lookups) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook counts single commands.
func (l *lookups) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		l.count(cmd)
		return err
	}
}

// ProcessPipelineHook counts those of a pipeline.
func (l *lookups) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			l.count(cmd)
		}
		return err
	}
}

// count takes the commands that Redis counts; MEMORY USAGE, SCAN and those that
// look at no key are not among them.
func (l *lookups) count(cmd redis.Cmder) {
	var hit bool
	switch c := cmd.(type) {
	case *redis.StringCmd:
		if c.Name() != "getrange" {
			return
		}
		hit = c.Val() != "" || wrongType(c.Err())
		if c.Err() != nil && !hit {
			return // refused before it looked
		}
	case *redis.DurationCmd:
		if c.Name() != "pttl" && c.Name() != "object" || c.Err() != nil {
			return
		}
		hit = c.Val() != -2
	case *redis.StatusCmd:
		if c.Name() != "type" || c.Err() != nil {
			return
		}
		hit = c.Val() != "none"
	case *redis.IntCmd:
		if c.Name() != "strlen" || c.Err() != nil {
			return
		}
		hit = c.Val() != 0
	default:
		return
	}
	if hit {
		l.hits.Add(1)
	} else {
		l.misses.Add(1)
	}
}

func wrongType(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") }
