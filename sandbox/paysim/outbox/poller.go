package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/paydb"
)

// Config says how the outbox is polled.
type Config struct {
	Interval      time.Duration // between polls; 0 means 50 ms
	Batch         int           // events of a shard in one poll; 0 means 1000
	MaxRetries    int           // after which an event is a dead letter; 0 means 10
	RetryInterval time.Duration // before an event that failed is tried again; 0 means 1 s
	LockAtMost    time.Duration // 0 means 30 s
	LockAtLeast   time.Duration // 0 means 1 s
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Interval, 50*time.Millisecond)
	set(&c.RetryInterval, time.Second)
	set(&c.LockAtMost, 30*time.Second)
	set(&c.LockAtLeast, time.Second)
	if c.Batch == 0 {
		c.Batch = 1000
	}
	if c.MaxRetries == 0 {
		c.MaxRetries = 10
	}
	return c
}

// Poller publishes what is in the outbox of every shard.
type Poller struct {
	cluster   *paydb.Cluster
	publisher *Publisher
	config    Config
	lock      Lock
	instance  int
	defects   *defect.Set
	log       *slog.Logger
	paused    atomic.Bool
	published atomic.Int64
}

// NewPoller makes the poller of an instance, counted from 1; Run starts it.
func NewPoller(c *paydb.Cluster, p *Publisher, o Config, instance int, owner string, log *slog.Logger) *Poller {
	o = o.withDefaults()
	return &Poller{
		cluster: c, publisher: p, config: o, instance: instance, defects: p.Defects, log: log,
		lock: Lock{Pool: c.Shard(1), Name: LockName, Owner: owner, AtMost: o.LockAtMost, AtLeast: o.LockAtLeast},
	}
}

// Pause stops the poller, or lets it go on.
func (p *Poller) Pause(paused bool) { p.paused.Store(paused) }

// Paused says whether it is stopped.
func (p *Poller) Paused() bool { return p.paused.Load() }

// Published is how many events it has published.
func (p *Poller) Published() int64 { return p.published.Load() }

// Run polls until the context ends. The interval lies between the end of a poll and
// the next, as with Spring's fixedDelay: pollers at a fixed rate keep step, and the one
// that is a little ahead would take the lock every time.
func (p *Poller) Run(ctx context.Context) {
	for next := time.NewTimer(p.config.Interval); ; next.Reset(p.config.Interval) {
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
		if p.paused.Load() {
			continue
		}
		if err := p.poll(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "poll of the outbox failed", "error", err)
		}
	}
}

// poll takes the lock, if it is free, and publishes until nothing is left or
// the lock has to be given back.
func (p *Poller) poll(ctx context.Context) error {
	if p.defects.Has(defect.ParityFilter) {
		shard := min(p.instance, len(p.cluster.Shards()))
		_, err := p.shard(ctx, p.cluster.Shard(shard), fmt.Sprintf("AND aggregate_id%%2=%d", (p.instance+1)%2))
		return err
	}
	taken, err := p.lock.Try(ctx)
	if err != nil || !taken {
		return err
	}
	// Whoever takes the lock after AtMost must not meet us still at work; what
	// was begun before takes its time. Should they meet, events are sent
	// twice, which consumers bear.
	work, cancel := context.WithTimeout(ctx, p.config.LockAtMost/2)
	defer cancel()
	err = p.drain(work)
	// Given back also when the work was cut short by the end of the process.
	back, done := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer done()
	if e := p.lock.Release(back); err == nil {
		err = e
	}
	return err
}

// drain polls every shard until none has a full batch.
func (p *Poller) drain(ctx context.Context) error {
	var failed error
	for more := true; more && ctx.Err() == nil && !p.paused.Load(); {
		more = false
		// The last shard first, as the original does it.
		for i := len(p.cluster.Shards()); i >= 1; i-- {
			full, err := p.shard(ctx, p.cluster.Shard(i), "")
			more = more || full
			if err != nil {
				// A shard that is away must not stop the other.
				failed, more = fmt.Errorf("shard %d: %w", i, err), false
			}
		}
	}
	return failed
}

const selectWaiting = `SELECT event_id, aggregate_id, event_type, payload FROM outbox_event
WHERE published=0 AND retry_count<? AND (last_retry_at IS NULL OR last_retry_at<TIMESTAMPADD(MICROSECOND,-?,UTC_TIMESTAMP(3))) %s ORDER BY created_at LIMIT ?`

// chunk is how many events are sent together. What was sent is noted before the
// next chunk: a system that is slow, or that has a backlog after an outage,
// gets on, where sending all of a poll at once would fail as a whole again and
// again.
const chunk = 100

// shard publishes one batch of one shard and says whether there may be more.
func (p *Poller) shard(ctx context.Context, pool *paydb.Pool, filter string) (full bool, err error) {
	messages, err := p.waiting(ctx, pool, filter)
	if err != nil {
		return false, err
	}
	for some := range slices.Chunk(messages, chunk) {
		if ctx.Err() != nil || p.paused.Load() {
			return false, nil
		}
		all, err := p.send(ctx, pool, some)
		if err != nil || !all {
			return false, err
		}
	}
	return len(messages) == p.config.Batch, nil
}

// send publishes a chunk, notes what became of each event, and says whether all
// were published. Once begun it is finished, also when the poll's time is over:
// to give up would be taken for a failure of Kafka.
func (p *Poller) send(ctx context.Context, pool *paydb.Pool, messages []bus.Message) (all bool, err error) {
	ctx = context.WithoutCancel(ctx)
	fates := p.publisher.publish(ctx, messages)
	ids := map[fate][]any{}
	for i, f := range fates {
		ids[f] = append(ids[f], messages[i].EventID)
	}
	if p.defects.Has(defect.PublishTwice) && len(ids[sent]) > 0 {
		// The acknowledgement is noted too late for the next poll.
		p.publisher.publish(ctx, messages)
	}
	p.published.Add(int64(len(ids[sent])))
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = errors.Join(
		mark(ctx, pool, `published=1, published_at=UTC_TIMESTAMP(3)`, ids[sent]),
		mark(ctx, pool, `retry_count=retry_count+1, last_retry_at=UTC_TIMESTAMP(3)`, ids[refused]))
	if n := len(ids[undelivered]); n > 0 {
		p.log.WarnContext(ctx, "events were not delivered", "shard", pool.Shard, "events", n)
	}
	// One that was refused must not hold up those behind it.
	return len(ids[sent])+len(ids[refused]) == len(messages), err
}

// waiting reads events that are due.
func (p *Poller) waiting(ctx context.Context, pool *paydb.Pool, filter string) (messages []bus.Message, err error) {
	err = pool.Do(ctx, func(conn *sql.Conn) error {
		rows, err := conn.QueryContext(ctx, fmt.Sprintf(selectWaiting, filter), p.config.MaxRetries, p.config.RetryInterval.Microseconds(), p.config.Batch)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var m bus.Message
			var payment int64
			var kind string
			if err := rows.Scan(&m.EventID, &payment, &kind, &m.Value); err != nil {
				return err
			}
			m.Topic, m.Key = TopicOf(kind), strconv.FormatInt(payment, 10)
			messages = append(messages, m)
		}
		return rows.Err()
	})
	return messages, err
}

// mark changes rows that were polled.
func mark(ctx context.Context, pool *paydb.Pool, change string, ids []any) error {
	if len(ids) == 0 {
		return nil
	}
	statement := `UPDATE outbox_event SET ` + change + ` WHERE published=0 AND event_id IN (` + strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",") + `)`
	return pool.Do(ctx, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, statement, ids...)
		return err
	})
}
