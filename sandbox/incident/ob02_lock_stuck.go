package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/paysim/outbox"
)

// OB-02: the pollers' lock is held for hours by a host that is gone. Every
// instance skips its turn without a word.
var _ = add(Incident{ID: "OB-02", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		host := fmt.Sprintf("ingest-service-%d-%d", w.between(3, 9), w.between(10_000, 99_999))
		did := Injected{Asks: []Ask{askOutbox()}, Quotes: []string{outbox.LockName, host}, Kept: map[string]string{"host": host}}
		// Taken as a poller takes it, when it is free.
		err := await(ctx, "the pollers' lock to be free", func(ctx context.Context) (bool, error) {
			result, err := w.Stack.Shards[0].Admin().ExecContext(ctx, `UPDATE shedlock SET locked_by=?, locked_at=UTC_TIMESTAMP(3),
lock_until=UTC_TIMESTAMP(3) + INTERVAL ? HOUR WHERE name=? AND lock_until<=UTC_TIMESTAMP(3)`, host, w.between(2, 9), outbox.LockName)
			if err != nil {
				return false, err
			}
			n, err := result.RowsAffected()
			return n == 1, err
		})
		if err != nil {
			return did, err
		}
		until, err := timeOf(ctx, w.Stack.Shards[0], "SELECT lock_until FROM shedlock WHERE locked_by=?", host)
		if err != nil {
			return did, err
		}
		did.Quotes = append(did.Quotes, "lock_until "+until)
		if err := awaitWaiting(ctx, w, w.between(30, 60)); err != nil {
			return did, err
		}
		if err := age(ctx, w, time.Duration(w.between(7, 15))*time.Minute); err != nil {
			return did, err
		}
		return did, quoteOldest(ctx, &did, w.shards()...)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		_, err := w.Stack.Shards[0].Admin().ExecContext(ctx,
			"UPDATE shedlock SET lock_until=UTC_TIMESTAMP(3) WHERE name=? AND locked_by=?", outbox.LockName, did.Kept["host"])
		return err
	},
})
