package dbtest

import (
	"fmt"
	"strings"
	"testing"
)

// canaries are what a test of reading looks at afterwards: a table, its twin in an
// engine without transactions, a sequence, and routines and a view that write with
// their definer's rights.
var canaries = []string{
	`CREATE TABLE canary (id INT PRIMARY KEY, v INT) ENGINE=InnoDB`,
	`INSERT INTO canary VALUES (1, 1)`,
	`CREATE TABLE myi (id INT PRIMARY KEY, v INT) ENGINE=MyISAM`,
	`INSERT INTO myi VALUES (1, 1)`,
	`CREATE SEQUENCE seq1 NOCACHE`,
	`CREATE FUNCTION f_write() RETURNS INT MODIFIES SQL DATA SQL SECURITY DEFINER BEGIN UPDATE canary SET v = v + 1; RETURN 1; END`,
	`CREATE PROCEDURE p_write() MODIFIES SQL DATA SQL SECURITY DEFINER BEGIN UPDATE canary SET v = v + 1; END`,
	`CREATE SQL SECURITY DEFINER VIEW v_write AS SELECT f_write() AS x`,
	`CREATE SQL SECURITY DEFINER VIEW v_good AS SELECT id FROM canary`,
}

// Canaries makes them on every shard.
func (db *DB) Canaries(t testing.TB) {
	t.Helper()
	for _, statement := range canaries {
		db.Grant(t, statement)
	}
}

// What of a server a reader must leave as it is.
const (
	sqlObjectsState = `SELECT GROUP_CONCAT(CONCAT(t.TABLE_NAME, ' ', t.TABLE_TYPE, ' ', COALESCE(t.CREATE_TIME, '')) ORDER BY t.TABLE_NAME) FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = DATABASE()`
	sqlColumnsState = `SELECT GROUP_CONCAT(CONCAT(TABLE_NAME, '.', COLUMN_NAME) ORDER BY TABLE_NAME, COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()`
	sqlUserState    = `SELECT GROUP_CONCAT(CONCAT(User, MD5(Priv)) ORDER BY User) FROM mysql.global_priv WHERE User LIKE ? OR User IN ('eve')`
	sqlGlobalState  = `SELECT CONCAT(@@GLOBAL.max_connections, '/', @@GLOBAL.sql_mode, '/', @@GLOBAL.read_only)`
	sqlLockState    = `SELECT CONCAT(IS_FREE_LOCK('x'), IS_FREE_LOCK('a'))`
	sqlTrxState     = `SELECT COUNT(*) FROM information_schema.INNODB_TRX x JOIN information_schema.PROCESSLIST p ON p.ID = x.trx_mysql_thread_id WHERE p.USER LIKE ? AND x.trx_rows_locked + x.trx_tables_locked > 0`
)

// State describes what a reader must leave as it is: the canaries, tables, columns,
// accounts of the test, some global settings, locks by name and rows locked.
func (db *DB) State(t testing.TB, shard int) string {
	t.Helper()
	s := db.Shards[shard-1]
	var all []string
	for _, q := range []string{
		`SELECT GROUP_CONCAT(CONCAT(id, '=', v)) FROM canary`, `SELECT GROUP_CONCAT(CONCAT(id, '=', v)) FROM myi`, `SELECT next_not_cached_value FROM seq1`,
		`SELECT CONCAT(COUNT(*), ' ', COALESCE(SUM(amount), 0)) FROM payment`, sqlObjectsState, sqlColumnsState, sqlUserState, sqlGlobalState, sqlLockState, sqlTrxState,
	} {
		var args []any
		if strings.Contains(q, "LIKE ?") {
			args = append(args, db.User+"%")
		}
		var v any
		err := s.Admin.QueryRow(q, args...).Scan(&v)
		if b, ok := v.([]byte); ok {
			v = string(b)
		}
		all = append(all, fmt.Sprint(v, " ", err))
	}
	return strings.Join(all, "\n")
}
