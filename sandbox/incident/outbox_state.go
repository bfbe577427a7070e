package incident

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"payops-mcp/sandbox/stack"
)

// What incidents that write into the outbox have in common: the events that they
// add are remembered by their ids, and deleted again.

// eventKinds are the types that a publisher knows.
const eventKinds = "ELT(1 + n MOD 3, 'PAYMENT_CAPTURE_REQUESTED', 'PAYMENT_AUTHORIZED', 'PAYMENT_CAPTURED')"

// event is how an event to be added looks, as SQL over the number n of the event,
// from 0, and the columns of its payment.
type event struct {
	kind, published, publishedAt, retries, lastRetry, createdAt string
}

// plantEvents adds an event for each payment that from selects; n is its number.
func plantEvents(ctx context.Context, w *World, did *Injected, place int, e event, from string) error {
	or := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	db := w.Stack.Shards[place].Admin()
	failed := func(err error) error { return fmt.Errorf("%s: %w", w.Stack.Shards[place].Name(), err) }
	statement := fmt.Sprintf(`INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, published, published_at, retry_count, last_retry_at, created_at)
SELECT 'payment', payment_id, %s, JSON_OBJECT('paymentId', payment_id, 'amount', amount), %s, %s, %s, %s, %s FROM (%s) AS p ORDER BY n`,
		or(e.kind, eventKinds), or(e.published, "0"), or(e.publishedAt, "NULL"), or(e.retries, "0"), or(e.lastRetry, "NULL"), e.createdAt, from)
	added, err := db.ExecContext(ctx, statement)
	if err != nil {
		return failed(err)
	}
	// The ids of one such statement follow each other, whoever else writes meanwhile
	// (innodb_autoinc_lock_mode 1, the default).
	first, err := added.LastInsertId()
	if err != nil {
		return failed(err)
	}
	n, err := added.RowsAffected()
	if err != nil {
		return failed(err)
	}
	if did.Kept == nil {
		did.Kept = map[string]string{}
	}
	did.Kept[fmt.Sprintf("events %d", place)] = fmt.Sprintf("%d %d", first, first+n-1)
	return nil
}

// numbered selects some payments of a shard, with their number.
func numbered(where string, limit int) string {
	return fmt.Sprintf("SELECT payment_id, amount, ROW_NUMBER() OVER (ORDER BY payment_id) - 1 AS n FROM payment WHERE %s ORDER BY payment_id LIMIT %d", where, limit)
}

// removeEvents deletes what plantEvents has added.
func removeEvents(ctx context.Context, w *World, did Injected) error {
	var errs []error
	for name, text := range did.Kept {
		var place int
		var first, last int64
		if !strings.HasPrefix(name, "events ") {
			continue
		}
		_, err := fmt.Sscan(strings.TrimPrefix(name, "events ")+" "+text, &place, &first, &last)
		if err == nil {
			_, err = w.Stack.Shards[place].Admin().ExecContext(ctx, "DELETE FROM outbox_event WHERE event_id BETWEEN ? AND ?", first, last)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// restoreBooksAndEvents undoes both kinds of change.
func restoreBooksAndEvents(ctx context.Context, w *World, did Injected) error {
	return errors.Join(removeEvents(ctx, w, did), restoreBooks(ctx, w, did))
}

// shards are the two that the payment system uses.
func (w *World) shards() []*stack.MariaDB { return w.Stack.Shards[:min(len(w.Stack.Shards), 2)] }

func askSettlements(kind string) Ask {
	return Ask{Question: "What became of the " + kind + "s?", Server: "dbquery-mcp", Tool: "check_settlements", Args: map[string]any{"kind": kind}}
}

func askTrace(id int64) Ask {
	return Ask{Question: fmt.Sprintf("What happened to payment %d?", id), Server: "dbquery-mcp", Tool: "trace_payment", Args: map[string]any{"payment_id": id}}
}
