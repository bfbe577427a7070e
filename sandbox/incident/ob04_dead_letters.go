package incident

import (
	"context"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// OB-04: some events were tried as often as events are, two hours ago, and the
// poller has given them up. All others go out.
var _ = add(Incident{ID: "OB-04", Parts: stack.PartMariaDB, Undo: removeEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		hit, err := w.victims(ctx, shard, "CAPTURED", w.between(8, 20))
		if err != nil {
			return Injected{}, err
		}
		retries := []string{"5", "10"}[w.Rand.IntN(2)] // the yml's limit, and the compose file's
		did := Injected{Asks: []Ask{askOutbox()}, Quotes: append(worth(hit), strconv.Itoa(len(hit)), retries, shard.Name())}
		ago := w.between(90, 150)
		return did, plantEvents(ctx, w, &did, place, event{
			retries: retries, lastRetry: fmt.Sprintf("NOW(3) - INTERVAL %d MINUTE + INTERVAL n SECOND", ago), createdAt: fmt.Sprintf("NOW(3) - INTERVAL %d MINUTE", ago+5),
		}, numbered("payment_id IN ("+list(ids(hit))+")", len(hit)))
	},
})
