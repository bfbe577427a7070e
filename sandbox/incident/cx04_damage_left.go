package incident

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// CX-04: Kafka was away for a while hours ago, and is well again, and so is all that
// is alive. What it has left: events that were given up then, and captures of that
// time that were never posted.
var _ = add(Incident{ID: "CX-04", Parts: showing | stack.PartMariaDB, Undo: restoreBooksAndEvents,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{
			Asks:  []Ask{askOutbox(), askReconciliation(), askBreaker(), askPattern(), askKafka()},
			Aside: []string{"check_outbox_status"}, // it sees the events alone, and not the books
		}
		shard, place := w.anyShard()
		given, lost := w.between(8, 20), w.between(10, 18)
		hit, err := w.victims(ctx, shard, "CAPTURED", given+lost)
		if err != nil {
			return did, err
		}
		w.Rand.Shuffle(len(hit), func(i, j int) { hit[i], hit[j] = hit[j], hit[i] })
		events, unposted := hit[:given], slices.SortedFunc(slices.Values(hit[given:]), func(a, b victim) int { return int(a.ID - b.ID) })
		did.Quotes = slices.Concat(worth(events), []string{strconv.Itoa(given)}, span(unposted), worth(unposted), []string{shard.Name()})
		if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
			return did, err
		}
		began := w.between(300, 500) // minutes ago, for twenty minutes
		then := fmt.Sprintf("NOW(3) - INTERVAL %d MINUTE", began)
		err = change(ctx, shard, ids(unposted),
			"UPDATE payment SET updated_at="+then+" + INTERVAL payment_id MOD 20 MINUTE WHERE payment_id IN (%)",
			"DELETE FROM ledger_entry WHERE payment_id IN (%)")
		if err != nil {
			return did, err
		}
		if err := plantEvents(ctx, w, &did, place, event{
			retries: "10", createdAt: then, lastRetry: then + " + INTERVAL n MOD 20 MINUTE",
		}, numbered("payment_id IN ("+list(ids(events))+")", given)); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
})
