package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// DB-02: the second shard's address leads to a replica that does not follow its
// primary any more: what it answers is old.
var _ = add(Incident{ID: "DB-02", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		port := w.between(1, 9) // where nobody listens
		did := Injected{Asks: []Ask{askDatabases()}, Quotes: []string{"shard2", fmt.Sprintf("127.0.0.1:%d", port)}}
		shard, err := w.second()
		if err != nil {
			return did, err
		}
		return did, each(ctx, []*stack.MariaDB{shard}, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='copier', MASTER_CONNECT_RETRY=3600", port), "START SLAVE")
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		shard, err := w.second()
		if err != nil {
			return nil // then nothing was changed
		}
		return each(ctx, []*stack.MariaDB{shard}, "STOP SLAVE", "RESET SLAVE ALL")
	},
})
