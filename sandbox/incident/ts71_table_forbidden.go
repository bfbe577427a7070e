package incident

import (
	"context"
	"errors"
	"fmt"

	"payops-mcp/sandbox/stack"
)

// readTables are those of the payment schema.
var readTables = []string{"payment", "ledger_entry", "outbox_event", "idem_response_cache", "settlement_request", "refund_request", "shedlock"}

// TS-71: the account that the server has on one shard may read all tables but one.
var _ = add(Incident{ID: "TS-71", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		shard, place := w.anyShard()
		x := []struct {
			table string
			asks  []Ask
		}{
			{"ledger_entry", []Ask{askReconciliation()}},
			{"settlement_request", []Ask{askSettlements("settlement")}},
			{"payment", []Ask{askPayments("payments last hour"), askStatistics()}},
			{"outbox_event", []Ask{askOutbox()}},
		}[w.Rand.IntN(4)]
		did := Injected{Asks: x.asks, Quotes: []string{x.table, shard.Name()}, Kept: map[string]string{"shard": fmt.Sprint(place), "table": x.table}}
		reader := fmt.Sprintf("'%s'@'%%'", stack.ReaderUser)
		statements := []string{"REVOKE SELECT, SHOW VIEW ON " + stack.Database + ".* FROM " + reader}
		for _, table := range readTables {
			if table != x.table {
				statements = append(statements, "GRANT SELECT ON "+stack.Database+"."+table+" TO "+reader)
			}
		}
		return did, each(ctx, []*stack.MariaDB{shard}, append(statements, endReader)...)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		var place int
		if _, err := fmt.Sscan(did.Kept["shard"], &place); err != nil {
			return nil // nothing was changed
		}
		shard := w.Stack.Shards[place]
		reader := fmt.Sprintf("'%s'@'%%'", stack.ReaderUser)
		errs := []error{each(ctx, []*stack.MariaDB{shard}, "GRANT SELECT, SHOW VIEW ON "+stack.Database+".* TO "+reader)}
		for _, table := range readTables {
			if table != did.Kept["table"] {
				errs = append(errs, each(ctx, []*stack.MariaDB{shard}, "REVOKE SELECT ON "+stack.Database+"."+table+" FROM "+reader))
			}
		}
		return errors.Join(append(errs, each(ctx, []*stack.MariaDB{shard}, endReader))...)
	},
})
