package incident

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// OB-50: shedlock is as the repository's migration makes it and not as the lock
// library needs it: each poll fails at its first statement, on every instance.
var _ = add(Incident{ID: "OB-50", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askOutbox()}, Quotes: []string{"shedlock", "shard1"}}
		wrong := []string{
			"ALTER TABLE shedlock CHANGE lock_until lock_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)",
			"RENAME TABLE shedlock TO shedlock_old",
		}[w.Rand.IntN(2)]
		if _, err := w.Stack.Shards[0].Admin().ExecContext(ctx, wrong); err != nil {
			return did, fmt.Errorf("%s: %w", w.Stack.Shards[0].Name(), err)
		}
		if err := awaitWaiting(ctx, w, w.between(30, 60)); err != nil {
			return did, err
		}
		return did, age(ctx, w, time.Duration(w.between(7, 15))*time.Minute)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		_, renamed := w.Stack.Shards[0].Admin().ExecContext(ctx, "RENAME TABLE IF EXISTS shedlock_old TO shedlock")
		_, changed := w.Stack.Shards[0].Admin().ExecContext(ctx, "ALTER TABLE shedlock CHANGE COLUMN IF EXISTS lock_at lock_until TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)")
		return errors.Join(renamed, changed)
	},
})
