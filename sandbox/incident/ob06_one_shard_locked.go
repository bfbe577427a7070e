package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/stack"
)

// OB-06: on the second shard a transaction that nobody ends holds the rows of the
// outbox, and who publishes waits for them. The first shard's events go out.
//
// Both sessions are the server's own, so that they outlive whoever injects.
var _ = add(Incident{ID: "OB-06", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askOutbox(), {Question: "Is the database all right?", Server: "dbquery-mcp", Tool: "check_database_health", Args: map[string]any{}}}}
		if len(w.shards()) < 2 {
			return did, errors.New("the stack has one shard")
		}
		n := w.between(300, 800)
		did.Quotes = []string{strconv.Itoa(n), "shard2"}
		created := fmt.Sprintf("NOW(3) - INTERVAL %d SECOND + INTERVAL n * 100000 MICROSECOND", w.between(450, 700))
		if err := plantEvents(ctx, w, &did, 1, event{createdAt: created}, numbered("TRUE", n)); err != nil {
			return did, err
		}
		var first, last int64
		if _, err := fmt.Sscan(did.Kept["events 1"], &first, &last); err != nil {
			return did, err
		}
		db := w.Stack.Shards[1].Admin()
		hold := fmt.Sprintf(`BEGIN
  DECLARE n BIGINT;
  SET SESSION innodb_lock_wait_timeout = 3600;
  SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;
  SELECT COUNT(*) INTO n FROM outbox_event WHERE event_id BETWEEN %d AND %d FOR UPDATE;
  DO SLEEP(3600);
  ROLLBACK;
END`, first, last)
		// As a report of somebody's would be called.
		holder, waiter := fmt.Sprintf("export_%d", w.between(1000, 9999)), fmt.Sprintf("cleanup_%d", w.between(1000, 9999))
		did.Kept["holder"], did.Kept["waiter"] = holder, waiter
		create := func(name string) error {
			_, err := db.ExecContext(ctx, "CREATE EVENT "+name+" ON SCHEDULE AT NOW() DO "+hold)
			return err
		}
		if _, err := db.ExecContext(ctx, "SET GLOBAL event_scheduler = ON"); err != nil {
			return did, err
		}
		if err := create(holder); err != nil {
			return did, err
		}
		holds := func(state string, least int) func(context.Context) (bool, error) {
			return func(ctx context.Context) (bool, error) {
				var n int
				err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = ? AND trx_tables_in_use + trx_rows_locked > 0 AND trx_started <= NOW() - INTERVAL ? SECOND", state, least).Scan(&n)
				return n > 0, err
			}
		}
		if err := await(ctx, "a transaction that holds the rows", holds("RUNNING", 0)); err != nil {
			return did, err
		}
		if err := create(waiter); err != nil {
			return did, err
		}
		// Long enough to be more than traffic.
		return did, await(ctx, "a session that waits for the rows", holds("LOCK WAIT", 7))
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		if len(w.shards()) < 2 {
			return nil
		}
		db := w.Stack.Shards[1].Admin()
		var errs []error
		_, err := db.ExecContext(ctx, "SET GLOBAL event_scheduler = OFF")
		errs = append(errs, err)
		for _, name := range []string{did.Kept["holder"], did.Kept["waiter"]} {
			if name != "" {
				_, err := db.ExecContext(ctx, "DROP EVENT IF EXISTS "+name)
				errs = append(errs, err)
			}
		}
		errs = append(errs, endSessions(ctx, w.Stack.Shards[1], "outbox_event WHERE event_id BETWEEN"), endSessions(ctx, w.Stack.Shards[1], "DO SLEEP(3600)"))
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return errors.Join(append(errs, removeEvents(ctx, w, did))...)
	},
})

// endSessions ends the sessions of a server that run a statement.
func endSessions(ctx context.Context, shard *stack.MariaDB, statement string) error {
	found, err := sessions(ctx, shard, statement)
	errs := []error{err}
	for _, id := range found {
		if _, err := shard.Admin().ExecContext(ctx, fmt.Sprintf("KILL %d", id)); err != nil && !strings.Contains(err.Error(), "Unknown thread") {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sessions lists those of a server that run a statement.
func sessions(ctx context.Context, shard *stack.MariaDB, statement string) (found []int64, err error) {
	rows, err := shard.Admin().QueryContext(ctx, "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND LOCATE(?, INFO) > 0 AND INFO NOT LIKE '%PROCESSLIST%'", statement)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return found, err
		}
		found = append(found, id)
	}
	return found, rows.Err()
}
