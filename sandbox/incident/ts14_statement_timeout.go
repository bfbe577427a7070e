package incident

import (
	"context"
	"errors"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// TS-14: the account that the server has may not ask for longer than the blink of
// an eye, in which nothing can be read.
var _ = add(Incident{ID: "TS-14", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askReconciliation()}, Quotes: []string{"1969"}}
		return did, statementLimit(ctx, w, "0.0001")
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return statementLimit(ctx, w, "0") },
})

// statementLimit sets how long a statement of the reader may take, in seconds, and
// ends the sessions that began with another limit.
func statementLimit(ctx context.Context, w *World, seconds string) error {
	var errs []error
	for _, shard := range w.Stack.Shards {
		for _, statement := range []string{
			fmt.Sprintf("ALTER USER '%s'@'%%' WITH MAX_STATEMENT_TIME %s", stack.ReaderUser, seconds),
			fmt.Sprintf("KILL HARD CONNECTION USER '%s'", stack.ReaderUser),
		} {
			if _, err := shard.Admin().ExecContext(ctx, statement); err != nil {
				errs = append(errs, fmt.Errorf("%s: the reader's limit: %w", shard.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}
