package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// OB-51: payments whose capture was asked for, and the event that starts it was never
// written: an error in writing it is swallowed. Nothing waits anywhere, and they are
// never captured.
var _ = add(Incident{ID: "OB-51", Parts: stack.PartMariaDB, Undo: restoreBooksAndRows,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		hit, err := w.older(ctx, shard, "CAPTURED", w.between(3, 8))
		if err != nil {
			return Injected{}, err
		}
		did := Injected{
			Asks:   []Ask{askOutbox(), askTrace(hit[0].ID), askSettlements("settlement")},
			Aside:  []string{"check_settlements"}, // it sees that no capture was begun, and not why
			Quotes: append(worth(hit), strconv.Itoa(len(hit)), shard.Name()),
		}
		if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
			return did, err
		}
		if err := keepRows(ctx, w, &did, place, "outbox_event", "aggregate_id IN ("+list(ids(hit))+")"); err != nil {
			return did, err
		}
		return did, change(ctx, shard, ids(hit),
			"UPDATE payment SET status='CAPTURE_REQUESTED', updated_at=requested_at WHERE payment_id IN (%)",
			"DELETE FROM ledger_entry WHERE payment_id IN (%)",
			"DELETE FROM settlement_request WHERE payment_id IN (%)",
			"DELETE FROM outbox_event WHERE aggregate_id IN (%) AND event_type='PAYMENT_CAPTURE_REQUESTED'")
	},
})
