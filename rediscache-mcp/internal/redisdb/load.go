package redisdb

import "payops-mcp/shared/foreign"

// Load is what a server does, and with how much. A nil pointer is not told.
type Load struct {
	Version                      foreign.Text
	RSS                          *int64       // bytes that the process holds
	Fragmentation                foreign.Text // mem_fragmentation_ratio, as told
	Evicted, Expired             *int64       // keys, since the start
	Hits, Misses                 *int64       // lookups of keys, since the start
	Gets                         *int64       // calls of GET and MGET; the lookups of ingest
	Flushes                      *int64       // calls of FLUSHALL and FLUSHDB
	OwnHits, OwnMisses           int64        // of Hits and Misses, by this process
	Clients, Blocked, MaxClients *int64
	Waits                        *int64 // calls of commands that may wait for data, since the start
	WaitedFor                    *int64 // keys that clients wait for (7.2)
	Rejected                     *int64 // connections refused for want of room
	Replicas                     *int64
	Loaded                       *int64 // keys read from disk at the start (7.0)
	LoadedLate                   *int64 // keys on disk that had ended by the start (7.0)
	Append                       *bool  // whether an append-only file is written
	LastSave                     *int64 // Unix seconds
	Unsaved                      *int64 // changes since
	MasterLinkDown               *int64 // replica: seconds since the link broke
}

func loadOf(told fields, commands bool) Load {
	number := told.number
	said := func(name string) string {
		value, _ := told.text(name)
		return value
	}
	l := Load{
		Version: foreign.Text(said("redis_version")), RSS: number("used_memory_rss"), Fragmentation: foreign.Text(said("mem_fragmentation_ratio")),
		Evicted: number("evicted_keys"), Expired: number("expired_keys"), Hits: number("keyspace_hits"), Misses: number("keyspace_misses"),
		Clients: number("connected_clients"), Blocked: number("blocked_clients"), MaxClients: number("maxclients"), Rejected: number("rejected_connections"),
		WaitedFor: number("total_blocking_keys"), Replicas: number("connected_slaves"), Loaded: number("rdb_last_load_keys_loaded"), LoadedLate: number("rdb_last_load_keys_expired"), LastSave: number("rdb_last_save_time"),
		Unsaved: number("rdb_changes_since_last_save"), MasterLinkDown: number("master_link_down_since_seconds"),
	}
	if v := said("valkey_version"); v != "" { // it tells a version of Redis besides, which stays the same
		l.Version = foreign.Text("Valkey " + v)
	}
	l.Append = told.flag("aof_enabled", "1")
	if commands {
		gets := part(said("cmdstat_get"), "calls") + part(said("cmdstat_mget"), "calls")
		flushes := part(said("cmdstat_flushall"), "calls") + part(said("cmdstat_flushdb"), "calls")
		l.Gets, l.Flushes, l.Waits = &gets, &flushes, waitsOf(told)
	}
	return l
}

// ended counts the keys that ended by themselves since the start, with those that were
// not loaded for that.
func (l Load) ended() (n int64) {
	for _, counted := range []*int64{l.Expired, l.LoadedLate} {
		if counted != nil {
			n += *counted
		}
	}
	return n
}

// endedSince is at most how many of the keys of a first look ended by themselves until
// another, for new ones are counted too. What ended before a start in between is not.
func endedSince(was, now Info) int64 {
	n := now.Load.ended()
	if was.RunID == now.RunID {
		n -= was.Load.ended()
	}
	return max(0, n)
}
