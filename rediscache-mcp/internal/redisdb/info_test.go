package redisdb

import (
	"slices"
	"testing"
	"time"
)

func TestParseInfo(t *testing.T) {
	i := parseInfo("# Server\r\nserver_time_usec:1795182812530919\r\nrun_id:abc\r\n# Memory\r\nused_memory:1000\r\nmaxmemory:900\r\nmem_not_counted_for_evict:300\r\nmaxmemory_policy:volatile-lru\r\n"+
		"# Persistence\r\nloading:1\r\nrdb_last_bgsave_status:err\r\naof_last_write_status:ok\r\nloading_loaded_perc:12.34\r\nloading_eta_seconds:8\r\n"+
		"# Replication\r\nrole:slave\r\nmaster_link_status:down\r\nslave_read_only:1\r\n# Errorstats\r\nerrorstat_OOM:count=7\r\nerrorstat_READONLY:count=2\r\n# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=100\r\ndb3:keys=1,expires=1,avg_ttl=0\r\n", 3)
	if !i.Time.Equal(time.UnixMicro(1795182812530919)) || i.RunID != "abc" || *i.UsedMemory != 700 || *i.MaxMemory != 900 || i.Policy != "volatile-lru" || i.Expiring != 3 || i.Keys != 6 || i.Own != (Keyspace{1, 1, 0}) {
		t.Errorf("server, memory, keyspace: %+v", i)
	}
	if !i.Loading || *i.LoadedPercent != 12 || *i.LoadingETA != 8 || *i.SnapshotOK || !*i.AOFWriteOK {
		t.Errorf("persistence: %+v", i)
	}
	if i.Role != "slave" || i.MasterLink != "down" || !*i.ReplicaReadOnly || i.Errors["OOM"] != 7 || i.Errors["READONLY"] != 2 {
		t.Errorf("replication, errors: %+v", i)
	}
}

// A stand-in tells two sections, and an old server no error counts: what is not
// told must not read as zero.
func TestWhatIsNotToldIsNotKnown(t *testing.T) {
	i := parseInfo("# Clients\nconnected_clients:1\n\nerrorstat_OOM:count=7\nrole\n", 0)
	if !i.Time.IsZero() || i.UsedMemory != nil || i.MaxMemory != nil || i.SnapshotOK != nil || i.AOFWriteOK != nil || i.ReplicaReadOnly != nil || i.Errors != nil || i.Role != "" {
		t.Errorf("%+v", i)
	}
	if told := parseInfo("# Errorstats\r\n", 0); told.Errors == nil {
		t.Error("no errors were told, which is not the same as not told")
	}
}

// Valkey says which Redis it is like, besides what it is.
func TestValkey(t *testing.T) {
	i := parseInfo("# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n# Cluster\r\ncluster_enabled:1\r\n", 0)
	if i.Load.Version != "Valkey 8.1.1" || !i.Cluster {
		t.Errorf("%+v", i)
	}
}

func TestOwnSlots(t *testing.T) {
	nodes := "07c37df 127.0.0.1:30004@31004,host slave e7d1ee 0 1426238317239 4 connected\n" +
		"e7d1ee 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 7000 [5461->-292f8b]\n" +
		"292f8b 127.0.0.1:30003@31003 master - 0 1426238318243 3 connected 10923-16383\n"
	if n := ownSlots(nodes); n != 5462 {
		t.Errorf("%d slots", n)
	}
	if n := ownSlots("e7d1ee :0@0 myself,master - 0 0 1 connected\n"); n != 0 {
		t.Errorf("%d slots of a node that has none", n)
	}
}

// What is left of the keys is told on the low side, by whichever count says less.
func TestLasting(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	was := Info{Time: now.Add(-time.Minute), RunID: "a", Own: Keyspace{1000, 1000, 10 * time.Minute}}
	for name, x := range map[string]struct {
		change func(was, now *Info)
		want   int64
	}{
		"of a mean TTL of ten minutes":  {func(*Info, *Info) {}, 900},
		"without a TTL":                 {func(was, _ *Info) { was.Own.Expiring = 0 }, 1000},
		"most of them counters":         {func(was, _ *Info) { was.seen = &seen{lasting: 5000, brief: 0.95} }, 50},
		"a scan passed most of them by": {func(was, _ *Info) { was.seen = &seen{lasting: 33, brief: 0.3} }, 33},
		"most of a sample end within 30s": {func(was, _ *Info) {
			was.seen = &seen{lasting: 5000, left: slices.Concat(slices.Repeat([]time.Duration{30 * time.Second}, 36), slices.Repeat([]time.Duration{time.Hour}, 4))}
		}, 5},
		"a sample that lasts for long": {func(was, _ *Info) {
			was.seen = &seen{lasting: 5000, left: slices.Repeat([]time.Duration{time.Hour, forEver}, 20)}
		}, 900},
		"ended since it was started":   {func(_, now *Info) { now.RunID, now.Load.Expired = "b", new(int64(800)) }, 200},
		"not loaded, for they had":     {func(_, now *Info) { now.RunID, now.Load.LoadedLate = "b", new(int64(300)) }, 700},
		"ended before and after":       {func(was, now *Info) { was.Load.Expired, now.Load.Expired = new(int64(5000)), new(int64(5400)) }, 600},
		"counted anew in the same run": {func(was, now *Info) { was.Load.Expired, now.Load.Expired = new(int64(5000)), new(int64(3)) }, 900},
		"loaded, and nothing has ended": {func(_, now *Info) {
			now.RunID, now.Load.Expired, now.Load.LoadedLate = "b", new(int64(0)), new(int64(0))
		}, 900},
	} {
		before, after := was, Info{Time: now, RunID: "a"}
		x.change(&before, &after)
		k := known{}
		k.last.RunID, k.last.seen = before.RunID, before.seen
		after.Load.Flushes, before.Load.Flushes = new(int64(1)), new(int64(0))
		k.compare(before, after)
		if k.past == nil {
			t.Errorf("%s: nothing is kept", name)
		} else if got := k.past.Lasting(now); got != x.want {
			t.Errorf("%s: %d, want %d", name, got, x.want)
		}
	}
}

// Keys that were seen after a start were not lost by it, whatever becomes of them.
func TestAStartThatKeptTheKeys(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := Info{Time: noon, RunID: "a", Own: Keyspace{1000, 1000, 10 * time.Minute}}
	look := func(after time.Duration, run string, keys int64) Info {
		return Info{Time: noon.Add(after), RunID: run, Own: Keyspace{keys, keys, time.Minute}}
	}
	loading := look(time.Second, "b", 990)
	loading.Loading = true
	for name, x := range map[string]struct {
		looks []Info
		kept  bool
	}{
		"they were there, and ended":       {[]Info{look(2*time.Second, "b", 990), look(40*time.Second, "b", 60)}, false},
		"they were gone at once":           {[]Info{look(2*time.Second, "b", 30), look(40*time.Second, "b", 60)}, true},
		"seen before the start alone":      {[]Info{look(time.Second, "a", 1000), look(40*time.Second, "b", 60)}, true},
		"while they were loaded, no proof": {[]Info{loading, look(40*time.Second, "b", 60)}, true},
	} {
		k := known{past: &before}
		k.acquit(x.looks...)
		if kept := k.past != nil; kept != x.kept {
			t.Errorf("%s: the past is kept: %t", name, kept)
		}
	}
}

// Of keys that were lost twice, those count that would still be there.
func TestTheSecondOfTwoLosses(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, x := range map[string]struct {
		first Keyspace
		want  int64
	}{
		"more, that have ended since": {Keyspace{1000, 1000, time.Minute}, 500},
		"more, that last":             {Keyspace{1000, 1000, time.Hour}, 1000},
		"fewer":                       {Keyspace{100, 0, 0}, 500},
	} {
		k := known{}
		k.compare(Info{Time: noon, RunID: "a", Own: x.first}, Info{Time: noon.Add(time.Second), RunID: "b"})
		k.compare(Info{Time: noon.Add(2 * time.Minute), RunID: "b", Own: Keyspace{500, 500, 10 * time.Minute}}, Info{Time: noon.Add(121 * time.Second), RunID: "c"})
		if k.past == nil || k.past.Own.Keys != x.want {
			t.Errorf("%s: %+v, want the one of %d keys", name, k.past, x.want)
		}
	}
}
