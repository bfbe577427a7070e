package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/stack"
)

// DB-01: the second shard's tables were made by ddl-auto: update and not by
// schema.sql: indexes and a foreign key are missing.
var _ = add(Incident{ID: "DB-01", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askDatabases()}, Quotes: []string{"shard2", "refund_request", "payment_id, occurred_at"}}
		shard, err := w.second()
		if err != nil {
			return did, err
		}
		return did, each(ctx, []*stack.MariaDB{shard},
			"ALTER TABLE refund_request DROP FOREIGN KEY fk_refund_payment, DROP INDEX ix_payment",
			"ALTER TABLE ledger_entry DROP FOREIGN KEY fk_ledger_payment, DROP INDEX ix_payment_time")
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		shard, err := w.second()
		if err != nil {
			return nil // then nothing was dropped
		}
		return errors.Join(each(ctx, []*stack.MariaDB{shard},
			"ALTER TABLE refund_request ADD INDEX IF NOT EXISTS ix_payment (payment_id), ADD CONSTRAINT fk_refund_payment FOREIGN KEY IF NOT EXISTS (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE",
			"ALTER TABLE ledger_entry ADD INDEX IF NOT EXISTS ix_payment_time (payment_id, occurred_at), ADD CONSTRAINT fk_ledger_payment FOREIGN KEY IF NOT EXISTS (payment_id) REFERENCES payment (payment_id) ON DELETE CASCADE"))
	},
})
