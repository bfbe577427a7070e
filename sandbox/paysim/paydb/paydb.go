// Package paydb is the payment system's databases as the service uses them: one
// pool of connections a shard, merchants on the shard that the rule gives, and
// transactions that are repeated when the server gave them up.
package paydb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/seed"
)

// ErrPoolTimeout says that no connection became free in time.
var ErrPoolTimeout = errors.New("no database connection became free in time")

// Options say how large the pools are.
type Options struct {
	MaxConns int           // of each pool; 0 means 20
	Acquire  time.Duration // how long to wait for a connection; 0 means 30 s
}

// Cluster is the two shards.
type Cluster struct{ pools []*Pool }

// Open makes a pool for each DSN, the first shard first. It does not dial.
func Open(dsns []string, o Options) (*Cluster, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 20
	}
	if o.Acquire == 0 {
		o.Acquire = 30 * time.Second
	}
	c := &Cluster{}
	for i, dsn := range dsns {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("DSN of shard %d: %w", i+1, err)
		}
		config.Loc, config.ParseTime, config.InterpolateParams = time.UTC, true, true
		// A row that was changed must count as changed, not as found: who
		// moves a payment to its next state learns from that whether it was
		// the one that did.
		config.ClientFoundRows = false
		config.Logger = &mysql.NopLogger{}
		if config.Params == nil {
			config.Params = map[string]string{}
		}
		config.Params["time_zone"] = "'+00:00'"
		// No locks on gaps: inserts of neighbours do not wait for each other.
		// MariaDB before 11.1 knows only this of the variable's two names.
		config.Params["tx_isolation"] = "'READ-COMMITTED'"
		if config.Timeout == 0 {
			config.Timeout = 5 * time.Second
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, fmt.Errorf("DSN of shard %d: %w", i+1, err)
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(o.MaxConns)
		db.SetMaxIdleConns(o.MaxConns)
		db.SetConnMaxIdleTime(5 * time.Minute)
		c.pools = append(c.pools, &Pool{Shard: i + 1, db: db, max: o.MaxConns, acquire: o.Acquire})
	}
	if len(c.pools) == 0 {
		return nil, errors.New("no shard: want at least one DSN")
	}
	return c, nil
}

// Shards are all pools, the first shard first.
func (c *Cluster) Shards() []*Pool { return c.pools }

// Shard is the pool of one shard, counted from 1.
func (c *Cluster) Shard(n int) *Pool { return c.pools[n-1] }

// For is where a merchant lives.
func (c *Cluster) For(merchant string) *Pool {
	return c.pools[min(seed.ShardOf(merchant), len(c.pools))-1]
}

// Ping says whether every shard answers.
func (c *Cluster) Ping(ctx context.Context) error {
	for _, p := range c.pools {
		err := p.Do(ctx, func(conn *sql.Conn) error { return conn.PingContext(ctx) })
		if err != nil {
			return fmt.Errorf("shard %d: %w", p.Shard, err)
		}
	}
	return nil
}

// Close ends all connections.
func (c *Cluster) Close() error {
	var err error
	for _, p := range c.pools {
		err = errors.Join(err, p.db.Close())
	}
	return err
}

// Pool is the connections to one shard.
type Pool struct {
	Shard   int
	db      *sql.DB
	max     int
	acquire time.Duration

	pending  atomic.Int64
	timeouts atomic.Int64
	acquired atomic.Int64
	waited   atomic.Int64 // nanoseconds
}

// Stats are the numbers of a pool.
type Stats struct {
	Total, Active, Idle, Pending, Max int
	Timeouts, Acquired                int64
	Waited                            time.Duration // sum over all that acquired a connection
}

// Stats are the numbers at present.
func (p *Pool) Stats() Stats {
	s := p.db.Stats()
	return Stats{
		Total: s.OpenConnections, Active: s.InUse, Idle: s.Idle, Max: p.max,
		Pending: int(p.pending.Load()), Timeouts: p.timeouts.Load(),
		Acquired: p.acquired.Load(), Waited: time.Duration(p.waited.Load()),
	}
}

// Do lends a connection for as long as the function runs. It ends with
// [ErrPoolTimeout] when none became free in time.
func (p *Pool) Do(ctx context.Context, use func(*sql.Conn) error) (err error) {
	wait, cancel := context.WithTimeout(ctx, p.acquire)
	defer cancel()
	begin := time.Now()
	p.pending.Add(1)
	conn, err := p.db.Conn(wait)
	p.pending.Add(-1)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			p.timeouts.Add(1)
			return fmt.Errorf("shard %d: %w (%s)", p.Shard, ErrPoolTimeout, p.acquire)
		}
		return err
	}
	p.acquired.Add(1)
	p.waited.Add(int64(time.Since(begin)))
	defer func() { err = errors.Join(err, conn.Close()) }()
	return use(conn)
}

// attempts is how often a transaction is tried that the server gives up for
// the sake of another one.
const attempts = 5

// Tx runs a function in a transaction, again from the beginning when it lost
// against another one. What the function did outside of the transaction is
// repeated as well.
func (p *Pool) Tx(ctx context.Context, do func(*sql.Tx) error) error {
	return Again(ctx, attempts, func() error {
		return p.Do(ctx, func(conn *sql.Conn) error { return InTx(ctx, conn, do) })
	})
}

// Again does what may lose against another transaction, so many times at most until
// it has not.
func Again(ctx context.Context, times int, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || !lost(err) || attempt == times {
			return err
		}
		pause := time.NewTimer(time.Duration(rand.IntN(10*attempt)+1) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// InTx runs a function in a transaction of a database, or of one connection.
func InTx(ctx context.Context, on interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}, do func(*sql.Tx) error,
) error {
	t, err := on.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(t); err != nil {
		_ = t.Rollback() // why it failed is told, and the connection ends it anyway
		return err
	}
	return t.Commit()
}

// lost says whether the server ended a transaction as a deadlock's victim or
// because it waited too long for a lock.
func lost(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && (e.Number == 1213 || e.Number == 1205)
}

// Duplicate says whether a row was refused because its key exists.
func Duplicate(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == 1062
}

// Refused says whether the server understood a statement and refused it for
// good, as opposed to being away, busy or shutting down: trying again would
// give the same answer.
func Refused(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return false
	}
	switch e.Number {
	case 1451, 1452, 1406, 1264, 1366, 4025, 3819:
		// A foreign key, a value that does not fit, a check.
		return true
	}
	return false
}

// Exec runs one statement and returns how many rows it changed.
func Exec(ctx context.Context, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statement string, args ...any) (int64, error) {
	result, err := on.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
