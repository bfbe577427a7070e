package tools

import (
	"context"
	"slices"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
)

// close looks again at what was found, in one round trip: what a scan saw in
// passing may be gone, or have been between two steps of ingest. It returns what
// it saw of other keys besides.
//
// A counter without a TTL counts once it has had none for a moment. Those that a scan
// came by just before its end are not waited for where others of their kind have been
// without one for long enough: they are only counted. Where none of these others is
// left, everything is waited for.
func (r *swept) close(ctx context.Context, others ...string) []redisdb.Counter {
	ctx, cancel := redisdb.Within(ctx)
	defer cancel()
	seen, spoken := r.closer(ctx, r.spokenFor(), others)
	if !spoken {
		seen, _ = r.closer(ctx, nil, others)
	}
	return seen
}

// spokenFor are the suspects that were seen too short a time ago to be certain of, and
// that need not be, by key.
func (r *swept) spokenFor() map[string]catalog.Code {
	young := map[string]catalog.Code{}
	for _, code := range []catalog.Code{catalog.RateKeyNoTTLBlocking, catalog.RateKeyNoTTLLatent} {
		kept := r.kinds[code].kept
		isYoung := func(t tally) bool { return time.Since(t.seen.At) < redisdb.RecheckAfter }
		if !slices.ContainsFunc(kept, func(t tally) bool { return !isYoung(t) }) {
			continue
		}
		for _, t := range kept {
			if isYoung(t) {
				young[t.key] = code
			}
		}
	}
	return young
}

// closer looks at hits and suspects. It reports false when a kind of those that need
// not be looked at, because others speak for them, has none of these others.
func (r *swept) closer(ctx context.Context, spokenFor map[string]catalog.Code, others []string) (seen []redisdb.Counter, spoken bool) {
	r.keys, r.at, r.more = nil, map[string]int{}, map[catalog.Code]int64{}
	all := slices.Clone(r.hits.sorted())
	hits := len(all)
	for _, code := range suspected {
		all = append(all, r.kinds[code].sorted()...)
		r.more[code] = r.kinds[code].left
	}
	asked := make([]string, 0, len(all)+len(others))
	before := map[string]redisdb.Seen{}
	var tallies []tally
	for i, t := range all {
		code := spokenFor[t.key]
		if _, twice := before[t.key]; twice {
			continue
		}
		if code != "" && i >= hits {
			r.more[code]++
			continue
		}
		t.seen.Once = code != ""
		before[t.key], asked, tallies = t.seen, append(asked, t.key), append(tallies, t)
	}
	r.reading = r.deps.Redis.Survey(ctx, append(asked, others...), before).In(r.deps.Zone)
	r.servers = r.reading.Servers
	r.join()
	_, _, failingOpen := diagnose.Servers(r.servers)
	speaks := map[diagnose.State]bool{}
	for i, t := range tallies {
		c := r.reading.Counters[i]
		s := r.servers[c.Server]
		k := diagnose.RateKey{Merchant: foreign.Text(t.merchant).Quoted(), Action: t.action, Limit: r.deps.Limits[t.action], Counter: c,
			Source: s.Source.Name, Clock: s.Clock, FailingOpen: failingOpen[c.Server]}
		if k.State() == diagnose.NoWindow {
			continue // it has ended since: no anomaly
		}
		if code := spokenFor[t.key]; code != "" && k.NeverEnds() {
			k.Passing = true
			r.more[code]++
		} else {
			speaks[k.State()] = true
		}
		r.at[t.key] = len(r.keys)
		r.keys = append(r.keys, k)
	}
	r.more[catalog.RateLimited] = max(0, r.total(catalog.RateLimited)-r.shown(diagnose.Blocked))
	r.more[catalog.RateNearLimit] = max(0, r.counts.near-r.shown(diagnose.Free, diagnose.AtLimit))
	for _, code := range spokenFor {
		if speaks[diagnose.Unread] {
			break // asking again would not tell more
		}
		if code == catalog.RateKeyNoTTLBlocking && !speaks[diagnose.BlockedForEver] || code == catalog.RateKeyNoTTLLatent && !speaks[diagnose.NeverResets] {
			return nil, false
		}
	}
	return r.reading.Counters[len(tallies):], true
}

// shown counts the counters in some states that are near or over their limit.
func (r *swept) shown(states ...diagnose.State) (n int64) {
	for _, k := range r.keys {
		if count, _ := k.Count(); slices.Contains(states, k.State()) && k.Limit.Percent(count) >= diagnose.NearPercent {
			n++
		}
	}
	return n
}

// join puts what went wrong before beside what went wrong in the closer look. Of a
// server that was not asked again no more is told: it may be no master any more.
func (r *swept) join() {
	for _, b := range r.before {
		failure := b.Source.Err
		for i := range r.servers {
			s := &r.servers[i]
			if s.Source.Name != b.Source.Name {
				continue
			}
			s.Source.Took += b.Source.Took
			if failure != nil && s.Source.Err == nil {
				s.Source.Err, s.Source.Asked = failure, b.Source.Asked
			}
			failure = nil
		}
		if failure != nil {
			r.servers = append(r.servers, redisdb.Server{Source: b.Source, Assumed: b.Assumed})
		}
	}
}
