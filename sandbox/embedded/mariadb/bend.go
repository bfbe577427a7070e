package mariadb

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// bent is a statement as go-mysql-server understands it.
type bent struct {
	text  string
	limit time.Duration // how long it may take; 0 is for ever
}

var (
	setStatement = regexp.MustCompile(`(?is)^\s*SET\s+STATEMENT\s+max_statement_time\s*=\s*([0-9.]+)\s+FOR\s+`)
	limitValue   = regexp.MustCompile(`(?i)@@(?:session\.)?max_statement_time\b`)
	readValue    = regexp.MustCompile(`(?i)@@(?:session\.)?tx_read_only\b`)
)

// bend rewrites what only MariaDB understands, and notes in the session what it
// sets.
func bend(statement string, one *session) bent {
	b := bent{text: statement, limit: one.limit}
	if m := setStatement.FindStringSubmatchIndex(statement); m != nil {
		b.limit = seconds(statement[m[2]:m[3]])
		b.text = statement[m[1]:]
	}
	if verb(b.text) == "SET" {
		b.text = one.set(b.text)
	}
	if strings.Contains(b.text, "@@") {
		b.text = limitValue.ReplaceAllString(b.text, strconv.FormatFloat(one.limit.Seconds(), 'f', 6, 64))
		b.text = readValue.ReplaceAllString(b.text, map[bool]string{true: "1", false: "0"}[one.alwaysRead])
	}
	b.text = united(unquoted(b.text))
	return b
}

func seconds(text string) time.Duration {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// limitSet is how the limit is set without raising that of the account, which
// here has none.
var limitSet = regexp.MustCompile(`(?is)^IF\s*\(\s*@@max_statement_time\s*>\s*0\s*,.*,\s*([0-9.]+)\s*\)$`)

// set takes out of a SET what go-mysql-server does not know, and keeps it here.
// Without anything left it selects nothing.
func (one *session) set(statement string) string {
	rest := strings.TrimSpace(statement)
	rest = strings.TrimSpace(rest[len("SET"):])
	for _, word := range []string{"SESSION ", "LOCAL "} {
		if len(rest) > len(word) && strings.EqualFold(rest[:len(word)], word) {
			rest = rest[len(word):]
		}
	}
	upper := strings.ToUpper(rest)
	switch {
	case strings.HasPrefix(upper, "TRANSACTION"):
		if strings.Contains(upper, "READ ONLY") {
			one.alwaysRead = true
		} else if strings.Contains(upper, "READ WRITE") {
			one.alwaysRead = false
		}
		return nothing
	case strings.HasPrefix(upper, "GLOBAL"), strings.HasPrefix(upper, "PASSWORD"), strings.HasPrefix(upper, "NAMES"), strings.HasPrefix(upper, "ROLE"):
		return statement
	}
	var keep []string
	for _, assignment := range splitList(rest) {
		name, value, ok := strings.Cut(assignment, "=")
		name = strings.ToLower(strings.Trim(strings.TrimSpace(name), "`@"))
		name = strings.TrimPrefix(name, "session.")
		value = strings.TrimSpace(value)
		switch {
		case ok && name == "max_statement_time":
			if m := limitSet.FindStringSubmatch(value); m != nil {
				value = m[1]
			}
			one.limit = seconds(value)
		case ok && name == "innodb_lock_wait_timeout":
			one.lockWait = seconds(value)
			if one.lockWait == 0 {
				one.lockWait = defaultLockWait
			}
		case ok && (name == "tx_read_only" || name == "transaction_read_only"):
			one.alwaysRead = value == "1" || strings.EqualFold(value, "ON")
		case ok && (name == "lock_wait_timeout" || name == "optimizer_switch" || name == "tx_isolation"):
			// Nothing here depends on them.
		default:
			keep = append(keep, strings.TrimSpace(assignment))
		}
	}
	if len(keep) == 0 {
		return nothing
	}
	return "SET " + strings.Join(keep, ", ")
}

// nothing is a statement without any effect.
const nothing = "SET @nothing = 0"

// splitList splits at commas outside of parentheses and quotes.
func splitList(list string) []string {
	var parts []string
	begin := 0
	outside(list, func(i int) {
		if list[i] == ',' {
			parts = append(parts, list[begin:i])
			begin = i + 1
		}
	})
	return append(parts, list[begin:])
}
