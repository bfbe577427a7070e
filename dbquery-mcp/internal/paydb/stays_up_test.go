package paydb

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/fault"
)

// ours counts our account's connections.
func ours(t testing.TB, db *dbtest.DB, s *dbtest.Server) (n int) {
	t.Helper()
	if err := s.Admin.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ?", db.User).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The server closes connections that were idle for longer than it allows; the next
// question does not fail for it.
func TestIdleBeyondWaitTimeout(t *testing.T) {
	t.Parallel()
	db, server := dbtest.Own(t, "--wait-timeout=1")
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", At: base})
	// The administrator's own connection must outlive it.
	if _, err := server.Admin.Exec("SET SESSION wait_timeout = 3600"); err != nil {
		t.Fatal(err)
	}
	conn := openDB(t, db)
	for range 2 {
		if got := all(t, newest(t, conn)); len(got[0].Facts.Rows) != 1 {
			t.Fatalf("found %+v", got[0].Facts.Rows)
		}
		if ours(t, db, server) == 0 {
			t.Error("no connection is kept: the test shows nothing")
		}
		eventually(t, time.Minute, "the server has closed our idle connection", func() bool { return ours(t, db, server) == 0 })
	}
}

// A server that was restarted is asked again as if nothing had been; while it is
// away it is said to be unreachable.
func TestRestartedServer(t *testing.T) {
	t.Parallel()
	db, server := dbtest.Own(t)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", At: base})
	conn := openDB(t, db)
	before := all(t, newest(t, conn))[0].Identity
	for range 2 {
		server.Down(t)
		server.Up(t)
		r := all(t, newest(t, conn))[0]
		if len(r.Facts.Rows) != 1 {
			t.Fatalf("found %+v", r.Facts.Rows)
		}
		if r.Identity.String() != before.String() {
			t.Errorf("after the restart the server is %s, before it was %s", r.Identity, before)
		}
	}
	server.Down(t)
	if r := newest(t, conn)[0]; r.Source.OK() || r.Source.Err.Class != fault.Unreachable || r.Source.Err.Next == "" {
		t.Errorf("with the server away: %+v", r.Source.Err)
	}
	server.Up(t)
	all(t, newest(t, conn))
}

// After a failover the same name leads to another server: the answer is that
// server's, and its tables are looked at anew.
func TestFailover(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", At: base}, dbtest.Payment{Merchant: "M-8", At: base})
	db.Insert(t, 2, dbtest.Payment{Merchant: "M-8", At: base})
	db.Shards[1].Exec(t, "ALTER TABLE payment DROP INDEX ix_merchant_time")
	link := dbtest.NewLink(t, db.Shards[0])
	conn := openDB(t, db, at(1, link.Endpoint))
	first := all(t, newest(t, conn))[0]
	if len(first.Facts.Rows) != 2 || len(first.Tables["payment"].Drift().Slow) > 0 {
		t.Fatalf("before: %+v", first)
	}
	link.Lead(db.Shards[1])
	link.Forget()
	r := all(t, newest(t, conn))[0]
	if len(r.Facts.Rows) != 1 || r.Identity.Same(first.Identity) || len(r.Tables["payment"].Drift().Slow) != 1 {
		t.Errorf("after: %d payments of %s, drift %+v", len(r.Facts.Rows), r.Identity, r.Tables["payment"].Drift())
	}
}

// When all of a server's connections are taken it says so; a connection that is
// already there goes on answering, and nothing is left broken afterwards.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	// One of them is the administrator's, one more is kept for SUPER.
	db, _ := dbtest.Own(t, "--max-connections=10")
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", At: base})
	warm := openDB(t, db)
	all(t, newest(t, warm))

	user, password := db.Account(t, "")
	full := openDB(t, db, func(_ int, s *Settings, _ *Options) { s.User, s.Password = user, password })
	taken := full.shards[0].pool
	taken.SetMaxOpenConns(20)
	var held []interface{ Close() error }
	for {
		c, err := taken.Conn(t.Context())
		if err != nil {
			if !strings.Contains(err.Error(), "1040") {
				t.Fatal(err)
			}
			break
		}
		held = append(held, c)
	}
	if len(held) == 0 {
		t.Fatal("no connection could be taken")
	}
	cold := openDB(t, db)
	r := newest(t, cold)[0]
	if r.Source.OK() || r.Source.Err.Class != fault.Busy || r.Number != TooManyConnections {
		t.Errorf("with no connection left: %v", r.Source.Err)
	}
	if h := health(t, cold, nil)[0]; h.Source.OK() || h.Number != TooManyConnections || h.Facts.Server != nil {
		t.Errorf("the health of a full server is %+v", h)
	}
	// The connection in the pool is one of the ten.
	all(t, newest(t, warm))
	if h := health(t, warm, nil)[0]; !h.Source.OK() || h.Facts.Server.Connected < 9 {
		t.Errorf("asked over a connection from before: %v, %+v", h.Source.Err, h.Facts.Server)
	}
	for _, c := range held {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	taken.SetMaxIdleConns(-1)
	eventually(t, time.Minute, "the server can be asked again", func() bool { return newest(t, cold)[0].Source.OK() })
}

// The server's own SQL mode must not change what a statement means: with
// ANSI_QUOTES "a" is a column, with PIPES_AS_CONCAT || no longer means or.
func TestServerWithAnotherSQLMode(t *testing.T) {
	t.Parallel()
	db, _ := dbtest.Own(t, "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE,NO_BACKSLASH_ESCAPES,ONLY_FULL_GROUP_BY", "--default-time-zone=+09:00", "--transaction-isolation=SERIALIZABLE")
	db.Insert(t, 1, dbtest.Payment{Merchant: `M-8"\`, Key: `k'"\`, At: base})
	conn := openDB(t, db)
	for _, q := range []PaymentQuery{{}, {Merchants: []string{`M-8"\`}}, {Keys: []string{`k'"\`}}, {Keys: []string{`k'"\`}, Merchants: []string{`M-8"\`}}} {
		got := all(t, list(t, conn, q))[0].Facts.Rows
		if len(got) != 1 || got[0].Key != `k'"\` || !got[0].RequestedAt.Equal(base) {
			t.Errorf("%+v finds %+v", q, got)
		}
	}
	// What was read is not locked, as SERIALIZABLE would have it.
	onFirst(t.Context(), t, conn, func(ctx context.Context, r *Reader) error {
		err := r.run(ctx, "payments", "SELECT payment_id FROM payment", nil, func(rows *sql.Rows) error { return rows.Scan(new(int64)) })
		db.Shards[0].Exec(t, "SET STATEMENT innodb_lock_wait_timeout = 1 FOR UPDATE payment SET amount = amount + 1")
		return err
	})
	if h := health(t, conn, nil)[0]; !h.Source.OK() || len(h.Facts.Unasked) > 0 {
		t.Errorf("its health: %v, %+v", h.Source.Err, h.Facts.Unasked)
	}
}
