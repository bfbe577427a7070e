package tools

import (
	"cmp"
	"container/heap"
	"context"
	"hash/fnv"
	"slices"
	"sync/atomic"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/tool"
)

const (
	// suspects of each kind are looked at a second time; more are only counted.
	suspects = 100
	// remembered is how many hits are told apart from those that come twice while
	// Redis resizes its table. It bounds the memory of a sweep.
	remembered = 1 << 18
)

// suspected are the kinds of suspects.
var suspected = []catalog.Code{catalog.RateKeyNoTTLBlocking, catalog.RateKeyNoTTLLatent, catalog.RateKeyCorrupt, catalog.RateWindowMismatch, catalog.RateLimited}

// tally is one counter as it was seen in passing.
type tally struct {
	key      string
	hash     uint64
	merchant string
	action   keyspace.Action
	seen     redisdb.Seen
	rank     float64 // what it is sorted by, the highest first
}

// before puts the highest rank first; those alike stand in the order of hashes,
// which a cursor can hold.
func (t tally) before(u tally) bool {
	if t.rank != u.rank {
		return t.rank > u.rank
	}
	return t.hash < u.hash
}

// best keeps the first of many: a heap with the last of them on top.
type best struct {
	room int
	kept []tally
	// left is how many had no room.
	left int64
}

func (b *best) Len() int           { return len(b.kept) }
func (b *best) Less(i, j int) bool { return b.kept[j].before(b.kept[i]) }
func (b *best) Swap(i, j int)      { b.kept[i], b.kept[j] = b.kept[j], b.kept[i] }
func (b *best) Push(x any)         { b.kept = append(b.kept, x.(tally)) }
func (b *best) Pop() any {
	last := b.kept[len(b.kept)-1]
	b.kept = b.kept[:len(b.kept)-1]
	return last
}

func (b *best) take(t tally) {
	if len(b.kept) < b.room {
		heap.Push(b, t)
		return
	}
	b.left++
	if b.room > 0 && t.before(b.kept[0]) {
		b.kept[0] = t
		heap.Fix(b, 0)
	}
}

// sorted returns them, the first first.
func (b *best) sorted() []tally {
	return slices.SortedFunc(slices.Values(b.kept), func(t, u tally) int {
		return cmp.Or(cmp.Compare(u.rank, t.rank), cmp.Compare(t.hash, u.hash))
	})
}

// sweep gathers counters as they come by.
type sweep struct {
	deps    Deps
	action  keyspace.Action                                                 // only this one; empty is all
	wanted  func(sight redisdb.Sight, use, percent float64) (float64, bool) // rank of a counter, by its use of the capacity; false: not a hit
	after   *tally                                                          // only what stands behind it
	pattern string                                                          // that the caller gave; empty is all counters
	names   atomic.Bool                                                     // a counter was named, though it may be gone since
	answers bool                                                            // cached answers are looked for too
	seen    map[uint64]struct{}                                             // hits
	hits    best                                                            // to be shown
	kinds   map[catalog.Code]*best                                          // to be looked at again
	actions map[keyspace.Action]bool                                        // that have counters
	counts  struct {
		counters, hits, over, near int64
		strangers                  int64 // of the template, but of no action
		unread, off                int64
	}
}

func (d Deps) newSweep(action string, room int) *sweep {
	s := &sweep{deps: d, action: keyspace.Action(action), seen: map[uint64]struct{}{}, actions: map[keyspace.Action]bool{}, kinds: map[catalog.Code]*best{}}
	s.hits.room = room
	for _, c := range suspected {
		s.kinds[c] = &best{room: suspects}
	}
	return s
}

// visit takes one key of a scan.
func (s *sweep) visit(f redisdb.Found) {
	action, merchant, ok := s.deps.RateKey.Parse(f.Key)
	switch {
	case !ok && s.deps.RateKey.Has(f.Key):
		s.counts.strangers++
		return
	case !ok || s.action != "" && action != s.action || s.deps.Scope.Check(merchant) != nil:
		return
	}
	s.take(action, merchant, redisdb.Counter{Key: f.Key, Err: f.Err, TTLErr: f.TTLErr, First: f.Sight}, f.At)
}

// take judges a counter in passing, as it was at some time.
func (s *sweep) take(action keyspace.Action, merchant string, c redisdb.Counter, at time.Time) {
	k := diagnose.RateKey{Action: action, Limit: s.deps.Limits[action], Counter: c}
	state := k.State()
	switch state {
	case diagnose.NoWindow:
		return
	case diagnose.Unread:
		s.counts.unread++
		return
	case diagnose.Off:
		s.counts.off++
	default:
	}
	if c.TTLErr != nil { // it counts, but whether it ever ends is not known
		s.counts.unread++
	}
	t := tally{key: c.Key, hash: hashOf(c.Key), merchant: merchant, action: action, seen: redisdb.Seen{Sight: c.First, At: at}}
	count, counts := k.Count()
	percent := 0.0
	if counts && state != diagnose.Off {
		percent = k.Limit.Percent(count)
	}
	s.counts.counters++
	s.actions[action] = true
	rank, hit := 0.0, false
	if counts {
		// Percents are rounded, and would put unequal ones in one place.
		rank, hit = s.wanted(c.First, float64(count)/float64(max(k.Limit.Capacity, 1)), percent)
	}
	suspect := suspicion(k)
	if (hit || suspect != "" || percent >= diagnose.NearPercent) && !s.first(t.hash) {
		s.counts.counters--
		return
	}
	if counts && state != diagnose.Off && k.Limit.Blocks(count) {
		s.counts.over++
	} else if suspect == "" && percent >= diagnose.NearPercent {
		s.counts.near++
	}
	if suspect != "" {
		worst := t
		worst.rank = percent
		s.kinds[suspect].take(worst)
	}
	if hit {
		s.counts.hits++
		t.rank = rank
		if s.after == nil || s.after.before(t) {
			s.hits.take(t)
		}
	}
}

// suspicion is what a counter must be looked at again for.
func suspicion(k diagnose.RateKey) catalog.Code {
	switch k.State() {
	case diagnose.Corrupt:
		return catalog.RateKeyCorrupt
	case diagnose.BlockedForEver:
		return catalog.RateKeyNoTTLBlocking
	case diagnose.NeverResets:
		return catalog.RateKeyNoTTLLatent
	case diagnose.Free, diagnose.AtLimit, diagnose.Blocked:
		if k.Counter.First.TTL > k.Limit.Window+time.Second {
			return catalog.RateWindowMismatch
		}
		if k.State() == diagnose.Blocked {
			return catalog.RateLimited
		}
	default:
	}
	return ""
}

// first reports whether a key has not come by before, as far as that is kept.
func (s *sweep) first(hash uint64) bool {
	if _, known := s.seen[hash]; known {
		return false
	}
	if len(s.seen) < remembered {
		s.seen[hash] = struct{}{}
	}
	return true
}

func hashOf(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // a hash takes everything
	return h.Sum64()
}

// swept is what a sweep came to.
type swept struct {
	*sweep
	scan    redisdb.Scan
	named   bool             // merchants were asked for by name, nothing was scanned
	without []string         // of these, those that have no counter
	unread  []string         // of these, those with a counter that was not read, or not in whole
	strange string           // a doubt whether what was asked fits this Redis
	before  []redisdb.Server // as they answered when counters were looked for
	servers []redisdb.Server
	keys    []diagnose.RateKey // hits and suspects, looked at again: what is gone by now is not among them
	more    map[catalog.Code]int64
	rules   []catalog.Code // those that all keys were held against; nil is all
	reading redisdb.Reading
	at      map[string]int // hits by key: index into keys
}

// run scans, or asks for the merchants that were named or are all that this server
// may speak of, and then looks closely at hits and suspects.
func (s *sweep) run(ctx context.Context, pattern string, merchants []string, most budget, from []redisdb.Position) swept {
	if s.deps.Scope.Limited() && len(merchants) == 0 {
		merchants = s.deps.Scope
	}
	if len(merchants) == 0 {
		return s.scanned(ctx, pattern, most, from)
	}
	r := swept{sweep: s, named: true, more: map[catalog.Code]int64{}, at: map[string]int{}}
	merchants = distinct(merchants)
	r.byName(ctx, merchants)
	if len(r.without) == len(merchants) {
		r.strange = s.deps.strange(ctx)
	}
	r.close(ctx)
	return r
}

// isCounter reports whether a key is that of a merchant's counter. It is called for
// every key that a scan names, of several servers side by side.
func (s *sweep) isCounter(key string) bool {
	_, _, ok := s.deps.RateKey.Parse(key)
	if ok {
		s.names.Store(true)
	}
	return ok
}

// scanned is run by a scan. Merchants outside of the scope are passed over.
func (s *sweep) scanned(ctx context.Context, pattern string, most budget, from []redisdb.Position) swept {
	r := swept{sweep: s, more: map[catalog.Code]int64{}, at: map[string]int{}}
	if r.goThrough(ctx, most, redisdb.ScanSpec{Match: pattern, Values: true, From: from, Wanted: s.isCounter}, s.visit) {
		r.close(ctx)
	}
	return r
}

// budget is what a scan may take.
type budget struct {
	time time.Duration
	keys int64 // 0: no limit
}

// goThrough scans. It reports false when no server can be asked anything further.
func (r *swept) goThrough(ctx context.Context, most budget, spec redisdb.ScanSpec, visit func(redisdb.Found)) bool {
	spec.Budget, spec.MaxKeys = redisdb.Budget(ctx, most.time), most.keys
	spec.Tell = func(share float64, keys int64) {
		tool.Progress(ctx, share*float64(keys), float64(keys), percent(share)+" of the keys gone through")
	}
	scanCtx, cancel := context.WithTimeout(ctx, spec.Budget+redisdb.Patience)
	defer cancel()
	r.scan = r.deps.Redis.Scan(scanCtx, spec, visit)
	for _, p := range r.scan.Parts {
		p.Source.Err = cmp.Or(p.Source.Err, p.Refusal)
		r.before = append(r.before, redisdb.Server{Source: p.Source, Assumed: p.Assumed})
	}
	if !slices.ContainsFunc(r.scan.Parts, func(p redisdb.Part) bool { return p.Source.OK() || answered(p.Source.Err) }) {
		r.servers, r.reading.Servers = r.before, r.before
		return false
	}
	r.strange = r.none(ctx)
	return true
}

// answered reports whether a failure is a Redis's own word, so that it can be
// asked for more.
func answered(f *fault.Failure) bool {
	return f != nil && f.Class != fault.Unreachable && f.Class != fault.Timeout && f.Class != redisdb.CannotConnect &&
		f.Class != redisdb.UnknownHost && f.Class != redisdb.NoHandshake && f.Class != redisdb.NotConfigured && f.Class != fault.Auth
}

// byName asks for merchants' counters without a scan.
func (r *swept) byName(ctx context.Context, merchants []string) {
	actions := keyspace.Actions
	if r.action != "" {
		actions = []keyspace.Action{r.action}
	}
	var keys []string
	for _, m := range merchants {
		keys = append(keys, r.deps.rateKeys(m, actions)...)
	}
	ctx, cancel := redisdb.Within(ctx)
	defer cancel()
	begin := time.Now()
	reading := r.deps.Redis.Counters(ctx, keys)
	r.before = reading.Servers
	there, unread := map[string]bool{}, map[string]bool{}
	for i, c := range reading.Counters {
		merchant := merchants[i/len(actions)]
		there[merchant] = there[merchant] || c.Err != nil || c.Last().Exists
		unread[merchant] = unread[merchant] || c.Err != nil || c.TTLErr != nil
		at := time.Now()
		if c.Second != nil && c.First.NoTTL && c.Second.NoTTL {
			at = begin // so long it has been seen without one
		} else {
			c.First = c.Last()
		}
		c.Second = nil
		r.take(actions[i%len(actions)], merchant, c, at)
	}
	for _, m := range merchants {
		if !there[m] {
			r.without = append(r.without, m)
		}
		if unread[m] {
			r.unread = append(r.unread, m)
		}
	}
}

// distinct leaves out ids that stand there again.
func distinct(merchants []string) (all []string) {
	seen := map[string]bool{}
	for _, m := range merchants {
		if !seen[m] {
			all = append(all, m)
		}
		seen[m] = true
	}
	return all
}
