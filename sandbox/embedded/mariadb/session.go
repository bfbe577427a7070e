package mariadb

import (
	"strings"
	"time"
)

// session is what is known of a connection. Only its own statements use it,
// and they come one after the other.
type session struct {
	user        string
	limit       time.Duration // max_statement_time; 0 is none
	lockWait    time.Duration // innodb_lock_wait_timeout
	alwaysRead  bool          // tx_read_only
	transaction bool          // one is open
	readOnly    bool          // and may not write
	writing     bool          // and has the turn to write
}

// defaultLockWait is MariaDB's innodb_lock_wait_timeout.
const defaultLockWait = 50 * time.Second

// session is the one of a client.
func (s *Server) session(client, user string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.sessions[client]
	if one == nil {
		one = &session{user: user, lockWait: defaultLockWait}
		s.sessions[client] = one
		s.most = max(s.most, len(s.sessions))
	}
	return one
}

// forget ends a client's session. What it had begun to write is lost.
func (s *Server) forget(client string) {
	s.mu.Lock()
	one := s.sessions[client]
	delete(s.sessions, client)
	s.mu.Unlock()
	if one != nil && one.writing {
		one.writing = false
		s.turns.written()
	}
}

// verbs that change something, or take locks.
var writes = map[string]bool{
	"INSERT": true, "UPDATE": true, "DELETE": true, "REPLACE": true, "LOAD": true, "CREATE": true, "ALTER": true,
	"DROP": true, "TRUNCATE": true, "RENAME": true, "GRANT": true, "REVOKE": true, "CALL": true,
}

// verb is a statement's first word.
func verb(statement string) string {
	text := strings.TrimLeft(statement, " \t\r\n(")
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') })
	if end >= 0 {
		text = text[:end]
	}
	return strings.ToUpper(text)
}
