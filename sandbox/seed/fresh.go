package seed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Freshen does to the data what a running system does: payments in flight are
// seconds old again, failed requests were just retried, the poller has just
// had its lock, and counters that have run out are back. Rows that somebody
// has meanwhile changed on purpose (another status, no last retry) stay as
// they are, and so does every payment that is not in flight.
//
// rdb may be nil.
func (p *Plan) Freshen(ctx context.Context, shards []*sql.DB, rdb redis.Cmdable) error {
	var err error
	for i, db := range shards {
		if e := p.freshenShard(ctx, db, i+1); e != nil {
			err = errors.Join(err, fmt.Errorf("freshen shard %d: %w", i+1, e))
		}
	}
	if rdb == nil {
		return err
	}
	pipe := rdb.Pipeline()
	for shard := range p.Shards {
		n := p.count(shard + 1)
		for i := n - p.inFlight(shard+1); i < n; i++ {
			pay := p.payment(shard+1, i)
			pipe.Set(ctx, IdemKey(pay.Merchant, pay.Key), pay.CachedAnswer(), idemTTL-p.Now.Sub(pay.RequestedAt))
		}
	}
	p.rates(ctx, pipe)
	if pipe.Len() > 0 {
		if _, e := pipe.Exec(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("freshen redis: %w", e))
		}
	}
	return err
}

func (p *Plan) freshenShard(ctx context.Context, db *sql.DB, shard int) (err error) {
	if p.count(shard) == 0 {
		return nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Whoever holds locks here does so on purpose: do not queue up behind
	// them, and lock no more than the rows that change.
	const patience, normal = "SET innodb_lock_wait_timeout=1", "SET innodb_lock_wait_timeout=DEFAULT"
	if _, err := conn.ExecContext(ctx, patience); err != nil {
		return err
	}
	err = p.freshenRows(ctx, conn, shard)
	_, e := conn.ExecContext(ctx, normal)
	return errors.Join(err, e)
}

func (p *Plan) freshenRows(ctx context.Context, conn *sql.Conn, shard int) (err error) {
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	n := p.count(shard)
	for _, table := range []string{"settlement_request", "refund_request"} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+` SET last_retry_at = NOW(3) - INTERVAL (5 + id % 50) SECOND
WHERE status = 'FAILED' AND retry_count BETWEEN 1 AND 9 AND last_retry_at IS NOT NULL`); err != nil {
			return err
		}
	}
	for i := n - p.inFlight(shard); i < n; i++ {
		if err := p.freshenPayment(ctx, tx, p.payment(shard, i)); err != nil {
			return err
		}
	}
	if shard == 1 {
		if _, err := tx.ExecContext(ctx, `UPDATE shedlock SET locked_at = NOW(3) - INTERVAL 1 SECOND, lock_until = NOW(3)
WHERE lock_until < NOW(3)`); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// freshenPayment moves all times of a payment by as much as makes it as old as
// it was when it was loaded.
func (p *Plan) freshenPayment(ctx context.Context, tx *sql.Tx, pay Payment) error {
	var shift int64 // microseconds
	age := p.Now.Sub(pay.RequestedAt).Microseconds()
	err := tx.QueryRowContext(ctx, `SELECT TIMESTAMPDIFF(MICROSECOND, requested_at, NOW(3)) - ? FROM payment
WHERE payment_id = ? AND status = ? FOR UPDATE`, age, pay.ID, pay.Status).Scan(&shift)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	move := func(table string, where string, args []any, columns ...string) error {
		var set []string
		for _, c := range columns {
			set = append(set, fmt.Sprintf("%[1]s = %[1]s + INTERVAL %[2]d MICROSECOND", c, shift))
		}
		_, err := tx.ExecContext(ctx, "UPDATE "+table+" SET "+strings.Join(set, ", ")+" WHERE "+where, args...)
		return err
	}
	id := []any{pay.ID}
	err = errors.Join(
		move("payment", "payment_id = ?", id, "requested_at", "updated_at"),
		move("ledger_entry", "payment_id = ?", id, "occurred_at"),
		move("settlement_request", "payment_id = ?", id, "requested_at", "completed_at"),
		move("idem_response_cache", "merchant_id = ? AND idempotency_key = ?", []any{pay.Merchant, pay.Key}, "created_at"),
	)
	for _, event := range p.Events[pay.Shard-1][pay.ID] {
		err = errors.Join(err, move("outbox_event", "event_id = ?", []any{event}, "created_at", "published_at"))
	}
	return err
}

// KeepFresh freshens at an interval until the context ends, and hands errors,
// as when a server is away for a while, to report.
func (p *Plan) KeepFresh(ctx context.Context, every time.Duration, shards []*sql.DB, rdb redis.Cmdable, report func(error)) {
	for tick := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			if err := p.Freshen(ctx, shards, rdb); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}
