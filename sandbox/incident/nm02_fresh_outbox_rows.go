package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"payops-mcp/sandbox/stack"
)

// NM-02: some events have waited for two minutes, others were published just now:
// less than what counts as stuck.
var _ = add(Incident{ID: "NM-02", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askOutbox()}, Kept: map[string]string{}}
		if err := holdEvents(ctx, w, did.Kept); err != nil {
			return did, err
		}
		// Nobody could say how many wait while more come.
		if err := changeLoad(ctx, w, &did, 0); err != nil {
			return did, err
		}
		n, err := restingEvents(ctx, w)
		did.Quotes = []string{fmt.Sprintf("%d pending", n), "< 300 s"}
		return did, err
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return errors.Join(restoreLoad(ctx, w, did), releaseEvents(ctx, w, did))
	},
})

// restingEvents is how many events wait as soon as no more come.
func restingEvents(ctx context.Context, w *World) (n int, err error) {
	const long = 2 * time.Second // for what is on its way
	since := time.Now()
	err = await(ctx, "no more events to come", func(ctx context.Context) (bool, error) {
		now, err := waiting(ctx, w)
		if now != n {
			n, since = now, time.Now()
		}
		return time.Since(since) > long, err
	})
	return n, err
}

// What releaseEvents needs: the shard and the ids of the events that were made older, and
// by how many seconds.
const (
	heldShard, heldEvents, heldSeconds = "held on", "held", "held for"
)

// holdEvents lets the pollers rest for a moment, in which some events get to
// wait, and makes a few of those two minutes old: the newest of a shard that has some,
// for the oldest may be on their way.
func holdEvents(ctx context.Context, w *World, kept map[string]string) error {
	if err := pausePollers(ctx, w, true); err != nil {
		return err
	}
	if err := awaitWaiting(ctx, w, 8); err != nil {
		return err
	}
	shards := slices.Clone(w.Stack.Shards)
	w.Rand.Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
	seconds, most := w.between(90, 140), w.between(2, 3)
	for _, shard := range shards {
		var events *string
		err := shard.Admin().QueryRowContext(ctx, "SELECT GROUP_CONCAT(event_id) FROM (SELECT event_id FROM outbox_event WHERE published=0 ORDER BY event_id DESC LIMIT ?) AS newest", most).Scan(&events)
		if err != nil {
			return fmt.Errorf("%s: %w", shard.Name(), err)
		}
		if events != nil {
			err := moveEvents(ctx, shard, *events, -seconds)
			if err == nil {
				kept[heldShard], kept[heldEvents], kept[heldSeconds] = shard.Name(), *events, strconv.Itoa(seconds)
			}
			return err
		}
	}
	return errors.New("no event waits on any shard")
}

// releaseEvents undoes holdEvents. An event that stayed older than its payment would be
// none of it. Done again, because something else of an undoing failed, it moves none twice.
func releaseEvents(ctx context.Context, w *World, did Injected) error {
	if err := pausePollers(ctx, w, false); err != nil {
		return err
	}
	for _, shard := range w.Stack.Shards {
		if shard.Name() != did.Kept[heldShard] {
			continue
		}
		seconds, err := strconv.Atoi(did.Kept[heldSeconds])
		if err == nil {
			err = moveEvents(ctx, shard, did.Kept[heldEvents], seconds)
		}
		if err != nil {
			return err
		}
		delete(did.Kept, heldShard)
	}
	return nil
}

// moveEvents has events written so many seconds later. ids are separated by commas.
func moveEvents(ctx context.Context, shard *stack.MariaDB, ids string, seconds int) error {
	err := execute(ctx, shard.Admin(), fmt.Sprintf("UPDATE outbox_event SET created_at = created_at + INTERVAL %d SECOND WHERE event_id IN (%s)", seconds, ids))
	if err != nil {
		return fmt.Errorf("%s: %w", shard.Name(), err)
	}
	return nil
}
