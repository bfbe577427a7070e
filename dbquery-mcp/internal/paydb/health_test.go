package paydb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/fault"
)

// watcher may see what a diagnosis needs.
func watcher(t testing.TB, db *dbtest.DB) {
	t.Helper()
	db.Grant(t, "GRANT PROCESS, SLAVE MONITOR ON *.* TO ?@'%'", db.User)
}

func health(t testing.TB, db *DB, belongs func(string, int) bool) []Reply[Health] {
	t.Helper()
	replies, err := db.Health(t.Context(), belongs)
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

func TestHealth(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", At: base}, dbtest.Payment{Merchant: "M-7", At: base.Add(time.Minute)})
	for i, r := range health(t, openDB(t, db), func(merchant string, place int) bool { return merchant == "M-8" }) {
		h := r.Facts
		if !r.Source.OK() || len(h.Unasked) > 0 {
			t.Fatalf("%v; not asked: %+v", r.Source.Err, h.Unasked)
		}
		s := h.Server
		if s == nil || !strings.Contains(string(s.Version), "MariaDB") || s.Connected < 1 || s.MaxConnections < s.Connected || s.TimeZone == "" || s.ReadOnly {
			t.Errorf("the server says of itself %+v", s)
		}
		if len(h.Sessions) == 0 || h.Replication == nil || len(h.Replication) > 0 || h.Transactions == nil || h.LockWaits == nil || h.TableWaits == nil {
			t.Errorf("sessions %v, replication %v, transactions %v", h.Sessions, h.Replication, h.Transactions)
		}
		for name, table := range h.Schema {
			if d := table.Drift(); !d.None() {
				t.Errorf("%s differs: %s", name, d)
			}
		}
		if len(h.Schema) != len(TableNames()) {
			t.Errorf("%d tables looked at, want %d", len(h.Schema), len(TableNames()))
		}
		if i == 0 && (!h.Newest.Equal(base.Add(time.Minute)) || h.Misrouted.All != 1 || h.Misrouted.Some[0].Merchant != "M-7" || h.Misrouted.Some[0].Payments != 1 || !h.Misrouted.Whole) {
			t.Errorf("newest %s, on the wrong shard %+v", h.Newest, h.Misrouted)
		}
	}
}

// An account that may only read the schema is told what it may not ask; nothing of
// that looks well.
func TestHealthWithLeastRights(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	narrow, password := db.Account(t, "")
	db.Grant(t, "REVOKE SELECT ON `"+db.Database+"`.* FROM ?@'%'", narrow)
	db.Grant(t, "GRANT SELECT ON `"+db.Database+"`.payment TO ?@'%'", narrow)
	for name, x := range map[string]struct {
		change change
		lacks  []string
	}{
		"SELECT on the schema": {func(int, *Settings, *Options) {}, []string{"PROCESS", "PROCESS", "PROCESS", "PROCESS", "SLAVE MONITOR"}},
		"SELECT on a table": {func(_ int, s *Settings, _ *Options) { s.User, s.Password = narrow, password }, []string{
			"PROCESS", "PROCESS", "PROCESS", "PROCESS", "SLAVE MONITOR", "SELECT on the whole payment schema"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range health(t, openDB(t, db, x.change), nil) {
				var lacks []string
				for _, u := range r.Facts.Unasked {
					lacks = append(lacks, u.Grant)
				}
				if !r.Source.OK() || !slices.Equal(lacks, x.lacks) {
					t.Errorf("%v; lacks %q, want %q", r.Source.Err, lacks, x.lacks)
				}
				h := r.Facts
				if h.Server == nil || h.Sessions != nil || h.Transactions != nil || h.LockWaits != nil || h.TableWaits != nil || h.Replication != nil {
					t.Errorf("what could not be asked is not nil: %+v", h)
				}
			}
		})
	}
}

// second is another connection of the administrator, in the schema.
func second(t testing.TB, db *dbtest.DB, s *dbtest.Shard) *sql.Conn {
	t.Helper()
	conn, err := s.Second(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.ExecContext(t.Context(), "USE `"+db.Database+"`"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A transaction that holds locks and the session that waits for it are seen, with
// tables and ages, and no value of their statements.
func TestHealthSeesLocks(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	s := db.Shards[0]
	s.Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload) VALUES ('payment', 1, 'PAYMENT_AUTHORIZED', '{}')")
	holder, waiter := second(t, db, s), second(t, db, s)
	ctx := t.Context()
	for _, q := range []string{"BEGIN", "UPDATE outbox_event SET retry_count = 1"} {
		if _, err := holder.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	waited := make(chan error, 1)
	go func() {
		_, err := waiter.ExecContext(ctx, "SET innodb_lock_wait_timeout = 30")
		if err == nil {
			_, err = waiter.ExecContext(ctx, "UPDATE outbox_event SET event_type = 'secret-word' WHERE aggregate_id = 1")
		}
		waited <- err
	}()
	conn := openDB(t, db)
	var h Health
	eventually(t, 60*time.Second, "the wait is seen", func() bool {
		untilRefreshed()
		h = health(t, conn, nil)[0].Facts
		return len(h.LockWaits) == 1
	})
	w := h.LockWaits[0]
	if !strings.Contains(string(w.Table), "outbox_event") || w.Waiter == w.Blocker || w.BlockerCommand != "Sleep" || w.Age < 0 || w.Age > time.Minute || w.BlockerAge < w.Age {
		t.Errorf("the wait is %+v", w)
	}
	if !strings.Contains(string(w.Statement), "UPDATE outbox_event SET event_type = ? WHERE aggregate_id = ?") {
		t.Errorf("the statement is %q", w.Statement)
	}
	i := slices.IndexFunc(h.Transactions, func(t Transaction) bool { return t.Session == w.Blocker })
	if i < 0 || h.Transactions[i].RowsLocked == 0 || h.Transactions[i].Waits || h.Transactions[i].Age > time.Minute {
		t.Errorf("the transactions are %+v", h.Transactions)
	}
	if _, err := holder.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, "the wait is over", func() bool {
		untilRefreshed()
		return len(health(t, conn, nil)[0].Facts.LockWaits) == 0
	})
}

// Of many sessions in a queue for one lock each is told once, behind the one that holds
// the lock, and that there are more than are told.
func TestHealthSeesAQueueForALock(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	db.Insert(t, 1, dbtest.Payment{ID: 1, Merchant: "M-8", At: base})
	pool := db.Shards[0].Second(t)
	update := "UPDATE `" + db.Database + "`.payment SET amount = amount + 1"
	holder := begun(t, pool)
	if _, err := holder.ExecContext(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	const queue = 25
	waited := make(chan error, queue)
	for range queue {
		waiter := begun(t, pool)
		go func() {
			_, err := waiter.ExecContext(t.Context(), update)
			_, ended := waiter.ExecContext(t.Context(), "ROLLBACK")
			waited <- errors.Join(err, ended)
		}()
	}
	conn := openDB(t, db)
	var h Health
	eventually(t, 20*time.Second, "the queue is seen", func() bool {
		untilRefreshed()
		h = health(t, conn, nil)[0].Facts
		return h.LockWaitsCut
	})
	waiters, blockers := map[int64]bool{}, map[int64]bool{}
	for _, w := range h.LockWaits {
		waiters[w.Waiter], blockers[w.Blocker] = true, true
	}
	if len(h.LockWaits) != 20 || len(waiters) != 20 || len(blockers) != 1 {
		t.Errorf("%d waits of %d sessions behind %d", len(h.LockWaits), len(waiters), len(blockers))
	}
	if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	for range queue {
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
}

// begun is a connection in a transaction.
func begun(t *testing.T, pool *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A deadlock that happens while the server is asked is counted, apart from those since
// it was started.
func TestHealthSeesDeadlocks(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	db.Insert(t, 1, dbtest.Payment{ID: 1, Merchant: "M-8", At: base}, dbtest.Payment{ID: 2, Merchant: "M-8", At: base})
	one, two := second(t, db, db.Shards[0]), second(t, db, db.Shards[0])
	exec := func(c *sql.Conn, statements ...string) (err error) {
		for _, q := range statements {
			if err == nil {
				_, err = c.ExecContext(t.Context(), q)
			}
		}
		return err
	}
	once := sync.Once{}
	h := health(t, openDB(t, db), func(string, int) bool {
		once.Do(func() {
			if err := errors.Join(exec(one, "BEGIN", "UPDATE payment SET amount = 1 WHERE payment_id = 1"), exec(two, "BEGIN", "UPDATE payment SET amount = 2 WHERE payment_id = 2")); err != nil {
				t.Error(err)
			}
			ended := make(chan error)
			go func() { ended <- exec(one, "UPDATE payment SET amount = 1 WHERE payment_id = 2", "ROLLBACK") }()
			err := exec(two, "UPDATE payment SET amount = 2 WHERE payment_id = 1", "ROLLBACK")
			if other := <-ended; (err == nil) == (other == nil) {
				t.Errorf("one of the two should have been ended: %v, %v", err, other)
			}
		})
		return true
	})[0].Facts
	if h.Server.Meanwhile < 1 || h.Server.Watched <= 0 {
		t.Errorf("%+v", h.Server)
	}
}

// untilRefreshed lets the server's picture of its locks grow old: it takes a new
// one only if nobody has looked for 100 ms.
func untilRefreshed() { <-time.After(200 * time.Millisecond) }

// Many older transactions that only read hide none that holds locks.
func TestHealthSeesTheHolderAmongReaders(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base})
	s := db.Shards[0]
	pool := s.Second(t)
	open := func(statement string) {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		for _, q := range []string{"USE `" + db.Database + "`", "BEGIN", statement} {
			if _, err := conn.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 22 {
		open("SELECT COUNT(*) FROM payment")
	}
	open("UPDATE payment SET amount = amount + 1")
	conn := openDB(t, db)
	var h Health
	eventually(t, 20*time.Second, "the holder is seen", func() bool {
		untilRefreshed()
		h = health(t, conn, nil)[0].Facts
		return len(h.Transactions) > 0 && h.Transactions[0].RowsLocked > 0
	})
	if len(h.Transactions) != 20 || !h.TransactionsCut {
		t.Errorf("%d transactions, cut %v", len(h.Transactions), h.TransactionsCut)
	}
}

// A session that waits for a table's lock is seen; what this server itself asks
// waits at most two seconds, and what it cannot learn is said.
func TestHealthSeesTableLocks(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	s := db.Shards[0]
	holder, waiter := second(t, db, s), second(t, db, s)
	ctx := t.Context()
	if _, err := holder.ExecContext(ctx, "LOCK TABLES payment WRITE"); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() {
		_, err := waiter.ExecContext(ctx, "SELECT COUNT(*) FROM payment WHERE merchant_id = 'secret-word'")
		waited <- err
	}()
	conn := openDB(t, db)
	var r Reply[Health]
	eventually(t, 40*time.Second, "the wait is seen", func() bool {
		r = health(t, conn, nil)[0]
		return len(r.Facts.TableWaits) == 1
	})
	w := r.Facts.TableWaits[0]
	if !strings.Contains(string(w.State), "metadata lock") || strings.Contains(string(w.Statement), "secret") {
		t.Errorf("the wait is %+v", w)
	}
	if !r.Source.OK() || !slices.ContainsFunc(r.Facts.Unasked, func(u Unasked) bool {
		return u.Failure != nil && u.Failure.Class == fault.Timeout && u.Number == errLockWait
	}) {
		t.Errorf("%v; not asked %+v, want what the lock kept back", r.Source.Err, r.Facts.Unasked)
	}
	if _, err := holder.ExecContext(ctx, "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	if r := health(t, conn, nil)[0]; len(r.Facts.Unasked)+len(r.Facts.TableWaits) > 0 {
		t.Errorf("after the lock: %+v", r.Facts)
	}
}

// What a shard told stays told when it, or the call, ends over a later question.
func TestHealthThatEndsOnTheWay(t *testing.T) {
	for name, x := range map[string]struct {
		end   func(db *dbtest.DB, cancel func())
		ok    bool
		lacks []string
	}{
		"the call": {func(_ *dbtest.DB, cancel func()) { cancel() }, true, []string{"the newest payment", "merchants on the wrong shard", "deadlocks while this was asked"}},
		"the account": {func(db *dbtest.DB, _ func()) {
			db.Grant(t, "ALTER USER ?@'%' ACCOUNT LOCK", db.User)
		}, false, []string{"the newest payment"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.New(t).Whole(t)
			watcher(t, db)
			holder := second(t, db, db.Shards[0])
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := holder.ExecContext(t.Context(), "LOCK TABLES payment WRITE"); err != nil {
				t.Fatal(err)
			}
			conn := openDB(t, db)
			var replies []Reply[Health]
			done := make(chan error, 1)
			go func() {
				var err error
				replies, err = conn.Health(ctx, func(string, int) bool { return true })
				done <- err
			}()
			eventually(t, 20*time.Second, "the question waits", func() (waits bool) {
				err := db.Shards[0].Admin.QueryRow("SELECT COUNT(*) > 0 FROM information_schema.PROCESSLIST WHERE USER = ? AND STATE LIKE 'Waiting for %lock'", db.User).Scan(&waits)
				if err != nil {
					t.Fatal(err)
				}
				return waits
			})
			x.end(db, cancel)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			r := replies[0]
			var lacks []string
			for _, u := range r.Facts.Unasked {
				lacks = append(lacks, u.Question)
			}
			if r.Source.OK() != x.ok || !slices.Equal(lacks, x.lacks) || r.Facts.Server == nil || r.Facts.LockWaits == nil || r.Facts.Schema == nil {
				t.Errorf("%v; not asked %q, want %q: %+v", r.Source.Err, lacks, x.lacks, r.Facts)
			}
		})
	}
}

func TestHealthSeesDrift(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	s := db.Shards[1]
	for _, q := range []string{
		"DROP TABLE idem_response_cache",
		"ALTER TABLE settlement_request DROP FOREIGN KEY settlement_request_ibfk_1, DROP INDEX ix_payment",
		"ALTER TABLE shedlock RENAME COLUMN lock_until TO lock_at",
		"ALTER TABLE outbox_event MODIFY payload VARBINARY(2000)",
	} {
		s.Exec(t, q)
	}
	conn := openDB(t, db)
	replies := health(t, conn, nil)
	want := map[string]string{
		"idem_response_cache": "the table is missing",
		"settlement_request":  "missing indexes index over payment_id; missing foreign keys to payment",
		"shedlock":            "missing columns lock_until",
		"outbox_event":        "other types payload is varbinary(2000), want longtext",
	}
	for _, name := range TableNames() {
		if got := replies[0].Facts.Schema[name].Drift(); !got.None() {
			t.Errorf("shard1 %s: %s", name, got)
		}
		if got := replies[1].Facts.Schema[name].Drift(); got.String() != want[name] {
			t.Errorf("shard2 %s: %q, want %q", name, got, want[name])
		}
		if got := replies[1].Tables[name].Drift(); got.String() != want[name] {
			t.Errorf("shard2's answer has %q of %s", got, name)
		}
	}
}

// A server in Seoul keeps the beginning of transactions in its own zone: ages must
// not be nine hours off.
func TestHealthOfAServerInSeoul(t *testing.T) {
	t.Setenv("TZ", "Asia/Seoul") // of the server that is started
	db, _ := dbtest.Own(t)
	s := db.Shards[0]
	s.Exec(t, "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload) VALUES ('payment', 1, 'PAYMENT_AUTHORIZED', '{}')")
	holder := second(t, db, s)
	for _, q := range []string{"BEGIN", "UPDATE outbox_event SET retry_count = 1"} {
		if _, err := holder.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	r := health(t, openDB(t, db), nil)[0]
	if !r.Source.OK() || len(r.Facts.Unasked) > 0 || len(r.Facts.Transactions) != 1 {
		t.Fatalf("%v %+v", r.Source.Err, r.Facts)
	}
	if age := r.Facts.Transactions[0].Age; age < 0 || age > 10*time.Minute {
		t.Errorf("a transaction that has just begun is %s old", age)
	}
	if ahead, _ := r.Clock.Skew(); ahead.Abs() > time.Minute {
		t.Errorf("the clock is %s ahead", ahead)
	}
	if zone := r.Facts.Server.TimeZone; zone != "KST" && !strings.Contains(string(zone), "Seoul") && zone != "+09" {
		t.Errorf("the server's zone is %q", zone)
	}
}

// A replica that is behind, or has stopped following, says so.
func TestHealthOfAReplica(t *testing.T) {
	primary := dbtest.Start(t, "--server-id=1", "--log-bin=bin", "--binlog-format=ROW")
	db, replica := dbtest.Own(t, "--server-id=2")
	exec := func(s *dbtest.Server, q string) {
		t.Helper()
		if _, err := s.Admin.Exec(q); err != nil {
			t.Fatalf("%v\n%s", err, q)
		}
	}
	exec(primary, "CREATE USER copier@'%' IDENTIFIED BY 'copier'")
	exec(primary, "GRANT REPLICATION SLAVE ON *.* TO copier@'%'")
	exec(primary, "RESET MASTER")
	exec(replica, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='copier', MASTER_PASSWORD='copier', MASTER_USE_GTID=slave_pos", primary.Port))
	conn := openDB(t, db)
	one := func() Replica {
		t.Helper()
		r := health(t, conn, nil)[0]
		if !r.Source.OK() || len(r.Facts.Unasked) > 0 || len(r.Facts.Replication) != 1 {
			t.Fatalf("%v %+v", r.Source.Err, r.Facts)
		}
		return r.Facts.Replication[0]
	}
	if r := one(); r.Fetching != "No" || r.Applying != "No" || r.Behind != nil {
		t.Errorf("a replica that has not begun is %+v", r)
	}
	exec(replica, "START SLAVE")
	eventually(t, 30*time.Second, "the replica follows", func() bool {
		r := one()
		return r.Fetching == "Yes" && r.Applying == "Yes" && r.Behind != nil && *r.Behind == 0
	})
	if r := one(); !strings.HasPrefix(string(r.From), "127.0.0.1:") {
		t.Errorf("it copies from %q", r.From)
	}
	exec(replica, "STOP SLAVE SQL_THREAD")
	if r := one(); r.Applying != "No" || r.Behind != nil {
		t.Errorf("with the applier stopped it is %+v", r)
	}
	// Behind on purpose: what is written now waits for an hour.
	exec(replica, "STOP SLAVE")
	exec(replica, "CHANGE MASTER TO MASTER_DELAY=3600")
	exec(replica, "START SLAVE")
	exec(primary, "CREATE DATABASE later")
	eventually(t, 60*time.Second, "the replica is behind", func() bool {
		r := one()
		return r.Behind != nil && *r.Behind > 0 && r.Delay == 3600
	})
}

// Health asks with its own limits: a call that is out of time is answered with what
// the server is, not with an error.
func TestHealthWithoutTime(t *testing.T) {
	db := dbtest.New(t).Whole(t)
	watcher(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	replies, err := openDB(t, db).Health(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range replies {
		if r.Source.OK() || r.Facts.Server != nil {
			t.Errorf("a cancelled call answered %+v", r)
		}
	}
}
