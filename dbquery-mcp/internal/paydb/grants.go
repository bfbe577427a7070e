package paydb

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"payops-mcp/shared/foreign"
)

const sqlGrants = "SHOW GRANTS"

// Account is who we are at a shard and what that account may do.
type Account struct {
	User  string   // user@host as the server knows it
	Wider []string // what it may do beyond reading: "INSERT on `paydb`.*"
	// Partial says that it may read some columns only of a table of the payment
	// schema; others look as if they were not there.
	Partial bool
	// What it may see of the server: the sessions and transactions of others
	// (PROCESS), the state of replication (SLAVE MONITOR), and every table of the
	// payment schema.
	Process, Replication, Schema bool
}

// WiderText lists what the account may do beyond reading.
func (a Account) WiderText() string {
	return foreign.Clean(strings.Join(a.Wider, "; "), foreign.MaxText)
}

func (r *Reader) grants(ctx context.Context) (Account, error) {
	var a Account
	var roles, active []string
	err := r.run(ctx, sqlGrants, sqlGrants, nil, func(rows *sql.Rows) error {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if columns, err := rows.Columns(); err == nil && len(columns) == 1 {
			a.User = strings.TrimPrefix(columns[0], "Grants for ")
		}
		a.Wider = append(a.Wider, wider(line, r.shard.database)...)
		a.sees(line, r.shard.database)
		if m := roleLine.FindStringSubmatch(line); m != nil {
			roles = append(roles, m[1])
		} else if m := roleRights.FindStringSubmatch(line); m != nil {
			active = append(active, m[1])
		}
		return nil
	})
	a.Partial = a.Partial && !a.Schema // a right to all outweighs one to a part
	for _, role := range roles {
		if !slices.Contains(active, role) {
			a.Wider = append(a.Wider, "the role "+role+", whose rights are seen only where it is the default role")
		}
	}
	return a, err
}

// grantLine is a line of SHOW GRANTS; what follows the account (a password's hash)
// is not looked at, but for the right to grant.
var grantLine = regexp.MustCompile("^GRANT (.+?) ON (?:TABLE )?((?:(?:FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) )?(?:\\*|`(?:[^`]|``)*`)\\.(?:\\*|`(?:[^`]|``)*`)) TO (.*)$")

// roleLine grants a role, and roleRights is a line of what a role may do: of an
// active one at least its USAGE is listed, of any other nothing.
var (
	roleLine   = regexp.MustCompile("^GRANT (`(?:[^`]|``)*`) TO ")
	roleRights = regexp.MustCompile("^GRANT .+ ON .+ TO (`(?:[^`]|``)*`)(?: |$)")
)

// wider returns what a line of SHOW GRANTS allows beyond SELECT and SHOW VIEW on
// the payment schema and PROCESS, SLAVE MONITOR and BINLOG MONITOR. A line that it
// does not know counts as wider.
func wider(line, database string) (more []string) {
	m := grantLine.FindStringSubmatch(line)
	if m == nil {
		return other(line)
	}
	privileges, on := m[1], m[2]
	for _, p := range splitPrivileges(privileges) {
		if !reads(p, on, database) {
			more = append(more, p)
		}
	}
	if strings.Contains(m[3], " GRANT OPTION") {
		more = append(more, "GRANT OPTION")
	}
	if len(more) == 0 {
		return nil
	}
	return []string{strings.Join(more, ", ") + " on " + on}
}

// sees notes what a line of SHOW GRANTS lets the account see of the server.
func (a *Account) sees(line, database string) {
	m := grantLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	global := m[2] == "*.*"
	for _, p := range splitPrivileges(m[1]) {
		all := p == "ALL PRIVILEGES"
		a.Process = a.Process || global && (all || p == "PROCESS")
		a.Replication = a.Replication || global && (all || slices.Contains([]string{"SLAVE MONITOR", "REPLICA MONITOR", "SUPER"}, p))
		a.Partial = a.Partial || strings.HasPrefix(p, "SELECT (") && schemaOf(m[2]) == database
		a.Schema = a.Schema || (all || p == "SELECT") && (global || schemaOf(m[2]) == database && strings.HasSuffix(m[2], ".*"))
	}
}

// other takes the lines that grant no privilege on anything: a role, whose own
// grants follow in lines of their own if it is active, and which role is the default.
func other(line string) []string {
	if roleLine.MatchString(line) && !strings.Contains(line, " WITH ADMIN OPTION") || strings.HasPrefix(line, "SET DEFAULT ROLE ") {
		return nil
	}
	if what, _, ok := strings.Cut(line, " TO "); ok {
		return []string{strings.TrimPrefix(what, "GRANT ")}
	}
	return []string{"something that is not understood"}
}

// splitPrivileges splits at commas outside of column lists: SELECT (a, b), INSERT.
func splitPrivileges(s string) (all []string) {
	depth, from := 0, 0
	for i, c := range s {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			all = append(all, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(all, strings.TrimSpace(s[from:]))
}

func reads(privilege, on, database string) bool {
	name, _, _ := strings.Cut(privilege, " (")
	if name == "USAGE" {
		return true
	}
	if on == "*.*" {
		return slices.Contains([]string{"PROCESS", "SLAVE MONITOR", "REPLICA MONITOR", "BINLOG MONITOR", "REPLICATION CLIENT"}, name)
	}
	return schemaOf(on) == database && (name == "SELECT" || name == "SHOW VIEW")
}

// schemaOf is the schema of what a privilege is on: `paydb`.*, `paydb`.`payment`.
func schemaOf(on string) string {
	schema, _, _ := strings.Cut(strings.TrimPrefix(on, "`"), "`.")
	return strings.NewReplacer("``", "`", `\_`, "_", `\%`, "%").Replace(schema)
}
