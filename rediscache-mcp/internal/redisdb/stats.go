package redisdb

import (
	"context"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// SlowEntries of the slow log are read: as many as Redis keeps unless it is told to keep
// more.
const SlowEntries = 128

// SlowCommand is an entry of the slow log. Arguments are not kept: they hold keys
// and values.
type SlowCommand struct {
	At      time.Time // by the server's clock
	Took    time.Duration
	Command foreign.Text // its name
}

// Stats asks every master what it says of itself, twice with some time between:
// now and at the last Stats, if that was not long ago, else a second apart. No key
// is looked up meanwhile.
func (db *DB) Stats(ctx context.Context) []Server {
	start := time.Now()
	nodes, failure := db.masters(ctx)
	if failure != nil {
		return []Server{{Source: fault.Source{Name: db.String(), Asked: "INFO", Took: time.Since(start), Err: failure}}}
	}
	servers := make([]Server, len(nodes))
	fault.TogetherEach(len(nodes), func(i int) {
		servers[i] = db.statsOf(ctx, nodes[i])
		servers[i].Assumed = db.target.assumed
	})
	return servers
}

func (db *DB) statsOf(ctx context.Context, n node) Server {
	s := Server{Source: fault.Source{Name: n.name, Asked: "INFO everything; SLOWLOG GET"}}
	start := time.Now()
	err := db.sample(ctx, n, &s)
	s.Source.Took = time.Since(start)
	if err != nil {
		s.Source.Err = failureOf(err)
		return s
	}
	if s.Info == nil {
		s.Source.Err, s.InfoErr = s.InfoErr, nil
		return s
	}
	first := *s.Info
	db.mu.Lock()
	k, asked := db.stats[n.name], db.before[n.name]
	db.mu.Unlock()
	earlier := k.last
	k.compare(earlier, first)
	k.compare(asked, first)
	before := &first
	if earlier.RunID == first.RunID && earlier.near(first) {
		before = &earlier
	}
	if first.Time.Sub(before.Time) < growAfter {
		select {
		case <-ctx.Done():
			return s
		case <-time.After(growAfter):
		}
		if err := db.sample(ctx, n, &s); err != nil {
			s.Source.Err = failureOf(err) // it went away in between
			return s
		}
		k.compare(first, *s.Info)
	}
	if s.Info.RunID == before.RunID {
		s.Before = before
	}
	if s.refusedOf() {
		db.lately(ctx, n, &s)
	}
	for range brimLooks {
		if s.brimming() {
			db.onward(ctx, n, &s)
		}
	}
	k.acquit(asked, first, *s.Info)
	k.last, s.Past = *s.Info, k.past
	db.mu.Lock()
	db.stats[n.name] = k
	db.mu.Unlock()
	s.Pace = n.pace(ctx)
	n.settle(ctx, &s, nil)
	db.whole(ctx, n, &s)
	return s
}

// brimLooks is how often a server that may be about to evict is looked at once more.
const brimLooks = 3

// lately looks once more, a second later. What it cannot see then stays as it was.
func (db *DB) lately(ctx context.Context, n node, s *Server) {
	if later, seen := db.later(ctx, n, s.Info.RunID); seen {
		s.Lately = s.Info
		s.take(later)
	}
}

// onward looks at the second that follows, and no more at what was before unless that
// says what goes on.
func (db *DB) onward(ctx context.Context, n node, s *Server) {
	later, seen := db.later(ctx, n, s.Info.RunID)
	if !seen {
		return
	}
	if !grew(s.Info.Load.Evicted, later.Info.Load.Evicted) {
		s.Before = s.Info
	}
	s.take(later)
}

// later samples the same process of Redis once more, a second later.
func (db *DB) later(ctx context.Context, n node, runID string) (later Server, seen bool) {
	select {
	case <-ctx.Done():
		return later, false
	case <-time.After(growAfter):
	}
	err := db.sample(ctx, n, &later)
	return later, err == nil && later.Info != nil && later.Info.RunID == runID
}

func (s *Server) take(later Server) {
	s.Info, s.Clock, s.SlowLog, s.SlowLogErr = later.Info, later.Clock, later.SlowLog, later.SlowLogErr
}

// known is what is kept of a server between two Stats.
type known struct {
	last Info
	past *Info // see Server.Past
}

// seen is what a scan saw of all keys.
type seen struct {
	lasting int64           // those that last for longer than a moment
	brief   float64         // the share of the others
	left    []time.Duration // until keys of a sample end, however long that is
}

const (
	// sampled keys are asked when they end: so few that what others make of the
	// lookups of a server stays as it is.
	sampled = 20
	// forEver is left to a key without a TTL.
	forEver = time.Duration(math.MaxInt64)
)

// Remember notes how many keys there are, by a scan beside a Stats, and how many of
// them last for longer than a moment, as counters do not: a later Stats is not to take
// the others for lost. INFO may count many that have ended and that a scan passes over.
// Of some keys, which are as good as drawn by lot, it asks when they end.
func (db *DB) Remember(ctx context.Context, all, lasting int64, some []string) {
	if all <= 0 {
		return
	}
	left := db.left(ctx, some[:min(sampled, len(some))])
	db.mu.Lock()
	defer db.mu.Unlock()
	for name, k := range db.stats {
		k.last.seen = &seen{lasting, 1 - float64(lasting)/float64(all), left}
		db.stats[name] = k
	}
}

// left asks when keys end; those that are gone, or may not be asked for, are left out.
func (db *DB) left(ctx context.Context, keys []string) (all []time.Duration) {
	ofKeys(ctx, db, keys, func(pipe redis.Pipeliner, key string) *redis.DurationCmd { return pipe.PTTL(ctx, key) },
		func(_ int, ttl *redis.DurationCmd) {
			switch d := ttl.Val(); d {
			case -2:
			case -1:
				all = append(all, forEver)
			default:
				all = append(all, d)
			}
		})
	return all
}

// share is the least that keys of which some were sampled may be those that last for
// longer than a time: two standard deviations below what was seen.
func share(left []time.Duration, longer time.Duration) float64 {
	n, some := float64(len(left)), 0.0
	for _, d := range left {
		if d > longer {
			some++
		}
	}
	return max(0, some-2*math.Sqrt(some*(n-some)/n)) / n
}

// compare keeps was as the past where a start or a FLUSH lies between it and now. Of
// two such pasts it keeps the one of which more keys must still be there: what ended by
// itself since says nothing of a loss. What was asked of another process of Redis before
// the last Stats was compared by that one, which knew how long its keys last.
func (k *known) compare(was, now Info) {
	if !was.near(now) || was.RunID == now.RunID && !flushed(was.Load, now.Load) || was.RunID != k.last.RunID && was.Time.Before(k.last.Time) {
		return
	}
	if was.RunID == k.last.RunID {
		was.seen = k.last.seen
	}
	was.ended = endedSince(was, now)
	if k.past == nil || !k.past.near(now) || k.past.Lasting(now.Time) <= was.Lasting(now.Time) {
		k.past = &was
	}
}

// acquit forgets the past when one of the looks since the start or the FLUSH saw that
// the keys were still there: what ended later was not lost by that.
func (k *known) acquit(looks ...Info) {
	for _, l := range looks {
		if k.past == nil || l.Loading || !k.past.near(l) || l.Time.Before(k.past.Time) || l.RunID == k.past.RunID && !flushed(k.past.Load, l.Load) {
			continue
		}
		if l.Own.Keys >= k.past.Lasting(l.Time)/2 {
			k.past = nil
		}
	}
}

func flushed(was, now Load) bool {
	return was.Flushes != nil && now.Flushes != nil && *now.Flushes > *was.Flushes
}

// sample asks once, and again while the connections that were kept are dead: after a
// restart all of them are.
func (db *DB) sample(ctx context.Context, n node, s *Server) (err error) {
	for range maxIdle + 1 {
		if err = db.sampleOnce(ctx, n, s); fault.NetworkClass(err) != fault.Disconnected {
			break
		}
	}
	return err
}

func (db *DB) sampleOnce(ctx context.Context, n node, s *Server) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	pipe := n.client.Pipeline()
	info := pipe.Info(ctx, "everything")
	slow := pipe.SlowLogGet(ctx, SlowEntries)
	if err := exec(ctx, pipe); err != nil {
		return err
	}
	own, ownMisses := db.lookups.hits.Load(), db.lookups.misses.Load()
	text, err := info.Result()
	if err != nil {
		s.InfoErr = failureOf(err)
	} else {
		parsed := parseInfo(text, db.target.db)
		parsed.Load.OwnHits, parsed.Load.OwnMisses = own, ownMisses
		s.Info, s.Clock = &parsed, parsed.Time
	}
	s.SlowLogErr = failureOf(slow.Err())
	s.SlowLog = nil
	for _, entry := range slow.Val() {
		c := SlowCommand{At: entry.Time, Took: entry.Duration}
		if len(entry.Args) > 0 {
			c.Command = foreign.Text(entry.Args[0])
		}
		s.SlowLog = append(s.SlowLog, c)
	}
	return nil
}

// KeySize is how much memory a key takes.
type KeySize struct {
	Key   string
	Bytes int64
	Idle  *time.Duration // since it was last used; nil where Redis does not keep it
}

// Sizes asks how much memory keys of one server take; keys that are gone, or may
// not be asked for, are left out. It counts as no lookup.
func (db *DB) Sizes(ctx context.Context, keys []string) (all []KeySize) {
	ofKeys(ctx, db, keys, func(pipe redis.Pipeliner, key string) *redis.IntCmd { return pipe.MemoryUsage(ctx, key) },
		func(at int, size *redis.IntCmd) { all = append(all, KeySize{Key: keys[at], Bytes: size.Val()}) })
	return all
}

// Idle asks when keys were last used, and notes it, but for keys that are gone and where
// the policy is LFU; each counts as a hit.
func (db *DB) Idle(ctx context.Context, keys []KeySize) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Key
	}
	ofKeys(ctx, db, names, func(pipe redis.Pipeliner, key string) *redis.DurationCmd { return pipe.ObjectIdleTime(ctx, key) },
		func(at int, idle *redis.DurationCmd) { keys[at].Idle = new(idle.Val()) })
}
