// Package dbtest gives tests a payment schema of their own on real MariaDB
// servers, whose addresses come from the environment, and an account that may
// only read it.
package dbtest

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Schema is the payment table as the payment system's schema.sql has it.
const Schema = `CREATE TABLE payment (
  payment_id        BIGINT PRIMARY KEY AUTO_INCREMENT,
  merchant_id       VARCHAR(32)  NOT NULL,
  amount            BIGINT       NOT NULL CHECK (amount > 0),
  currency          CHAR(3)      NOT NULL DEFAULT 'KRW',
  status            VARCHAR(50)  NOT NULL,
  idempotency_key   VARCHAR(64)  NOT NULL,
  requested_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at        TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  UNIQUE KEY uk_idem (merchant_id, idempotency_key),
  KEY ix_status_time (status, requested_at),
  KEY ix_merchant_time (merchant_id, requested_at)
) ENGINE=InnoDB`

// adminDSN is how an administrator reaches a shard.
var adminDSN = []string{"SANDBOX_DB_ADMIN_DSN", "SANDBOX_DB_ADMIN_DSN_SHARD2"}

// Shard is one server, with a schema of the test's own.
type Shard struct {
	Host  string
	Port  int
	Admin *sql.DB // in the schema, in UTC, one connection
	name  string
	admin *mysql.Config
}

// DB is two shards.
type DB struct {
	Shards               []*Shard
	Database             string
	User                 string
	Password             Password
	nextKey, nextAccount int
}

// Password reveals itself as paydb asks it to.
type Password string

// Reveal returns the password.
func (p Password) Reveal() string { return string(p) }

// New makes an empty payment table on both shards. Without servers the test is
// skipped, and fails where nothing may be skipped.
func New(t testing.TB) *DB {
	t.Helper()
	db := named()
	for i, name := range adminDSN {
		dsn := os.Getenv(name)
		if dsn == "" {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is not set, and CI must not skip: run scripts/test", name)
			}
			t.Skipf("%s is not set: scripts/test starts the servers and sets it", name)
		}
		db.Shards = append(db.Shards, newShard(t, dsn, db.Database, "shard"+strconv.Itoa(i+1)))
	}
	for _, s := range db.Shards {
		s.Exec(t, Schema)
	}
	db.account(t, db.User, db.Password, "")
	db.Grant(t, "GRANT SELECT ON `"+db.Database+"`.* TO ?@'%'", db.User)
	return db
}

// named is a DB without shards.
func named() *DB {
	random := strings.ToLower(rand.Text()[:10])
	return &DB{Database: "t_" + random, User: "r_" + random, Password: Password(rand.Text())}
}

func newShard(t testing.TB, dsn, schema, name string) *Shard {
	t.Helper()
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &Shard{Host: host, name: name}
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	c.DBName, c.InterpolateParams, c.ParseTime, c.Loc = "", true, true, time.UTC
	c.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "'STRICT_TRANS_TABLES'"}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	s.admin = c
	s.Admin = sql.OpenDB(connector)
	s.Admin.SetMaxOpenConns(1) // so that USE holds
	t.Cleanup(func() { _ = s.Admin.Close() })
	s.Exec(t, "CREATE DATABASE `"+schema+"` CHARACTER SET utf8mb4")
	t.Cleanup(func() { s.Exec(t, "DROP DATABASE `"+schema+"`") })
	s.Exec(t, "USE `"+schema+"`")
	return s
}

// Second is a pool of more connections of the administrator, in no schema.
func (s *Shard) Second(t testing.TB) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(s.admin)
	if err != nil {
		t.Fatal(err)
	}
	more := sql.OpenDB(connector)
	t.Cleanup(func() { _ = more.Close() })
	return more
}

// Exec runs a statement as the administrator.
func (s *Shard) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := s.Admin.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v\n%s", s.name, err, statement)
	}
}

// Account makes an account that may read the schema; with is what CREATE USER
// takes behind the password: WITH MAX_USER_CONNECTIONS 1.
func (db *DB) Account(t testing.TB, with string) (user string, password Password) {
	t.Helper()
	db.nextAccount++
	user, password = fmt.Sprintf("%s_%d", db.User, db.nextAccount), Password(rand.Text())
	db.account(t, user, password, with)
	db.Grant(t, "GRANT SELECT ON `"+db.Database+"`.* TO ?@'%'", user)
	return user, password
}

func (db *DB) account(t testing.TB, user string, password Password, with string) {
	t.Helper()
	for _, s := range db.Shards {
		s.Exec(t, "CREATE USER ?@'%' IDENTIFIED BY ? "+with, user, string(password))
		t.Cleanup(func() { s.Exec(t, "DROP USER ?@'%'", user) })
	}
}

// Grant runs a statement on every shard.
func (db *DB) Grant(t testing.TB, statement string, args ...any) {
	t.Helper()
	for _, s := range db.Shards {
		s.Exec(t, statement, args...)
	}
}

// Payment is a row to insert. What is empty gets a default: KRW, CAPTURED, a key
// of its own, 1000.
type Payment struct {
	ID                              int64
	Merchant, Status, Currency, Key string
	Amount                          int64
	At                              time.Time
}

// Insert inserts payments on shard 1 or 2.
func (db *DB) Insert(t testing.TB, shard int, payments ...Payment) {
	t.Helper()
	for _, p := range payments {
		db.nextKey++
		var id any
		if p.ID != 0 {
			id = p.ID
		}
		or := func(v, otherwise string) string {
			if v == "" {
				return otherwise
			}
			return v
		}
		db.Shards[shard-1].Exec(t, "INSERT INTO payment (payment_id, merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			id, p.Merchant, max(p.Amount, 1), or(p.Currency, "KRW"), or(p.Status, "CAPTURED"), or(p.Key, "key-"+strconv.Itoa(db.nextKey)), p.At, p.At)
	}
}

// Fill inserts n payments on each shard, one a second up to now: nine of ten
// CAPTURED, merchants by the shard rule.
func (db *DB) Fill(t testing.TB, n int) {
	t.Helper()
	for i, s := range db.Shards {
		s.Exec(t, `INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key, requested_at, updated_at)
SELECT CONCAT('MERCHANT-', 2 * (seq MOD 50) + ?), 1000 + seq * 7919 MOD 500000, IF(seq MOD 20 = 0, 'USD', 'KRW'),
  CASE seq MOD 50 WHEN 0 THEN 'CAPTURE_FAILED' WHEN 1 THEN 'REFUNDED' WHEN 2 THEN 'CAPTURE_REQUESTED' WHEN 3 THEN 'REFUND_FAILED' WHEN 4 THEN 'REFUND_REQUESTED' ELSE 'CAPTURED' END,
  CONCAT('fill-', seq), UTC_TIMESTAMP(3) - INTERVAL ? - seq SECOND, UTC_TIMESTAMP(3) - INTERVAL ? - seq SECOND
FROM seq_0_to_99999 WHERE seq < ?`, i, n, n, n)
		s.Exec(t, "ANALYZE TABLE payment")
	}
}
