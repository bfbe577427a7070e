// Package proof says whether a payment system that was under load, and perhaps
// broken on the way, has done everything it promised exactly once: every
// invariant of the data holds, every payment that a caller was told of exists,
// nothing is left in a queue, and no key lives for ever.
package proof

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/seed/invariant"
)

// System is what to look at. Shards are pools of an account that may set
// session variables.
type System struct {
	Shards []*sql.DB
	Redis  redis.UniversalClient
	Kafka  []string // brokers
}

// Settle waits until nothing is under way any more: no event is unpublished,
// no payment waits for a worker, and every consumer has committed everything.
// The error says what was under way last.
func (s *System) Settle(ctx context.Context) error {
	last := errors.New("it was not looked at")
	for tick := time.NewTicker(250 * time.Millisecond); ; {
		busy, err := s.busy(ctx)
		switch {
		case err == nil && len(busy) == 0:
			tick.Stop()
			return nil
		case err == nil:
			last = errors.New(strings.Join(busy, ", "))
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not settled: %w: %w", ctx.Err(), last)
		}
	}
}

const underWay = `SELECT CONCAT('unpublished events: ', COUNT(*)) FROM outbox_event WHERE published=0 HAVING COUNT(*)>0
UNION ALL SELECT CONCAT(status, ': ', COUNT(*)) FROM payment WHERE status NOT IN ('CAPTURED','REFUNDED') GROUP BY status`

// busy is what is under way.
func (s *System) busy(ctx context.Context) ([]string, error) {
	var all []string
	for i, db := range s.Shards {
		rows, err := texts(ctx, db, underWay)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			all = append(all, fmt.Sprintf("shard %d: %s", i+1, r))
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	lags, err := s.lags(ctx)
	for group, n := range lags {
		if n > 0 {
			all = append(all, fmt.Sprintf("%s: %d records", group, n))
		}
	}
	slices.Sort(all)
	return all, err
}

// later is how far ahead of the server's clock the invariants are asked, so
// that no grace hides what is wrong: in a settled system nothing is young.
const later = 10 * time.Minute

// Check looks for everything that is wrong with a settled system that began
// empty. Paid are the payments that callers were told of.
func (s *System) Check(ctx context.Context, paid []traffic.Paid) ([]string, error) {
	var wrong []string
	found, err := invariant.Check(ctx, s.Shards)
	if err != nil {
		return nil, err
	}
	for i, db := range s.Shards {
		more, err := s.checkLater(ctx, db, i+1)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	for _, v := range found {
		wrong = append(wrong, v.String())
	}
	for _, check := range []func(context.Context) ([]string, error){
		func(ctx context.Context) ([]string, error) { return s.acknowledged(ctx, paid) },
		s.totals, s.queues, s.keys,
	} {
		more, err := check(ctx)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, more...)
	}
	slices.Sort(wrong)
	return slices.Compact(wrong), nil
}

// checkLater asks the invariants as if some minutes had passed.
func (s *System) checkLater(ctx context.Context, db *sql.DB, shard int) (found []invariant.Violation, err error) {
	conn, err := invariant.Session(ctx, db)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET timestamp=UNIX_TIMESTAMP()+%d", int(later.Seconds()))); err != nil {
		return nil, err
	}
	return invariant.CheckConn(ctx, conn.Conn, shard)
}

// acknowledged finds payments that callers were told of and that are not there,
// or not as they were told.
func (s *System) acknowledged(ctx context.Context, paid []traffic.Paid) ([]string, error) {
	type key struct {
		shard int
		id    int64
	}
	have := map[key]traffic.Paid{}
	for i, db := range s.Shards {
		err := each(ctx, db, `SELECT payment_id, merchant_id, idempotency_key, amount, currency FROM payment`, func(rows *sql.Rows) error {
			var p traffic.Paid
			err := rows.Scan(&p.ID, &p.Merchant, &p.Key, &p.Amount, &p.Currency)
			have[key{i + 1, p.ID}] = p
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var wrong []string
	for _, p := range paid {
		if got := have[key{min(seed.ShardOf(p.Merchant), len(s.Shards)), p.ID}]; got != p {
			wrong = append(wrong, fmt.Sprintf("acknowledged %+v, found %+v", p, got))
		}
	}
	return wrong, nil
}

// totals compares what was captured with what was posted, by count and sum.
func (s *System) totals(ctx context.Context) ([]string, error) {
	var wrong []string
	const both = `SELECT CONCAT_WS(' ', a.n, a.s, b.n, b.s) FROM
(SELECT COUNT(*) n, COALESCE(SUM(amount),0) s FROM payment WHERE status IN (%s)) a,
(SELECT COUNT(*) n, COALESCE(SUM(amount),0) s FROM ledger_entry WHERE debit_account='%s') b WHERE a.n<>b.n OR a.s<>b.s`
	for i, db := range s.Shards {
		for _, q := range []string{
			fmt.Sprintf(both, "'CAPTURED','REFUND_REQUESTED','REFUND_FAILED','REFUNDED'", "merchant_receivable"),
			fmt.Sprintf(both, "'REFUNDED'", "cash"),
		} {
			rows, err := texts(ctx, db, q)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				wrong = append(wrong, fmt.Sprintf("shard %d: payments and postings differ: %s", i+1, r))
			}
		}
	}
	return wrong, nil
}

// queues finds dead letters, and events that nobody knows.
func (s *System) queues(ctx context.Context) ([]string, error) {
	var wrong []string
	ends, err := s.ends(ctx, bus.PaymentDLQ, bus.SettlementDLQ, bus.RefundDLQ, bus.Unknown)
	for topic, n := range ends {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s has %d records", topic, n))
		}
	}
	return wrong, err
}

// keys finds keys in Redis that live for ever, or for too long.
func (s *System) keys(ctx context.Context) ([]string, error) {
	var wrong []string
	for pattern, most := range map[string]time.Duration{"rate:*": time.Minute, "idem:*": 10 * time.Minute} {
		all := s.Redis.Scan(ctx, 0, pattern, 1000).Iterator()
		for all.Next(ctx) {
			ttl, err := s.Redis.PTTL(ctx, all.Val()).Result()
			if err != nil {
				return nil, err
			}
			// -2 is a key that has just expired.
			if ttl == -1 || ttl > most {
				wrong = append(wrong, fmt.Sprintf("%s lives for %s", all.Val(), ttl))
			}
		}
		if err := all.Err(); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// texts are the rows of a query that has one column of text.
func texts(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	var all []string
	err := each(ctx, db, query, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}

func each(ctx context.Context, db *sql.DB, query string, row func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
