package incident

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"payops-mcp/sandbox/stack"
)

// crowd are the connections that fill up a server. They are this process's own: the
// incident lasts no longer than it.
var crowd struct {
	sync.Mutex
	held []*sql.Conn
}

// fewConnections is the least that MariaDB takes for max_connections.
const fewConnections = 10

// TS-15: every connection of the second shard is taken. Whoever has none waits for
// nothing: it is refused.
var _ = add(Incident{ID: "TS-15", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askDatabases(), askPayments("payments last hour")}, Quotes: []string{"1040", "shard2"}}
		shard, err := w.second()
		if err != nil {
			return did, err
		}
		var before string
		if err := shard.Admin().QueryRowContext(ctx, "SELECT @@GLOBAL.max_connections").Scan(&before); err != nil {
			return did, err
		}
		did.Kept = map[string]string{"max_connections": before}
		if err := each(ctx, []*stack.MariaDB{shard}, endReader, fmt.Sprintf("SET GLOBAL max_connections = %d", fewConnections)); err != nil {
			return did, err
		}
		return did, fill(ctx, shard)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		crowd.Lock()
		defer crowd.Unlock()
		var errs []error
		for _, c := range crowd.held {
			errs = append(errs, c.Close())
		}
		crowd.held = nil
		if before := did.Kept["max_connections"]; before != "" {
			shard, err := w.second()
			if err != nil {
				return err
			}
			errs = append(errs, each(ctx, []*stack.MariaDB{shard}, "SET GLOBAL max_connections = "+before))
		}
		return errors.Join(errs...)
	},
})

// fill takes connections until the server has none left.
func fill(ctx context.Context, shard *stack.MariaDB) error {
	crowd.Lock()
	defer crowd.Unlock()
	for range 2 * fewConnections {
		c, err := shard.App().Conn(ctx)
		if err == nil {
			crowd.held = append(crowd.held, c)
			continue
		}
		if strings.Contains(err.Error(), "1040") {
			return nil
		}
		return err
	}
	return fmt.Errorf("%s still has connections to give", shard.Name())
}
