package incident

import (
	"context"
	"errors"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// aheadSeconds is how far the clock of the machine with the tools is ahead.
const aheadSeconds = 600

// NM-20: the clock of the machine on which the tools run is ten minutes ahead of
// the databases'. Seen from there, the databases' clocks are ten minutes behind,
// which is what can be set here: for the sessions of the tools alone. What the
// system itself writes is ten minutes ahead of those sessions then. So the pollers'
// lock is given the time that it would have on a system with one clock, and nobody
// takes it meanwhile: it would reach ten minutes into their future.
var _ = add(Incident{ID: "NM-20", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: askOfDatabases()}
		if err := w.Stack.PauseFresh(ctx); err != nil {
			return did, err
		}
		lock := fmt.Sprintf("UPDATE shedlock SET locked_at = locked_at - INTERVAL %[1]d SECOND, lock_until = lock_until - INTERVAL %[1]d SECOND", aheadSeconds)
		if err := each(ctx, w.Stack.Shards[:1], lock); err != nil {
			return did, err
		}
		return did, each(ctx, w.Stack.Shards, fmt.Sprintf("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP(NOW(3)) - %d'", aheadSeconds), endReader)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return errors.Join(each(ctx, w.Stack.Shards, "SET GLOBAL init_connect = DEFAULT", endReader), w.Stack.ResumeFresh(ctx))
	},
})
