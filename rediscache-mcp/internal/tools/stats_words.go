package tools

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// statsRow is a server in the form of the answer.
func statsRow(s redisdb.Server) ServerStats {
	i, l := s.Info, s.Info.Load
	row := ServerStats{Server: s.Source.Name, Version: l.Version, Keys: i.Own.Keys, Others: i.Keys - i.Own.Keys,
		Memory:      MemoryStats{Used: i.UsedMemory, Max: i.MaxMemory, Policy: i.Policy, RSS: l.RSS, Fragmentation: l.Fragmentation, Evicted: l.Evicted},
		Clients:     ClientStats{Connected: l.Clients, Max: l.MaxClients, Blocked: l.Blocked, Rejected: l.Rejected},
		Persistence: PersistenceStats{AppendOnly: l.Append, SnapshotOK: i.SnapshotOK, AppendOK: i.AOFWriteOK, Unsaved: l.Unsaved},
		Replication: ReplicationStats{Role: foreign.Text(i.Role), Replicas: l.Replicas, MasterLink: i.MasterLink, DownS: l.MasterLinkDown}}
	if i.Uptime != nil {
		up := int64(*i.Uptime / time.Second)
		row.UptimeS = &up
	}
	if i.UsedMemory != nil && i.MaxMemory != nil && *i.MaxMemory > 0 {
		p := math.Round(float64(*i.UsedMemory)/float64(*i.MaxMemory)*1000) / 10
		row.Memory.UsedPercent = &p
	}
	if s.Before != nil {
		over := s.Info.Time.Sub(s.Before.Time).Seconds()
		over = math.Round(over*10) / 10
		row.Memory.WindowS = &over
		if l.Evicted != nil && s.Before.Load.Evicted != nil {
			n := max(0, *l.Evicted-*s.Before.Load.Evicted)
			row.Memory.EvictedNow = &n
		}
	}
	r := diagnose.WindowHitRate(s)
	row.HitRate = HitRateStats{Percent: r.Percent, Lookups: r.Lookups, Means: r.Why}
	if len(s.Pace.Trips) > 0 {
		p50, p95 := millis(s.Pace.Rank(0.5)), millis(s.Pace.Rank(0.95))
		row.Latency = LatencyStats{P50: &p50, P95: &p95}
	}
	if l.LastSave != nil && !i.Time.IsZero() {
		ago := i.Time.Unix() - *l.LastSave
		row.Persistence.SavedAgoS = &ago
	}
	return row
}

// millis has two decimals.
func millis(d time.Duration) float64 { return math.Round(float64(d.Microseconds())/10) / 100 }

func sourceOf(s redisdb.Server, asked string, err *fault.Failure) fault.Source {
	return fault.Source{Name: s.Source.Name + " " + asked, Asked: asked, Took: s.Source.Took, Err: err}
}

// families are counters and cached answers first, then the largest.
func (c *census) families() []FamilyCount {
	all := []FamilyCount{}
	for name, n := range c.of {
		f := FamilyCount{Name: foreign.Text(name), Seen: n}
		if e := estimate(n, c.scan); e != nil {
			f.About, f.Low, f.High = &e.About, &e.Low, &e.High
		}
		all = append(all, f)
	}
	own := []foreign.Text{idemFamily, rateFamily}
	slices.SortFunc(all, func(a, b FamilyCount) int {
		return cmp.Or(slices.Index(own, b.Name)-slices.Index(own, a.Name), cmp.Compare(b.Seen, a.Seen), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// biggest measures some keys, and tells the largest.
func (d Deps) biggest(ctx context.Context, keys []string) []BigKey {
	sizes := d.Redis.Sizes(ctx, keys)
	slices.SortFunc(sizes, func(a, b redisdb.KeySize) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
	})
	sizes = sizes[:min(biggest, len(sizes))]
	d.Redis.Idle(ctx, sizes)
	var all []BigKey
	for _, k := range sizes {
		b := BigKey{Key: foreign.Text(k.Key), Bytes: k.Bytes}
		if k.Idle != nil {
			s := int64(*k.Idle / time.Second)
			b.IdleS = &s
		}
		all = append(all, b)
	}
	return all
}

// slowShown is how many entries of the slow log are shown.
const slowShown = 3

// slowRows are the slowest of the entries that were read.
func slowRows(servers []redisdb.Server, zone *time.Location) []SlowEntry {
	var all []redisdb.SlowCommand
	for _, s := range servers {
		all = append(all, s.SlowLog...)
	}
	slices.SortStableFunc(all, func(a, b redisdb.SlowCommand) int { return cmp.Compare(b.Took, a.Took) })
	var rows []SlowEntry
	for _, c := range all[:min(slowShown, len(all))] {
		rows = append(rows, SlowEntry{Command: c.Command, TookMS: millis(c.Took), At: c.At.In(zone).Format(time.RFC3339)})
	}
	return rows
}

// nearlyFull is the share of its memory from which a server is said to be near
// its limit.
const nearlyFull = 90

// statsNotes say what is worth a word and no finding.
func statsNotes(servers []redisdb.Server, d Deps) []string {
	var notes []string
	for _, s := range servers {
		if s.Info == nil {
			continue
		}
		row, l := statsRow(s), s.Info.Load
		if p := row.Memory.UsedPercent; p != nil && *p >= nearlyFull {
			notes = append(notes, fmt.Sprintf("%s uses %v%% of its memory limit: beyond it, it %s", s.Source.Name, *p, beyond(s.Info.Policy)))
		}
		if l.Rejected != nil && *l.Rejected > 0 {
			notes = append(notes, fmt.Sprintf("%s has refused %d connections since it started (maxclients)", s.Source.Name, *l.Rejected))
		}
		if s.Before == nil {
			notes = append(notes, s.Source.Name+" was seen only once: nothing is known of what changes")
		}
	}
	if d.Scope.Limited() {
		notes = append(notes, "counts are of all merchants; names of keys are left out for this server's merchant scope")
	}
	return notes
}

func beyond(policy foreign.Text) string {
	if policy == "noeviction" {
		return "refuses writes"
	}
	return "evicts keys"
}

// statsSummary is one line: how Redis is, and in what numbers.
func statsSummary(servers []redisdb.Server, verdict catalog.Verdict) string {
	words := map[catalog.Verdict]string{catalog.OK: "OK", catalog.Attention: "ATTENTION", catalog.CriticalVerdict: "CRITICAL", catalog.Unknown: "NOT KNOWN"}[verdict]
	var said []string
	for _, s := range servers {
		if s.Info == nil {
			continue
		}
		row := statsRow(s)
		memory := "memory not told"
		if m := row.Memory; m.Used != nil {
			memory = megabytes(*m.Used) + " used"
			if m.UsedPercent != nil {
				memory += fmt.Sprintf(" (%v%% of the limit)", *m.UsedPercent)
			}
		}
		part := fmt.Sprintf("%s %s, %d keys, %s", s.Source.Name, row.Replication.Role, row.Keys, memory)
		if m := row.Memory; m.EvictedNow != nil && m.WindowS != nil {
			part += fmt.Sprintf(", %d evicted in %v s", *m.EvictedNow, *m.WindowS)
		}
		if row.HitRate.Percent != nil {
			part += fmt.Sprintf(", hit rate %v%%", *row.HitRate.Percent)
		} else {
			part += ", hit rate n/a"
		}
		if row.Latency.P95 != nil {
			part += fmt.Sprintf(", p95 %v ms", *row.Latency.P95)
		}
		said = append(said, part)
	}
	if len(said) == 0 {
		return words + " - " + unread(servers)
	}
	return words + " - " + strings.Join(said, "; ")
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }
