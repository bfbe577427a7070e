// Package invariant holds what is true of the payment system's data while
// nothing is wrong, as statements that look for the opposite, and checks it on
// real shards: after seeding, and after an incident was undone.
package invariant

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"payops-mcp/sandbox/seed"
)

// Violation is one row that should not be.
type Violation struct {
	Shard     int
	Statement string
	// Row is its columns, in the statement's order.
	Row []string
}

func (v Violation) String() string {
	return fmt.Sprintf("shard %d: %s: %q", v.Shard, v.Statement, v.Row)
}

// Check asks every shard everything about all of its payments. Merchants are
// checked against the rule as far as there are two shards or more.
func Check(ctx context.Context, shards []*sql.DB) ([]Violation, error) {
	var found []Violation
	for i, db := range shards {
		v, err := checkShard(ctx, db, i+1, len(shards) > 1)
		if err != nil {
			return found, fmt.Errorf("shard %d: %w", i+1, err)
		}
		found = append(found, v...)
	}
	return found, nil
}

func checkShard(ctx context.Context, db *sql.DB, shard int, placed bool) (found []Violation, err error) {
	conn, err := Session(ctx, db)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Everything at once takes longer than a polite question may.
	if _, err := conn.ExecContext(ctx, "SET max_statement_time=300"); err != nil {
		return nil, err
	}
	if found, err = CheckConn(ctx, conn.Conn, shard); err != nil || !placed {
		return found, err
	}
	merchants, err := Rows(ctx, conn.Conn, "SELECT DISTINCT merchant_id FROM payment")
	if err != nil {
		return nil, err
	}
	for _, m := range merchants {
		if right := seed.ShardOf(m[0]); right != shard {
			found = append(found, Violation{shard, fmt.Sprintf("Q9 merchant of shard %d", right), m})
		}
	}
	return found, nil
}

// CheckConn asks one shard everything but where merchants belong, as seen by a
// connection with whatever it has changed and not committed.
func CheckConn(ctx context.Context, conn *sql.Conn, shard int) ([]Violation, error) {
	scope, err := WholeShard(ctx, conn)
	if err != nil {
		return nil, err
	}
	var found []Violation
	for _, s := range Statements {
		var rows [][]string
		var err error
		switch {
		case s.Name == q4:
			rows, err = unexplained(ctx, conn, s, scope)
		case s.Violations:
			rows, err = Rows(ctx, conn, s.SQL, s.Args(scope)...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		for _, r := range rows {
			found = append(found, Violation{shard, s.Name, r})
		}
	}
	return found, nil
}

// unexplained are the rows of q4 that an event of the merchant's own capture
// does not explain. Its limit is far above what a chunk has of those.
func unexplained(ctx context.Context, conn *sql.Conn, q Statement, scope Scope) ([][]string, error) {
	events, err := Rows(ctx, conn, "SELECT DISTINCT aggregate_id FROM outbox_event WHERE event_type='PAYMENT_CAPTURED'")
	if err != nil {
		return nil, err
	}
	direct := map[string]bool{}
	for _, e := range events {
		direct[e[0]] = true
	}
	var left [][]string
	const chunk = 2000
	for first := scope.First; first <= scope.Last; first += chunk {
		rows, err := Rows(ctx, conn, q.SQL, q.Args(Scope{First: first, Last: first + chunk - 1})...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			const id, settled, null = 0, 3, "NULL"
			if r[settled] != null || !direct[r[id]] {
				left = append(left, r)
			}
		}
	}
	return left, nil
}

// Conn is a connection that was set up with the Preamble.
type Conn struct{ *sql.Conn }

// Session sets up a connection; close it.
func Session(ctx context.Context, db *sql.DB) (*Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn}
	for _, s := range Preamble {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s, err), c.Close())
		}
	}
	return c, nil
}

// Close ends the connection. It does not go back to its pool, whose other users
// may want to write.
func (c *Conn) Close() error {
	err := c.Raw(func(any) error { return driver.ErrBadConn })
	if !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	if err := c.Conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

// WholeShard is the scope that has every payment of the shard.
func WholeShard(ctx context.Context, conn *sql.Conn) (Scope, error) {
	s := Scope{Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), MaxRetries: 10}
	return s, conn.QueryRowContext(ctx, "SELECT COALESCE(MIN(payment_id),0), COALESCE(MAX(payment_id),0) FROM payment").Scan(&s.First, &s.Last)
}

// Rows runs a statement and returns its rows as text, NULL as "NULL".
func Rows(ctx context.Context, conn *sql.Conn, statement string, args ...any) ([][]string, error) {
	rows, err := conn.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(cells))
		for i, c := range cells {
			if row[i] = c.String; !c.Valid {
				row[i] = "NULL"
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
