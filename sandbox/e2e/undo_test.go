package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/incident"
	"payops-mcp/sandbox/stack"
)

// An incident that adds events takes away its own again, and none that somebody else
// wrote at the same moment: those are of payments, to which they would then be missing.
func TestUndoLeavesTheEventsOfOthers(t *testing.T) {
	s := static.running(t)
	const others = "aggregate_type='of somebody else'"
	count := func(shard *stack.MariaDB, where string) (n int) {
		t.Helper()
		if err := shard.Admin().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM outbox_event WHERE "+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, shard := range s.Shards {
		t.Cleanup(func() {
			if _, err := shard.Admin().ExecContext(context.WithoutCancel(t.Context()), "DELETE FROM outbox_event WHERE "+others); err != nil {
				t.Error(err)
			}
		})
	}
	r := random(t)
	for _, id := range []string{"RF-52", "OB-04"} {
		i, err := incident.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		var before []int
		for _, shard := range s.Shards {
			before = append(before, count(shard, "NOT "+others))
		}
		writing, stop := context.WithCancel(t.Context())
		written := make([]int, len(s.Shards))
		var writers sync.WaitGroup
		for n, shard := range s.Shards {
			writers.Go(func() {
				for writing.Err() == nil {
					if _, err := shard.Admin().ExecContext(t.Context(), `INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at)
VALUES ('of somebody else', 1, 'PAYMENT_AUTHORIZED', '{}', 1, NOW(3))`); err != nil {
						t.Error(err)
						return
					}
					written[n]++
				}
			})
		}
		for time := range 10 {
			e, err := drill.Begin(t.Context(), &incident.World{Stack: s, Rand: r}, i)
			if err == nil {
				err = e.End(context.WithoutCancel(t.Context()))
			}
			if err != nil {
				t.Error(fmt.Errorf("%s, time %d: %w", id, time+1, err))
				break
			}
		}
		stop()
		writers.Wait()
		for n, shard := range s.Shards {
			if left := count(shard, others); left != written[n] {
				t.Errorf("%s on %s: of %d events of others %d are left", id, shard.Name(), written[n], left)
			}
			if left := count(shard, "NOT "+others); left != before[n] {
				t.Errorf("%s on %s: there were %d events, and are %d", id, shard.Name(), before[n], left)
			}
			if _, err := shard.Admin().ExecContext(t.Context(), "DELETE FROM outbox_event WHERE "+others); err != nil {
				t.Fatal(err)
			}
		}
	}
}
