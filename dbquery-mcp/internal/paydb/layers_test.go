package paydb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/dbquery-mcp/internal/gate"
)

// A layer alone, the other two switched off: what it stops and what it does not.
// The account is either one that may do nearly everything or one that may only
// read; the transaction is there or not; the gate judges or not.
type layers struct {
	db     *dbtest.DB
	conn   *sql.Conn
	folder string
}

const (
	stopped = "stopped"
	acted   = "acted"
)

// alone connects to shard 1 without any of paydb's care.
func alone(t *testing.T, readOnlyAccount, transaction bool) layers {
	t.Helper()
	db := dbtest.New(t)
	db.Canaries(t)
	db.Insert(t, 1, dbtest.Payment{ID: 1, Merchant: "M-2", At: time.Now()})
	if !readOnlyAccount {
		db.Grant(t, "GRANT ALL ON `"+db.Database+"`.* TO ?@'%'", db.User)
		db.Grant(t, "GRANT FILE, RELOAD, SUPER ON *.* TO ?@'%'", db.User)
	}
	s := db.Shards[0]
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), db.User, string(db.Password), db.Database
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { _ = pool.Close() })
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := layers{db, conn, t.TempDir()}
	if transaction {
		if _, err := conn.ExecContext(t.Context(), "START TRANSACTION READ ONLY"); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// run runs a statement as it is, and reads what it gives.
func (l layers) run(ctx context.Context, statement string) error {
	rows, err := l.conn.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// try runs an attack and says what became of it. done asks the administrator
// whether it acted; where it is empty, that the server took the statement counts.
func (l layers) try(t *testing.T, statement, done string) string {
	t.Helper()
	statement = strings.ReplaceAll(statement, "{folder}", l.folder)
	err := l.run(t.Context(), statement)
	if done == "" {
		if err != nil {
			return stopped
		}
		return acted
	}
	var yes bool
	if err := l.db.Shards[0].Admin.QueryRow(strings.ReplaceAll(done, "{folder}", l.folder)).Scan(&yes); err != nil {
		t.Fatalf("%s: %v", done, err)
	}
	if yes {
		return acted
	}
	return stopped
}

// attack is something that a reader must not do, and what each layer alone makes
// of it.
type attack struct {
	what, statement, done            string
	gate, transaction, account, undo string
}

var attacks = []attack{
	{"a write", "UPDATE canary SET v = 7", "SELECT v = 7 FROM canary", stopped, stopped, stopped, ""},
	{"a write to a table without transactions", "UPDATE myi SET v = 7", "SELECT v = 7 FROM myi", stopped, stopped, stopped, ""},
	{"a procedure that writes", "CALL p_write()", "SELECT v > 1 FROM canary", stopped, stopped, stopped, ""},
	{"a function that writes", "SELECT f_write()", "SELECT v > 1 FROM canary", stopped, stopped, stopped, ""},
	{"a view over a function that writes, with its definer's rights", "SELECT * FROM v_write", "SELECT v > 1 FROM canary", acted, stopped, acted, "UPDATE canary SET v = 1"},
	{"the next value of a sequence", "SELECT NEXT VALUE FOR seq1", "SELECT next_not_cached_value > 1 FROM seq1", stopped, stopped, stopped, ""},
	{"DDL", "CREATE TABLE evil (a INT)", "SELECT COUNT(*) > 0 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'evil'", stopped, acted, stopped, "DROP TABLE evil"},
	{"a lock by name", "SELECT GET_LOCK('payops_layers', 0)", "SELECT IS_FREE_LOCK('payops_layers') = 0", stopped, acted, acted, ""},
	{"a lock of rows", "SELECT * FROM payment FOR UPDATE", "", stopped, stopped, acted, ""},
	{"a global setting", "SET GLOBAL deadlock_search_depth_short = 5", "SELECT @@GLOBAL.deadlock_search_depth_short = 5", stopped, acted, stopped, "SET GLOBAL deadlock_search_depth_short = 4"},
	{"the session's limit", "SET SESSION max_statement_time = 0", "", stopped, acted, acted, ""},
	{"a limit taken off one statement", "SET STATEMENT max_statement_time = 0 FOR SELECT SLEEP(0.1)", "", stopped, acted, acted, ""},
	{"a file written", "SELECT 'x' INTO OUTFILE '{folder}/out'", "SELECT LOAD_FILE('{folder}/out') IS NOT NULL", stopped, acted, stopped, ""},
	{"two statements in one", "SELECT 1; UPDATE canary SET v = 7", "SELECT v = 7 FROM canary", stopped, stopped, stopped, ""},
	{"the end of the transaction", "COMMIT", "", stopped, acted, acted, ""},
	{"time without end", "SELECT BENCHMARK(200000, MD5('x'))", "", stopped, acted, acted, ""},
}

func TestWhatTheGateAloneStops(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.what, func(t *testing.T) {
			l := alone(t, false, false)
			got := stopped
			if s, err := gate.Judge(a.statement); err == nil {
				got = l.try(t, s.SQL(10), a.done)
			}
			if got != a.gate {
				t.Errorf("%s: %s, want %s", a.statement, got, a.gate)
			}
		})
	}
}

func TestWhatTheTransactionAloneStops(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.what, func(t *testing.T) {
			l := alone(t, false, true)
			if got := l.try(t, a.statement, a.done); got != a.transaction {
				t.Errorf("%s: %s, want %s", a.statement, got, a.transaction)
			}
			if a.transaction == acted && a.undo != "" {
				l.db.Shards[0].Exec(t, a.undo)
			}
		})
	}
}

func TestWhatTheAccountAloneStops(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.what, func(t *testing.T) {
			l := alone(t, true, false)
			if got := l.try(t, a.statement, a.done); got != a.account {
				t.Errorf("%s: %s, want %s", a.statement, got, a.account)
			}
		})
	}
}

// No attack is left to one layer: each is stopped by the gate, or, as no text tells
// what a view does, by the transaction, and before that by looking at what the
// name stands for.
func TestEachAttackMeetsALayer(t *testing.T) {
	for _, a := range attacks {
		if !slices.Contains([]string{a.gate, a.transaction, a.account}, stopped) {
			t.Errorf("nothing stops %s", a.what)
		}
	}
	db := dbtest.New(t)
	db.Canaries(t)
	p := openDB(t, db)
	_, err := p.Select(t.Context(), Selection{SQL: "SELECT * FROM v_write LIMIT 10", Rows: 9, Tables: []TableName{{Name: "v_write"}}})
	if err == nil || !strings.Contains(err.Error(), "no base table") {
		t.Errorf("a view is read: %v", err)
	}
	// Were it not looked at, the transaction would still stop it.
	replies, err := p.Select(t.Context(), Selection{SQL: "SELECT * FROM v_write LIMIT 10", Rows: 9})
	if err != nil || replies[0].Source.OK() || !strings.Contains(string(replies[0].Source.Err.Said), "1792") {
		t.Errorf("%v %+v", err, replies[0].Source)
	}
}

// What the gate forbids because nothing else can bound it: MariaDB asks neither
// max_statement_time nor KILL inside of a function.
func TestTheServerDoesNotStopALongSearch(t *testing.T) {
	l := alone(t, true, false)
	const search = "LOCATE(CONCAT(REPEAT('a', 10000), 'b'), REPEAT('a', 100000))"
	began := time.Now()
	err := l.run(t.Context(), "SET STATEMENT max_statement_time = 0.05 FOR SELECT "+search)
	took := time.Since(began)
	if my, ok := errors.AsType[*mysql.MySQLError](err); err != nil && (!ok || my.Number != 1969) {
		t.Fatal(err)
	}
	if took < 200*time.Millisecond {
		t.Errorf("it took %s: this server stops it, and the gate need not", took)
	}
	if _, err := gate.Judge("SELECT " + search); err == nil {
		t.Error("the gate lets it through")
	}
}

func TestSelectReadsNoMoreThanItShows(t *testing.T) {
	db := dbtest.New(t)
	s := db.Shards[0]
	s.Exec(t, "CREATE TABLE documents (id INT PRIMARY KEY, body LONGTEXT)")
	s.Exec(t, "INSERT INTO documents SELECT seq, REPEAT('x', 3000000) FROM seq_1_to_8")
	one, _ := openDB(t, db).Only("shard1")
	replies, err := one.Select(t.Context(), Selection{SQL: "SELECT * FROM documents LIMIT 9", Rows: 8, Tables: []TableName{{Name: "documents"}}})
	if err != nil {
		t.Fatal(err)
	}
	got := replies[0].Facts
	if !replies[0].Source.OK() || !got.Big || len(got.Rows) != 3 || len(got.Rows[0][1].Text) != 3000000 {
		t.Errorf("%d rows, big %v, %+v", len(got.Rows), got.Big, replies[0].Source)
	}
	statementsGone(t, s, db.User)
	// The next question is answered as ever.
	if replies, err := one.Select(t.Context(), Selection{SQL: "SELECT COUNT(*) FROM documents LIMIT 1", Rows: 1, Tables: []TableName{{Name: "documents"}}}); err != nil || replies[0].Facts.Rows[0][0].Text != "8" {
		t.Errorf("%+v %v", replies, err)
	}
}

// One row of many big columns is not put together in our memory.
func TestARowThatIsTooBigIsNotTakenIn(t *testing.T) {
	db := dbtest.New(t)
	s := db.Shards[0]
	s.Exec(t, "CREATE TABLE documents (id INT PRIMARY KEY, body LONGTEXT)")
	s.Exec(t, "INSERT INTO documents VALUES (1, REPEAT('x', 8000000))")
	one, _ := openDB(t, db).Only("shard1")
	ask := Selection{SQL: "SELECT body" + strings.Repeat(", body", 19) + " FROM documents LIMIT 2", Rows: 1, Tables: []TableName{{Name: "documents"}}}
	replies, err := one.Select(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if got := replies[0].Source; got.OK() || got.Err.Class != StatementRejected || !strings.Contains(string(got.Err.Said), "64 MB") {
		t.Errorf("%+v", got)
	}
	statementsGone(t, s, db.User)
	ask.SQL = "SELECT body, body FROM documents LIMIT 2"
	if replies, err = one.Select(t.Context(), ask); err != nil || !replies[0].Source.OK() || len(replies[0].Facts.Rows) != 1 {
		t.Errorf("two columns of 8 MB: %+v %v", replies[0].Source, err)
	}
}

func TestCancelledSelectIsGoneFromTheServer(t *testing.T) {
	db := dbtest.New(t)
	db.Fill(t, 3000)
	one, _ := openDB(t, db).Only("shard1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := one.Select(ctx, Selection{SQL: "SELECT COUNT(*) AS cancel_me FROM payment a, payment b, payment c LIMIT 2", Rows: 1, Tables: []TableName{{Name: "payment"}}})
		done <- err
	}()
	eventually(t, 5*time.Second, "the statement runs", func() bool { return running(t, db, "cancel_me") == 1 })
	began := time.Now()
	cancel()
	eventually(t, 2*time.Second, "the statement is gone", func() bool { return running(t, db, "cancel_me") == 0 })
	t.Logf("gone after %s", time.Since(began))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// statementsGone waits until no statement of the user runs.
func statementsGone(t *testing.T, s *dbtest.Shard, user string) {
	t.Helper()
	eventually(t, 5*time.Second, "no statement runs", func() bool {
		var n int
		if err := s.Admin.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ? AND COMMAND = 'Query'", user).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// A table of any size is left after the page, and not read to its end.
func TestSelectOfEverythingIsAsQuickAsAPage(t *testing.T) {
	db := dbtest.New(t)
	db.Fill(t, 100_000)
	one, _ := openDB(t, db).Only("shard1")
	took := map[string]time.Duration{}
	for range 20 {
		for _, text := range []string{"SELECT * FROM payment", "SELECT * FROM payment LIMIT 101"} {
			statement, err := gate.Judge(text)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			replies, err := one.Select(t.Context(), Selection{SQL: statement.SQL(101), Rows: 100, Tables: []TableName{{Name: "payment"}}})
			if d := time.Since(began); took[text] == 0 || d < took[text] {
				took[text] = d
			}
			if err != nil || len(replies[0].Facts.Rows) != 100 || !replies[0].Facts.More {
				t.Fatalf("%+v %v", replies, err)
			}
		}
	}
	t.Log(fmt.Sprint(took))
	if over := took["SELECT * FROM payment"] - took["SELECT * FROM payment LIMIT 101"]; over > 5*time.Millisecond {
		t.Errorf("%s over the page", over)
	}
}
