package paydb

import (
	"context"
	"database/sql"
	"testing"

	"payops-mcp/dbquery-mcp/internal/dbtest"
)

// What the guards cost: a read-only transaction, a limit at the server, the
// database's clock and the rollback, over the statement alone.
func BenchmarkGuardedQuery(b *testing.B) {
	conn := openDB(b, dbtest.New(b))
	for b.Loop() {
		r := onFirst(b.Context(), b, conn, func(ctx context.Context, r *Reader) error {
			return r.run(ctx, "one", "SELECT 1", nil, func(*sql.Rows) error { return nil })
		})
		if !r.Source.OK() {
			b.Fatal(r.Source.Err)
		}
	}
}

func BenchmarkBareQuery(b *testing.B) {
	conn := openDB(b, dbtest.New(b))
	for b.Loop() {
		var one int
		if err := conn.shards[0].pool.QueryRowContext(b.Context(), "SELECT 1").Scan(&one); err != nil {
			b.Fatal(err)
		}
	}
}
