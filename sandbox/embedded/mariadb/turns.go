package mariadb

import (
	"context"
	"errors"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// turns is whose turn it is. go-mysql-server's tables in memory are not made
// for two sessions at once: each commit writes back every table that its
// session has touched, also over what another has written meanwhile. So one
// statement runs at a time, and whoever has begun to write goes on alone until
// the end of its transaction. Those who read in between see what was
// committed before, as with MariaDB.
type turns struct {
	writer    chan struct{}
	statement chan struct{}
}

func newTurns() *turns {
	return &turns{writer: make(chan struct{}, 1), statement: make(chan struct{}, 1)}
}

// errLockWait is what MariaDB says to who waits for too long.
func errLockWait() error {
	return mysql.NewSQLError(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction")
}

// write waits for the turn to write.
func (t *turns) write(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case t.writer <- struct{}{}:
		return nil
	case <-timer.C:
		return errLockWait()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) written() { <-t.writer }

// run does one statement when it is its turn.
func (t *turns) run(ctx context.Context, do func() error) error {
	select {
	case t.statement <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.statement }()
	return do()
}

// interrupted says whether a statement ended because its time was over.
func interrupted(ctx context.Context, err error) bool {
	return err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// errTooLong is what MariaDB says when a statement's time is over.
func errTooLong() error {
	return mysql.NewSQLError(1969, "70100", "Query execution was interrupted (max_statement_time exceeded)")
}
