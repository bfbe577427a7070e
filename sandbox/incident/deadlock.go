package incident

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// deadlock is the error of MariaDB for whom it breaks off so that another can go on.
const deadlock = 1213

// execute runs a statement for as long as it is the victim of a deadlock: others work
// on the same rows meanwhile.
func execute(ctx context.Context, db *sql.DB, statement string) error {
	return unlessDeadlock(func() error {
		_, err := db.ExecContext(ctx, statement)
		return err
	})
}

// within runs a transaction, anew for as long as it is the victim of a deadlock.
func within(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	return unlessDeadlock(func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := do(tx); err != nil {
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	})
}

func unlessDeadlock(do func() error) (err error) {
	for range 20 {
		err = do()
		if victim, ok := errors.AsType[*mysql.MySQLError](err); !ok || victim.Number != deadlock {
			return err
		}
	}
	return err
}
