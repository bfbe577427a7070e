package paydb

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"time"

	"payops-mcp/shared/foreign"
)

// Session counts the sessions of an account that do the same.
type Session struct {
	User    foreign.Text
	Command foreign.Text // Sleep, Query
	Count   int
	Longest time.Duration // in this state, whole seconds
}

const sqlSessions = `SELECT USER, COMMAND, COUNT(*), MAX(TIME) FROM information_schema.PROCESSLIST
GROUP BY USER, COMMAND ORDER BY COUNT(*) DESC, USER, COMMAND LIMIT 50`

func (r *Reader) sessions(ctx context.Context, h *Health) error {
	h.Sessions = []Session{}
	return r.run(ctx, "sessions of all accounts", sqlSessions, nil, func(rows *sql.Rows) error {
		var s Session
		var user, command sql.NullString
		var longest sql.NullInt64
		err := rows.Scan(&user, &command, &s.Count, &longest)
		s.User, s.Command, s.Longest = text(user), text(command), time.Duration(longest.Int64)*time.Second
		h.Sessions = append(h.Sessions, s)
		return err
	})
}

// Transaction is one that is open at the server.
type Transaction struct {
	ID         string
	Age        time.Duration // whole seconds
	Waits      bool          // for a row lock
	Session    int64         // of the server, for whoever may end it
	User, Host foreign.Text
	Command    foreign.Text  // Sleep: the application holds it open and does nothing
	Idle       time.Duration // in that command, whole seconds
	RowsLocked int64
	Modified   int64
	Statement  foreign.Text // what runs now, without its values; empty for none
}

// The three tables of InnoDB are one picture, taken anew when nobody has looked for
// 100 ms: the questions of one call see the same.
//
// When a transaction began stands in the zone of the server's machine, whatever
// the zone of the session that asks.
const (
	// Those that hold locks and do not wait come first, the oldest of them at the head:
	// however many only read, none that others may wait for is left out for them.
	sqlTransactions = `SELECT t.trx_id, TIMESTAMPDIFF(SECOND, t.trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) AS age, t.trx_state = 'LOCK WAIT',
  t.trx_mysql_thread_id, p.USER, p.HOST, p.COMMAND, p.TIME, t.trx_rows_locked, t.trx_rows_modified, LEFT(t.trx_query, 1000)
FROM information_schema.INNODB_TRX t LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
WHERE t.trx_mysql_thread_id <> CONNECTION_ID() ORDER BY t.trx_rows_locked > 0 AND t.trx_state <> 'LOCK WAIT' DESC, t.trx_started, t.trx_id LIMIT 21`

	// Behind one lock each waits for all in front of it: of these the one that holds it and
	// waits for nobody is told.
	sqlLockWaits = `SELECT l.lock_table, TIMESTAMPDIFF(SECOND, r.trx_wait_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) AS age,
  r.trx_mysql_thread_id, rp.USER, LEFT(r.trx_query, 1000), b.trx_mysql_thread_id, bp.USER, bp.HOST, bp.COMMAND,
  TIMESTAMPDIFF(SECOND, b.trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))
FROM (SELECT p.requesting_trx_id, p.requested_lock_id, p.blocking_trx_id,
    ROW_NUMBER() OVER (PARTITION BY p.requesting_trx_id ORDER BY h.trx_state = 'LOCK WAIT', h.trx_started, h.trx_id) AS place
  FROM information_schema.INNODB_LOCK_WAITS p JOIN information_schema.INNODB_TRX h ON h.trx_id = p.blocking_trx_id) AS w
JOIN information_schema.INNODB_LOCKS l ON l.lock_id = w.requested_lock_id
JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id
LEFT JOIN information_schema.PROCESSLIST rp ON rp.ID = r.trx_mysql_thread_id
LEFT JOIN information_schema.PROCESSLIST bp ON bp.ID = b.trx_mysql_thread_id
WHERE w.place = 1 ORDER BY age DESC LIMIT 21`

	sqlTableWaits = `SELECT ID, USER, TIME, STATE, LEFT(INFO, 1000) FROM information_schema.PROCESSLIST
WHERE STATE LIKE 'Waiting for %lock' AND ID <> CONNECTION_ID() ORDER BY TIME DESC LIMIT 21`
)

func (r *Reader) transactions(ctx context.Context, h *Health) error {
	h.Transactions = []Transaction{}
	return r.run(ctx, "transactions that are open", sqlTransactions, nil, func(rows *sql.Rows) error {
		var t Transaction
		var user, host, command, statement sql.NullString
		var age, idle sql.NullInt64
		err := rows.Scan(&t.ID, &age, &t.Waits, &t.Session, &user, &host, &command, &idle, &t.RowsLocked, &t.Modified, &statement)
		t.Age, t.Idle = time.Duration(age.Int64)*time.Second, time.Duration(idle.Int64)*time.Second
		t.User, t.Host, t.Command, t.Statement = text(user), text(host), text(command), withoutValues(statement.String)
		h.TransactionsCut = keep(&h.Transactions, maxTransactions, t)
		return err
	})
}

// maxTransactions are told of a server, and maxWaits of either kind.
const (
	maxTransactions = 20
	maxWaits        = 20
)

// LockWait is a transaction that waits for another's row lock. Where it waits for several,
// one of them is told.
type LockWait struct {
	Table           foreign.Text // `paydb`.`outbox_event`
	Age             time.Duration
	Waiter, Blocker int64 // sessions
	WaiterUser      foreign.Text
	Statement       foreign.Text // of the waiter, without its values
	BlockerUser     foreign.Text
	BlockerHost     foreign.Text
	BlockerCommand  foreign.Text
	BlockerAge      time.Duration // of its transaction
}

func (r *Reader) lockWaits(ctx context.Context, h *Health) error {
	h.LockWaits = []LockWait{}
	return r.run(ctx, "waits for row locks", sqlLockWaits, nil, func(rows *sql.Rows) error {
		var w LockWait
		var table, user, statement, blocker, host, command sql.NullString
		var age, blockerAge sql.NullInt64
		err := rows.Scan(&table, &age, &w.Waiter, &user, &statement, &w.Blocker, &blocker, &host, &command, &blockerAge)
		w.Age, w.BlockerAge = time.Duration(age.Int64)*time.Second, time.Duration(blockerAge.Int64)*time.Second
		w.Table, w.WaiterUser, w.Statement = text(table), text(user), withoutValues(statement.String)
		w.BlockerUser, w.BlockerHost, w.BlockerCommand = text(blocker), text(host), text(command)
		h.LockWaitsCut = keep(&h.LockWaits, maxWaits, w)
		return err
	})
}

// TableWait is a session that waits for a lock on a whole table. Who holds it the
// server does not say.
type TableWait struct {
	Session   int64
	User      foreign.Text
	Age       time.Duration
	State     foreign.Text
	Statement foreign.Text // without its values
}

func (r *Reader) tableWaits(ctx context.Context, h *Health) error {
	h.TableWaits = []TableWait{}
	return r.run(ctx, "waits for locks on tables", sqlTableWaits, nil, func(rows *sql.Rows) error {
		var w TableWait
		var user, state, statement sql.NullString
		var age sql.NullInt64
		err := rows.Scan(&w.Session, &user, &age, &state, &statement)
		w.User, w.Age, w.State, w.Statement = text(user), time.Duration(age.Int64)*time.Second, text(state), withoutValues(statement.String)
		h.TableWaitsCut = keep(&h.TableWaits, maxWaits, w)
		return err
	})
}

// values are literals of a statement: they may be anybody's data, or a password.
var values = regexp.MustCompile(`'(?:[^'\\]|\\.|'')*(?:'|$)|"(?:[^"\\]|\\.|"")*(?:"|$)|\b0x[0-9A-Fa-f]+\b|\b[0-9]+(?:\.[0-9]+)?\b`)

// withoutValues is a statement with its literals replaced, for showing.
func withoutValues(statement string) foreign.Text {
	return foreign.Text(strings.Join(strings.Fields(values.ReplaceAllString(statement, "?")), " "))
}
