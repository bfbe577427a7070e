package redisdb

import (
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
	Load          Load         // what it does, and with how much

	// Errors counts error replies by their first word since the server started
	// or its counters were reset. It is nil where they are not told (before 6.2).
	Errors map[string]int64
}

// parseInfo reads the answer of INFO.
func parseInfo(text string) Info {
	fields := make(map[string]string, 256) // a Redis of today tells some 150
	info := Info{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "# ") {
			fields[line] = "told"
		}
		if line == "# Errorstats" {
			info.Errors = map[string]int64{}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		if word, ok := strings.CutPrefix(name, "errorstat_"); ok {
			count, _ := strings.CutPrefix(value, "count=")
			if n, err := strconv.ParseInt(count, 10, 64); err == nil && info.Errors != nil {
				info.Errors[word] = n
			}
			continue
		}
		if strings.HasPrefix(name, "db") && strings.HasPrefix(value, "keys=") {
			info.Expiring += part(value, "expires")
			info.Keys += part(value, "keys")
			continue
		}
		fields[name] = value
	}
	number := func(name string) *int64 {
		n, err := strconv.ParseInt(fields[name], 10, 64)
		if err != nil {
			return nil
		}
		return &n
	}
	flag := func(name, yes string) *bool {
		value, ok := fields[name]
		if !ok {
			return nil
		}
		is := value == yes
		return &is
	}
	if us := number("server_time_usec"); us != nil {
		info.Time = time.UnixMicro(*us)
	}
	info.RunID = fields["run_id"]
	info.Load = loadOf(fields, number)
	if s := number("uptime_in_seconds"); s != nil {
		up := time.Duration(*s) * time.Second
		info.Uptime = &up
	}
	info.Role, info.MasterLink = fields["role"], foreign.Text(fields["master_link_status"])
	info.ReplicaReadOnly = flag("slave_read_only", "1")
	info.GoodReplicas = number("min_slaves_good_slaves")
	info.Loading = fields["loading"] == "1"
	fields["loading_loaded_perc"], _, _ = strings.Cut(fields["loading_loaded_perc"], ".")
	info.LoadedPercent, info.LoadingETA = number("loading_loaded_perc"), number("loading_eta_seconds")
	info.SnapshotOK, info.AOFWriteOK = flag("rdb_last_bgsave_status", "ok"), flag("aof_last_write_status", "ok")
	info.MaxMemory, info.Policy = number("maxmemory"), foreign.Text(fields["maxmemory_policy"])
	if info.UsedMemory = number("used_memory"); info.UsedMemory != nil {
		// Redis leaves the buffers of replicas and of the append-only file out
		// when it compares with maxmemory.
		if apart := number("mem_not_counted_for_evict"); apart != nil {
			*info.UsedMemory -= *apart
		}
	}
	return info
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
