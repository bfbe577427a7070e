package incident

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/stack"
)

// TS-12: the databases no longer take the password that the server has.
var _ = add(Incident{ID: "TS-12", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		other := rand.Text()
		did := Injected{
			Asks:   []Ask{askPayments("payments last hour"), askOutbox(), askSettlements("refund"), askReconciliation(), askDuplicates(), askDatabases()},
			Quotes: []string{"1045", stack.ReaderUser}, Never: []string{other},
		}
		for _, shard := range w.Stack.Shards {
			now, err := readerPassword(shard)
			if err != nil {
				return did, err
			}
			did.Never = append(did.Never, now)
			if err := setReaderPassword(ctx, shard, other); err != nil {
				return did, err
			}
		}
		return did, nil
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		var errs []error
		for _, shard := range w.Stack.Shards {
			password, err := readerPassword(shard)
			if err == nil {
				err = setReaderPassword(ctx, shard, password)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	},
})

// readerPassword is the password that the servers under test are given.
func readerPassword(shard *stack.MariaDB) (string, error) {
	c, err := mysql.ParseDSN(shard.DSN(stack.ReaderUser))
	if err != nil {
		return "", err
	}
	return c.Passwd, nil
}

// setReaderPassword changes the password at the server and ends the sessions
// that came in with another.
func setReaderPassword(ctx context.Context, shard *stack.MariaDB, password string) error {
	for _, statement := range []string{
		fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED BY '%s'", stack.ReaderUser, password),
		fmt.Sprintf("KILL HARD CONNECTION USER '%s'", stack.ReaderUser),
	} {
		if _, err := shard.Admin().ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: change the reader's password: %w", shard.Name(), err)
		}
	}
	return nil
}
