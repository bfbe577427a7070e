package redisdb

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"payops-mcp/shared/foreign"
)

// Info is what a server says of itself. A nil pointer is something that this
// server does not tell: old versions and stand-ins leave out much.
type Info struct {
	Time  time.Time // the server's clock; zero when not told
	RunID string    // changes with each start
	// Uptime is since that start, to the second.
	Uptime *time.Duration

	Cluster         bool         // it is a node of a cluster
	Role            string       // master or slave
	MasterLink      foreign.Text // replica: up or down
	ReplicaReadOnly *bool        // replica: whether it refuses writes
	GoodReplicas    *int64       // master with min-replicas-to-write: how many keep up

	Loading       bool
	LoadedPercent *int64
	LoadingETA    *int64       // seconds
	SnapshotOK    *bool        // rdb_last_bgsave_status
	AOFWriteOK    *bool        // aof_last_write_status
	UsedMemory    *int64       // bytes that count against MaxMemory
	MaxMemory     *int64       // bytes; 0 is no limit
	Policy        foreign.Text // maxmemory_policy
	Expiring      int64        // keys with a TTL, over all databases
	Keys          int64        // keys, over all databases
	Own           Keyspace     // the database that is asked
	seen          *seen        // what a scan saw of it: see Remember
	ended         int64        // as many keys ended by themselves since, in any database: see endedSince
	Load          Load         // what it does, and with how much

	// Errors counts error replies by their first word since the server started
	// or its counters were reset. It is nil where they are not told (before 6.2).
	Errors map[string]int64
}

// Keyspace is what a database holds.
type Keyspace struct {
	Keys     int64
	Expiring int64         // of them, with a TTL
	MeanTTL  time.Duration // of these, as Redis estimates it; 0 when it has no estimate yet
}

// read are the fields of INFO that are read, out of the 150 and more that a Redis of
// today tells.
var read = func() map[string]struct{} {
	all := map[string]struct{}{}
	for name := range strings.FieldsSeq(`
		server_time_usec run_id uptime_in_seconds redis_version valkey_version cluster_enabled role master_link_status master_link_down_since_seconds
		slave_read_only min_slaves_good_slaves connected_slaves loading loading_loaded_perc loading_eta_seconds
		rdb_last_bgsave_status rdb_last_load_keys_loaded rdb_last_load_keys_expired rdb_last_save_time rdb_changes_since_last_save aof_enabled aof_last_write_status
		used_memory used_memory_rss maxmemory maxmemory_policy mem_not_counted_for_evict mem_fragmentation_ratio
		evicted_keys expired_keys keyspace_hits keyspace_misses connected_clients blocked_clients total_blocking_keys maxclients rejected_connections
		cmdstat_get cmdstat_mget cmdstat_flushall cmdstat_flushdb`) {
		all[name] = struct{}{}
	}
	for _, command := range waiting {
		all["cmdstat_"+command] = struct{}{}
	}
	return all
}()

// fields are what INFO told, by name.
type fields map[string]string

// text returns a field; false when it was not told. One that is not kept at all is a
// mistake of ours and panics.
func (f fields) text(name string) (string, bool) {
	value, told := f[name]
	if !told {
		if _, kept := read[name]; !kept {
			panic("redisdb: " + name + " of INFO is not kept")
		}
	}
	return value, told
}

func (f fields) number(name string) *int64 {
	value, _ := f.text(name)
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func (f fields) flag(name, yes string) *bool {
	value, told := f.text(name)
	if !told {
		return nil
	}
	is := value == yes
	return &is
}

// parseInfo reads the answer of INFO; db is the database that is asked.
func parseInfo(text string, db int) Info {
	ours := "db" + strconv.Itoa(db)
	told := make(fields, len(read))
	info, commands := Info{}, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			switch line {
			case "# Errorstats":
				info.Errors = map[string]int64{}
			case "# Commandstats":
				commands = true
			}
			continue
		}
		if _, kept := read[name]; kept {
			told[name] = value
		} else if word, ok := strings.CutPrefix(name, "errorstat_"); ok {
			count, _ := strings.CutPrefix(value, "count=")
			if n, err := strconv.ParseInt(count, 10, 64); err == nil && info.Errors != nil {
				info.Errors[word] = n
			}
		} else if strings.HasPrefix(name, "db") && strings.HasPrefix(value, "keys=") {
			k := Keyspace{part(value, "keys"), part(value, "expires"), time.Duration(part(value, "avg_ttl")) * time.Millisecond}
			info.Keys += k.Keys
			info.Expiring += k.Expiring
			if name == ours {
				info.Own = k
			}
		}
	}
	number, flag := told.number, told.flag
	said := func(name string) foreign.Text {
		value, _ := told.text(name)
		return foreign.Text(value)
	}
	if us := number("server_time_usec"); us != nil {
		info.Time = time.UnixMicro(*us)
	}
	info.RunID = string(said("run_id"))
	info.Load = loadOf(told, commands)
	if s := number("uptime_in_seconds"); s != nil {
		up := time.Duration(*s) * time.Second
		info.Uptime = &up
	}
	info.Cluster = said("cluster_enabled") == "1"
	info.Role, info.MasterLink = string(said("role")), said("master_link_status")
	info.ReplicaReadOnly = flag("slave_read_only", "1")
	info.GoodReplicas = number("min_slaves_good_slaves")
	info.Loading = said("loading") == "1"
	told["loading_loaded_perc"], _, _ = strings.Cut(told["loading_loaded_perc"], ".")
	info.LoadedPercent, info.LoadingETA = number("loading_loaded_perc"), number("loading_eta_seconds")
	info.SnapshotOK, info.AOFWriteOK = flag("rdb_last_bgsave_status", "ok"), flag("aof_last_write_status", "ok")
	info.MaxMemory, info.Policy = number("maxmemory"), said("maxmemory_policy")
	if info.UsedMemory = number("used_memory"); info.UsedMemory != nil {
		// Redis leaves the buffers of replicas and of the append-only file out
		// when it compares with maxmemory.
		if apart := number("mem_not_counted_for_evict"); apart != nil {
			*info.UsedMemory -= *apart
		}
	}
	return info
}

// shortTTL is what keys are taken to have left where Redis has no estimate of it yet:
// a window of a rate limit, the shortest TTL there is.
const shortTTL = time.Minute

// Lasting is how many keys of the database must still be there at a later time of the
// server, if nothing but their TTL ends them. It errs on the low side: Redis's estimate
// of the TTLs follows a burst of keys too slowly, brief ones or others.
func (i Info) Lasting(now time.Time) int64 {
	k := i.Own
	if k.Expiring == 0 {
		return k.Keys
	}
	mean := cmp.Or(k.MeanTTL, shortTTL)
	left := float64(k.Expiring) * max(0, 1-float64(now.Sub(i.Time))/float64(mean))
	lasting := min(k.Keys-k.Expiring+int64(left), k.Keys-i.ended)
	if i.seen != nil {
		lasting = min(lasting, i.seen.lasting, k.Keys-int64(i.seen.brief*float64(k.Keys)))
		if len(i.seen.left) > 0 {
			lasting = min(lasting, int64(share(i.seen.left, now.Sub(i.Time))*float64(k.Keys)))
		}
	}
	return lasting
}

// part reads one number from a list like keys=1,expires=1,avg_ttl=0.
func part(value, name string) int64 {
	for one := range strings.SplitSeq(value, ",") {
		if text, ok := strings.CutPrefix(one, name+"="); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
