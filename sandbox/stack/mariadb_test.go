package stack_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/seed/invariant"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// Every statement with which the system is checked runs on the schema, as the
// account that the servers under test have, with and without rows.
func TestStatementsRunAsReader(t *testing.T) {
	t.Parallel()
	for _, payments := range []int{0, 200} {
		s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB, Seed: &seed.Options{Payments: payments}})
		uids := map[string]bool{}
		for _, m := range s.Shards {
			db, err := m.Open(stack.ReaderUser)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := invariant.Session(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			scope, err := invariant.WholeShard(t.Context(), conn.Conn)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range invariant.Statements {
				if _, err := invariant.Rows(t.Context(), conn.Conn, q.SQL, q.Args(scope)...); err != nil {
					t.Errorf("%s: %v", q.Name, err)
				}
			}
			identity, err := invariant.Rows(t.Context(), conn.Conn, invariant.Identity)
			if err != nil || len(identity) != 1 {
				t.Fatalf("identity: %v (%v)", identity, err)
			}
			uids[identity[0][3]] = true
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		if len(uids) != 2 {
			t.Errorf("two shards with %d different server ids: %v", len(uids), uids)
		}
	}
}

// The columns, types, indexes and constraints that the system's own schema has.
func TestSchema(t *testing.T) {
	s := stacktest.Start(t, stack.PartMariaDB)
	db := s.Shards[0].Admin()
	has := func(query string, want ...string) {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		got := map[string]bool{}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			got[line] = true
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !got[w] {
				t.Errorf("the schema has no %q", w)
			}
		}
	}
	has(`SELECT CONCAT_WS(' ', table_name, column_name, column_type) FROM information_schema.columns WHERE table_schema='paydb'`,
		"payment payment_id bigint(20)", "payment merchant_id varchar(32)", "payment amount bigint(20)", "payment currency char(3)",
		"payment status varchar(50)", "payment idempotency_key varchar(64)", "payment requested_at timestamp(3)", "payment updated_at timestamp(3)",
		"ledger_entry debit_account varchar(64)", "ledger_entry occurred_at timestamp(3)",
		"outbox_event payload longtext", "outbox_event published tinyint(1)", "outbox_event retry_count int(11)", "outbox_event last_retry_at timestamp(3)",
		"idem_response_cache response_body longtext", "idem_response_cache http_status int(11)",
		"settlement_request request_amount decimal(15,2)", "settlement_request pg_response_message text", "settlement_request completed_at timestamp(3)",
		"refund_request refund_amount decimal(15,2)", "refund_request refund_reason varchar(500)", "refund_request pg_cancel_transaction_id varchar(255)",
		"shedlock lock_until timestamp(3)", "shedlock locked_at timestamp(3)", "shedlock locked_by varchar(255)")
	has(`SELECT CONCAT(table_name, ' ', index_name, '(', GROUP_CONCAT(column_name ORDER BY seq_in_index), ')') FROM information_schema.statistics
WHERE table_schema='paydb' GROUP BY table_name, index_name`,
		"payment PRIMARY(payment_id)", "payment uk_idem(merchant_id,idempotency_key)", "payment ix_status_time(status,requested_at)", "payment ix_merchant_time(merchant_id,requested_at)",
		"ledger_entry ix_payment_time(payment_id,occurred_at)", "outbox_event ix_pub_created(published,created_at)",
		"idem_response_cache PRIMARY(merchant_id,idempotency_key)",
		"settlement_request ix_status_requested(status,requested_at)", "settlement_request ix_payment(payment_id)",
		"refund_request ix_status_requested(status,requested_at)", "refund_request ix_payment(payment_id)")
	has(`SELECT CONCAT_WS(' ', table_name, referenced_table_name, delete_rule) FROM information_schema.referential_constraints WHERE constraint_schema='paydb'`,
		"ledger_entry payment CASCADE", "settlement_request payment CASCADE", "refund_request payment CASCADE")
	has(`SELECT CONCAT_WS(' ', table_name, engine, SUBSTRING_INDEX(table_collation, '_', 1)) FROM information_schema.tables WHERE table_schema='paydb'`,
		"payment InnoDB utf8mb4", "ledger_entry InnoDB utf8mb4", "outbox_event InnoDB utf8mb4", "shedlock InnoDB utf8mb4")
	for statement, code := range map[string]uint16{
		"INSERT INTO payment (merchant_id, amount, status, idempotency_key) VALUES ('m', 0, 'CAPTURED', 'k')":                       4025,
		"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (1, 'a', 'b', 1)":                      1452,
		"INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload) VALUES ('payment', 1, 'X', 'no json')":        4025,
		"INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body) VALUES ('m','k',200,'no json')": 4025,
	} {
		if _, err := db.ExecContext(t.Context(), statement); !isMySQL(err, code) {
			t.Errorf("%s: %v, want error %d", statement, err, code)
		}
	}
}

func isMySQL(err error, codes ...uint16) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && slices.Contains(codes, e.Number)
}

// What the reader may do is enough for a diagnosis and for nothing else.
func TestReaderRights(t *testing.T) {
	s := stacktest.Start(t, stack.PartMariaDB)
	reader, err := s.Shards[0].Open(stack.ReaderUser)
	if err != nil {
		t.Fatal(err)
	}
	for _, allowed := range []string{
		"SELECT * FROM payment LIMIT 1", "SHOW FULL PROCESSLIST", "SHOW ENGINE INNODB STATUS", "SHOW ALL SLAVES STATUS",
		"SELECT * FROM information_schema.innodb_trx", "SHOW CREATE TABLE payment", "SHOW GLOBAL STATUS", "EXPLAIN SELECT * FROM payment",
	} {
		if err := run(t, reader, allowed); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	for _, refused := range []string{
		"INSERT INTO shedlock (name, locked_by) VALUES ('x', 'x')", "UPDATE payment SET amount=1", "DELETE FROM payment",
		"CREATE TABLE t (a INT)", "DROP TABLE payment", "SELECT * FROM mysql.global_priv", "SELECT 1 INTO OUTFILE 'x'",
		"SET GLOBAL max_connections=1", "LOCK TABLES payment WRITE", "FLUSH TABLES", "CREATE USER u", "SELECT LOAD_FILE('/etc/hostname') IS NOT NULL FROM mysql.user",
	} {
		if err := run(t, reader, refused); !isMySQL(err, 1142, 1227, 1044) {
			t.Errorf("%s: %v, want it refused for lack of rights", refused, err)
		}
	}
	grants, err := reader.QueryContext(t.Context(), "SHOW GRANTS")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = grants.Close() }()
	var all []string
	for grants.Next() {
		var g string
		if err := grants.Scan(&g); err != nil {
			t.Fatal(err)
		}
		g, _, _ = strings.Cut(g, " TO ")
		all = append(all, g)
	}
	if err := grants.Err(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(all, "; "), "GRANT PROCESS, SLAVE MONITOR ON *.*; GRANT SELECT, SHOW VIEW ON `paydb`.*"; got != want {
		t.Errorf("the reader's grants are %s, want %s", got, want)
	}
}

func run(t *testing.T, db *sql.DB, statement string) error {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
	}
	return rows.Err()
}

// Nobody gets in without a password, and the app may write rows only.
func TestOtherAccounts(t *testing.T) {
	s := stacktest.Start(t, stack.PartMariaDB)
	m := s.Shards[0]
	for _, user := range []string{"root", "payuser", "app", "", "mysql", "nobody"} {
		db, err := sql.Open("mysql", user+"@tcp("+m.Addr()+")/")
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PingContext(t.Context()); !isMySQL(err, 1045) {
			t.Errorf("%q without password: %v, want error 1045", user, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.App().ExecContext(t.Context(), "INSERT INTO shedlock (name, locked_by) VALUES ('app', 'x')"); err != nil {
		t.Error(err)
	}
	if _, err := m.App().ExecContext(t.Context(), "DELETE FROM shedlock"); err != nil {
		t.Error(err)
	}
	if _, err := m.App().ExecContext(t.Context(), "DROP TABLE shedlock"); !isMySQL(err, 1142) {
		t.Errorf("the app dropping a table: %v, want error 1142", err)
	}
}

// Changes to accounts outlive a restart, as everything else does.
func TestAccountsAreNotResetByARestart(t *testing.T) {
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartMariaDB, Shards: 1})
	m := s.Shards[0]
	if _, err := m.Admin().ExecContext(t.Context(), "REVOKE PROCESS ON *.* FROM payuser"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Stop(t.Context()), m.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	var grants string
	if err := m.Admin().QueryRowContext(t.Context(), "SELECT GROUP_CONCAT(privilege_type) FROM information_schema.user_privileges WHERE grantee LIKE '%payuser%'").Scan(&grants); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(grants, "PROCESS") {
		t.Errorf("after a restart the reader has %s again", grants)
	}
}
