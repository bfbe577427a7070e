package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
)

// healthy is what a master in order says.
func healthy() redisdb.Info {
	return redisdb.Info{Time: time.Unix(1_800_000_000, 0), RunID: "r", Role: "master", UsedMemory: new(int64(1 << 20)), MaxMemory: new(int64(0)),
		Policy: "noeviction", SnapshotOK: new(true), AOFWriteOK: new(true), Errors: map[string]int64{}}
}

func server(change func(*redisdb.Server)) redisdb.Server {
	i := healthy()
	s := redisdb.Server{Source: fault.Source{Name: "redis h:1", Asked: "GETRANGE"}, Info: &i, Clock: i.Time}
	change(&s)
	return s
}

// since says what INFO said some seconds ago.
func since(s *redisdb.Server, ago time.Duration, word string, then, now int64) {
	before := healthy()
	before.Time, before.Errors = s.Info.Time.Add(-ago), map[string]int64{word: then}
	s.Before, s.Info.Errors = &before, map[string]int64{word: now}
}

// lately says what INFO said a second ago.
func lately(s *redisdb.Server, word string, then int64) {
	i := healthy()
	i.Time, i.Errors = s.Info.Time.Add(-time.Second), map[string]int64{word: then}
	s.Lately = &i
}

func memory(used, limit int64, policy string, errors int64) func(*redisdb.Server) {
	return func(s *redisdb.Server) {
		s.Info.UsedMemory, s.Info.MaxMemory, s.Info.Errors["OOM"] = &used, &limit, errors
		assign(&s.Info.Policy, policy)
	}
}

func TestServers(t *testing.T) {
	failed := func(class fault.Class, said string) func(*redisdb.Server) {
		return func(s *redisdb.Server) {
			s.Source.Err = &fault.Failure{Class: class}
			assign(&s.Source.Err.Said, said)
		}
	}
	trips := func(n int, each time.Duration, more ...time.Duration) []time.Duration {
		return slices.Sorted(slices.Values(append(slices.Repeat([]time.Duration{each}, n), more...)))
	}
	pace := func(p redisdb.Pace) func(*redisdb.Server) { return func(s *redisdb.Server) { s.Pace = p } }
	ms := time.Millisecond
	for name, c := range map[string]struct {
		change func(*redisdb.Server)
		want   []catalog.Code
		sure   bool // the first is not lowered
		open   bool // the limiter certainly fails open
		says   []string
	}{
		"healthy":                 {func(*redisdb.Server) {}, nil, false, false, nil},
		"a stand-in tells little": {func(s *redisdb.Server) { *s.Info = redisdb.Info{} }, nil, false, false, nil},
		"no INFO":                 {func(s *redisdb.Server) { s.Info = nil }, nil, false, false, nil},

		"RD-05 full": {memory(101, 100, "noeviction", 3), []catalog.Code{catalog.RedisWritesRejectedOOM, catalog.RateLimiterFailOpen}, true, true,
			[]string{"used_memory 101 of maxmemory 100 bytes", "maxmemory_policy:noeviction", "errorstat_OOM 3"}},
		"no limit":                           {memory(1<<40, 0, "noeviction", 0), nil, false, false, nil},
		"full to the byte":                   {memory(100, 100, "noeviction", 0), nil, false, false, nil},
		"RD-06 evicting":                     {memory(101, 100, "allkeys-lru", 0), nil, false, false, nil},
		"keys left to evict":                 {func(s *redisdb.Server) { memory(101, 100, "volatile-lru", 0)(s); s.Info.Expiring = 5 }, nil, false, false, nil},
		"no key left to evict":               {memory(101, 100, "volatile-ttl", 0), []catalog.Code{catalog.RedisWritesRejectedOOM, catalog.RateLimiterFailOpen}, true, true, nil},
		"at the brink":                       {memory(99, 100, "noeviction", 3), []catalog.Code{catalog.RedisWritesRejectedOOM}, false, false, []string{"at the brink"}},
		"near, never refused":                {memory(99, 100, "noeviction", 0), nil, false, false, nil},
		"refused long ago":                   {memory(50, 100, "noeviction", 3), nil, false, false, nil},
		"refusals grow":                      {func(s *redisdb.Server) { memory(97, 100, "noeviction", 0)(s); since(s, 2*time.Second, "OOM", 3, 8) }, []catalog.Code{catalog.RedisWritesRejectedOOM, catalog.RateLimiterFailOpen}, true, true, []string{"errorstat_OOM 8 (+5 in 2 s)"}},
		"counters were reset":                {func(s *redisdb.Server) { since(s, 2*time.Second, "OOM", 8, 3) }, nil, false, false, nil},
		"refusals do not grow":               {func(s *redisdb.Server) { since(s, 2*time.Second, "OOM", 8, 8) }, nil, false, false, nil},
		"a replica does not evict by itself": {func(s *redisdb.Server) { memory(101, 100, "noeviction", 0)(s); s.Info.Role = "slave" }, []catalog.Code{catalog.RedisReadonly}, false, false, nil},

		"snapshots fail": {func(s *redisdb.Server) {
			s.Info.SnapshotOK, s.StopsWrites, s.Snapshots = new(false), new(true), new(true)
		}, []catalog.Code{catalog.RedisWritesRejectedMisconf, catalog.RateLimiterFailOpen}, true, true, []string{"rdb_last_bgsave_status:err"}},
		"snapshots fail, writes go on": {func(s *redisdb.Server) {
			s.Info.SnapshotOK, s.StopsWrites, s.Snapshots = new(false), new(false), new(true)
		}, nil, false, false, nil},
		"snapshots failed, none are due": {func(s *redisdb.Server) {
			s.Info.SnapshotOK, s.StopsWrites, s.Snapshots = new(false), new(true), new(false)
		}, nil, false, false, nil},
		"snapshots fail, settings unknown": {func(s *redisdb.Server) { s.Info.SnapshotOK = new(false) }, []catalog.Code{catalog.RedisWritesRejectedMisconf}, false, false, []string{"is not known"}},
		"snapshots fail, refusals grow":    {func(s *redisdb.Server) { s.Info.SnapshotOK = new(false); since(s, 4*time.Second, "MISCONF", 0, 9) }, []catalog.Code{catalog.RedisWritesRejectedMisconf, catalog.RateLimiterFailOpen}, true, true, []string{"errorstat_MISCONF 9 (+9 in 4 s)"}},
		"no append-only file any more":     {func(s *redisdb.Server) { s.Info.AOFWriteOK, s.Info.Load.Append = new(false), new(false) }, nil, false, false, nil},
		"the append-only file that is on":  {func(s *redisdb.Server) { s.Info.AOFWriteOK, s.Info.Load.Append = new(false), new(true) }, []catalog.Code{catalog.RedisWritesRejectedMisconf, catalog.RateLimiterFailOpen}, true, true, nil},
		"the append-only file fails":       {func(s *redisdb.Server) { s.Info.AOFWriteOK = new(false) }, []catalog.Code{catalog.RedisWritesRejectedMisconf, catalog.RateLimiterFailOpen}, true, true, []string{"aof_last_write_status:err"}},

		"RD-07 replica that is written to": {func(s *redisdb.Server) {
			s.Info.Role, s.Info.MasterLink = "slave", "down"
			since(s, time.Second, "READONLY", 1, 4)
		}, []catalog.Code{catalog.RedisReadonly, catalog.RateLimiterFailOpen}, true, true,
			[]string{"it refuses writes, 3 in the last 1 s", "role:slave, master_link_status:down, errorstat_READONLY 4 (+3 in 1 s)"}},
		"replica that refused months ago": {func(s *redisdb.Server) {
			s.Info.Role = "slave"
			since(s, time.Second, "READONLY", 12, 12)
		}, []catalog.Code{catalog.RedisReadonly}, false, false, []string{"refused 12 since it started, none of late"}},
		"replica that refused, seen once": {func(s *redisdb.Server) { s.Info.Role, s.Info.Errors["READONLY"] = "slave", 12 }, []catalog.Code{catalog.RedisReadonly}, false, false, nil},
		"replica that refused minutes ago": {func(s *redisdb.Server) {
			s.Info.Role = "slave"
			since(s, 4*time.Minute, "READONLY", 9, 12)
			lately(s, "READONLY", 12)
		}, []catalog.Code{catalog.RedisReadonly}, false, false, []string{"it refused 3 writes within the last 240 s; whether it still does is not known"}},
		"refused minutes ago": {func(s *redisdb.Server) {
			memory(50, 100, "noeviction", 0)(s)
			since(s, 290*time.Second, "OOM", 3, 8)
			lately(s, "OOM", 8)
		}, []catalog.Code{catalog.RedisWritesRejectedOOM}, false, false, []string{"it refused 5 writes within the last 290 s; whether it still does is not known", "errorstat_OOM 8 (+5 in 290 s, +0 in the last second)"}},
		"refused for minutes": {func(s *redisdb.Server) {
			memory(50, 100, "noeviction", 0)(s)
			since(s, 290*time.Second, "OOM", 3, 8)
			lately(s, "OOM", 7)
		}, []catalog.Code{catalog.RedisWritesRejectedOOM, catalog.RateLimiterFailOpen}, true, true, []string{"until just now"}},
		"refused minutes ago, not looked at again": {func(s *redisdb.Server) { since(s, 290*time.Second, "OOM", 3, 8) }, []catalog.Code{catalog.RedisWritesRejectedOOM}, false, false, []string{"is not known"}},
		"saved again since": {func(s *redisdb.Server) {
			since(s, 200*time.Second, "MISCONF", 3, 8)
			lately(s, "MISCONF", 8)
		}, []catalog.Code{catalog.RedisWritesRejectedMisconf}, false, false, []string{"could not save its data: it refused 5 writes within the last 200 s"}},
		"saved again a moment ago": {func(s *redisdb.Server) { since(s, 2*time.Second, "MISCONF", 3, 8) }, []catalog.Code{catalog.RedisWritesRejectedMisconf, catalog.RateLimiterFailOpen}, true, true, []string{"refused writes until just now because"}},
		"too few replicas, minutes ago": {func(s *redisdb.Server) {
			since(s, 200*time.Second, "NOREPLICAS", 3, 8)
			lately(s, "NOREPLICAS", 8)
		}, []catalog.Code{catalog.RateLimiterFailOpen}, false, false, []string{"had too few replicas", "refused 5 writes within the last 200 s"}},
		"replica nobody writes to":  {func(s *redisdb.Server) { s.Info.Role = "slave" }, []catalog.Code{catalog.RedisReadonly}, false, false, []string{"ingest probably writes elsewhere"}},
		"replica that takes writes": {func(s *redisdb.Server) { s.Info.Role, s.Info.ReplicaReadOnly = "slave", new(false) }, nil, false, false, nil},
		"replica without its master": {func(s *redisdb.Server) {
			s.Info = nil
			failed(redisdb.MasterDown, "MASTERDOWN Link with MASTER is down")(s)
		}, []catalog.Code{catalog.RedisReadonly, catalog.RateLimiterFailOpen}, true, true, []string{"MASTERDOWN"}},

		"TS-18 loading": {func(s *redisdb.Server) {
			failed(fault.Loading, "LOADING Redis is loading")(s)
			s.Info.Loading, s.Info.LoadedPercent, s.Info.LoadingETA = true, new(int64(12)), new(int64(8))
		}, []catalog.Code{catalog.RedisLoading, catalog.RateLimiterFailOpen}, true, true, []string{"loading:1, 12% loaded, about 8 s left"}},
		"loading, no INFO": {func(s *redisdb.Server) { s.Info = nil; failed(fault.Loading, "LOADING x")(s) }, []catalog.Code{catalog.RedisLoading, catalog.RateLimiterFailOpen}, true, true, []string{"LOADING x"}},

		"slow":                    {pace(redisdb.Pace{Trips: trips(9, 150*ms), Network: new(ms)}), []catalog.Code{catalog.RedisSlow}, true, false, []string{"9 round trips of 150 ms to 150 ms, p50 150 ms, p95 150 ms; a bare TCP connection 1 ms"}},
		"the network is slow":     {pace(redisdb.Pace{Trips: trips(20, 90*ms), Network: new(85 * ms)}), nil, false, false, nil},
		"this machine is starved": {pace(redisdb.Pace{Trips: trips(9, ms, trips(11, 59*ms)...), Late: trips(9, 2*ms, trips(11, 48*ms)...)}), nil, false, false, nil},
		"both are slow": {pace(redisdb.Pace{Trips: trips(20, 150*ms), Late: trips(20, 12*ms)}), []catalog.Code{catalog.RedisSlow}, true, false,
			[]string{"not explained by the network and this machine", "this machine itself wakes up 12 ms late, p95 12 ms"}},
		"slow, on a calm machine":     {pace(redisdb.Pace{Trips: trips(20, 52*ms), Late: trips(20, ms)}), []catalog.Code{catalog.RedisSlow}, true, false, []string{"not explained by the network"}},
		"one of many was slow":        {pace(redisdb.Pace{Trips: trips(19, ms, 300*ms)}), nil, false, false, nil},
		"one of few was slow":         {pace(redisdb.Pace{Trips: trips(4, ms, 300*ms)}), nil, false, false, nil},
		"this machine stumbles":       {pace(redisdb.Pace{Trips: trips(17, ms, 60*ms, 70*ms, 80*ms)}), nil, false, false, nil},
		"every other one is slow":     {pace(redisdb.Pace{Trips: trips(9, ms, trips(11, 80*ms)...)}), []catalog.Code{catalog.RedisSlow}, true, false, nil},
		"a single slow one":           {pace(redisdb.Pace{Trips: trips(1, 900*ms)}), nil, false, false, nil},
		"slow, then no answer at all": {pace(redisdb.Pace{Trips: trips(1, 900*ms), Unanswered: 600 * ms}), []catalog.Code{catalog.RedisSlow}, true, false, []string{"one without an answer after 600 ms"}},
		"no answer at all":            {pace(redisdb.Pace{Unanswered: 1500 * ms}), []catalog.Code{catalog.RedisSlow}, true, false, nil},
		"a script holds it up":        {func(s *redisdb.Server) { s.Info = nil; failed(redisdb.ScriptRunning, "BUSY Redis is busy")(s) }, []catalog.Code{catalog.RedisSlow, catalog.RateLimiterFailOpen}, true, true, []string{"BUSY"}},

		"no replica of those demanded": {func(s *redisdb.Server) { s.Info.GoodReplicas = new(int64(0)) }, []catalog.Code{catalog.RateLimiterFailOpen}, true, true, []string{"min-replicas-to-write", "min_slaves_good_slaves:0, errorstat_NOREPLICAS 0"}},
		"replicas as demanded":         {func(s *redisdb.Server) { s.Info.GoodReplicas, s.Info.Errors["NOREPLICAS"] = new(int64(1)), 7 }, nil, false, false, nil},
		"none demanded of a replica": {func(s *redisdb.Server) {
			s.Info.Role, s.Info.ReplicaReadOnly, s.Info.GoodReplicas = "slave", new(false), new(int64(0))
		}, nil, false, false, nil},
		"too few replicas": {func(s *redisdb.Server) { since(s, 3*time.Second, "NOREPLICAS", 1, 4) }, []catalog.Code{catalog.RateLimiterFailOpen}, true, true, []string{"min-replicas-to-write", "errorstat_NOREPLICAS 4 (+3 in 3 s)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(c.change)
			findings, ran, open := Servers([]redisdb.Server{s})
			if unsure := len(findings) > 0 && findings[0].Verdict == catalog.Unknown; unsure && findings[0].Code != catalog.RateLimiterFailOpen && slices.Contains(ran, catalog.RateLimiterFailOpen) {
				t.Error("it may be refusing writes, and the limiter is said to work")
			}
			if got := codes(findings); !slices.Equal(got, c.want) {
				t.Fatalf("found %v, want %v", got, c.want)
			}
			if open[0] != c.open {
				t.Errorf("failing open: %v", open[0])
			}
			if len(findings) == 0 {
				return
			}
			if sure := findings[0].Severity != catalog.Low; sure != c.sure {
				t.Errorf("%s is %s", findings[0].Code, findings[0].Severity)
			}
			for _, want := range c.says {
				if text := words(findings[0]); !strings.Contains(text, want) {
					t.Errorf("%s\ndoes not say %q", text, want)
				}
			}
		})
	}
}

func TestServersRuleOutOnlyWhatWasTold(t *testing.T) {
	if _, ran, _ := Servers([]redisdb.Server{server(func(*redisdb.Server) {})}); !slices.Contains(ran, catalog.RateLimiterFailOpen) || !slices.Contains(ran, catalog.RedisWritesRejectedOOM) {
		t.Errorf("ran %v", ran)
	}
	if _, ran, _ := Servers([]redisdb.Server{server(func(*redisdb.Server) {}), server(func(s *redisdb.Server) { s.Info = nil })}); ran != nil {
		t.Errorf("one server told nothing of itself, but %v are ruled out", ran)
	}
}

// Redis is called not slow only where that was measured: not after one quick answer, and
// not where its slow log is hidden from us.
func TestSlowIsRuledOutOnlyWhereItWasMeasured(t *testing.T) {
	pace := func(n int) func(*redisdb.Server) {
		return func(s *redisdb.Server) { s.Pace.Trips = slices.Repeat([]time.Duration{time.Millisecond}, n) }
	}
	for name, c := range map[string]struct {
		change func(*redisdb.Server)
		want   bool
	}{
		"measured":     {pace(20), true},
		"not measured": {pace(0), false},
		"too few":      {pace(3), false},
		"no slow log":  {func(s *redisdb.Server) { pace(20)(s); s.SlowLogErr = &fault.Failure{Class: fault.Permission} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, ran, _ := Servers([]redisdb.Server{server(pace(20)), server(c.change)})
			if slices.Contains(ran, catalog.RedisSlow) != c.want || !slices.Contains(ran, catalog.RedisLoading) {
				t.Errorf("ran %v", ran)
			}
		})
	}
}
