package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
)

func TestStats(t *testing.T) {
	// looks is a server seen twice, two seconds apart, an hour after its start.
	looks := func(change func(then, now *redisdb.Info)) func(*redisdb.Server) {
		return func(s *redisdb.Server) {
			before := healthy()
			before.Time, before.Uptime, s.Info.Uptime = s.Info.Time.Add(-2*time.Second), new(time.Hour), new(time.Hour)
			for _, l := range []*redisdb.Load{&before.Load, &s.Info.Load} {
				l.Hits, l.Misses, l.Gets, l.Evicted, l.Flushes = new(int64(0)), new(int64(0)), new(int64(0)), new(int64(0)), new(int64(0))
			}
			change(&before, s.Info)
			s.Before = &before
		}
	}
	// rates sets lookups of the past, then of the window.
	rates := func(hits, misses, gets, dHits, dMisses, dGets int64) func(then, now *redisdb.Info) {
		return func(then, now *redisdb.Info) {
			*then.Load.Hits, *then.Load.Misses, *then.Load.Gets = hits, misses, gets
			*now.Load.Hits, *now.Load.Misses, *now.Load.Gets = hits+dHits, misses+dMisses, gets+dGets
		}
	}
	// filled is a server that has evicted before, none of it between the two looks.
	filled := func(used, limit, writes int64) func(then, now *redisdb.Info) {
		return func(then, now *redisdb.Info) {
			*then.Load.Evicted, *now.Load.Evicted = 170, 170
			then.Load.Unsaved, now.Load.Unsaved = new(int64(5)), new(5+writes)
			now.UsedMemory, now.MaxMemory, now.Policy = &used, &limit, "allkeys-lru"
		}
	}
	slows := func(took time.Duration, ago ...time.Duration) func(*redisdb.Server) {
		return func(s *redisdb.Server) {
			for _, a := range ago {
				s.SlowLog = append(s.SlowLog, redisdb.SlowCommand{At: s.Info.Time.Add(-a), Took: took, Command: "KEYS"})
			}
		}
	}
	slow := func(took, ago time.Duration) func(*redisdb.Server) { return slows(took, ago) }
	young := func(gets int64) func(*redisdb.Server) {
		return looks(func(_, now *redisdb.Info) {
			now.Uptime, now.Load.Loaded, *now.Load.Gets = new(40*time.Second), new(int64(0)), gets
		})
	}
	for name, c := range map[string]struct {
		change func(*redisdb.Server)
		census Census
		want   []catalog.Code
		low    bool
		says   []string
	}{
		"healthy":       {looks(func(_, _ *redisdb.Info) {}), Census{}, nil, false, nil},
		"seen once":     {func(*redisdb.Server) {}, Census{}, nil, false, nil},
		"told nothing":  {func(s *redisdb.Server) { s.Info = nil }, Census{}, nil, false, nil},
		"RD-06 evicts":  {looks(func(_, now *redisdb.Info) { *now.Load.Evicted = 170 }), Census{}, []catalog.Code{catalog.RedisEvicting}, false, []string{"170 in 2 s", "evicted_keys 170 (+170 in 2 s)"}},
		"evicted once":  {looks(func(then, now *redisdb.Info) { *then.Load.Evicted, *now.Load.Evicted = 170, 170 }), Census{}, nil, false, nil},
		"full, evicted": {func(s *redisdb.Server) { memory(99, 100, "allkeys-lru", 0)(s); s.Info.Load.Evicted = new(int64(170)) }, Census{}, []catalog.Code{catalog.RedisEvicting}, false, []string{"is full and has evicted 170 keys since it started; no write was seen, and the next ones evict", "used_memory 99 of maxmemory 100"}},
		"nearly full, written to, evicted long ago": {looks(filled(97<<20, 100<<20, 8)), Census{}, nil, false, nil},
		"full to the brim, written to":              {looks(filled(100<<20-1<<10, 100<<20, 8)), Census{}, []catalog.Code{catalog.RedisEvicting}, true, []string{"none of them for the 8 changes in 2 s; whether it still does is not known"}},
		"full, not written to":                      {looks(filled(100<<20-1<<10, 100<<20, 0)), Census{}, []catalog.Code{catalog.RedisEvicting}, false, []string{"no write was seen, and the next ones evict"}},
		"nearly full, not written to":               {looks(filled(97<<20, 100<<20, 0)), Census{}, []catalog.Code{catalog.RedisEvicting}, true, []string{"no write was seen, and whether it still does is not known"}},
		"full, never evicted":                       {func(s *redisdb.Server) { memory(99, 100, "allkeys-lru", 0)(s); s.Info.Load.Evicted = new(int64(0)) }, Census{}, nil, false, nil},
		"evicted before the policy was set":         {func(s *redisdb.Server) { memory(99, 100, "noeviction", 0)(s); s.Info.Load.Evicted = new(int64(5)) }, Census{}, nil, false, nil},
		"restarted empty, seen before": {func(s *redisdb.Server) {
			p := healthy()
			p.Own.Keys, p.RunID = 500, "another"
			s.Past, s.Info.Own.Keys = &p, 3
		}, Census{}, []catalog.Code{catalog.RedisDataLoss}, false, []string{"500 before, 3 now"}},
		"restarted with its data": {func(s *redisdb.Server) {
			p := healthy()
			p.Own.Keys, p.RunID = 500, "another"
			s.Past, s.Info.Own.Keys = &p, 490
		}, Census{}, nil, false, nil},
		"restarted while its keys ended": {func(s *redisdb.Server) {
			p := healthy()
			p.Own, p.RunID, p.Time = redisdb.Keyspace{Keys: 500, Expiring: 500, MeanTTL: time.Minute}, "another", s.Info.Time.Add(-50*time.Second)
			s.Past, s.Info.Own.Keys = &p, 180
		}, Census{}, nil, false, nil},
		"restarted empty before its keys ended": {func(s *redisdb.Server) {
			p := healthy()
			p.Own, p.RunID, p.Time = redisdb.Keyspace{Keys: 500, Expiring: 500, MeanTTL: 10 * time.Minute}, "another", s.Info.Time.Add(-50*time.Second)
			s.Past, s.Info.Own.Keys = &p, 180
		}, Census{}, []catalog.Code{catalog.RedisDataLoss}, false, []string{"500 before, 180 now"}},
		"lost long ago": {func(s *redisdb.Server) {
			p := healthy()
			p.Own.Keys, p.Time = 500, s.Info.Time.Add(-time.Hour)
			s.Past, s.Info.Own.Keys = &p, 3
		}, Census{}, nil, false, nil},
		"TS-18 still loading": {func(s *redisdb.Server) {
			p := healthy()
			p.Own.Keys, p.RunID = 500, "another"
			s.Past, s.Info.Own.Keys, s.Info.Loading = &p, 3, true
		}, Census{}, nil, false, nil},
		"flushed meanwhile": {func(s *redisdb.Server) { p := healthy(); p.Own.Keys = 500; s.Past, s.Info.Own.Keys = &p, 3 }, Census{}, []catalog.Code{catalog.RedisDataLoss}, false, []string{"was emptied: 500 keys before, 3 now", "FLUSHALL or FLUSHDB called since"}},
		"another database was flushed": {func(s *redisdb.Server) {
			p := healthy()
			p.Own.Keys, p.Keys = 500, 90_500
			s.Past, s.Info.Own.Keys, s.Info.Keys = &p, 495, 495
		}, Census{}, nil, false, nil},
		"flushed beside a large one": {func(s *redisdb.Server) {
			p := healthy()
			p.Own.Keys, p.Keys = 500, 90_500
			s.Past, s.Info.Own.Keys, s.Info.Keys = &p, 3, 90_003
		}, Census{}, []catalog.Code{catalog.RedisDataLoss}, false, []string{"500 keys before, 3 now"}},
		"young and asked for what it has not": {young(20), Census{Whole: true}, []catalog.Code{catalog.RedisDataLoss}, true, []string{"40 s ago", "GET called 20 times"}},
		"NM-06 a new environment":             {young(0), Census{Whole: true}, nil, false, nil},
		"young, with answers":                 {young(20), Census{Whole: true, Idem: 1}, nil, false, nil},
		"young, seen in part":                 {young(20), Census{}, nil, false, nil},
		"NM-07 a low hit rate":                {looks(rates(400, 20000, 20400, 5, 500, 505)), Census{}, nil, false, nil},
		"NM-08 idle":                          {looks(rates(0, 0, 0, 0, 0, 0)), Census{}, nil, false, nil},
		"hit rate fell":                       {looks(rates(10000, 10000, 20000, 10, 490, 500)), Census{}, []catalog.Code{catalog.RedisHitRateCollapse}, true, []string{"2% of 500 lookups", "before it was 50% of 20000"}},
		"hit rate fell since a flush": {func(s *redisdb.Server) {
			looks(rates(10000, 10000, 20000, 10, 490, 500))(s)
			p := healthy()
			s.Past = &p
		}, Census{}, []catalog.Code{catalog.RedisHitRateCollapse}, false, []string{"2% of 500 lookups"}},
		"fell by a little":             {looks(rates(10000, 10000, 20000, 200, 300, 500)), Census{}, nil, false, nil},
		"the past was made by probes":  {looks(rates(100000, 20000, 20400, 5, 500, 505)), Census{}, nil, false, nil},
		"the window is made of probes": {looks(rates(10000, 10000, 20000, 10, 490, 20)), Census{}, nil, false, nil},
		"too few lookups":              {looks(rates(10000, 10000, 20000, 0, 50, 50)), Census{}, nil, false, nil},
		"not warm yet": {looks(func(then, now *redisdb.Info) {
			rates(10000, 10000, 20000, 10, 490, 500)(then, now)
			then.Uptime = new(time.Minute)
		}), Census{}, nil, false, nil},
		"our own lookups": {looks(func(then, now *redisdb.Info) {
			rates(10000, 10000, 20000, 0, 600, 120)(then, now)
			now.Load.OwnMisses = 480 // what is left are 120 GETs
		}), Census{}, []catalog.Code{catalog.RedisHitRateCollapse}, true, []string{"0% of 120 lookups"}},
		"RD-10 stood still": {slow(5*time.Second, 10*time.Second), Census{}, []catalog.Code{catalog.RedisSlow}, false, []string{`"KEYS" took 5 s`}},
		"long ago":          {slow(5*time.Second, time.Minute), Census{}, nil, false, nil},
		"KEYS again and again": {slows(800*time.Millisecond, time.Second, 6*time.Second, 11*time.Second), Census{}, []catalog.Code{catalog.RedisSlow}, false,
			[]string{"stood still again and again, for 2400 ms of the last 15 s: 3 commands held up all others", `"KEYS" took 800 ms; 3 of the last 3 entries took 100 ms or more`}},
		"a script and what it calls":   {slows(800*time.Millisecond, time.Second, time.Second), Census{}, nil, false, nil},
		"some of a tenth of a second":  {slows(110*time.Millisecond, slices.Repeat([]time.Duration{time.Second}, 10)...), Census{}, nil, false, nil},
		"many of a few milliseconds":   {slows(20*time.Millisecond, slices.Repeat([]time.Duration{time.Second}, 128)...), Census{}, nil, false, nil},
		"again and again, minutes ago": {slows(800*time.Millisecond, time.Second, time.Minute, 2*time.Minute, 3*time.Minute), Census{}, nil, false, nil},
		"a short one":                  {slow(100*time.Millisecond, time.Second), Census{}, nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.census.Lifetime = limiter.Lifetime{TTL: 10 * time.Minute}
			findings, _ := Stats([]redisdb.Server{server(c.change)}, c.census)
			if got := codes(findings); !slices.Equal(got, c.want) {
				t.Fatalf("found %v, want %v", got, c.want)
			}
			if len(findings) == 0 {
				return
			}
			if low := findings[0].Severity == catalog.Low; low != c.low {
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

// What a replica says of its memory rules nothing out on its master.
func TestAReplicaRulesNothingOutOnItsMaster(t *testing.T) {
	for role, want := range map[string]bool{"master": true, "slave": false} {
		s := server(func(s *redisdb.Server) {
			before := healthy()
			s.Before, s.Info.Role = &before, role
			s.Pace.Trips = slices.Repeat([]time.Duration{time.Millisecond}, 20)
		})
		_, ran, _ := Servers([]redisdb.Server{s})
		_, more := Stats([]redisdb.Server{s}, Census{})
		ran = append(ran, more...)
		for _, code := range []catalog.Code{catalog.RedisWritesRejectedOOM, catalog.RedisWritesRejectedMisconf, catalog.RedisSlow, catalog.RedisEvicting} {
			if slices.Contains(ran, code) != want {
				t.Errorf("%s: ruled out are %v", role, ran)
			}
		}
		if !slices.Contains(ran, catalog.RedisLoading) {
			t.Errorf("%s is not loading, and ruled out are %v", role, ran)
		}
	}
}

// A slow log that is full of the last seconds does not say what was before them.
func TestASlowLogThatDoesNotReachBackRulesNothingOut(t *testing.T) {
	for name, c := range map[string]struct {
		entries int
		ago     time.Duration // the oldest of them
		ruled   bool
	}{
		"none":                         {0, 0, true},
		"full, old":                    {redisdb.SlowEntries, 16 * time.Second, true},
		"full, young":                  {redisdb.SlowEntries, 15 * time.Second, false},
		"young, but there are no more": {redisdb.SlowEntries - 1, 15 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(func(s *redisdb.Server) {
				s.Pace.Trips = slices.Repeat([]time.Duration{time.Millisecond}, enoughTrips)
				for i := range c.entries {
					s.SlowLog = append(s.SlowLog, redisdb.SlowCommand{At: s.Info.Time.Add(-c.ago * time.Duration(i+1) / time.Duration(c.entries)), Took: 10 * time.Millisecond})
				}
			})
			findings, ran, _ := Servers([]redisdb.Server{s})
			if len(findings) > 0 || slices.Contains(ran, catalog.RedisSlow) != c.ruled || (SlowLogGap(s) == "") != c.ruled {
				t.Errorf("found %v, ruled out %v, %q", findings, ran, SlowLogGap(s))
			}
		})
	}
}

// RD-55: what is evicted explains why repeats are not answered.
func TestAHitRateThatFallsWithEvictionsIsCertain(t *testing.T) {
	for evicted, want := range map[int64]bool{0: false, 170: true} {
		s := server(func(s *redisdb.Server) {
			before := healthy()
			before.Time, before.Uptime = s.Info.Time.Add(-2*time.Second), new(time.Hour)
			before.Load = redisdb.Load{Hits: new(int64(10_000)), Misses: new(int64(10_000)), Gets: new(int64(20_000)), Evicted: new(int64(0))}
			s.Info.Load = redisdb.Load{Hits: new(int64(10_010)), Misses: new(int64(10_490)), Gets: new(int64(20_500)), Evicted: &evicted}
			s.Before = &before
		})
		findings, _ := Stats([]redisdb.Server{s}, Census{Lifetime: limiter.Lifetime{TTL: 10 * time.Minute}})
		at := slices.Index(codes(findings), catalog.RedisHitRateCollapse)
		if at < 0 || (findings[at].Verdict != catalog.Unknown) != want {
			t.Errorf("with %d evicted: %v", evicted, findings)
		}
	}
}
