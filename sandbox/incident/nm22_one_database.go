package incident

import (
	"context"
	"net"

	"payops-mcp/sandbox/stack"
)

// NM-22: both shards are configured to be the same server, as the payment system's
// compose file has it. Everything is there once, and counts once.
var _ = add(Incident{ID: "NM-22", Parts: stack.PartMariaDB,
	Inject: func(_ context.Context, w *World) (Injected, error) {
		did := Injected{Asks: askOfDatabases()}
		if _, err := w.second(); err != nil {
			return did, err
		}
		host, port, err := net.SplitHostPort(w.Stack.Shards[0].ClientAddr())
		did.Settings = map[string]string{"PAYMENT_DB_HOST_SHARD2": host, "PAYMENT_DB_PORT_SHARD2": port}
		return did, err
	},
	Undo: func(context.Context, *World, Injected) error { return nil },
})
