package incident

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"payops-mcp/sandbox/stack"
)

// A counter is the limiter's key of a merchant and an action with a value.
type counter struct {
	merchant, action string
	count            int
	ttl              time.Duration // 0 means none
}

func (c counter) key() string { return "rate:" + c.action + ":" + c.merchant }

// set writes the counter as the limiter would have left it and says what was done.
func (c counter) set(ctx context.Context, w *World) (Injected, error) {
	did := Injected{
		Asks:   []Ask{askRateLimit(c.merchant, c.action)},
		Quotes: []string{strconv.Itoa(c.count), strconv.Itoa(limits[c.action]), c.merchant},
		Kept:   map[string]string{"key": c.key()},
	}
	taken, err := w.Stack.Redis.Admin().Exists(ctx, c.key()).Result()
	if err != nil {
		return did, err
	}
	if taken > 0 {
		did.Kept = nil // not ours to delete
		return did, fmt.Errorf("%s exists already", c.key())
	}
	return did, w.Stack.Redis.Admin().Set(ctx, c.key(), c.count, c.ttl).Err()
}

// deleteKept takes away the key that set wrote.
func deleteKept(ctx context.Context, w *World, did Injected) error {
	if key := did.Kept["key"]; key != "" {
		return w.Stack.Redis.Admin().Del(ctx, key).Err()
	}
	return nil
}

// anyAction returns one of the actions that have a limit.
func (w *World) anyAction() string {
	return []string{"authorize", "capture", "refund"}[w.Rand.IntN(3)]
}

// rateIncident is an incident that is one counter.
func rateIncident(id string, of func(w *World, c *counter)) Incident {
	return Incident{ID: id, Parts: stack.PartRedis, Undo: deleteKept,
		Inject: func(ctx context.Context, w *World) (Injected, error) {
			c := counter{merchant: w.merchant(), action: w.anyAction()}
			of(w, &c)
			return c.set(ctx, w)
		}}
}
