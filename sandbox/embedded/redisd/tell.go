package redisd

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// version is what the server calls itself.
const version = "7.4.0"

// info answers INFO, with the sections that are asked for.
func (s *Server) info(c *server.Peer, args []string) bool {
	size := s.measure()
	s.mu.Lock()
	sections := s.sections(size)
	s.mu.Unlock()
	wanted := map[string]bool{}
	for _, a := range args {
		wanted[strings.ToLower(a)] = true
	}
	everything := wanted["all"] || wanted["everything"]
	var text strings.Builder
	for _, one := range sections {
		name := strings.ToLower(one.name)
		usual := (len(args) == 0 || wanted["default"]) && name != "commandstats"
		if everything || usual || wanted[name] {
			fmt.Fprintf(&text, "# %s\r\n%s\r\n", one.name, strings.Join(one.lines, "\r\n")+"\r\n")
		}
	}
	c.WriteBulk(text.String())
	return true
}

type section struct {
	name  string
	lines []string
}

// sections are what INFO tells; the caller has the lock. What a stand-in cannot
// know it leaves out.
func (s *Server) sections(size size) []section {
	up := time.Since(s.begun)
	var total int64
	var commandStats, errorStats []string
	for _, name := range slices.Sorted(maps.Keys(s.calls)) {
		total += s.calls[name]
		commandStats = append(commandStats, fmt.Sprintf("cmdstat_%s:calls=%d,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0", strings.ToLower(name), s.calls[name]))
	}
	for _, word := range slices.Sorted(maps.Keys(s.errors)) {
		errorStats = append(errorStats, fmt.Sprintf("errorstat_%s:count=%d", word, s.errors[word]))
	}
	var keyspace []string
	if size.keys > 0 {
		keyspace = append(keyspace, fmt.Sprintf("db0:keys=%d,expires=%d,avg_ttl=0", size.keys, size.expires))
	}
	number := func(name string, n int64) string { return name + ":" + strconv.FormatInt(n, 10) }
	return []section{
		{"Server", []string{"redis_version:" + version, "redis_mode:standalone", "run_id:" + s.runID,
			number("server_time_usec", time.Now().UnixMicro()), number("uptime_in_seconds", int64(up.Seconds()))}},
		{"Clients", []string{number("connected_clients", int64(len(s.users))), "blocked_clients:0", "maxclients:" + s.settings["maxclients"]}},
		{"Memory", []string{number("used_memory", size.bytes), "maxmemory:" + s.settings["maxmemory"],
			"maxmemory_policy:" + s.settings["maxmemory-policy"], "mem_not_counted_for_evict:0"}},
		{"Persistence", []string{"loading:0", "async_loading:0", "rdb_bgsave_in_progress:0", "rdb_last_bgsave_status:ok", "aof_enabled:0",
			"aof_last_write_status:ok"}},
		{"Stats", []string{number("total_connections_received", int64(s.mini.Server().TotalConnections())), number("total_commands_processed", total),
			"rejected_connections:0", number("expired_keys", s.expired), "evicted_keys:0",
			number("keyspace_hits", s.hits), number("keyspace_misses", s.misses)}},
		{"Replication", []string{"role:master", "connected_slaves:0"}},
		{"Commandstats", commandStats},
		{"Errorstats", errorStats},
		{"Cluster", []string{"cluster_enabled:0"}},
		{"Keyspace", keyspace},
	}
}

// config answers CONFIG GET, SET and RESETSTAT.
func (s *Server) config(c *server.Peer, args []string) bool {
	if len(args) == 0 {
		return s.refuse(c, "ERR", "wrong number of arguments for 'config' command")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch strings.ToUpper(args[0]) {
	case "GET":
		var found []string
		for _, name := range slices.Sorted(maps.Keys(s.settings)) {
			for _, pattern := range args[1:] {
				if ok, err := path.Match(strings.ToLower(pattern), name); ok && err == nil {
					found = append(found, name)
					break
				}
			}
		}
		c.WriteMapLen(len(found))
		for _, name := range found {
			c.WriteBulk(name)
			c.WriteBulk(s.settings[name])
		}
	case "SET":
		for i := 1; i+1 < len(args); i += 2 {
			name := strings.ToLower(args[i])
			if _, known := s.settings[name]; !known {
				c.WriteError("ERR Unknown option or number of arguments for CONFIG SET - '" + name + "'")
				return true
			}
			s.settings[name] = args[i+1]
		}
		s.size.at = time.Time{} // so that a new limit counts now
		c.WriteOK()
	case "RESETSTAT":
		s.hits, s.misses, s.expired = 0, 0, 0
		clear(s.calls)
		clear(s.errors)
		c.WriteOK()
	default:
		c.WriteError("ERR unknown subcommand '" + args[0] + "'")
	}
	return true
}

// client answers CLIENT LIST and ID, and takes the library's name.
func (s *Server) client(c *server.Peer, args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch strings.ToUpper(args[0]) {
	case "LIST":
		s.mu.Lock()
		defer s.mu.Unlock()
		var lines strings.Builder
		id := 0
		for _, user := range s.users {
			id++
			fmt.Fprintf(&lines, "id=%d addr=127.0.0.1:0 name= age=0 idle=0 flags=N db=0 cmd=NULL user=%s\n", id, user)
		}
		c.WriteBulk(lines.String())
	case "ID":
		c.WriteInt(1)
	case "SETINFO", "NO-TOUCH", "NO-EVICT", "MAINT_NOTIFICATIONS":
		c.WriteOK()
	default:
		return false
	}
	return true
}

// acl answers ACL WHOAMI.
func (s *Server) acl(c *server.Peer, args []string) bool {
	if len(args) == 1 && strings.EqualFold(args[0], "WHOAMI") {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.WriteBulk(s.users[c])
		return true
	}
	return s.refuse(c, "ERR", "unknown subcommand of ACL")
}

// role answers ROLE.
func (s *Server) role(c *server.Peer, _ []string) bool {
	c.WriteLen(3)
	c.WriteBulk("master")
	c.WriteInt(0)
	c.WriteLen(0)
	return true
}

// entry is one of the slow log.
type entry struct {
	id   int
	at   time.Time
	took time.Duration
	args []string
}

// note remembers a command that was slow.
func (s *Server) note(took time.Duration, name string, args []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	least, err := strconv.ParseInt(s.settings["slowlog-log-slower-than"], 10, 64)
	if err != nil || least < 0 || took.Microseconds() < least {
		return
	}
	s.slowID++
	all := append([]string{name}, args[:min(len(args), 8)]...)
	s.slow = append([]entry{{s.slowID, time.Now(), took, all}}, s.slow[:min(len(s.slow), 127)]...)
}

// slowlog answers SLOWLOG GET, LEN and RESET.
func (s *Server) slowlog(c *server.Peer, args []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(args) == 0 {
		c.WriteError("ERR wrong number of arguments for 'slowlog' command")
		return true
	}
	switch strings.ToUpper(args[0]) {
	case "GET":
		n := 10
		if len(args) > 1 {
			if asked, err := strconv.Atoi(args[1]); err == nil && asked >= 0 {
				n = asked
			}
		}
		all := s.slow[:min(n, len(s.slow))]
		c.WriteLen(len(all))
		for _, e := range all {
			c.WriteLen(6)
			c.WriteInt(e.id)
			c.WriteInt(int(e.at.Unix()))
			c.WriteInt(int(e.took.Microseconds()))
			c.WriteStrings(e.args)
			c.WriteBulk("127.0.0.1:0")
			c.WriteBulk("")
		}
	case "LEN":
		c.WriteInt(len(s.slow))
	case "RESET":
		s.slow = nil
		c.WriteOK()
	default:
		c.WriteError("ERR unknown subcommand '" + args[0] + "'")
	}
	return true
}
