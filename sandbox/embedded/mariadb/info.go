package mariadb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dolthub/vitess/go/sqltypes"
)

// version is what the server calls itself: a MariaDB, for whoever looks whether
// it is one, and not a real one, for whoever reads it.
const version = "10.11.0-MariaDB-embedded-stand-in"

const maxConnections = 200

// views are tables of information_schema that go-mysql-server lacks: their
// columns and rows.
func (s *Server) views() map[string][][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	pairs := func(values ...string) [][]string {
		rows := [][]string{{"VARIABLE_NAME", "VARIABLE_VALUE"}}
		for i := 0; i < len(values); i += 2 {
			rows = append(rows, values[i:i+2])
		}
		return rows
	}
	port := s.options.Listener.Addr().String()
	port = port[strings.LastIndex(port, ":")+1:]
	return map[string][][]string{
		"GLOBAL_VARIABLES": pairs(
			"HOSTNAME", "embedded", "PORT", port, "SERVER_ID", strconv.Itoa(s.options.Shard),
			"SERVER_UID", fmt.Sprintf("embedded-%d-%d", s.options.Shard, s.begun.UnixNano()), "VERSION", version,
			"READ_ONLY", "OFF", "TIME_ZONE", "+00:00", "SYSTEM_TIME_ZONE", "UTC", "MAX_CONNECTIONS", strconv.Itoa(maxConnections),
			"MAX_STATEMENT_TIME", "0.000000", "LOG_BIN", "OFF", "INNODB_LOCK_WAIT_TIMEOUT", "50"),
		"GLOBAL_STATUS": pairs(
			"UPTIME", strconv.Itoa(int(time.Since(s.begun).Seconds())), "THREADS_CONNECTED", strconv.Itoa(len(s.sessions)),
			"MAX_USED_CONNECTIONS", strconv.Itoa(s.most), "CONNECTION_ERRORS_MAX_CONNECTIONS", "0",
			"INNODB_DEADLOCKS", "0", "INNODB_HISTORY_LIST_LENGTH", "0"),
		"INNODB_LOCK_WAITS": {{"requesting_trx_id", "requested_lock_id", "blocking_trx_id", "blocking_lock_id"}},
		"INNODB_LOCKS": {{"lock_id", "lock_trx_id", "lock_mode", "lock_type", "lock_table", "lock_index", "lock_space", "lock_page",
			"lock_rec", "lock_data"}},
		"INNODB_TRX": {{"trx_id", "trx_state", "trx_started", "trx_requested_lock_id", "trx_wait_started", "trx_weight",
			"trx_mysql_thread_id", "trx_query", "trx_operation_state", "trx_rows_locked", "trx_rows_modified", "trx_tables_locked"}},
	}
}

var viewName = regexp.MustCompile(`(?i)\binformation_schema\s*\.\s*(GLOBAL_VARIABLES|GLOBAL_STATUS|INNODB_LOCK_WAITS|INNODB_LOCKS|INNODB_TRX)\b(\s+(?:AS\s+)?[A-Za-z_]+)?`)

// notAlias are words that may stand behind a table and are no name for it.
var notAlias = map[string]bool{
	"WHERE": true, "ON": true, "JOIN": true, "LEFT": true, "INNER": true, "CROSS": true, "GROUP": true, "ORDER": true,
	"LIMIT": true, "UNION": true, "USING": true, "HAVING": true,
}

// withInfo puts the rows of the tables that are missing where a statement names
// them.
func (s *Server) withInfo(statement string) string {
	if !viewName.MatchString(statement) {
		return statement
	}
	views := s.views()
	return viewName.ReplaceAllStringFunc(statement, func(found string) string {
		m := viewName.FindStringSubmatch(found)
		name, behind := strings.ToUpper(m[1]), m[2]
		if words := strings.Fields(behind); len(words) == 0 || notAlias[strings.ToUpper(words[0])] {
			behind = " AS " + name + behind
		}
		return "(" + derived(views[name]) + ")" + behind
	})
}

// derived is a query that gives the rows; the first of them are the columns.
func derived(rows [][]string) string {
	var all []string
	for _, row := range rows[1:] {
		var fields []string
		for i, value := range row {
			fields = append(fields, fmt.Sprintf("'%s' AS %s", value, rows[0][i]))
		}
		all = append(all, "SELECT "+strings.Join(fields, ", "))
	}
	if len(all) == 0 {
		var fields []string
		for _, column := range rows[0] {
			fields = append(fields, "NULL AS "+column)
		}
		return "SELECT " + strings.Join(fields, ", ") + " FROM (SELECT 1 AS one) AS no_rows WHERE FALSE"
	}
	return strings.Join(all, " UNION ALL ")
}

var (
	showReplicas = regexp.MustCompile(`(?i)^\s*SHOW\s+(ALL\s+SLAVES|SLAVE|REPLICA|ALL\s+REPLICAS)\s+STATUS\b`)
	showGrants   = regexp.MustCompile(`(?i)^\s*SHOW\s+GRANTS\s*$`)
)

// answer is what is answered without asking go-mysql-server; nil when it is to
// be asked.
func (s *Server) answer(statement string, one *session) *sqltypes.Result {
	switch {
	case showReplicas.MatchString(statement):
		return table([]string{"Connection_name", "Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"})
	case showGrants.MatchString(statement):
		return table([]string{"Grants for " + one.user + "@%"}, s.grants(one.user)...)
	default:
		return nil
	}
}

// grants are an account's, as MariaDB prints them.
func (s *Server) grants(user string) [][]string {
	for _, a := range s.options.Accounts {
		if a.Name == user && a.Reader {
			return [][]string{
				{fmt.Sprintf("GRANT PROCESS, SLAVE MONITOR ON *.* TO `%s`@`%%`", user)},
				{fmt.Sprintf("GRANT SELECT, SHOW VIEW ON `%s`.* TO `%s`@`%%`", s.options.Database, user)},
			}
		}
	}
	return [][]string{{fmt.Sprintf("GRANT ALL PRIVILEGES ON *.* TO `%s`@`%%` WITH GRANT OPTION", user)}}
}

func table(columns []string, rows ...[]string) *sqltypes.Result {
	types := strings.TrimSuffix(strings.Repeat("varchar|", len(columns)), "|")
	var lines []string
	for _, row := range rows {
		lines = append(lines, strings.Join(row, "|"))
	}
	return sqltypes.MakeTestResult(sqltypes.MakeTestFields(strings.Join(columns, "|"), types), lines...)
}
