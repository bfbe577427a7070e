package incident

import (
	"context"
	"fmt"
)

// NM-02: some events have waited for two minutes, others were published just now:
// less than what counts as stuck.
var _ = add(Incident{ID: "NM-02", Parts: paying, Undo: releaseEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askOutbox()}}
		return did, holdEvents(ctx, w)
	},
})

// holdEvents lets the pollers rest for a moment, in which some events get to
// wait, and makes a few of those two minutes old.
func holdEvents(ctx context.Context, w *World) error {
	if err := pausePollers(ctx, w, true); err != nil {
		return err
	}
	if err := awaitWaiting(ctx, w, 8); err != nil {
		return err
	}
	shard := w.Stack.Shards[w.Rand.IntN(len(w.Stack.Shards))]
	_, err := shard.Admin().ExecContext(ctx, fmt.Sprintf(`UPDATE outbox_event SET created_at=created_at - INTERVAL %d SECOND
WHERE published=0 ORDER BY created_at LIMIT %d`, w.between(90, 140), w.between(2, 3)))
	if err != nil {
		return fmt.Errorf("%s: %w", shard.Name(), err)
	}
	return nil
}

func releaseEvents(ctx context.Context, w *World, _ Injected) error {
	return pausePollers(ctx, w, false)
}
