package mariadb_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/embedded/mariadb"
)

func start(t *testing.T) func(user string) *sql.DB {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := mariadb.Start(t.Context(), mariadb.Options{
		Shard: 1, Listener: l, Database: "paydb", Schema: "CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, n BIGINT NOT NULL);\n",
		Accounts: []mariadb.Account{{Name: "app", Password: "a"}, {Name: "reader", Password: "r", Reader: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(user string) *sql.DB {
		c := mysql.NewConfig()
		c.Net, c.Addr, c.DBName, c.User, c.Passwd, c.InterpolateParams = "tcp", l.Addr().String(), "paydb", user, user[:1], true
		connector, err := mysql.NewConnector(c)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
}

// Those who write side by side, in transactions of several statements, lose
// nothing of what was acknowledged, while others read.
func TestNothingIsLost(t *testing.T) {
	db := start(t)("app")
	const writers, each = 4, 25
	ctx, cancel := context.WithCancel(t.Context())
	var read, write sync.WaitGroup
	for range 4 {
		read.Go(func() {
			for ctx.Err() == nil {
				var n int
				if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM t").Scan(&n); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				if n%2 != 0 {
					t.Errorf("%d rows are seen: half of a transaction", n)
				}
			}
		})
	}
	for range writers {
		write.Go(func() {
			for n := range each {
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				for range 2 {
					if _, err := tx.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (?)", n); err != nil {
						t.Error(err)
					}
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	write.Wait()
	cancel()
	read.Wait()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 2*writers*each {
		t.Errorf("%d rows are left of %d: %v", n, 2*writers*each, err)
	}
}

// refusal is the number of the error.
func refusal(t *testing.T, err error) uint16 {
	t.Helper()
	said, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		t.Fatalf("want an error of the server, got %v", err)
	}
	return said.Number
}

func TestRefuses(t *testing.T) {
	open := start(t)
	app, reader := open("app"), open("reader")
	exec := func(on interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}, statement string) error {
		_, err := on.ExecContext(t.Context(), statement)
		return err
	}
	if n := refusal(t, exec(reader, "INSERT INTO t (n) VALUES (1)")); n != 1142 && n != 1105 {
		t.Errorf("a reader who writes gets %d", n)
	}
	tx, err := app.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := refusal(t, exec(tx, "INSERT INTO t (n) VALUES (1)")); n != 1792 {
		t.Errorf("a write in a READ ONLY transaction gets %d, want 1792", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	if n := refusal(t, exec(app, "SET STATEMENT max_statement_time=0.2 FOR SELECT SLEEP(30)")); n != 1969 {
		t.Errorf("a statement beyond its time gets %d, want 1969", n)
	}

	// Whoever waits for a transaction that writes waits as long as he wants to.
	if tx, err = app.BeginTx(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := exec(tx, "INSERT INTO t (n) VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	conn, err := app.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := exec(conn, "SET innodb_lock_wait_timeout=1"); err != nil {
		t.Fatal(err)
	}
	if n := refusal(t, exec(conn, "INSERT INTO t (n) VALUES (2)")); n != 1205 {
		t.Errorf("who waits for too long gets %d, want 1205", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := exec(conn, "INSERT INTO t (n) VALUES (3)"); err != nil {
		t.Errorf("after the other is done: %v", err)
	}
}

// What a client tells the server that vanishes in a transaction does not stay.
func TestWhoVanishesHoldsNothing(t *testing.T) {
	open := start(t)
	gone, other := open("app"), open("app")
	tx, err := gone.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	// The pool closes the connection with the transaction on it.
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	conn, err := gone.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "START TRANSACTION"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Raw(func(any) error { return sql.ErrConnDone }); err == nil {
		t.Fatal("the connection is not given up")
	}
	if err := errors.Join(conn.Close(), gone.Close()); err != nil && !errors.Is(err, sql.ErrConnDone) {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (3)"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := other.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, want the one that was committed: %v", n, err)
	}
}

// Sums are whole numbers, as with MariaDB, also large ones.
func TestSums(t *testing.T) {
	db := start(t)("app")
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (12345678), (90000001)"); err != nil {
		t.Fatal(err)
	}
	var sum string
	if err := db.QueryRowContext(t.Context(), "SELECT SUM(n) FROM t").Scan(&sum); err != nil || sum != "102345679" {
		t.Errorf("the sum is %q: %v", sum, err)
	}
}
