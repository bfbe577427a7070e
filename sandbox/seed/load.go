package seed

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ServerNow asks a database server for its time, in UTC.
func ServerNow(ctx context.Context, db *sql.DB) (time.Time, error) {
	var text string
	if err := db.QueryRowContext(ctx, "SELECT DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%d %H:%i:%s.%f')").Scan(&text); err != nil {
		return time.Time{}, err
	}
	return time.Parse("2006-01-02 15:04:05.999999", text)
}

// chunkSize is how many payments are inserted in one transaction.
const chunkSize = 20_000

// Load inserts the plan's rows into empty shards, side by side. The accounts
// must be allowed LOAD DATA LOCAL and SET of session variables.
func (p *Plan) Load(ctx context.Context, shards []*sql.DB) error {
	if len(shards) != p.Shards {
		return fmt.Errorf("the plan is for %d shards, not %d", p.Shards, len(shards))
	}
	errs := make([]error, len(shards))
	p.Events = make([]map[int64][]int64, len(shards))
	var all sync.WaitGroup
	for i, db := range shards {
		all.Go(func() {
			if err := p.loadShard(ctx, db, i+1); err != nil {
				errs[i] = fmt.Errorf("shard %d: %w", i+1, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (p *Plan) loadShard(ctx context.Context, db *sql.DB, shard int) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// The rows are right by construction; checking each while loading takes
	// most of the time.
	const fast, normal = "SET unique_checks=0, foreign_key_checks=0", "SET unique_checks=1, foreign_key_checks=1"
	if _, err := conn.ExecContext(ctx, fast); err != nil {
		return err
	}
	if err := p.loadRows(ctx, conn, shard); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, normal); err != nil {
		return err
	}
	if shard == 1 && p.Options.Payments > 0 {
		const lock = `INSERT INTO shedlock (name, lock_until, locked_at, locked_by)
VALUES ('pollAndPublishOutboxEvents', NOW(3), NOW(3) - INTERVAL 1 SECOND, 'ingest-service-1')`
		if _, err := conn.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	p.Events[shard-1], err = p.flightEvents(ctx, conn, shard)
	return err
}

func (p *Plan) loadRows(ctx context.Context, conn *sql.Conn, shard int) error {
	var waiting []row
	for begin, n := 0, p.count(shard); begin < n; begin += chunkSize {
		end := min(begin+chunkSize, n)
		for i := begin; i < end; i++ {
			pay := p.payment(shard, i)
			waiting = append(waiting, pay.rows()...)
		}
		// What happens after the chunk's last payment waits for its turn.
		ready := waiting
		if end < n {
			slices.SortStableFunc(waiting, func(a, b row) int { return a.at.Compare(b.at) })
			next := p.payment(shard, end).RequestedAt
			cut, _ := slices.BinarySearchFunc(waiting, next, func(r row, t time.Time) int {
				return cmp.Or(r.at.Compare(t), -1)
			})
			ready, waiting = waiting[:cut], slices.Clone(waiting[cut:])
		} else {
			slices.SortStableFunc(ready, func(a, b row) int { return a.at.Compare(b.at) })
		}
		if err := insert(ctx, conn, ready); err != nil {
			return err
		}
	}
	return nil
}

// readers gives each stream that is loaded a name of its own.
var readers atomic.Int64

// insert loads rows, one statement a table, in one transaction.
func insert(ctx context.Context, conn *sql.Conn, rows []row) (err error) {
	buffers := map[*table]*bytes.Buffer{}
	for _, r := range rows {
		if buffers[r.table] == nil {
			buffers[r.table] = new(bytes.Buffer)
		}
		buffers[r.table].Write(r.line)
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	for _, t := range tables {
		data := buffers[t]
		if data == nil {
			continue
		}
		name := fmt.Sprintf("seed-%d", readers.Add(1))
		mysql.RegisterReaderHandler(name, func() io.Reader { return data })
		result, err := tx.ExecContext(ctx, fmt.Sprintf("LOAD DATA LOCAL INFILE 'Reader::%s' INTO TABLE %s CHARACTER SET utf8mb4 (%s)", name, t.name, t.columns))
		mysql.DeregisterReaderHandler(name)
		if err != nil {
			return fmt.Errorf("load %s: %w", t.name, err)
		}
		// LOAD DATA LOCAL turns errors into warnings and drops rows.
		got, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("load %s: %w", t.name, err)
		}
		if want := count(rows, t); got != int64(want) {
			return fmt.Errorf("load %s: %d of %d rows went in; %s", t.name, got, want, warnings(ctx, tx))
		}
	}
	return tx.Commit()
}

func count(rows []row, t *table) int {
	n := 0
	for _, r := range rows {
		if r.table == t {
			n++
		}
	}
	return n
}

// warnings says what the server did not like about the last statement.
func warnings(ctx context.Context, tx *sql.Tx) string {
	var level, message string
	var code int
	if err := tx.QueryRowContext(ctx, "SHOW WARNINGS LIMIT 1").Scan(&level, &code, &message); err != nil {
		return "no warning tells why"
	}
	return fmt.Sprintf("%s %d: %s", level, code, message)
}

// flightEvents looks up the outbox rows of payments in flight. There is no
// index for that, so it is done once.
func (p *Plan) flightEvents(ctx context.Context, conn *sql.Conn, shard int) (map[int64][]int64, error) {
	events := map[int64][]int64{}
	first := p.FirstID + int64(p.count(shard)-p.inFlight(shard))
	rows, err := conn.QueryContext(ctx, "SELECT event_id, aggregate_id FROM outbox_event WHERE aggregate_id >= ? AND aggregate_id < ? ORDER BY event_id", first, first+int64(p.inFlight(shard)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var event, payment int64
		if err := rows.Scan(&event, &payment); err != nil {
			return nil, err
		}
		events[payment] = append(events[payment], event)
	}
	return events, rows.Err()
}
