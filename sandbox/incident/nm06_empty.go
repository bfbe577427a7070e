package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// emptyDatabase is a second payment schema beside the one with data in it.
const emptyDatabase = "paydb_empty"

// NM-06: a new environment: all tables are there, and nothing is in them, nor in Redis
// or in Kafka's topics, for nobody pays.
var _ = add(Incident{ID: "NM-06", Parts: showing | stack.PartMariaDB | stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: slices.Concat(askOfDatabases(), askOfRedis(w), []Ask{askBreaker(), askWhyOpen(), askPattern(), askKafka()})}
		did.Settings = map[string]string{"PAYMENT_DB_NAME": emptyDatabase}
		// A second database of a Redis that has keys in the first looks like a mistake.
		if err := errors.Join(w.Stack.PauseFresh(ctx), emptyRedis(ctx, w, &did)); err != nil {
			return did, err
		}
		for _, shard := range w.Stack.Shards {
			if err := createEmpty(ctx, shard); err != nil {
				return did, err
			}
		}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			s.HTTP = nil
			return s
		}); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return errors.Join(restoreState(ctx, w, did), refillRedis(ctx, w, did), w.Stack.ResumeFresh(ctx), each(ctx, w.Stack.Shards, "DROP DATABASE IF EXISTS "+emptyDatabase,
			fmt.Sprintf("REVOKE ALL ON %s.* FROM '%s'@'%%'", emptyDatabase, stack.ReaderUser)))
	},
})

func createEmpty(ctx context.Context, shard *stack.MariaDB) (err error) {
	conn, err := shard.Admin().Conn(ctx)
	if err != nil {
		return err
	}
	// The connection goes back to the pool, which expects the other schema.
	defer func() {
		_, back := conn.ExecContext(context.WithoutCancel(ctx), "USE "+stack.Database)
		err = errors.Join(err, back, conn.Close())
	}()
	for _, statement := range []string{
		"CREATE DATABASE " + emptyDatabase + " CHARACTER SET utf8mb4",
		fmt.Sprintf("GRANT SELECT, SHOW VIEW ON %s.* TO '%s'@'%%'", emptyDatabase, stack.ReaderUser),
		"USE " + emptyDatabase,
		strings.TrimSpace(stack.Schema),
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", shard.Name(), err)
		}
	}
	return nil
}
