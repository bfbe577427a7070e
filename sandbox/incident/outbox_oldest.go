package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/stack"
)

// live are the events that wait and are not given up.
const live = "published=0 AND retry_count=0"

// quoteOldest has the answers quote since when events wait, on each shard that has some.
// More may come all the time, while nothing is published; the oldest stays the same.
func quoteOldest(ctx context.Context, did *Injected, shards ...*stack.MariaDB) error {
	for _, shard := range shards {
		oldest, err := timeOf(ctx, shard, "SELECT MIN(created_at) FROM outbox_event WHERE "+live)
		if err != nil {
			return err
		}
		if oldest != "" {
			did.Quotes = append(did.Quotes, shard.Name(), "oldest created "+oldest)
		}
	}
	return nil
}

// timeOf is the time that a statement selects, as the servers write it; empty for NULL.
func timeOf(ctx context.Context, shard *stack.MariaDB, statement string, args ...any) (string, error) {
	var at *time.Time
	if err := shard.Admin().QueryRowContext(ctx, statement, args...).Scan(&at); err != nil {
		return "", fmt.Errorf("%s: %w", shard.Name(), err)
	}
	if at == nil {
		return "", nil
	}
	return at.UTC().Format(time.RFC3339), nil
}
