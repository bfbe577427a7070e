package incident

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The questions about Redis as a whole.

func askHitting() Ask {
	return Ask{Question: "Which merchants hit their rate limits?", Server: "rediscache-mcp", Tool: "find_merchants_hitting_limits", Args: map[string]any{}}
}

func askTTLs() Ask {
	return Ask{Question: "Do the keys in Redis end when they should?", Server: "rediscache-mcp", Tool: "ttl_analysis", Args: map[string]any{}}
}

func askCacheStats() Ask {
	return Ask{Question: "Is Redis all right?", Server: "rediscache-mcp", Tool: "cache_stats", Args: map[string]any{}}
}

func askIdempotency(merchant, key string) Ask {
	return Ask{Question: "What is a repeat of this request answered with?", Server: "rediscache-mcp", Tool: "idempotency_lookup",
		Args: map[string]any{"merchant_id": merchant, "idempotency_key": key}}
}

// askOfRedis are the questions to every tool that looks at Redis, about names that it
// does not have.
func askOfRedis(w *World) []Ask {
	return []Ask{askCacheStats(), askHitting(), askTTLs(), askRateLimit(w.merchant(), w.anyAction()), askIdempotency(w.merchant(), orderKey(w.between(100_000, 999_999)))}
}

// asking adds questions to an incident.
func asking(i Incident, asks ...Ask) Incident {
	inject := i.Inject
	i.Inject = func(ctx context.Context, w *World) (Injected, error) {
		did, err := inject(ctx, w)
		did.Asks = append(did.Asks, asks...)
		return did, err
	}
	return i
}

// setRedis changes settings of Redis, given as name and value in turn, and keeps
// the old values for restoreRedis.
func setRedis(ctx context.Context, w *World, did *Injected, settings ...string) error {
	if did.Kept == nil {
		did.Kept = map[string]string{}
	}
	for i := 0; i < len(settings); i += 2 {
		name, value := settings[i], settings[i+1]
		now, err := w.Stack.Redis.Admin().ConfigGet(ctx, name).Result()
		if err != nil {
			return fmt.Errorf("redis: read %s: %w", name, err)
		}
		did.Kept["config "+name] = now[name]
		if err := w.Stack.Redis.Admin().ConfigSet(ctx, name, value).Err(); err != nil {
			return fmt.Errorf("redis: set %s: %w", name, err)
		}
	}
	return nil
}

// restoreRedis puts settings back as they were.
func restoreRedis(ctx context.Context, w *World, did Injected) error {
	var errs []error
	for name, value := range did.Kept {
		if setting, ok := strings.CutPrefix(name, "config "); ok {
			errs = append(errs, w.Stack.Redis.Admin().ConfigSet(ctx, setting, value).Err())
		}
	}
	return errors.Join(errs...)
}

// usedMemory is how many bytes Redis counts against its limit.
func usedMemory(ctx context.Context, w *World) (used int64, err error) {
	info, err := w.Stack.Redis.Admin().Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	if used = int64(number(info, "used_memory")); used == 0 {
		return 0, errors.New("redis: INFO memory does not tell used_memory")
	}
	return used, nil
}

// number reads a whole number out of INFO; 0 where it is not told.
func number(info, name string) (n int) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			_, _ = fmt.Sscan(value, &n) // what is no number is not told
		}
	}
	return n
}

// refusedWith makes sure that a write is refused with a word.
func refusedWith(ctx context.Context, w *World, word string) error {
	err := w.Stack.Redis.Admin().Incr(ctx, "rate:authorize:"+w.merchant()).Err()
	if err == nil || !strings.HasPrefix(err.Error(), word) {
		return fmt.Errorf("redis: a write must be refused with %s, got %w", word, err)
	}
	return nil
}
