package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/ingest/wire"
)

// CB-51: the breaker of one instance is open and those of the others are closed:
// it is the way of that instance, and not Kafka.
var _ = add(Incident{ID: "CB-51", Parts: showing, Undo: restoreState,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		if len(w.Stack.Ingest) < 2 {
			return Injected{}, errors.New("the stack has one ingest instance, and it takes two to differ")
		}
		// Who has closed within two minutes may be about to differ no more.
		if err := inState(ctx, w, ingest.KafkaPublisher, wire.Closed, 125*time.Second); err != nil {
			return Injected{}, err
		}
		alone := w.Stack.Ingest[w.Rand.IntN(len(w.Stack.Ingest))]
		did := Injected{Asks: []Ask{askBreaker(), askWhyOpen()}, Quotes: []string{"OPEN", alone.Addr()}}
		err := changeState(ctx, w, &did, func(s ingest.State) ingest.State { return s })
		if err != nil {
			return did, err
		}
		if err := alone.SetBreaker(ctx, ingest.KafkaPublisher, ingest.Breaker{State: ingest.Open, Failed: w.between(5, 9)}); err != nil {
			return did, err
		}
		// Less than 15 s after the first the others could be about to follow.
		return did, awaitShown(ctx, w, noticedWithin, fmt.Sprintf(`count(min_over_time(resilience4j_circuitbreaker_state{name=%q, state="open"}[20s]) == 1) == 1`, ingest.KafkaPublisher))
	},
})
