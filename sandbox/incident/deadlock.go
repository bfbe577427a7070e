package incident

import (
	"context"
	"database/sql"

	"payops-mcp/sandbox/paysim/paydb"
)

// tries is how often a statement or a transaction is tried that MariaDB gives up for
// the sake of another one: the payment system goes on meanwhile, and other incidents
// are repaired.
const tries = 20

func execute(ctx context.Context, db *sql.DB, statement string) error {
	return paydb.Again(ctx, tries, func() error {
		_, err := db.ExecContext(ctx, statement)
		return err
	})
}

func within(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	return paydb.Again(ctx, tries, func() error { return paydb.InTx(ctx, db, do) })
}
