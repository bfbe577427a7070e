package diagnose

import (
	"fmt"
	"time"

	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// Census is what of a server's keys was seen by name.
type Census struct {
	Whole    bool  // all of them
	Idem     int64 // cached answers seen
	Lifetime limiter.Lifetime
}

// statsRules are the rules for what changes in a server over time.
var statsRules = []struct {
	code catalog.Code
	rule func(redisdb.Server, Census) (report.Finding, bool)
}{
	{catalog.RedisEvicting, evicting},
	{catalog.RedisDataLoss, dataLoss},
	{catalog.RedisSlow, longCommands},
	{catalog.RedisHitRateCollapse, hitRateFell},
}

// Stats judges servers that were looked at twice. It returns the codes of the
// rules that could run on all of them; whether REDIS_SLOW could is for Servers to say.
func Stats(servers []redisdb.Server, census Census) (findings []report.Finding, ran []catalog.Code) {
	whole := len(servers) > 0
	for _, s := range servers {
		whole = whole && s.Info != nil && s.Before != nil && sees(catalog.RedisEvicting, s)
		for _, r := range statsRules {
			if s.Info == nil {
				continue
			}
			if f, found := r.rule(s, census); found {
				findings = append(findings, f)
			}
		}
	}
	if whole {
		ran = []catalog.Code{catalog.RedisEvicting}
	}
	return findings, ran
}

const (
	// fullPercent of its memory is where a write may evict, for clients' buffers take
	// some and give it back.
	fullPercent = 95
	// leftByEviction is how much less than the limit a server may use that evicts and
	// is not written to: what it evicts is just enough, but for clients' buffers.
	leftByEviction = 1 << 20 // bytes
)

// evicting is certain while keys go, and where a server has evicted before and stands
// where that leaves it: there the next write does it. Writes that went in and evicted
// nothing say that it was long ago.
func evicting(s redisdb.Server, _ Census) (report.Finding, bool) {
	i := s.Info
	if i.Load.Evicted == nil || *i.Load.Evicted == 0 {
		return report.Finding{}, false
	}
	more, over := grown(s, func(l redisdb.Load) *int64 { return l.Evicted })
	writes, _ := grown(s, func(l redisdb.Load) *int64 { return l.Unsaved })
	known := i.MaxMemory != nil && i.UsedMemory != nil && *i.MaxMemory > 0
	if more == 0 && (!i.FullerThan(fullPercent) || writes > 0 && !i.FullerThan(redisdb.BrimPercent)) {
		return report.Finding{}, false
	}
	value := fmt.Sprintf("evicted_keys %d", *i.Load.Evicted)
	if over > 0 {
		value += fmt.Sprintf(" (+%d in %s)", more, seconds(over))
	}
	if known {
		value += fmt.Sprintf(", used_memory %d of maxmemory %d bytes, maxmemory_policy:%s", *i.UsedMemory, *i.MaxMemory, i.Policy)
	}
	claim := fmt.Sprintf("evicts keys for want of memory: %d in %s", more, seconds(over))
	sure := more > 0
	switch {
	case sure:
	case writes > 0:
		claim = fmt.Sprintf("is nearly full and has evicted %d keys since it started, none of them for the %d changes in %s; whether it still does is not known", *i.Load.Evicted, writes, seconds(over))
	case *i.UsedMemory > *i.MaxMemory-leftByEviction:
		claim = fmt.Sprintf("is full and has evicted %d keys since it started; no write was seen, and the next ones evict", *i.Load.Evicted)
		sure = true
	default:
		claim = fmt.Sprintf("is nearly full and has evicted %d keys since it started; no write was seen, and whether it still does is not known", *i.Load.Evicted)
	}
	f := report.NewFinding(catalog.RedisEvicting, "%s %s", s.Source.Name, claim).
		With(s.Source.Name, "INFO stats, memory", value, i.Time).
		Hurts("cached answers go before their time, so repeats are answered by the database (its unique key still protects), and counters go, so limits begin anew").
		Then("Find what fills it: the families and big keys below, ttl_analysis for keys without a TTL", "Raise maxmemory; have the owner of this Redis decide")
	if !sure {
		f = f.Unsure()
	}
	return f, true
}

const (
	// fewKeys are too few for their loss to mean something.
	fewKeys = 10
	// tellLoss is how long a loss is told at least: until the cached answers that
	// went would have ended by themselves, as they are configured by default.
	tellLoss = 10 * time.Minute
)

// dataLoss is certain where this process has seen the keys that are gone.
func dataLoss(s redisdb.Server, c Census) (report.Finding, bool) {
	i := s.Info
	next := []string{"Find out why (log of Redis, its host, who may FLUSHALL)", "Until the cached answers have come back, repeats are answered by the database; its unique key still protects"}
	if p := s.Past; p != nil && !i.Loading && i.Time.Sub(p.Time) <= max(c.Lifetime.TTL, tellLoss) && p.Lasting(i.Time) >= fewKeys && i.Own.Keys < p.Lasting(i.Time)/2 {
		at := p.Time.In(i.Time.Location()).Format(time.RFC3339)
		f := report.NewFinding(catalog.RedisDataLoss, "%s was started anew and lost its keys: %d before, %d now", s.Source.Name, p.Own.Keys, i.Own.Keys).
			With(s.Source.Name, "INFO server, keyspace", fmt.Sprintf("run_id changed, %d keys at %s", p.Own.Keys, at), i.Time)
		if p.RunID == i.RunID {
			f = report.NewFinding(catalog.RedisDataLoss, "%s was emptied: %d keys before, %d now", s.Source.Name, p.Own.Keys, i.Own.Keys).
				With(s.Source.Name, "INFO commandstats, keyspace", fmt.Sprintf("FLUSHALL or FLUSHDB called since %s, when it had %d keys", at, p.Own.Keys), i.Time)
		}
		return f.Then(next...).ConfirmWith("find_duplicate_idempotency"), true
	}
	young := i.Uptime != nil && *i.Uptime < c.Lifetime.TTL
	asked := i.Load.Gets != nil && *i.Load.Gets > 0
	nothing := i.Load.Loaded != nil && *i.Load.Loaded == 0
	if young && asked && nothing && c.Whole && c.Idem == 0 {
		return report.NewFinding(catalog.RedisDataLoss, "%s was started %s ago with no data and holds no cached answer, though it has been asked for some: what it held before is lost, if it held any", s.Source.Name, seconds(*i.Uptime)).
			With(s.Source.Name, "INFO server, persistence, commandstats; SCAN", fmt.Sprintf("uptime %s, 0 keys loaded, GET called %d times, 0 of %d keys are cached answers", seconds(*i.Uptime), *i.Load.Gets, i.Own.Keys), i.Time).
			Then("Compare with the payments of the last minutes in the database: each has a cached answer in a Redis that lost nothing").ConfirmWith("query_payments").Unsure(), true
	}
	return report.Finding{}, false
}

const (
	// longAgo is how old an entry of the slow log may be to say something of now;
	// an older one is in the facts.
	longAgo = 15 * time.Second
	// stall is how long one command must have held up all others.
	stall = time.Second
	// halts are as many commands, each of at least halt, as hold up others again and
	// again when they take a tenth of the time together. Fewer may be one script and
	// what it calls, which an old Redis logs both.
	halts = 3
	halt  = 100 * time.Millisecond
)

// longCommands finds commands that held up all other clients not long ago.
func longCommands(s redisdb.Server, _ Census) (report.Finding, bool) {
	var worst redisdb.SlowCommand
	var inAll time.Duration
	n, long := 0, 0
	for _, c := range s.SlowLog {
		if c.Took < halt || s.Info.Time.Sub(c.At) > longAgo {
			continue
		}
		n++
		inAll += c.Took
		if c.Took >= stall {
			long++
		}
		if c.Took > worst.Took {
			worst = c
		}
	}
	var claim, value string
	switch {
	case long > 0:
		claim = fmt.Sprintf("stood still for %s %s ago: one command held up all others", seconds(worst.Took), seconds(s.Info.Time.Sub(worst.At)))
		value = fmt.Sprintf("%d of the last %d entries took a second or more", long, len(s.SlowLog))
	case n >= halts && inAll >= max(stall, longAgo/10):
		claim = fmt.Sprintf("stood still again and again, for %d ms of the last %s: %d commands held up all others", inAll.Milliseconds(), seconds(longAgo), n)
		value = fmt.Sprintf("%d of the last %d entries took %s or more", n, len(s.SlowLog), seconds(halt))
	default:
		return report.Finding{}, false
	}
	return report.NewFinding(catalog.RedisSlow, "%s %s", s.Source.Name, claim).
		With(s.Source.Name, fmt.Sprintf("SLOWLOG GET %d", redisdb.SlowEntries), fmt.Sprintf("%s took %s; %s", worst.Command.Quoted(), seconds(worst.Took), value), worst.At).
		Hurts("every authorize, capture and refund waited for it; ingest sets no timeout for Redis (Lettuce's is 60 s)").
		Then("Find who sends this command (SLOWLOG GET shows client and arguments; CLIENT LIST)", "Have them use SCAN in place of KEYS, UNLINK in place of DEL"), true
}

// SlowLogGap says of what time, of that which longCommands judges, a slow log does not
// tell: as many entries as are read were younger. It is empty where there is none.
func SlowLogGap(s redisdb.Server) string {
	if s.Info == nil || len(s.SlowLog) < redisdb.SlowEntries {
		return ""
	}
	oldest := s.SlowLog[len(s.SlowLog)-1]
	ago := s.Info.Time.Sub(oldest.At)
	if ago > longAgo {
		return ""
	}
	return fmt.Sprintf("%s: long commands of %s to %s ago: the %d entries of its slow log that were read are all younger",
		s.Source.Name, seconds(max(0, ago)), seconds(longAgo), len(s.SlowLog))
}

// HitRate is the share of lookups by others that found a key.
type HitRate struct {
	Percent *float64 // nil when it cannot be told
	Lookups int64
	Over    time.Duration
	Why     string // why Percent is nil, or what it means
}

const (
	// enoughLookups are enough for a share.
	enoughLookups = 100
	// usualPercent is the hit rate of the past from which a fall means something:
	// then repeats were usual.
	usualPercent = 30
	// warm is how many lifetimes of a cached answer a server must have been up for
	// its past to count; warmAnyway is how long where answers never end.
	warm       = 3
	warmAnyway = 30 * time.Minute
)

// lowIsNormal explains the hit rate of this payment system.
const lowIsNormal = "low is normal here: each new authorize looks up its key once and misses, counters (INCR) do not count; only repeats hit"

// WindowHitRate is the hit rate between the two looks at a server, without the
// lookups of this process.
func WindowHitRate(s redisdb.Server) HitRate {
	if s.Info == nil || s.Before == nil || s.Info.Load.Hits == nil || s.Before.Load.Hits == nil || s.Info.Load.Misses == nil || s.Before.Load.Misses == nil {
		return HitRate{Why: "Redis does not tell hits and misses, or was seen only once"}
	}
	now, then := s.Info.Load, s.Before.Load
	r := rateOf(*now.Hits-*then.Hits-(now.OwnHits-then.OwnHits), *now.Misses-*then.Misses-(now.OwnMisses-then.OwnMisses), gets(now)-gets(then), now.Gets != nil && then.Gets != nil)
	r.Over = s.Info.Time.Sub(s.Before.Time)
	return r
}

func gets(l redisdb.Load) int64 {
	if l.Gets == nil {
		return 0
	}
	return *l.Gets
}

// rateOf is the share of hits, where it means something: Redis counts probes like
// TTL and TYPE among the lookups, and those of other tools are told apart only by
// how few GETs there were.
func rateOf(hits, misses, gets int64, known bool) HitRate {
	hits, misses = max(0, hits), max(0, misses)
	r := HitRate{Lookups: hits + misses}
	switch {
	case r.Lookups == 0:
		r.Why = "no lookups: there is no rate"
	case r.Lookups < enoughLookups:
		r.Why = fmt.Sprintf("%d lookups are too few for a rate", r.Lookups)
	case !known:
		r.Why = "Redis does not tell how many of the lookups were GETs"
	case gets < r.Lookups*8/10:
		r.Why = fmt.Sprintf("only %d of %d lookups were GETs: the others are probes (TTL, TYPE, …), whose hits say nothing of the cache", gets, r.Lookups)
	default:
		p := float64(hits*1000/r.Lookups) / 10
		r.Percent, r.Why = &p, lowIsNormal
	}
	return r
}

// hitRateFell compares with the past of the same process of Redis. Where repeats
// were never usual a low rate means nothing. That past is its whole life, in which other
// merchants may have repeated other requests: the fall is certain to be a fault only
// where something else was seen that takes cached answers away.
func hitRateFell(s redisdb.Server, c Census) (report.Finding, bool) {
	now := WindowHitRate(s)
	since := warm * c.Lifetime.TTL
	if since == 0 {
		since = warmAnyway
	}
	if now.Percent == nil || s.Before.Uptime == nil || *s.Before.Uptime < since {
		return report.Finding{}, false
	}
	b := s.Before.Load
	past := rateOf(*b.Hits-b.OwnHits, *b.Misses-b.OwnMisses, gets(b), b.Gets != nil)
	if past.Percent == nil || *past.Percent < usualPercent || *now.Percent > *past.Percent/2 {
		return report.Finding{}, false
	}
	f := report.NewFinding(catalog.RedisHitRateCollapse, "%s: %v%% of %d lookups found a key in %s; before it was %v%% of %d", s.Source.Name, *now.Percent, now.Lookups, seconds(now.Over), *past.Percent, past.Lookups).
		With(s.Source.Name, "INFO stats, commandstats, twice", fmt.Sprintf("keyspace_hits %d, keyspace_misses %d, GET calls %d", *s.Info.Load.Hits, *s.Info.Load.Misses, gets(s.Info.Load)), s.Info.Time).
		Then("Look for evictions, a restart, and a shorter APP_IDEMPOTENCY_CACHE_TTL_SECONDS; without these, merchants have stopped repeating requests, which is no fault")
	if eviction, evicts := evicting(s, c); s.Past == nil && (!evicts || eviction.Verdict == catalog.Unknown) {
		f = f.Unsure()
	}
	return f, true
}

// grown says by how much a number has grown between the two looks, and over what
// time; 0, 0 when there was only one.
func grown(s redisdb.Server, of func(redisdb.Load) *int64) (int64, time.Duration) {
	if s.Before == nil {
		return 0, 0
	}
	now, then := of(s.Info.Load), of(s.Before.Load)
	if now == nil || then == nil {
		return 0, 0
	}
	return max(0, *now-*then), s.Info.Time.Sub(s.Before.Time)
}
