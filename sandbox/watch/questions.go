package watch

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"payops-mcp/sandbox/drill"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// Questions are what each tool is asked: nothing but what it requires. Where that
// is a name, it is one that the system has at that moment.
type Questions struct {
	stack *stack.Stack

	mu   sync.Mutex
	rand *rand.Rand
	last payment // what was drawn last
}

// NewQuestions asks about a living system. Names are drawn from r, which is the
// questions' own from now on.
func NewQuestions(s *stack.Stack, r *rand.Rand) *Questions { return &Questions{stack: s, rand: r} }

// Args are the arguments for a tool. A tool that nobody has thought of is an
// error: one that is never asked would be healthy for ever.
func (q *Questions) Args(ctx context.Context, server, tool string) (map[string]any, error) {
	if slices.Contains(drill.Plain[server], tool) {
		return map[string]any{}, nil
	}
	switch tool {
	case "show_config", "query_payments": // which diagnose nothing
		return map[string]any{}, nil
	case "inspect_consumer_lag":
		return map[string]any{"group": one(q, bus.SettlementGroup, bus.RefundGroup, bus.LedgerGroup)}, nil
	case "query_metrics":
		return map[string]any{"question": one(q, "failure rate of kafka-publisher", "http latency", "http error ratio", "pool waiting")}, nil
	case "search_runbooks":
		return map[string]any{"keywords": one(q, []string{"broker down", "브로커 다운"}, []string{"outbox"}, []string{"429"})}, nil
	case "read_runbook":
		return map[string]any{"id": string(one(q, catalog.All()...).Code)}, nil
	case "explain_finding":
		return map[string]any{"code": string(one(q, catalog.All()...).Code)}, nil
	}
	about, ok := aboutPayment[tool]
	if !ok {
		return nil, fmt.Errorf("%s has the tool %s, and there is no question for it", server, tool)
	}
	p, err := q.payment(ctx)
	if err != nil {
		return nil, err
	}
	return one(q, about(p)...), nil
}

// aboutPayment are the tools that are asked about a payment or its merchant, and
// what they are asked by turns.
var aboutPayment = map[string]func(payment) []map[string]any{
	"query_ledgers": func(p payment) []map[string]any {
		return []map[string]any{
			{"query_type": "totals"},
			{"query_type": "by_payment", "payment_id": p.id},
			{"query_type": "by_merchant", "merchant_id": p.merchant},
		}
	},
	"trace_payment": func(p payment) []map[string]any {
		return []map[string]any{{"payment_id": p.id}, {"merchant_id": p.merchant, "idempotency_key": p.key}}
	},
	"check_rate_limit": func(p payment) []map[string]any { return []map[string]any{{"merchant_id": p.merchant}} },
	"idempotency_lookup": func(p payment) []map[string]any {
		return []map[string]any{{"merchant_id": p.merchant, "idempotency_key": p.key}}
	},
}

// payment is a payment's names.
type payment struct {
	id            int64
	merchant, key string
}

// young is how far back payments are asked about: from what is in flight to what
// has come to rest.
const young = 2000

// payment draws one of the youngest payments of any shard. Where the shard is
// gone, it is the one that was drawn last.
func (q *Questions) payment(ctx context.Context) (payment, error) {
	q.mu.Lock()
	shard := q.stack.Shards[q.rand.IntN(len(q.stack.Shards))]
	// Many of them are of the last seconds.
	back := min(q.rand.IntN(young), q.rand.IntN(young), q.rand.IntN(young))
	last := q.last
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, drawWithin)
	defer cancel()
	p, err := draw(ctx, shard.Admin(), back)
	if err != nil && last.id != 0 {
		return last, nil
	}
	if err != nil {
		return p, fmt.Errorf("%s: draw a payment: %w", shard.Name(), err)
	}
	q.mu.Lock()
	q.last = p
	q.mu.Unlock()
	return p, nil
}

// drawWithin bounds how long a shard may take to tell of a payment.
const drawWithin = 2 * time.Second

func draw(ctx context.Context, db *sql.DB, back int) (p payment, err error) {
	var newest int64
	if err := db.QueryRowContext(ctx, "SELECT MAX(payment_id) FROM payment").Scan(&newest); err != nil {
		return p, err
	}
	return p, db.QueryRowContext(ctx, "SELECT payment_id, merchant_id, idempotency_key FROM payment WHERE payment_id >= ? ORDER BY payment_id LIMIT 1", newest-int64(back)).
		Scan(&p.id, &p.merchant, &p.key)
}

// one draws one of several.
func one[T any](q *Questions, all ...T) T {
	q.mu.Lock()
	defer q.mu.Unlock()
	return all[q.rand.IntN(len(all))]
}
