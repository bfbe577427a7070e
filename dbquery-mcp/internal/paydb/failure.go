package paydb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Phase is how far a shard was asked when it failed.
type Phase string

// The phases.
const (
	Connecting Phase = "connect" // no session stood yet
	Asking     Phase = "ask"
)

// MariaDB's error numbers that mean something to an engineer.
const (
	errTooManyConnections     = 1040
	errDatabaseForbidden      = 1044
	errAccessDenied           = 1045
	errUnknownDatabase        = 1049
	errShutdown               = 1053
	errUnknownColumn          = 1054
	errHostBlocked            = 1129
	errHostNotAllowed         = 1130
	errTableForbidden         = 1142
	errColumnForbidden        = 1143
	errNoSuchTable            = 1146
	errNoSuchKey              = 1176
	errUnknownVariable        = 1193
	errTooManyUserConnections = 1203
	errLockWait               = 1205
	errUserLimit              = 1226
	errPrivilege              = 1227
	errInterrupted            = 1317
	errAccessDeniedNoPassword = 1698
	errMustChangePassword     = 1820
	errPasswordExpired        = 1862
	errKilled                 = 1927
	errStatementTimeout       = 1969
	errExecutionTime          = 3024
	errAccountLocked          = 4151
)

// TooManyConnections is the number of MariaDB's error when its connections are
// used up, as against an allowance of our account alone.
const TooManyConnections = errTooManyConnections

// failed says why a shard did not answer.
func (s *shard) failed(err error, phase Phase) (f *fault.Failure, number uint16) {
	if own, ok := errors.AsType[*fault.Failure](err); ok {
		return own, 0
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		f := s.refusal(my)
		f.Said, f.Err = foreign.Text(fmt.Sprintf("%d %s", my.Number, my.Message)), err
		return f, my.Number
	}
	return s.broken(err, phase), 0
}

// refusal classes an error that the server itself gave.
func (s *shard) refusal(e *mysql.MySQLError) *fault.Failure {
	switch e.Number {
	case errAccessDenied, errAccessDeniedNoPassword, errMustChangePassword, errPasswordExpired, errAccountLocked:
		return &fault.Failure{Class: fault.Auth, Next: fmt.Sprintf("Check PAYMENT_DB_USER (%s) and PAYMENT_DB_PASSWORD for %s", s.user, s.name)}
	case errHostNotAllowed, errHostBlocked:
		return &fault.Failure{Class: fault.Auth, Next: "The database does not take this machine; its administrator can say why"}
	case errDatabaseForbidden, errTableForbidden, errColumnForbidden, errPrivilege:
		return &fault.Failure{Class: fault.Permission, Next: fmt.Sprintf("Have it granted: GRANT SELECT ON `%s`.* TO the account %s", s.database, s.user)}
	case errUnknownDatabase, errUnknownVariable:
		return &fault.Failure{Class: fault.WrongServer, Next: fmt.Sprintf("Check that PAYMENT_DB_HOST, PAYMENT_DB_PORT and PAYMENT_DB_NAME of %s name a MariaDB with the payment schema", s.name)}
	case errNoSuchTable, errUnknownColumn, errNoSuchKey:
		return &fault.Failure{Class: fault.Schema, Next: fmt.Sprintf("Compare the schema %s of %s with the payment system's schema.sql", s.database, s.name)}
	case errTooManyConnections:
		return &fault.Failure{Class: fault.Busy, Next: "Find who holds the connections (SHOW PROCESSLIST, with an account that gets the reserved one)"}
	case errTooManyUserConnections, errUserLimit:
		return &fault.Failure{Class: fault.Busy, Next: fmt.Sprintf("The account %s has used up its own allowance; ask again, or give this server an account of its own", s.user)}
	case errStatementTimeout, errExecutionTime:
		return &fault.Failure{Class: fault.Timeout, Next: "Ask for less (a shorter time_range, a merchant), or raise DB_STATEMENT_TIMEOUT (PAYOPS_CALL_TIMEOUT, where that is shorter)"}
	case errLockWait:
		return &fault.Failure{Class: fault.Timeout, Next: "Something holds the table locked (LOCK TABLES, a schema change): find it with SHOW PROCESSLIST"}
	case errShutdown, errInterrupted, errKilled:
		return &fault.Failure{Class: fault.Disconnected, Next: "The statement was stopped at the server; ask again"}
	}
	return &fault.Failure{Class: fault.Unexpected}
}

// broken classes an error of the network, the driver or our own.
func (s *shard) broken(err error, phase Phase) *fault.Failure {
	f := &fault.Failure{Class: fault.NetworkClass(err), Said: foreign.Text(err.Error()), Err: err}
	connect, connecting := errors.AsType[*connectError](err)
	handshake := connecting && connect.dialed
	switch {
	case errors.Is(err, errOwnQueue):
		f.Class, f.Next = fault.Busy, "Ask again when the other calls of this server are done"
	case isTLS(err):
		f.Class, f.Next = fault.Unexpected, "Check PAYMENT_DB_TLS and PAYMENT_DB_CA_FILE"
	case errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword):
		f.Class, f.Next = fault.Auth, "Give this server an account with a password (mysql_native_password or ed25519)"
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, driver.ErrBadConn):
		f.Class = fault.Disconnected
		if handshake || phase == Connecting {
			f.Said = "the connection was taken and closed again before the handshake was over"
			f.Next = "Something else than MariaDB, or a proxy without a server behind it, may listen at " + s.addr
		} else {
			f.Said, f.Next = "the connection broke in the middle", "Ask again; if it repeats, look at the server's error log"
		}
	case f.Class == fault.Timeout && handshake:
		f.Said = foreign.Text(fmt.Sprintf("the connection was taken, then no greeting within %s", connect.took.Round(100*time.Millisecond)))
		f.Next = "The server hangs, or a firewall or proxy swallows the traffic to " + s.addr
	case f.Class == fault.Timeout && phase == Connecting:
		f.Said = "no connection in time"
		if connecting {
			f.Said = foreign.Text(fmt.Sprintf("no connection within %s", connect.took.Round(100*time.Millisecond)))
		}
		f.Next = "The machine is down, or a firewall swallows the traffic to " + s.addr
	case errors.Is(err, context.DeadlineExceeded):
		f.Class, f.Said, f.Next = fault.Timeout, "no answer in time", "Ask again, or for less; the database ends the statement at its own limit, if it still runs"
	case f.Class == fault.Unreachable:
		f.Next = fmt.Sprintf("See whether MariaDB runs at %s and this machine reaches it", s.addr)
	case f.Class == "":
		f.Class = fault.Unexpected
	}
	return f
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	return errors.Is(err, mysql.ErrNoTLS)
}
