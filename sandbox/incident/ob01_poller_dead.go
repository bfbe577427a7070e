package incident

import (
	"context"
	"time"
)

// OB-01: the outbox pollers have stopped, on every instance. Payments are
// authorized, Kafka is well, the breaker is closed, and no event leaves.
var _ = add(Incident{ID: "OB-01", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askOutbox(), askBreaker(), askWhyOpen(), askKafka()}}
		if err := pausePollers(ctx, w, true); err != nil {
			return did, err
		}
		if err := awaitWaiting(ctx, w, w.between(30, 60)); err != nil {
			return did, err
		}
		if err := age(ctx, w, time.Duration(w.between(7, 15))*time.Minute); err != nil {
			return did, err
		}
		return did, quoteOldest(ctx, &did, w.shards()...)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return pausePollers(ctx, w, false) },
})
