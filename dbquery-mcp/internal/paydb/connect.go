package paydb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// driverConfig is how a connection is made. Text protocol: arguments are put into
// the statement by the driver, which saves two round trips.
func driverConfig(s Settings, addr string, o Options) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User = "tcp", addr, s.Database, s.User
	if s.Password != nil {
		c.Passwd = s.Password.Reveal()
	}
	c.TLS = s.TLS.Clone()         // the driver puts the host into it
	c.Logger = &mysql.NopLogger{} // what it would print is in the errors
	c.InterpolateParams = true
	c.ParseTime = true
	c.Loc = time.UTC
	c.ConnectionAttributes = "program_name:dbquery-mcp"
	// Contexts bound every wait; these are for a read that no context watches.
	c.ReadTimeout = o.StatementTimeout + openTimeout
	c.WriteTimeout = openTimeout
	c.DialFunc = dial
	// One SET, so one round trip. The server's own settings must not change what
	// a statement means (ANSI_QUOTES, another zone or character set), and the
	// account's own limit is never raised.
	limit := o.StatementTimeout.Seconds()
	c.Params = map[string]string{
		"time_zone":                "'+00:00'",
		"sql_mode":                 "'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
		"max_statement_time":       fmt.Sprintf("IF(@@max_statement_time > 0, LEAST(@@max_statement_time, %.3f), %.3f)", limit, limit),
		"lock_wait_timeout":        "2",
		"innodb_lock_wait_timeout": "2",
		"tx_read_only":             "1",
		"tx_isolation":             "'REPEATABLE-READ'", // one moment; SERIALIZABLE would lock what is read
		"character_set_client":     "utf8mb4",
		"character_set_connection": "utf8mb4",
		"character_set_results":    "utf8mb4",
	}
	return c
}

// connector makes sessions. It bounds the handshake: the pool itself may connect
// without a deadline.
type connector struct{ inner driver.Connector }

func (c connector) Driver() driver.Driver { return c.inner.Driver() }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	var dialed bool
	var line *wire
	start := time.Now()
	ctx = context.WithValue(context.WithValue(ctx, dialedKey{}, &dialed), wireKey{}, &line)
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := c.inner.Connect(ctx)
	if err != nil {
		return nil, &connectError{err: err, dialed: dialed, took: time.Since(start)}
	}
	full, ok := conn.(driverConn)
	if !ok {
		return nil, fmt.Errorf("the driver's connection is a %T, which lacks what a session needs", conn)
	}
	return &session{driverConn: full, wire: line}, nil
}

type dialedKey struct{}

// dial notes in the context that the server took the connection: after that, what
// fails is the handshake.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if dialed, ok := ctx.Value(dialedKey{}).(*bool); ok && err == nil {
		*dialed = true
	}
	if line, ok := ctx.Value(wireKey{}).(**wire); ok && err == nil {
		*line = &wire{Conn: conn}
		return *line, nil
	}
	return conn, err
}

// connectError is a failure before a session stood.
type connectError struct {
	err    error
	dialed bool // the server took the connection
	took   time.Duration
}

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// driverConn is all that the driver's connections can do and the pool uses.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}
