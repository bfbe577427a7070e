package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/stack"
)

// KF-09: the settlement worker gives up the records that it cannot work on, without
// a trace: the events are published, nothing waits, no dead letter was written, and
// some payments are never captured.
var _ = add(Incident{ID: "KF-09", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{
			Asks: []Ask{askSettlements("settlement"), askKafka(), askDeadLetters(), askReconciliation()},
			Kept: map[string]string{},
		}
		err := w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.SetDefects(ctx, defect.DropRecords) })
		if err != nil {
			return did, err
		}
		if err := breakEvents(ctx, w, &did, w.between(2, 5)); err != nil {
			return did, err
		}
		if err := awaitPassed(ctx, w, bus.SettlementGroup, bus.CaptureRequested); err != nil {
			return did, err
		}
		// From here on nothing else may get lost: time that jumps is an error to whoever
		// works at that moment.
		if err := w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.SetDefects(ctx) }); err != nil {
			return did, err
		}
		// Others are served long after them, on their shard far more than they are.
		if err := age(ctx, w, 5*time.Minute); err != nil {
			return did, err
		}
		const rate, seconds = 10, 24 // whatever the load was until now
		if err := errors.Join(changeLoad(ctx, w, &did, rate), w.Stack.WaitPaid(ctx, rate*seconds)); err != nil {
			return did, err
		}
		if err := awaitDrained(ctx, w, bus.SettlementGroup, bus.CaptureRequested); err != nil {
			return did, err
		}
		if err := age(ctx, w, time.Duration(w.between(25, 35))*time.Minute); err != nil {
			return did, err
		}
		n := len(strings.Split(did.Kept["events"], ","))
		// The worker may have given up others besides; whoever is only late is done soon.
		last, since := -1, time.Now()
		return did, await(ctx, "no payment that waits but those given up", func(ctx context.Context) (bool, error) {
			old, err := count(ctx, w, "SELECT COUNT(*) FROM payment WHERE status='CAPTURE_REQUESTED' AND updated_at < NOW(3) - INTERVAL 5 MINUTE")
			if old != last {
				last, since = old, time.Now()
			}
			if err == nil && (old < n || time.Since(since) < 5*time.Second) {
				err = fmt.Errorf("%d payments wait, since %s; %d were given up", old, time.Since(since).Round(time.Second), n)
			}
			return true, err
		})
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return errors.Join(
			w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.SetDefects(ctx) }),
			mendEvents(ctx, w, did), pausePollers(ctx, w, false), restoreLoad(ctx, w, did))
	},
})

// workersAlone are capture requests that only the settlement worker will see to: some merchants
// capture a payment themselves, as soon as it is authorized.
const workersAlone = `SELECT e.event_id, e.aggregate_id FROM outbox_event e JOIN payment p ON p.payment_id=e.aggregate_id
WHERE e.published=0 AND e.event_type='PAYMENT_CAPTURE_REQUESTED' AND e.event_id>? AND e.created_at < NOW(3) - INTERVAL 2 SECOND AND p.status='CAPTURE_REQUESTED'
ORDER BY e.event_id LIMIT ?`

// breakEvents has some capture requests leave the outbox with an amount that is no
// number.
func breakEvents(ctx context.Context, w *World, did *Injected, n int) error {
	if err := pausePollers(ctx, w, true); err != nil {
		return err
	}
	place := w.Rand.IntN(len(w.shards()))
	db := w.shards()[place].Admin()
	// A poller that was paused still sends what it had read before, as it was.
	var read int64
	if err := db.QueryRowContext(ctx, "SELECT COALESCE(MAX(event_id), 0) FROM outbox_event").Scan(&read); err != nil {
		return err
	}
	var events, payments []string
	err := await(ctx, fmt.Sprintf("%d capture requests in the outbox", n), func(ctx context.Context) (bool, error) {
		rows, err := db.QueryContext(ctx, workersAlone, read, n)
		if err != nil {
			return false, err
		}
		defer func() { _ = rows.Close() }()
		events, payments = nil, nil
		for rows.Next() {
			var event, payment int64
			if err := rows.Scan(&event, &payment); err != nil {
				return false, err
			}
			events, payments = append(events, strconv.FormatInt(event, 10)), append(payments, strconv.FormatInt(payment, 10))
		}
		return len(events) == n, rows.Err()
	})
	if err != nil {
		return err
	}
	list := strings.Join(events, ",")
	did.Kept["shard"], did.Kept["events"] = strconv.Itoa(place), list
	did.Quotes = append(did.Quotes, payments...)
	if _, err := db.ExecContext(ctx, "UPDATE outbox_event SET payload=JSON_SET(payload, '$.amount', CONCAT(JSON_VALUE(payload, '$.amount'), '.00')) WHERE event_id IN ("+list+")"); err != nil {
		return err
	}
	if err := pausePollers(ctx, w, false); err != nil {
		return err
	}
	return await(ctx, "them to be published", func(ctx context.Context) (bool, error) {
		var left int
		err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM outbox_event WHERE published=0 AND event_id IN ("+list+")").Scan(&left)
		return left == 0, err
	})
}

// mendEvents has the events that breakEvents broke sent again as they should be.
func mendEvents(ctx context.Context, w *World, did Injected) error {
	list, ok := did.Kept["events"]
	if !ok {
		return nil
	}
	place, err := strconv.Atoi(did.Kept["shard"])
	if err != nil {
		return err
	}
	_, err = w.shards()[place].Admin().ExecContext(ctx, "UPDATE outbox_event SET payload=JSON_SET(payload, '$.amount', CAST(CAST(JSON_VALUE(payload, '$.amount') AS DECIMAL(20, 2)) AS INTEGER)), published=0, published_at=NULL, retry_count=0 WHERE event_id IN ("+list+")")
	return err
}

// count adds up what a statement counts on each shard.
func count(ctx context.Context, w *World, statement string) (n int, err error) {
	for _, shard := range w.shards() {
		var some int
		if err := shard.Admin().QueryRowContext(ctx, statement).Scan(&some); err != nil {
			return 0, fmt.Errorf("%s: %w", shard.Name(), err)
		}
		n += some
	}
	return n, nil
}
