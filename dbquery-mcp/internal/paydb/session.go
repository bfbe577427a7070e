package paydb

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"payops-mcp/shared/foreign"
)

const sqlGreet = `SELECT 'connection_id' AS name, CONNECTION_ID() AS value
UNION ALL SELECT 'database', DATABASE()
UNION ALL SELECT 'max_statement_time', @@max_statement_time
UNION ALL SELECT 'uptime', VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'
UNION ALL SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES
  WHERE VARIABLE_NAME IN ('HOSTNAME', 'PORT', 'SERVER_ID', 'SERVER_UID')`

// session is a connection and what was learned of its server when it was made.
type session struct {
	driverConn
	wire   *wire
	used   bool // it was in the pool before
	greets bool // what follows is known

	id       string        // at the server, for KILL QUERY
	limit    time.Duration // of a statement, as the session has it; 0: none
	identity Identity
	account  Account
	tables   map[string]Table // that are as they should be
}

// Identity tells servers apart, by whatever name they are reached.
type Identity struct {
	Hostname, Port, ServerID, ServerUID string
	Database                            string
	// Started is when the server started, on this machine's clock: cloned servers
	// may be alike in all else.
	Started time.Time
}

// String shows what tells the server from others.
func (i Identity) String() string {
	parts := []string{i.Hostname + ":" + i.Port, "server_id " + i.ServerID, "server_uid " + i.ServerUID, "schema " + i.Database}
	return foreign.Text(strings.Join(parts, ", ")).Quoted()
}

// startTolerance covers that a server counts its uptime in whole seconds.
const startTolerance = 5 * time.Second

// Same reports whether both are one database. What is not known is not the same.
func (i Identity) Same(o Identity) bool {
	return i.Hostname != "" && i.Hostname == o.Hostname && i.Port == o.Port && i.ServerID == o.ServerID &&
		i.ServerUID == o.ServerUID && i.Database == o.Database && i.Started.Sub(o.Started).Abs() <= startTolerance
}

// greet learns what a new connection's server is.
func (r *Reader) greet(ctx context.Context) error {
	known := map[string]string{}
	asked := time.Now()
	// Without a limit of its own: that would be read for the session's.
	err := r.fetch(ctx, "the server's identity", sqlGreet, nil, func(rows *sql.Rows) error {
		var name, value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		known[name.String] = value.String
		return nil
	})
	if err != nil {
		return err
	}
	s := r.session
	s.id = known["connection_id"]
	if limit, err := time.ParseDuration(known["max_statement_time"] + "s"); err == nil {
		s.limit = limit
	}
	s.identity = Identity{
		Hostname: known["hostname"], Port: known["port"], ServerID: known["server_id"], ServerUID: known["server_uid"],
		Database: known["database"],
	}
	if uptime, err := time.ParseDuration(known["uptime"] + "s"); err == nil {
		s.identity.Started = asked.Add(-uptime)
	}
	if s.account, err = r.grants(ctx); err != nil {
		return err
	}
	s.tables = map[string]Table{}
	s.greets = true
	return nil
}
