package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// wait, and makes a few of those two minutes old: the newest of a shard that has some,
// for the oldest may be on their way.
func holdEvents(ctx context.Context, w *World) error {
	if err := pausePollers(ctx, w, true); err != nil {
		return err
	}
	if err := awaitWaiting(ctx, w, 8); err != nil {
		return err
	}
	shards := slices.Clone(w.Stack.Shards)
	w.Rand.Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
	age, most := fmt.Sprintf(`UPDATE outbox_event SET created_at=created_at - INTERVAL %d SECOND
WHERE published=0 ORDER BY event_id DESC LIMIT ?`, w.between(90, 140)), w.between(2, 3)
	for _, shard := range shards {
		done, err := shard.Admin().ExecContext(ctx, age, most)
		if err != nil {
			return fmt.Errorf("%s: %w", shard.Name(), err)
		}
		if n, err := done.RowsAffected(); n > 0 || err != nil {
			return err
		}
	}
	return errors.New("no event waits on any shard")
}

func releaseEvents(ctx context.Context, w *World, _ Injected) error {
	return pausePollers(ctx, w, false)
}
