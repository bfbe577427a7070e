package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// TS-72: the clock of the second shard's machine is behind, as the tools see it: what
// is asked until now misses the newest there. It is set for the tools' sessions alone,
// as in NM-20.
var _ = add(Incident{ID: "TS-72", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askPayments("payments last hour"), askDatabases(), askStatistics()}, Quotes: []string{"shard2"}}
		shard, err := w.second()
		if err != nil {
			return did, err
		}
		behind := w.between(60, 900)
		return did, each(ctx, []*stack.MariaDB{shard}, fmt.Sprintf("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP(NOW(3)) - %d'", behind), endReader)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		shard, err := w.second()
		if err != nil {
			return nil // then nothing was changed
		}
		return each(ctx, []*stack.MariaDB{shard}, "SET GLOBAL init_connect = DEFAULT", endReader)
	},
})
