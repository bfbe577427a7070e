package paydb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

const (
	sqlBegin    = `START TRANSACTION READ ONLY`
	sqlClock    = `SELECT UTC_TIMESTAMP(3)`
	sqlRollback = `ROLLBACK`
)

// Clock is what a database's clock said, beside ours.
type Clock struct {
	Database time.Time     // UTC; zero when it was not read
	Tool     time.Time     // ours, at the middle of the question
	Took     time.Duration // question and answer; the offset is known to half of it
}

// Skew is how far the database's clock is ahead of ours, and how sure that is.
func (c Clock) Skew() (ahead, give time.Duration) {
	return c.Database.Sub(c.Tool).Round(time.Millisecond), c.Took / 2
}

// Reader is one shard in a read-only transaction. After a statement has failed
// it asks nothing more, and its connection is thrown away.
type Reader struct {
	shard   *shard
	conn    *sql.Conn
	session *session
	clock   Clock
	tables  map[string]Table // those looked at
	cached  bool             // one of them by an earlier question
	asked   string           // the statement at work, in words
	err     error            // the first failure
}

// Now is the database's clock as the transaction began, in UTC.
func (r *Reader) Now() time.Time { return r.clock.Database }

// errOwnQueue is a wait for our own connections that was too long.
var errOwnQueue = errors.New("all connections that this server allows itself to this shard are in use")

// open begins a read-only transaction. A pooled connection may have died since it
// was last used, so what fails on one of those is tried once more on a new one.
func (s *shard) open(ctx context.Context) (*Reader, error) {
	if s.unset != nil {
		return nil, s.unset
	}
	queue, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
	case <-queue.Done():
		return nil, errOwnQueue
	}
	ctx, cancel = context.WithTimeout(ctx, openTimeout)
	defer cancel()
	r, err := s.begin(ctx)
	if err != nil && r != nil && r.session.used && ctx.Err() == nil {
		r, err = s.begin(ctx)
	}
	if err != nil {
		<-s.slots
		return r, err
	}
	return r, nil
}

// begin takes a connection and begins on it. A Reader beside an error is one that
// can only be asked what it knows.
func (s *shard) begin(ctx context.Context) (*Reader, error) {
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	r := &Reader{shard: s, conn: conn, tables: map[string]Table{}}
	if err := conn.Raw(func(c any) error { r.session, _ = c.(*session); return nil }); err != nil || r.session == nil {
		_ = conn.Close()
		return nil, errors.Join(err, driver.ErrBadConn)
	}
	err = r.first(ctx)
	if err != nil {
		r.discard()
		s.forget() // the other idle connections are as old
		return r, err
	}
	r.session.used = true
	return r, nil
}

// forget closes the idle connections.
func (s *shard) forget() {
	s.pool.SetMaxIdleConns(-1)
	s.pool.SetMaxIdleConns(maxConns)
}

// first is what comes before every question. A connection from the pool gets a
// part of the time to show that it lives: the rest is for a new one, which tells
// a server that hangs from a connection that was lost on the way.
func (r *Reader) first(ctx context.Context) error {
	begin, cancel := ctx, context.CancelFunc(func() {})
	if r.session.used {
		begin, cancel = context.WithTimeout(ctx, lifeSign)
	}
	defer cancel()
	if err := r.exec(begin, sqlBegin); err != nil {
		return err
	}
	asked := time.Now()
	err := r.run(ctx, "the database's clock", sqlClock, nil, func(rows *sql.Rows) error { return rows.Scan(&r.clock.Database) })
	if err != nil {
		return err
	}
	r.clock.Took = time.Since(asked)
	r.clock.Tool = asked.Add(r.clock.Took / 2).Round(0)
	if r.session.greets {
		return nil
	}
	return r.greet(ctx)
}

// close ends the transaction. What is not rolled back for certain is not used again.
func (r *Reader) close(ctx context.Context) {
	defer func() { <-r.shard.slots }()
	if r.err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerGrace)
		defer cancel()
		r.err = r.exec(ctx, sqlRollback)
	}
	if r.err != nil {
		r.discard()
		return
	}
	_ = r.conn.Close() // back to the pool
}

// discard closes the connection itself.
func (r *Reader) discard() {
	_ = r.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = r.conn.Close() // already closed
}

// exec runs a statement that gives no rows.
func (r *Reader) exec(ctx context.Context, statement string) error {
	r.asked = statement
	_, err := r.conn.ExecContext(ctx, statement)
	return r.ended(ctx, err)
}

// run asks within the statement limit of the settings; see query.
func (r *Reader) run(ctx context.Context, name, query string, args []any, each func(*sql.Rows) error) error {
	return r.query(ctx, r.shard.options.StatementTimeout, name, query, args, each)
}

// query asks a SELECT and calls each for every row. The server stops it after
// limit, or earlier where the account, or the time left for the call, is shorter.
func (r *Reader) query(ctx context.Context, limit time.Duration, name, query string, args []any, each func(*sql.Rows) error) error {
	if s := r.session.limit; s > 0 {
		limit = min(limit, s)
	}
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		limit = min(limit, left-min(answerLead, left/5))
	}
	// 0 would mean no limit.
	limit = max(limit, time.Millisecond)
	ctx, cancel := context.WithTimeout(ctx, limit+answerGrace)
	defer cancel()
	name += " (at most " + limit.Round(time.Millisecond).String() + ")"
	return r.fetch(ctx, name, fmt.Sprintf("SET STATEMENT max_statement_time=%.3f FOR %s", limit.Seconds(), query), args, each)
}

// fetch asks with no other limit than the session's.
func (r *Reader) fetch(ctx context.Context, name, query string, args []any, each func(*sql.Rows) error) error {
	if r.err != nil {
		return r.err
	}
	r.asked = name
	return r.ended(ctx, r.scan(ctx, query, args, each))
}

func (r *Reader) scan(ctx context.Context, query string, args []any, each func(*sql.Rows) error) error {
	rows, err := r.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ended keeps the first failure. When the context ended, only the socket was
// closed: the server is told to stop.
func (r *Reader) ended(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if r.err == nil {
		r.err = err
	}
	if ctx.Err() != nil {
		r.shard.kill(r.session.id)
	}
	return err
}
