package redisd

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// commands are those that miniredis lacks, or has only in part. Each says
// whether it has answered.
var commands = map[string]func(*Server, *server.Peer, []string) bool{
	"INFO":    (*Server).info,
	"CONFIG":  (*Server).config,
	"SLOWLOG": (*Server).slowlog,
	"SCAN":    (*Server).scan,
	"CLIENT":  (*Server).client,
	"ACL":     (*Server).acl,
	"ROLE":    (*Server).role,
}

// readable are the commands that the reader may run; see stack.RedisReaderRights.
var readable = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq(`GET MGET GETRANGE STRLEN EXISTS TTL PTTL TYPE SCAN DBSIZE OBJECT MEMORY INFO SLOWLOG CONFIG
CLIENT PING HELLO AUTH SELECT QUIT COMMAND TIME EXPIRETIME PEXPIRETIME LRANGE LLEN HGETALL HGET HLEN SMEMBERS SCARD ZRANGE ZCARD
RANDOMKEY ECHO TOUCH`) {
		readable[name] = true
	}
}

// readableParts are those of which the reader may run only some.
var readableParts = map[string][]string{
	"CONFIG": {"GET"}, "SLOWLOG": {"GET"}, "MEMORY": {"USAGE"}, "CLIENT": {"LIST", "ID", "SETINFO", "SETNAME"},
}

// growing are the commands that need memory.
var growing = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq("SET SETEX PSETEX SETNX MSET GETSET APPEND SETRANGE INCR INCRBY DECR DECRBY LPUSH RPUSH SADD HSET HINCRBY ZADD EVAL EVALSHA XADD COPY RESTORE") {
		growing[name] = true
	}
}

// lookups are the commands that count as hit or miss, for each key they name.
var lookups = map[string]bool{"GET": true, "MGET": true, "GETRANGE": true, "STRLEN": true, "EXISTS": true, "TTL": true, "PTTL": true, "TYPE": true, "OBJECT": true}

// before sees every command, also before its sender has said who he is.
func (s *Server) before(c *server.Peer, name string, args ...string) bool {
	user := s.userOf(c, name, args)
	s.mu.Lock()
	s.calls[name]++
	s.mu.Unlock()
	if user == "" {
		return false // miniredis asks who it is
	}
	if user == s.options.Reader && !mayRead(name, args) {
		return s.refuse(c, "NOPERM", "User "+user+" has no permissions to run the '"+strings.ToLower(name)+"' command")
	}
	if growing[name] && s.full() {
		return s.refuse(c, "OOM", "command not allowed when used memory > 'maxmemory'.")
	}
	if lookups[name] {
		s.look(name, args)
	}
	if do := commands[name]; do != nil {
		begin := time.Now()
		done := do(s, c, args)
		s.note(time.Since(begin), name, args)
		return done
	}
	return false
}

func mayRead(name string, args []string) bool {
	if parts := readableParts[name]; parts != nil {
		return len(args) > 0 && slices.Contains(parts, strings.ToUpper(args[0]))
	}
	return readable[name]
}

// userOf is who sends a command; "" is nobody yet.
func (s *Server) userOf(c *server.Peer, name string, args []string) string {
	var user, password string
	switch {
	case name == "AUTH" && len(args) == 2:
		user, password = args[0], args[1]
	case name == "HELLO":
		for i := 1; i+2 < len(args); i++ {
			if strings.EqualFold(args[i], "AUTH") {
				user, password = args[i+1], args[i+2]
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want, ok := s.options.Accounts[user]; ok && want == password {
		if _, known := s.users[c]; !known {
			c.OnDisconnect(func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.users, c)
			})
		}
		s.users[c] = user
	}
	return s.users[c]
}

// refuse answers with an error, which INFO then counts.
func (s *Server) refuse(c *server.Peer, word, text string) bool {
	s.mu.Lock()
	s.errors[word]++
	s.mu.Unlock()
	c.WriteError(word + " " + text)
	return true
}

// look counts hits and misses.
func (s *Server) look(name string, args []string) {
	keys := args
	switch {
	case len(args) == 0:
		return
	case name == "OBJECT" && len(args) > 1:
		keys = args[1:2]
	case name != "MGET" && name != "EXISTS":
		keys = args[:1]
	}
	for _, key := range keys {
		there := s.mini.Exists(key)
		s.mu.Lock()
		if there {
			s.hits++
		} else {
			s.misses++
		}
		s.mu.Unlock()
	}
}

// size is how much memory the keys take, and of when that is.
type size struct {
	at                   time.Time
	keys, expires, bytes int64
}

// perKey is about what Redis needs for a key beside its name and value.
const perKey = 72

// baseMemory is about what an empty Redis takes.
const baseMemory = 1 << 20

// measure counts keys and bytes, not more often than every so often.
func (s *Server) measure() size {
	s.mu.Lock()
	now := s.size
	s.mu.Unlock()
	if time.Since(now.at) < 200*time.Millisecond {
		return now
	}
	now = size{at: time.Now(), bytes: baseMemory}
	for _, key := range s.mini.Keys() {
		now.keys++
		if s.mini.TTL(key) > 0 {
			now.expires++
		}
		now.bytes += int64(len(key)) + perKey
		if s.mini.Type(key) == "string" {
			if value, err := s.mini.Get(key); err == nil {
				now.bytes += int64(len(value))
			}
		}
	}
	s.mu.Lock()
	s.size = now
	s.mu.Unlock()
	return now
}

// full says whether nothing more may be written.
func (s *Server) full() bool {
	s.mu.Lock()
	limit, err := strconv.ParseInt(s.settings["maxmemory"], 10, 64)
	s.mu.Unlock()
	return err == nil && limit > 0 && s.measure().bytes > limit
}
