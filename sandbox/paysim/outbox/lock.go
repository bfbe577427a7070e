package outbox

import (
	"context"
	"database/sql"
	"time"

	"payops-mcp/sandbox/paysim/paydb"
)

// LockName is the row in shedlock that the poller of the real service uses.
const LockName = "pollAndPublishOutboxEvents"

// Lock is a distributed lock in a table, as ShedLock has it: a row that one
// owner at a time may write, by the database's clock. An owner that dies loses
// it after AtMost; AtLeast keeps others away when the work was short.
type Lock struct {
	Pool            *paydb.Pool
	Name, Owner     string
	AtMost, AtLeast time.Duration
}

const (
	lockInsert  = `INSERT IGNORE INTO shedlock (name, lock_until, locked_at, locked_by) VALUES (?, TIMESTAMPADD(MICROSECOND,?,UTC_TIMESTAMP(3)), UTC_TIMESTAMP(3), ?)`
	lockUpdate  = `UPDATE shedlock SET lock_until=TIMESTAMPADD(MICROSECOND,?,UTC_TIMESTAMP(3)), locked_at=UTC_TIMESTAMP(3), locked_by=? WHERE name=? AND lock_until<=UTC_TIMESTAMP(3)`
	lockRelease = `UPDATE shedlock SET lock_until=GREATEST(UTC_TIMESTAMP(3), TIMESTAMPADD(MICROSECOND,?,locked_at)) WHERE name=? AND locked_by=? AND lock_until>UTC_TIMESTAMP(3)`
)

// Try takes the lock if it is free, and says whether it was.
func (l *Lock) Try(ctx context.Context) (taken bool, err error) {
	err = l.Pool.Do(ctx, func(conn *sql.Conn) error {
		n, err := paydb.Exec(ctx, conn, lockUpdate, l.AtMost.Microseconds(), l.Owner, l.Name)
		if err == nil && n == 0 {
			n, err = paydb.Exec(ctx, conn, lockInsert, l.Name, l.AtMost.Microseconds(), l.Owner)
		}
		taken = n == 1
		return err
	})
	return taken, err
}

// Release gives the lock back, not before AtLeast has passed.
func (l *Lock) Release(ctx context.Context) error {
	return l.Pool.Do(ctx, func(conn *sql.Conn) error {
		_, err := paydb.Exec(ctx, conn, lockRelease, l.AtLeast.Microseconds(), l.Name, l.Owner)
		return err
	})
}
