package worker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/paydb"
)

// RetryConfig says how failed requests are tried again.
type RetryConfig struct {
	Interval time.Duration // between looks; 0 means 1 s
	After    time.Duration // how long to leave a failed request alone; 0 means 5 s
	Most     int           // after which a request is a dead letter; 0 means 10
}

func (c RetryConfig) withDefaults() RetryConfig {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.After == 0 {
		c.After = 5 * time.Second
	}
	if c.Most == 0 {
		c.Most = 10
	}
	return c
}

// Retrier tries requests again that the gateway refused.
type Retrier struct {
	desk   *Desk
	kind   kind
	config RetryConfig
	paused atomic.Bool
}

// SettlementRetries are those of failed settlements.
func (d *Desk) SettlementRetries(c RetryConfig) *Retrier {
	return &Retrier{desk: d, kind: settlement, config: c.withDefaults()}
}

// RefundRetries are those of failed refunds.
func (d *Desk) RefundRetries(c RetryConfig) *Retrier {
	return &Retrier{desk: d, kind: refund, config: c.withDefaults()}
}

// Pause stops the retries, or lets them go on.
func (r *Retrier) Pause(paused bool) { r.paused.Store(paused) }

// Paused says whether they are stopped.
func (r *Retrier) Paused() bool { return r.paused.Load() }

// Run looks for failed requests until the context ends.
func (r *Retrier) Run(ctx context.Context) {
	for tick := time.NewTicker(r.config.Interval); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if r.paused.Load() {
			continue
		}
		for _, pool := range r.shards() {
			if err := r.shard(ctx, pool); err != nil && ctx.Err() == nil {
				r.desk.Log.WarnContext(ctx, "retries failed", "table", r.kind.table, "shard", pool.Shard, "error", err)
			}
		}
	}
}

func (r *Retrier) shards() []*paydb.Pool {
	if r.desk.Defects.Has(defect.RetryStarved) {
		return r.desk.Cluster.Shards()[:1]
	}
	return r.desk.Cluster.Shards()
}

// failed is a request to try again.
type failed struct {
	id, payment int64
	retries     int
}

// due is which failed requests to try. A request that was never tried again has
// no time of that, which a comparison alone does not find.
func (r *Retrier) due() string {
	null := "last_retry_at IS NULL OR "
	if r.desk.Defects.Has(defect.RetryStarved) {
		null = ""
	}
	return `SELECT id, payment_id, retry_count FROM ` + r.kind.table + ` WHERE status='FAILED' AND retry_count<?
AND (` + null + `last_retry_at<TIMESTAMPADD(MICROSECOND,-?,UTC_TIMESTAMP(3))) ORDER BY requested_at LIMIT 500`
}

func (r *Retrier) shard(ctx context.Context, pool *paydb.Pool) error {
	var all []failed
	err := pool.Do(ctx, func(conn *sql.Conn) error {
		rows, err := conn.QueryContext(ctx, r.due(), r.config.Most, r.config.After.Microseconds())
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var f failed
			if err := rows.Scan(&f.id, &f.payment, &f.retries); err != nil {
				return err
			}
			all = append(all, f)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	// Side by side: while the gateway is slow, nothing may wait for a turn
	// for longer than a request may go without being tried.
	errs := make([]error, len(all))
	turns := make(chan struct{}, lanes)
	var wait sync.WaitGroup
	for i, f := range all {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			if e := r.one(ctx, pool, f); e != nil {
				errs[i] = fmt.Errorf("request %d: %w", f.id, e)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// one tries one request again.
func (r *Retrier) one(ctx context.Context, pool *paydb.Pool, f failed) error {
	k, d := r.kind, r.desk
	pay, err := pool.Find(ctx, f.payment)
	if err != nil {
		return err
	}
	out, err := d.ask(ctx, k, pool.Shard, pay)
	if err != nil {
		return err
	}
	if out.failed != nil {
		// A gateway that was not reached has not refused anything: an outage
		// must not turn every payment into a dead letter.
		counts := 1
		if out.failed.Code == gateway.Unreachable {
			counts = 0
		}
		if f.retries+counts >= r.config.Most {
			// Buried before it is given up: twice is better than never.
			if err := r.bury(ctx, pay, f, out); err != nil {
				return err
			}
		}
		return pool.Tx(ctx, func(tx *sql.Tx) error {
			_, err := paydb.Exec(ctx, tx, `UPDATE `+k.table+` SET retry_count=retry_count+?, last_retry_at=UTC_TIMESTAMP(3), pg_response_code=?, pg_response_message=? WHERE id=? AND status='FAILED' AND retry_count=?`,
				counts, out.failed.Code, out.failed.Message, f.id, f.retries)
			return err
		})
	}
	return pool.Tx(ctx, func(tx *sql.Tx) error {
		moved, err := paydb.Move(ctx, tx, pay.ID, k.fail, k.done)
		if err != nil || !moved {
			return err
		}
		if _, err := paydb.Exec(ctx, tx, `UPDATE `+k.table+` SET status='SUCCESS', `+k.transaction+`=?, pg_response_code=?, pg_response_message=?, retry_count=retry_count+1, last_retry_at=UTC_TIMESTAMP(3), completed_at=UTC_TIMESTAMP(3) WHERE id=? AND status='FAILED'`,
			out.receipt.TransactionID, out.receipt.Code, out.receipt.Message, f.id); err != nil {
			return err
		}
		if k.table == refund.table && d.Defects.Has(defect.SilentRefundRetry) {
			return nil
		}
		// No record brings this request again, so that the announcement has
		// to be part of the transaction.
		return outbox.Append(ctx, tx, outbox.Event{Type: k.doneEvent, PaymentID: pay.ID, Payload: d.payload(k, pay)})
	})
}

// bury puts a request that has failed too often into its dead-letter topic.
func (r *Retrier) bury(ctx context.Context, pay paydb.Payment, f failed, out outcome) error {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	return r.desk.send(ctx, r.kind.dlq, "", map[string]any{
		r.kind.id: f.id, "paymentId": pay.ID, r.kind.dlqAmount: pay.Amount, "retryCount": f.retries + 1, "status": "FAILED",
		"pgResponseCode": out.failed.Code, "pgResponseMessage": out.failed.Message, "errorMessage": out.failed.Error(),
		"requestedAt": pay.RequestedAt.UTC().Format(time.RFC3339Nano), "lastRetryAt": now, "timestamp": now,
	})
}
