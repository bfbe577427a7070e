package mariadb

import (
	"testing"
	"time"
)

func TestBend(t *testing.T) {
	for _, c := range []struct {
		say, want string
		limit     time.Duration
	}{
		{"SELECT 1", "SELECT 1", 2 * time.Second},
		{"SET STATEMENT max_statement_time=0.250 FOR SELECT 1", "SELECT 1", 250 * time.Millisecond},
		{"SET lock_wait_timeout=2, sql_mode='A,B', max_statement_time = IF(@@max_statement_time > 0, LEAST(@@max_statement_time, 5.000), 5.000)", "SET sql_mode='A,B'", 2 * time.Second},
		{"SET SESSION TRANSACTION READ ONLY", nothing, 2 * time.Second},
		{"SELECT @@max_statement_time, 'x'", "SELECT 2.000000, 'x'", 2 * time.Second},
		{"SELECT LEFT(JSON_VALUE(c.body, '$.a(b'), 64) FROM c", "SELECT LEFT(JSON_UNQUOTE(JSON_EXTRACT(c.body, '$.a(b')), 64) FROM c", 2 * time.Second},
		{"(SELECT a FROM t LIMIT 4)", "SELECT a FROM t LIMIT 4", 2 * time.Second},
		{"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", 2 * time.Second},
		{"(SELECT 1 ORDER BY 1) UNION ALL (SELECT 2) UNION ALL (SELECT 3) ORDER BY 1 LIMIT 2",
			"SELECT * FROM ((SELECT 1 ORDER BY 1) UNION ALL (SELECT 2) UNION ALL (SELECT 3) ) AS united ORDER BY 1 LIMIT 2", 2 * time.Second},
	} {
		got := bend(c.say, &session{limit: 2 * time.Second, lockWait: defaultLockWait})
		if got.text != c.want || got.limit != c.limit {
			t.Errorf("%s\n became %q within %s\n   want %q within %s", c.say, got.text, got.limit, c.want, c.limit)
		}
	}
}

// What is taken out of a SET is kept.
func TestSet(t *testing.T) {
	one := &session{lockWait: defaultLockWait}
	if got := bend("SET max_statement_time=1.5, innodb_lock_wait_timeout=2, tx_read_only=1", one); got.text != nothing {
		t.Errorf("what is left is %q", got.text)
	}
	if one.limit != 1500*time.Millisecond || one.lockWait != 2*time.Second || !one.alwaysRead {
		t.Errorf("the session is %+v", *one)
	}
}
