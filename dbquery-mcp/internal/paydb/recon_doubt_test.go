package paydb

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// What changes between two looks at it is not told as it was, and not called right: of
// two payments without a posting one is posted twice meanwhile, the other refunded.
func TestWhatChangesWhileItIsDoubted(t *testing.T) {
	db := withBooks(t, 50)
	s := db.Shards[0]
	s.Exec(t, "DELETE FROM ledger_entry WHERE payment_id IN (7, 11)")
	looks := map[int64]int{}
	r := reconcile(t, openDB(t, db), func(q *ReconcileQuery) {
		q.Merchants = []string{"MERCHANT-4", "MERCHANT-2"} // of shard 1 alone: one goroutine
		q.Judge = func(b *Books) Wrong {
			w := simple(b)
			if looks[b.ID]++; w == 0 || looks[b.ID] > 1 {
				return w
			}
			switch b.ID {
			case 7:
				s.Exec(t, "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (7, 'merchant_receivable', 'cash', 1007), (7, 'merchant_receivable', 'cash', 1007)")
			case 11:
				s.Exec(t, "UPDATE payment SET updated_at = UTC_TIMESTAMP(3) WHERE payment_id = 11")
			}
			return w
		}
	})[0]
	if got := wrong(r); !maps.Equal(got, map[int64]Wrong{7: twice}) || r.Facts.Young != 1 || r.Facts.Settled != 0 {
		t.Errorf("%v, %d young, %d settled, looked %v", got, r.Facts.Young, r.Facts.Settled, looks)
	}
}

// withEvents gives payments the event of their capture instead of a settlement, a
// thousand ids apart.
func withEvents(t *testing.T, payments int) (*dbtest.Shard, *DB) {
	t.Helper()
	books := withBooks(t, payments)
	first := books.Shards[0]
	first.Exec(t, "UPDATE payment SET status = 'CAPTURED'")
	first.Exec(t, "DELETE FROM settlement_request")
	first.Exec(t, `INSERT INTO outbox_event (event_id, aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at)
SELECT payment_id * 1000, 'payment', payment_id, 'PAYMENT_CAPTURED', '{}', 1, requested_at, requested_at + INTERVAL 1 SECOND FROM payment`)
	return first, openDB(t, books)
}

// without is simple for one who also looks for the event of a capture.
func without(b *Books) Wrong {
	if b.NoEvent {
		return simple(b) | noEvent
	}
	return simple(b)
}

const noEvent = refundedMore << 1

// A statement that fails while suspects are read again leaves them to the next part.
func TestAFailureLosesNoDoubt(t *testing.T) {
	s, conn := withEvents(t, 60)
	s.Exec(t, "UPDATE outbox_event SET event_type = 'PAYMENT_AUTHORIZED' WHERE aggregate_id = 40")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	replies, err := conn.Reconcile(ctx, ReconcileQuery{Grace: 2 * time.Minute, Checks: Checks{true, true}, Judged: anyStatus,
		From: map[string]Mark{"shard1": {Last: 60}, "shard2": {Done: true}},
		Judge: func(b *Books) Wrong {
			if b.ID == 40 {
				if looks++; looks == 2 {
					cancel()
				}
			}
			return without(b)
		}})
	if err != nil {
		t.Fatal(err)
	}
	broken := replies[0]
	if f := broken.Facts; broken.Source.OK() || f.End.Done || f.End.After >= 40 || f.Waiting == 0 || len(f.Exceptions) > 0 {
		t.Fatalf("%v: %+v", broken.Source.Err, f)
	}
	rest := reconcile(t, conn, func(q *ReconcileQuery) {
		q.Judge, q.From = without, map[string]Mark{"shard1": broken.Facts.End, "shard2": {Done: true}}
	})[0]
	if got := wrong(rest); !rest.Source.OK() || !rest.Facts.End.Done || !maps.Equal(got, map[int64]Wrong{40: noEvent}) {
		t.Errorf("%v: %v, %+v", rest.Source.Err, got, rest.Facts.End)
	}
}

// However little time there is, each part finds some more of the events, so that the
// next one begins later.
func TestEventsThatThereIsNoTimeFor(t *testing.T) {
	const payments = 300
	s, conn := withEvents(t, payments)
	s.Exec(t, "DELETE FROM outbox_event WHERE aggregate_id IN (20, 250)")
	onFirst(t.Context(), t, conn, func(ctx context.Context, r *Reader) error {
		c := &reconciling{r: r, q: ReconcileQuery{Checks: Checks{true, true}, Judge: without}, until: time.Now()}
		if err := c.look(ctx); err != nil {
			return err
		}
		for id := range int64(payments) {
			c.unproven = append(c.unproven, id+1)
		}
		parts, left, last := 0, len(c.unproven), 0
		for ; left > 0; parts++ {
			if err := c.prove(ctx); err != nil {
				return err
			}
			if len(c.unproven) >= left {
				t.Fatalf("after %d parts %d are left, as before", parts, left)
			}
			left, last = len(c.unproven), left
		}
		var doubted []int64
		for _, d := range c.doubts.fresh {
			doubted = append(doubted, d.id)
		}
		// Those of the last part are few enough to look for each.
		if parts < 3 || last > proveEach || len(doubted) > last+10 || !slices.Contains(doubted, 20) || !slices.Contains(doubted, 250) {
			t.Errorf("%v are doubted in %d parts, of the last %d", doubted, parts, last)
		}
		return nil
	})
}
