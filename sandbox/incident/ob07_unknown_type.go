package incident

import (
	"context"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// OB-07: a build writes events of a type that the publisher knows no topic for.
// They are published to payment.unknown, and nobody reads them.
var _ = add(Incident{ID: "OB-07", Parts: stack.PartMariaDB, Undo: removeEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		kind := []string{"PAYMENT_SETTLED", "PAYMENT_CANCELLED", "PAYOUT_CREATED"}[w.Rand.IntN(3)]
		n := w.between(12, 30)
		did := Injected{Asks: []Ask{askOutbox(), askKafka()}, Quotes: []string{kind, strconv.Itoa(n), shard.Name()}}
		created := fmt.Sprintf("NOW(3) - INTERVAL %d SECOND + INTERVAL n * 10 SECOND", w.between(1200, 3600))
		return did, plantEvents(ctx, w, &did, place, event{
			kind: "'" + kind + "'", published: "1", publishedAt: created + " + INTERVAL 400000 MICROSECOND", createdAt: created,
		}, numbered("status = 'CAPTURED'", n))
	},
})
