package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// PollerLockName is the row of shedlock that the outbox poller takes before it
// polls.
const PollerLockName = "pollAndPublishOutboxEvents"

const (
	sqlHasTable = `SHOW TABLES LIKE '%'`

	sqlPollerLock = `SELECT lock_until, locked_at, LEFT(locked_by, 128) FROM shedlock WHERE name = ?`
)

// PollerLock is the poller's row in the first shard's shedlock.
type PollerLock struct {
	// Broken is what the lock library cannot work with: the table or columns that
	// are not there. Empty when all is there.
	Broken string
	Found  bool // the row is there
	Until  time.Time
	Taken  time.Time
	By     foreign.Text
}

// pollerLock reads the row, if there is such a table with such columns.
func (r *Reader) pollerLock(ctx context.Context) (*PollerLock, error) {
	there, err := r.has(ctx, "shedlock")
	if err != nil {
		return nil, err
	}
	if !there {
		return &PollerLock{Broken: "there is no table shedlock"}, nil
	}
	t, err := r.table(ctx, "shedlock")
	if err != nil {
		return nil, err
	}
	if missing := t.without("name", "lock_until", "locked_at", "locked_by"); len(missing) > 0 {
		if r.session.account.Partial {
			return nil, nil // what the account may not see is not missing
		}
		text := "shedlock has no column " + strings.Join(missing, ", ")
		if _, old := t.Columns["lock_at"]; old {
			text += " (it has lock_at, as the repository's migration V001 makes it)"
		}
		return &PollerLock{Broken: text}, nil
	}
	lock := &PollerLock{}
	err = r.run(ctx, "the poller's lock", sqlPollerLock, []any{PollerLockName}, func(rows *sql.Rows) error {
		var until, taken sql.NullTime
		var by sql.NullString
		if err := rows.Scan(&until, &taken, &by); err != nil {
			return err
		}
		lock.Found, lock.Until, lock.Taken, lock.By = true, until.Time, taken.Time, text(by)
		return nil
	})
	return lock, err
}

// has reports whether the account sees a table. Asking a table that is not there
// would end the transaction.
func (r *Reader) has(ctx context.Context, table string) (there bool, err error) {
	query := fill(sqlHasTable, strings.ReplaceAll(table, "_", `\_`))
	err = r.run(ctx, "whether there is a table "+table, query, nil, func(rows *sql.Rows) error {
		there = true
		return rows.Scan(new(string))
	})
	return there, err
}

// unreadable is the failure of a table without an index that bounds the question.
func (r *Reader) unreadable(t Table, column string) error {
	return &fault.Failure{
		Class: fault.Schema,
		Said:  foreign.Text(fmt.Sprintf("the table %s has no index over %s: every question would read all of it", t.Name, column)),
		Next:  "Compare it with the payment system's schema.sql",
	}
}

// Locks asks every shard who waits for locks and who holds them. An account
// without PROCESS is told nothing of it, and the facts stay nil.
func (db *DB) Locks(ctx context.Context) ([]Reply[Health], error) {
	return ask(ctx, db, func(ctx context.Context, r *Reader) (h Health, err error) {
		if !r.session.account.Process {
			return h, nil
		}
		for _, question := range []func(*Reader, context.Context, *Health) error{(*Reader).transactions, (*Reader).lockWaits, (*Reader).tableWaits} {
			if err := question(r, ctx, &h); err != nil {
				return h, err
			}
		}
		return h, nil
	})
}
