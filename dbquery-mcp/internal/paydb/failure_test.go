package paydb

import (
	"context"
	"crypto/tls"
	"database/sql"
	"net"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/fault"
)

// slack is what a busy machine may take beyond a limit.
const slack = 3 * time.Second

// A shard that fails says why, in time, without the password; the other answers.
func TestFailures(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	limited, limitedPassword := db.Account(t, "WITH MAX_USER_CONNECTIONS 1")
	locked, lockedPassword := db.Account(t, "ACCOUNT LOCK")
	blind, blindPassword := db.Account(t, "")
	db.Grant(t, "REVOKE SELECT ON `"+db.Database+"`.* FROM ?@'%'", blind)
	db.Grant(t, "GRANT SELECT (payment_id) ON `"+db.Database+"`.payment TO ?@'%'", blind)
	none, nonePassword := db.Account(t, "")
	db.Grant(t, "REVOKE SELECT ON `"+db.Database+"`.* FROM ?@'%'", none)
	as := func(user string, password dbtest.Password) change {
		return func(n int, s *Settings, _ *Options) {
			if n == 2 {
				s.User, s.Password = user, password
			}
		}
	}
	schema := func(name string) change {
		return func(n int, s *Settings, _ *Options) {
			if n == 2 {
				s.Database = name
			}
		}
	}
	// What MariaDB 10.11 sends to a client that is one too many, recorded.
	tooMany := dbtest.Serves(t, func(c net.Conn) {
		_, _ = c.Write([]byte("\x17\x00\x00\x00\xff\x10\x04Too many connections"))
		_ = c.Close()
	})

	for name, x := range map[string]struct {
		change change
		class  fault.Class
		phase  Phase
		number uint16
		said   string
		within time.Duration
	}{
		"refused":           {at(2, dbtest.Refused(t)), fault.Unreachable, Connecting, 0, "refused", time.Second},
		"no such name":      {at(2, dbtest.Endpoint{Host: "no-such-host.invalid", Port: 3306}), fault.Unreachable, Connecting, 0, "no-such-host", openTimeout + time.Second},
		"silent":            {at(2, dbtest.Silent(t)), fault.Timeout, Connecting, 0, "no greeting within 5s", openTimeout + 200*time.Millisecond},
		"hangs up":          {at(2, dbtest.HangsUp(t)), fault.Disconnected, Connecting, 0, "closed again before the handshake", time.Second},
		"wrong password":    {as(db.User, "wrong-S3cret"), fault.Auth, Connecting, 1045, "Access denied for user", time.Second},
		"no such account":   {as("nobody_at_all", "wrong-S3cret"), fault.Auth, Connecting, 1045, "nobody_at_all", time.Second},
		"locked account":    {as(locked, lockedPassword), fault.Auth, Connecting, 4151, "account is locked", time.Second},
		"forbidden schema":  {schema("mysql"), fault.Permission, Connecting, 1044, "Access denied", time.Second},
		"forbidden table":   {as(none, nonePassword), fault.Permission, Connecting, 1044, "Access denied", time.Second},
		"forbidden column":  {as(blind, blindPassword), fault.Permission, Asking, 0, "sees no column merchant_id", time.Second},
		"too many":          {at(2, tooMany), fault.Busy, Connecting, 1040, "Too many connections", time.Second},
		"allowance used up": {as(limited, limitedPassword), fault.Busy, Connecting, 1226, "max_user_connections", time.Second},
		"TLS not offered":   {func(n int, s *Settings, _ *Options) { s.TLS = map[int]*tls.Config{2: {ServerName: "db"}}[n] }, fault.Unexpected, Connecting, 0, "", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "allowance used up" {
				held := openDB(t, db, as(limited, limitedPassword))
				conn, err := held.shards[1].pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
			}
			start := time.Now()
			replies := newest(t, openDB(t, db, x.change))
			took := time.Since(start)
			if !replies[0].Source.OK() {
				t.Errorf("the other shard failed, too: %v", replies[0].Source.Err)
			}
			if took > x.within+slack {
				t.Errorf("answered after %s, want %s", took, x.within)
			}
			r := replies[1]
			if r.Source.OK() {
				t.Fatal("the shard answered")
			}
			if r.Source.Err.Class != x.class || r.Phase != x.phase || r.Number != x.number || !strings.Contains(string(r.Source.Err.Said), x.said) {
				t.Errorf("%s in phase %s, number %d: %s; want %s in %s, %d: … %s …", r.Source.Err.Class, r.Phase, r.Number, r.Source.Err.Said, x.class, x.phase, x.number, x.said)
			}
			if r.Source.Err.Next == "" || r.Source.Asked == "" {
				t.Errorf("what was asked (%q) or what to do next (%q) is missing", r.Source.Asked, r.Source.Err.Next)
			}
			if told := r.Source.Err.Error() + r.Source.Err.Next + r.Source.Asked + r.Source.Name; strings.Contains(told, "S3cret") || strings.Contains(told, string(db.Password)) {
				t.Errorf("a password is told: %s", told)
			}
		})
	}
}

func TestUnknownDatabase(t *testing.T) {
	db := dbtest.New(t)
	// An account without rights on a schema is not told that it is missing.
	db.Grant(t, "GRANT SELECT ON *.* TO ?@'%'", db.User)
	r := newest(t, openDB(t, db, func(_ int, s *Settings, _ *Options) { s.Database = "no_such_schema" }))[0]
	if r.Source.OK() || r.Source.Err.Class != fault.WrongServer || r.Number != 1049 {
		t.Errorf("got %+v", r.Source.Err)
	}
}

func TestSchemaDrift(t *testing.T) {
	for name, x := range map[string]struct {
		ddl     string
		class   fault.Class // empty: it answers all the same
		missing string
		slow    string
	}{
		"no table":                    {"DROP TABLE payment", fault.Schema, "", ""},
		"no column":                   {"ALTER TABLE payment DROP COLUMN currency", fault.Schema, "currency", ""},
		"no index over status":        {"ALTER TABLE payment DROP INDEX ix_status_time", "", "", "index over status, requested_at"},
		"no index over merchants":     {"ALTER TABLE payment DROP INDEX ix_merchant_time", "", "", "index over merchant_id, requested_at"},
		"keys that are not unique":    {"ALTER TABLE payment DROP INDEX uk_idem, ADD INDEX uk_idem (merchant_id, idempotency_key)", "", "", "unique index"},
		"an index that is ignored":    {"ALTER TABLE payment ALTER INDEX ix_status_time IGNORED", "", "", "index over status, requested_at"},
		"an index under another name": {"ALTER TABLE payment RENAME INDEX ix_status_time TO `by``status`", "", "", ""},
		"as Hibernate makes it":       {"ALTER TABLE payment MODIFY status ENUM('CAPTURED','READY') NOT NULL, MODIFY requested_at DATETIME(6) NOT NULL, MODIFY updated_at DATETIME(6) NOT NULL", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.New(t)
			db.Insert(t, 1, dbtest.Payment{Merchant: "M-8", Key: "k", At: base})
			db.Shards[0].Exec(t, x.ddl)
			conn := openDB(t, db)
			r := newest(t, conn)[0]
			if x.class != "" {
				if r.Source.OK() || r.Source.Err.Class != x.class {
					t.Fatalf("got %v, want %s", r.Source.Err, x.class)
				}
			} else if len(all(t, []Reply[ShardPayments]{r})[0].Facts.Rows) != 1 {
				t.Error("the payment was not found")
			}
			drift := r.Tables["payment"].Drift()
			if r.Tables["payment"].Name != "" && (strings.Join(drift.Missing, ",") != x.missing || !strings.Contains(strings.Join(drift.Slow, ","), x.slow) || len(drift.Types) > 0) {
				t.Errorf("drift %+v", drift)
			}
			if x.class == "" {
				for _, q := range []PaymentQuery{{Merchants: []string{"M-8"}}, {Keys: []string{"k"}}, {Statuses: []string{"CAPTURED"}}, {IDs: []int64{1}}} {
					if rows := all(t, list(t, conn, q))[0].Facts.Rows; len(rows) != 1 {
						t.Errorf("%+v finds %d payments", q, len(rows))
					}
				}
			}
		})
	}
}

func TestStatementTimeout(t *testing.T) {
	db := dbtest.New(t)
	conn := openDB(t, db)
	start := time.Now()
	r := onFirst(t.Context(), t, conn, func(ctx context.Context, r *Reader) error {
		return r.query(ctx, 100*time.Millisecond, "a long sleep", "SELECT SLEEP(20)", nil, nil)
	})
	if r.Source.OK() || r.Source.Err.Class != fault.Timeout || r.Number != 1969 || r.Phase != Asking || r.Source.Asked != "a long sleep (at most 100ms)" {
		t.Errorf("got %+v: %v", r, r.Source.Err)
	}
	if took := time.Since(start); took > time.Second+slack {
		t.Errorf("the statement of 100 ms took %s", took)
	}
}

// An account's own limit is kept, also where ours is longer.
func TestAccountLimitIsNotRaised(t *testing.T) {
	db := dbtest.New(t)
	user, password := db.Account(t, "WITH MAX_STATEMENT_TIME 0.2")
	conn := openDB(t, db, func(_ int, s *Settings, _ *Options) { s.User, s.Password = user, password })
	start := time.Now()
	r := onFirst(t.Context(), t, conn, func(ctx context.Context, r *Reader) error {
		return r.run(ctx, "a long sleep", "SELECT SLEEP(20)", nil, nil)
	})
	if r.Number != 1969 || time.Since(start) > 2*time.Second+slack {
		t.Errorf("after %s: %v", time.Since(start), r.Source.Err)
	}
}

// Nothing waits for a lock on the table for longer than two seconds.
func TestLockedTable(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	db.Shards[0].Exec(t, "LOCK TABLES payment WRITE")
	defer db.Shards[0].Exec(t, "UNLOCK TABLES")
	start := time.Now()
	r := newest(t, openDB(t, db))[0]
	if took := time.Since(start); r.Source.OK() || r.Source.Err.Class != fault.Timeout || r.Number != 1205 || took > 3*time.Second+slack {
		t.Errorf("after %s: %v", took, r.Source.Err)
	}
}

// running counts our account's statements at the first shard that hold a mark.
func running(t testing.TB, db *dbtest.DB, mark string) (n int) {
	t.Helper()
	err := db.Shards[0].Admin.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ? AND INFO LIKE ?", db.User, "%"+mark+"%").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("after %s still not: %s", within, what)
		}
	}
}

// Closing a socket does not stop a statement: MariaDB is told to.
func TestCancelledStatementEndsAtTheServer(t *testing.T) {
	db := dbtest.New(t)
	conn := openDB(t, db, func(_ int, _ *Settings, o *Options) { o.StatementTimeout = time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan Asked)
	go func() {
		done <- onFirst(ctx, t, conn, func(ctx context.Context, r *Reader) error {
			return r.run(ctx, "a long sleep", "SELECT SLEEP(30) AS cancel_me", nil, nil)
		})
	}()
	eventually(t, 5*time.Second, "the statement runs", func() bool { return running(t, db, "cancel_me") == 1 })
	cancel()
	start := time.Now()
	eventually(t, 2*time.Second, "the statement has ended at the server", func() bool { return running(t, db, "cancel_me") == 0 })
	t.Logf("gone from the server after %s", time.Since(start))
	if r := <-done; r.Source.OK() {
		t.Error("a cancelled question counts as answered")
	}
	if again := newest(t, conn); !again[0].Source.OK() {
		t.Errorf("the shard cannot be asked any more: %v", again[0].Source.Err)
	}
}

// A pooled connection that the server closed meanwhile (restart, wait_timeout,
// KILL) is replaced without a word.
func TestKilledConnectionIsReplaced(t *testing.T) {
	db := dbtest.New(t)
	conn := openDB(t, db)
	all(t, newest(t, conn))
	var id string
	if err := db.Shards[0].Admin.QueryRow("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?", db.User).Scan(&id); err != nil {
		t.Fatal(err)
	}
	db.Shards[0].Exec(t, "KILL "+id)
	all(t, newest(t, conn))
}

// A firewall that drops everything, or a server that hangs, looks the same by a
// pooled connection as by a new one: the shard cannot be reached.
func TestDeadLink(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	link := dbtest.NewLink(t, db.Shards[1])
	conn := openDB(t, db, at(2, link.Endpoint))
	all(t, newest(t, conn))
	link.Die()
	start := time.Now()
	r := newest(t, conn)
	if took := time.Since(start); !r[0].Source.OK() || r[1].Source.OK() || r[1].Source.Err.Class != fault.Timeout || r[1].Phase != Connecting || took > openTimeout+slack {
		t.Errorf("after %s in phase %s: %v", took, r[1].Phase, r[1].Source.Err)
	}
	if idle := conn.shards[1].pool.Stats().Idle; idle != 0 {
		t.Errorf("%d dead connections are kept", idle)
	}
}

// One that forgot the connections of before, and takes new ones, costs some time
// and no answer.
func TestForgottenConnection(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	link := dbtest.NewLink(t, db.Shards[1])
	conn := openDB(t, db, at(2, link.Endpoint))
	all(t, newest(t, conn))
	link.Forget()
	start := time.Now()
	all(t, newest(t, conn))
	if took := time.Since(start); took > lifeSign+slack {
		t.Errorf("answered after %s", took)
	}
}

// A table that is changed, and mended again, is seen as it is, by connections that
// knew it otherwise, too.
func TestTableChangesBetweenQuestions(t *testing.T) {
	db := dbtest.New(t)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base})
	conn := openDB(t, db)
	look := func(what string, slow, answers bool) {
		t.Helper()
		r := newest(t, conn)[0]
		if d := r.Tables["payment"].Drift(); r.Source.OK() != answers || answers && (len(d.Slow) > 0) != slow {
			t.Errorf("%s: %v, drift %+v", what, r.Source.Err, d)
		}
	}
	look("as it should be", false, true)
	db.Shards[0].Exec(t, "ALTER TABLE payment DROP INDEX ix_status_time")
	look("an index is gone", true, true)
	db.Shards[0].Exec(t, "ALTER TABLE payment ADD INDEX ix_status_time (status, requested_at)")
	look("it is back", false, true)
	db.Shards[0].Exec(t, "ALTER TABLE payment DROP COLUMN currency")
	look("a column is gone", false, false)
	db.Shards[0].Exec(t, "ALTER TABLE payment ADD COLUMN currency CHAR(3) NOT NULL DEFAULT 'KRW'")
	look("it is back", false, true)
	db.Shards[0].Exec(t, "RENAME TABLE payment TO payment_old")
	look("the table is gone", false, false)
	db.Shards[0].Exec(t, "RENAME TABLE payment_old TO payment")
	look("it is back", false, true)
}

// However short a call is, a part of it is left for the statement.
func TestShortCall(t *testing.T) {
	db := dbtest.New(t)
	conn := openDB(t, db)
	all(t, newest(t, conn)) // connects
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r := onFirst(ctx, t, conn, func(ctx context.Context, r *Reader) error {
		return r.run(ctx, "a short sleep", "SELECT SLEEP(0.02)", nil, func(*sql.Rows) error { return nil })
	})
	if !r.Source.OK() {
		t.Errorf("20 ms of 100 were not to be had: %v (%s)", r.Source.Err, r.Source.Asked)
	}
}

// The server's own settings do not change what a statement means.
func TestServerSettingsDoNotMatter(t *testing.T) {
	t.Parallel()
	// A server of its own: others look at the settings of the shared ones.
	db, _ := dbtest.Own(t, "--sql-mode=ORACLE,NO_BACKSLASH_ESCAPES", "--default-time-zone=+09:00")
	db.Insert(t, 1, dbtest.Payment{Merchant: `a"b`, At: base})
	rows := all(t, list(t, openDB(t, db), PaymentQuery{Merchants: []string{`a"b`}}))[0].Facts.Rows
	if len(rows) != 1 || !rows[0].RequestedAt.Equal(base) {
		t.Errorf("got %+v, want one payment of %s", rows, base)
	}
	r := newest(t, openDB(t, db))[0]
	if ahead, _ := r.Clock.Skew(); ahead.Abs() > 2*time.Second {
		t.Errorf("the database's clock seems %s ahead", ahead)
	}
}

// The transaction alone stops a write, also of an account that may write.
func TestReadOnlyTransaction(t *testing.T) {
	db := dbtest.New(t)
	db.Grant(t, "GRANT INSERT ON `"+db.Database+"`.* TO ?@'%'", db.User)
	r := onFirst(t.Context(), t, openDB(t, db), func(ctx context.Context, r *Reader) error {
		return r.exec(ctx, "INSERT INTO payment (merchant_id, amount, status, idempotency_key) VALUES ('M', 1, 'READY', 'k')")
	})
	if r.Number != 1792 {
		t.Errorf("a write was answered with %d %v, want 1792", r.Number, r.Source.Err)
	}
}

func TestOwnQueue(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := openDB(t, db)
	for range maxConns {
		conn.shards[0].slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := onFirst(ctx, t, conn, func(context.Context, *Reader) error { return nil })
	if r.Source.OK() || r.Source.Err.Class != fault.Busy || r.Number != 0 {
		t.Errorf("got %v", r.Source.Err)
	}
}
