package tools

import (
	"context"
	"slices"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// StatsIn are the arguments of cache_stats: none.
type StatsIn struct{}

// StatsData are the facts of cache_stats. A null is not known.
type StatsData struct {
	Servers  []ServerStats `json:"servers"`
	Families []FamilyCount `json:"families"`
	Biggest  []BigKey      `json:"biggest_of_a_sample,omitempty"`
	Slow     []SlowEntry   `json:"slow_log,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
}

// ServerStats is what one server says of itself, in the groups of INFO.
type ServerStats struct {
	Server      string           `json:"server"`
	Version     foreign.Text     `json:"version"`
	UptimeS     *int64           `json:"uptime_s"`
	Keys        int64            `json:"keys"`
	Others      int64            `json:"keys_of_other_databases,omitempty"`
	Memory      MemoryStats      `json:"memory"`
	HitRate     HitRateStats     `json:"hit_rate"`
	Clients     ClientStats      `json:"clients"`
	Latency     LatencyStats     `json:"latency"`
	Persistence PersistenceStats `json:"persistence"`
	Replication ReplicationStats `json:"replication"`
}

// MemoryStats are in bytes.
type MemoryStats struct {
	Used          *int64       `json:"used"`
	Max           *int64       `json:"max"` // 0: no limit
	UsedPercent   *float64     `json:"used_percent"`
	Policy        foreign.Text `json:"policy"`
	RSS           *int64       `json:"rss"`
	Fragmentation foreign.Text `json:"fragmentation"`
	Evicted       *int64       `json:"evicted_since_start"`
	EvictedNow    *int64       `json:"evicted_in_window"`
	WindowS       *float64     `json:"window_s"` // between the two looks
}

// HitRateStats are of the window, without the lookups of this process.
type HitRateStats struct {
	Percent *float64 `json:"percent"`
	Lookups int64    `json:"lookups"`
	Means   string   `json:"means"`
}

// ClientStats are connections.
type ClientStats struct {
	Connected *int64 `json:"connected"`
	Max       *int64 `json:"max"`
	Blocked   *int64 `json:"blocked"`
	Rejected  *int64 `json:"rejected_since_start"`
}

// LatencyStats are round trips of a command that does nothing, in milliseconds.
type LatencyStats struct {
	P50 *float64 `json:"p50_ms"`
	P95 *float64 `json:"p95_ms"`
}

// PersistenceStats say what would be left after a crash.
type PersistenceStats struct {
	AppendOnly *bool  `json:"append_only_file"`
	SnapshotOK *bool  `json:"last_snapshot_ok"`
	AppendOK   *bool  `json:"last_append_ok"`
	SavedAgoS  *int64 `json:"saved_ago_s"`
	Unsaved    *int64 `json:"changes_since"`
}

// ReplicationStats say who copies whom.
type ReplicationStats struct {
	Role       foreign.Text `json:"role"`
	Replicas   *int64       `json:"replicas,omitempty"`
	MasterLink foreign.Text `json:"master_link,omitempty"`
	DownS      *int64       `json:"link_down_s,omitempty"`
}

// FamilyCount is the keys of one family in the part seen, and in all.
type FamilyCount struct {
	Name  foreign.Text `json:"family"`
	Seen  int64        `json:"seen"`
	About *int64       `json:"estimated,omitempty"` // with the interval, when only a part was seen
	Low   *int64       `json:"low,omitempty"`
	High  *int64       `json:"high,omitempty"`
}

// BigKey is one of the biggest of the keys that were measured.
type BigKey struct {
	Key   foreign.Text `json:"key"`
	Bytes int64        `json:"bytes"`
	IdleS *int64       `json:"idle_s"`
}

// SlowEntry is a command of the slow log.
type SlowEntry struct {
	Command foreign.Text `json:"command"`
	TookMS  float64      `json:"took_ms"`
	At      string       `json:"at"`
}

const (
	// censusBudget ends before the second look at the server, so that the scan is
	// no part of what is measured then.
	censusBudget = 700 * time.Millisecond
	// measured keys are asked for their size.
	measured = 300
	biggest  = 3
)

// census counts keys by family, by name alone: nothing is looked up.
type census struct {
	scan   redisdb.Scan
	of     map[string]int64
	keys   []string // some, which are as good as drawn by lot
	number int64
}

func (d Deps) census(ctx context.Context) *census {
	c := &census{of: map[string]int64{}}
	c.scan = d.Redis.Scan(ctx, redisdb.ScanSpec{Budget: redisdb.Budget(ctx, censusBudget)}, func(f redisdb.Found) {
		name := d.familyOf(f.Key)
		if _, known := c.of[name]; !known && full(name, len(c.of)) {
			name = restFamily
		}
		c.of[name]++
		c.number++
		if len(c.keys) < measured {
			c.keys = append(c.keys, f.Key)
		}
	})
	return c
}

func (d Deps) handleCacheStats(ctx context.Context, _ StatsIn) (report.Answer[StatsData], error) {
	a := report.Answer[StatsData]{Data: StatsData{Servers: []ServerStats{}}}
	ctx, cancel := redisdb.Within(ctx)
	defer cancel()
	var servers []redisdb.Server
	var c *census
	fault.Together(
		func() { servers = d.Redis.Stats(ctx) },
		func() { c = d.census(ctx) },
	)
	reading := redisdb.Reading{Servers: servers}.In(d.Zone)
	if share := c.scan.Share(); share > 0 {
		d.Redis.Remember(ctx, int64(float64(c.number)/share), int64(float64(c.number-c.of[rateFamily])/share), c.keys)
	}

	serverFindings, serverCodes, _ := diagnose.Servers(servers)
	statsFindings, statsCodes := diagnose.Stats(servers, diagnose.Census{Whole: c.scan.Done(), Idem: c.of[idemFamily], Lifetime: d.IdemTTL})
	a.Findings = slices.Concat(serverFindings, statsFindings, diagnose.Failures(servers))
	a.Sources = sourcesOf(servers)
	for _, s := range servers {
		if s.Source.OK() && s.SlowLogErr != nil {
			a.Sources = append(a.Sources, sourceOf(s, "SLOWLOG GET", s.SlowLogErr))
			a.Findings = append(a.Findings, diagnose.Refused(s, "SLOWLOG GET", s.SlowLogErr)...)
		}
		if gap := diagnose.SlowLogGap(s); gap != "" {
			a.Coverage.Not = append(a.Coverage.Not, gap)
		}
		if s.Info != nil {
			a.Data.Servers = append(a.Data.Servers, statsRow(s))
		}
	}
	for _, p := range c.scan.Parts {
		if p.Source.Err != nil && answered(p.Source.Err) && p.Source.Err.Class != redisdb.NotConfigured {
			p.Source.Name += " SCAN"
			a.Sources = append(a.Sources, p.Source)
			a.Findings = append(a.Findings, diagnose.Refused(redisdb.Server{Source: p.Source}, p.Source.Asked, p.Source.Err)...)
		}
	}
	a.Data.Families = c.families()
	if c.scan.Share() > 0 {
		cover(&a.Coverage, c.scan, false)
	}
	if !d.Scope.Limited() {
		a.Data.Biggest = d.biggest(ctx, c.keys)
	}
	a.Data.Slow = slowRows(servers, d.Zone)
	if c.scan.Done() && c.number == 0 {
		a.Because = besides(servers)
	}
	a.Conclude(slices.Concat(serverCodes, statsCodes)...)
	var notes []string
	a.AsOf, notes = d.asOf(reading)
	a.Data.Notes = append(statsNotes(servers, d), notes...)
	a.Summary = statsSummary(servers, a.Verdict)
	return a, nil
}

func (d Deps) cacheStats() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "cache_stats",
		Title: "Show the state of Redis",
		Description: "Is Redis all right: memory and evictions, refused writes, hit rate over a window and whether it means anything, latency and slow log, clients, persistence, replication, keys by family, the biggest of a sample. " +
			"Reach for it when payments are slow, limits do not hold, or repeats are not answered from the cache. " +
			"It looks twice, a second apart or since its last call; it sees no history, and a loss of data only where it saw the data or the database is asked too.",
		Examples: []string{`{}`},
	}, d.handleCacheStats)
}
