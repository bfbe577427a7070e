package tools_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/tools"
	"payops-mcp/shared/tooltest"
)

// healthData is what a client sees of the databases' health.
type healthData struct {
	Shards []struct {
		Shard     string
		Answers   bool
		SameAs    string `json:"same_as"`
		Connected *int   `json:"connections"`
		Role      *string
		LockWaits *int `json:"lock_waits"`
		Schema    *string
		Newest    *time.Time `json:"newest_payment"`
	}
	Unasked []struct{ Shard, Question, Why string } `json:"not_asked"`
	Trx     []struct {
		Session   int64
		Locked    int64 `json:"rows_locked"`
		Statement string
	} `json:"open_transactions"`
	Schema []struct{ Shard, Table, Differs string } `json:"schema_differences"`
	Notes  []string
}

func (r rig) health(t *testing.T, args string) (tooltest.Answer[healthData], string) {
	t.Helper()
	res := r.client.Call(t, "check_database_health", args)
	return tooltest.Decode[healthData](t, res), res.Text
}

// whole is a schema with all tables that our account may diagnose.
func whole(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t).Whole(t)
	db.Grant(t, "GRANT PROCESS, SLAVE MONITOR ON *.* TO ?@'%'", db.User)
	return db
}

// second is another connection of the administrator of a shard, in the schema.
func second(t *testing.T, db *dbtest.DB, shard int) *sql.Conn {
	t.Helper()
	conn, err := db.Shards[shard-1].Second(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	run(t, conn, "USE `"+db.Database+"`")
	return conn
}

func run(t *testing.T, conn *sql.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
}

func codes(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// On servers of its own, as the tests below: what is judged is a whole server, and
// on the one that all packages share others hold locks.
func TestHealthyDatabases(t *testing.T) {
	db := dbtest.Pair(t)
	n := now(t, db)
	// Near misses: the same ids on both shards, merchants without digits or with
	// more than a number holds, which live on the first.
	db.Insert(t, 1, dbtest.Payment{ID: 1, Merchant: "MERCHANT-8", At: n}, dbtest.Payment{ID: 2, Merchant: "MERCHANT_A", At: n}, dbtest.Payment{ID: 3, Merchant: "99999999999999999999", At: n})
	db.Insert(t, 2, dbtest.Payment{ID: 1, Merchant: "MERCHANT-7", At: n})
	r := connect(t, db)
	for _, args := range []string{`{}`, `{"detail":"full"}`} {
		a, text := r.health(t, args)
		if a.Verdict != "ok" || len(a.Findings) > 0 || len(a.Data.Unasked) > 0 || len(a.Data.Shards) != 2 {
			t.Fatal(text)
		}
		for _, s := range a.Data.Shards {
			if !s.Answers || s.Connected == nil || s.Role == nil || *s.Schema != "as expected" || *s.LockWaits != 0 || !s.Newest.Equal(n) {
				t.Errorf("%+v", s)
			}
		}
		for _, code := range []string{"DB_SHARD_UNREACHABLE", "DB_REPLICA_LAG", "DB_SCHEMA_DRIFT", "DB_LOCK_CONTENTION", "DB_TOO_MANY_CONNECTIONS", "SHARDS_SAME_DATABASE", "SHARD_MISROUTED_MERCHANT", "SRC_CLOCK_SKEW", "SRC_TIMEZONE_MISMATCH"} {
			if !slices.Contains(a.RuledOut, code) {
				t.Errorf("%s is not ruled out", code)
			}
		}
		if len(text) > 3000 {
			t.Errorf("the answer has %d bytes", len(text))
		}
	}
}

// Without the rights to look, the verdict is unknown, and the missing grant is named.
func TestHealthOfWhatMayNotBeAsked(t *testing.T) {
	r := connect(t, dbtest.New(t).Whole(t))
	a, text := r.health(t, `{}`)
	codes(t, a.Codes(), "SRC_DB_PERMISSION", "SRC_DB_PERMISSION")
	if a.Verdict != "unknown" || len(a.Data.Unasked) != 10 {
		t.Errorf("%s", text)
	}
	says(t, text, "GRANT PROCESS ON *.*", "GRANT SLAVE MONITOR ON *.*", "transactions that are open", "the account lacks PROCESS")
	for _, code := range []string{"DB_REPLICA_LAG", "DB_LOCK_CONTENTION"} {
		if slices.Contains(a.RuledOut, code) {
			t.Errorf("%s is ruled out though it could not be looked at", code)
		}
	}
	if !slices.Contains(a.RuledOut, "DB_SCHEMA_DRIFT") {
		t.Error("the schema could be looked at")
	}
}

// A shard that is down leaves the other's answer.
func TestHealthOfADeadShard(t *testing.T) {
	db := dbtest.Pair(t)
	a, text := connect(t, db, at(2, dbtest.Refused(t))).health(t, `{}`)
	codes(t, a.Codes(), "DB_SHARD_UNREACHABLE", "SRC_PARTIAL_RESULT")
	if a.Verdict != "critical" || a.Data.Shards[0].Connected == nil || a.Data.Shards[1].Answers {
		t.Error(text)
	}
	says(t, text, "shard2 cannot be reached", "odd number", "shard2 did not answer (unreachable)", "1 of 2 shards")
}

// Two names for one server: its merchants are on no wrong shard.
func TestHealthOfOneDatabaseUnderTwoNames(t *testing.T) {
	db := dbtest.Pair(t)
	n := now(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "MERCHANT-8", At: n}, dbtest.Payment{Merchant: "MERCHANT-7", At: n})
	a, text := connect(t, db, at(2, dbtest.Endpoint{Host: db.Shards[0].Host, Port: db.Shards[0].Port})).health(t, `{}`)
	codes(t, a.Codes(), "SHARDS_SAME_DATABASE")
	if a.Verdict != "ok" || a.Data.Shards[1].SameAs != "shard1" || slices.Contains(a.RuledOut, "SHARD_MISROUTED_MERCHANT") {
		t.Error(text)
	}
}

func TestHealthOfMisroutedMerchants(t *testing.T) {
	db := dbtest.Pair(t)
	n := now(t, db)
	for i := range 3 {
		db.Insert(t, 1, dbtest.Payment{Merchant: "MERCHANT-7", At: n.Add(-time.Duration(i) * time.Minute)})
	}
	a, text := connect(t, db).health(t, `{}`)
	codes(t, a.Codes(), "SHARD_MISROUTED_MERCHANT")
	if a.Verdict != "critical" {
		t.Error(text)
	}
	says(t, text, `3 payments of 1 merchant that belong on shard2`, `"MERCHANT-7"`, "PAYMENT_DB_HOST_SHARD2", n.Add(-2*time.Minute).In(seoul).Format(time.RFC3339))
	// A support desk is not told of the merchants of others.
	mine := connect(t, db, func(_ int, _ *paydb.Settings, d *tools.Deps) { d.Scope = []string{"MERCHANT-8"} })
	if a, text := mine.health(t, `{"detail":"full"}`); len(a.Findings) > 0 || strings.Contains(text, "MERCHANT-7") {
		t.Error(text)
	}
}

// Neither a young transaction that holds row locks nor one that only reads is
// contention; what is, diagnose tests with ages of its own.
func TestHealthOfOrdinaryTransactions(t *testing.T) {
	db := dbtest.Pair(t)
	n := now(t, db)
	db.Insert(t, 1, dbtest.Payment{Merchant: "MERCHANT-8", At: n})
	reader, writer := second(t, db, 1), second(t, db, 1)
	run(t, reader, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
	run(t, writer, "BEGIN")
	run(t, writer, "UPDATE payment SET status = 'CAPTURED' WHERE merchant_id = 'MERCHANT-8'")
	r := connect(t, db)
	poll(t, "the transaction that holds a lock is seen, and nothing found", func() (bool, string) {
		a, text := r.health(t, `{"detail":"full"}`)
		for _, x := range a.Data.Trx {
			if x.Locked > 0 && a.Verdict == "ok" {
				return true, text
			}
		}
		return false, text
	})
}

// poll asks until something holds. The server takes a new picture of its locks only
// if nobody has looked for 100 ms.
func poll(t *testing.T, what string, holds func() (bool, string)) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; <-time.After(200 * time.Millisecond) {
		ok, last := holds()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still not: %s\n%s", what, last)
		}
	}
}

func TestHealthOfASchemaFromHibernate(t *testing.T) {
	db := dbtest.Pair(t)
	for _, q := range hibernate {
		db.Grant(t, q)
	}
	a, text := connect(t, db).health(t, `{"detail":"full"}`)
	codes(t, a.Codes(), "DB_SCHEMA_DRIFT")
	if a.Verdict != "attention" || len(a.Data.Schema) < 8 {
		t.Error(text)
	}
	says(t, text, "shard1, shard2", "missing foreign keys to payment", "index over status, requested_at", "rows from naming a payment that does not exist", "the table is missing")
}

// hibernate makes of the payment system's schema what ddl-auto: update makes where
// schema.sql was not run: no foreign keys, no indexes but the keys, other types,
// and no table that has no entity.
var hibernate = []string{
	"ALTER TABLE ledger_entry DROP FOREIGN KEY ledger_entry_ibfk_1, DROP INDEX ix_payment_time",
	"ALTER TABLE settlement_request DROP FOREIGN KEY settlement_request_ibfk_1, DROP INDEX ix_status_requested, DROP INDEX ix_payment",
	"ALTER TABLE refund_request DROP FOREIGN KEY refund_request_ibfk_1, DROP INDEX ix_status_requested, DROP INDEX ix_payment",
	"ALTER TABLE payment DROP INDEX ix_status_time, DROP INDEX ix_merchant_time, MODIFY requested_at DATETIME(6) NOT NULL, MODIFY updated_at DATETIME(6) NOT NULL, MODIFY status ENUM('AUTHORIZED','CAPTURED','CAPTURE_FAILED','CAPTURE_REQUESTED','REFUNDED','REFUND_FAILED','REFUND_REQUESTED')",
	"ALTER TABLE outbox_event DROP INDEX ix_pub_created, MODIFY published BIT(1) NOT NULL, MODIFY created_at DATETIME(6) NOT NULL",
	"DROP TABLE shedlock",
}

// How the schema is at present is the question, whatever an open connection knew of it.
func TestHealthOfASchemaThatChanges(t *testing.T) {
	db := whole(t)
	r := connect(t, db)
	if a, text := r.health(t, `{}`); a.Verdict != "ok" {
		t.Fatalf("%s", text)
	}
	conn := second(t, db, 2)
	run(t, conn, "ALTER TABLE ledger_entry DROP FOREIGN KEY ledger_entry_ibfk_1, DROP INDEX ix_payment_time")
	a, text := r.health(t, `{}`)
	codes(t, a.Codes(), "DB_SCHEMA_DRIFT")
	says(t, text, "payment_id, occurred_at")
}

// A server with nearly all connections in use is told before the last is gone.
func TestHealthOfAFullServer(t *testing.T) {
	db, _ := dbtest.Own(t, "--max-connections=20")
	s := db.Shards[0].Second(t)
	for range 17 {
		c, err := s.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	a, text := connect(t, db).health(t, `{}`)
	codes(t, a.Codes(), "DB_TOO_MANY_CONNECTIONS")
	if a.Verdict != "attention" {
		t.Error(text)
	}
	says(t, text, "of 20 connections in use", `sessions of "root"`, fmt.Sprint(*a.Data.Shards[0].Connected))
}
