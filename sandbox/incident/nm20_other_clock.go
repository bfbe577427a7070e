package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// aheadSeconds is how far the clock of the machine with the tools is ahead.
const aheadSeconds = 600

// NM-20: the clock of the machine on which the tools run is ten minutes ahead of
// the databases'. Seen from there, the databases' clocks are ten minutes behind,
// which is what can be set here: for the sessions of the tools alone. What the
// system itself writes is ten minutes ahead of those sessions then. So the outbox is
// not asked about: its lock, held until a second from now, would reach ten minutes
// into their future, which it does on no system that has only one clock.
var _ = add(Incident{ID: "NM-20", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{
			Asks: []Ask{askDatabases(), askPayments("payments last hour"), askReconciliation(), askDuplicates(), askStatistics()},
		}
		return did, each(ctx, w.Stack.Shards, fmt.Sprintf("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP(NOW(3)) - %d'", aheadSeconds), endReader)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return each(ctx, w.Stack.Shards, "SET GLOBAL init_connect = DEFAULT", endReader)
	},
})
