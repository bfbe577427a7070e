package redisdb

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// headBytes of a value are read: no counter has more than 20, and a value of
	// ten megabytes must not come over the wire.
	headBytes = 32
	// RecheckAfter is how long a key without a TTL is given to get one: the
	// payment system sets it in a step of its own, right after the first INCR.
	RecheckAfter = 250 * time.Millisecond
)

// Sight is what a key looked like at one moment.
type Sight struct {
	Exists    bool
	WrongType bool         // it is no string
	Value     foreign.Text // the first bytes of it: as many as were asked for
	Cut       bool         // there may be more of it
	TTL       time.Duration
	NoTTL     bool
	After     time.Duration // since the first sight of this question
}

// Seen is a sight and when it was.
type Seen struct {
	Sight Sight
	At    time.Time // by this machine's clock
	Once  bool      // one sight more will do, however soon
}

// Counter is what was seen of one key. Nothing is known of it when Err is set, and
// nothing of its TTL when TTLErr is.
type Counter struct {
	Key    string
	Server int // index into Reading.Servers
	Err    *fault.Failure
	TTLErr *fault.Failure
	First  Sight
	// Second is a later look at a key that had no TTL, or an empty value, at
	// first; nil when there was no need for it or it failed.
	Second *Sight
	Type   foreign.Text // of a key that holds no counter
	Length *int64       // bytes of a string that holds no counter

	head int // bytes of its value that are read
}

// Last returns the later of the two sights.
func (c Counter) Last() Sight {
	if c.Second != nil {
		return *c.Second
	}
	return c.First
}

// Server is one server that was asked.
type Server struct {
	Source fault.Source // about the keys
	Info   *Info        // nil when INFO was not answered
	// InfoErr is why INFO was not answered though the server did answer.
	InfoErr *fault.Failure
	// Before is what INFO said a second to five minutes before Info, by the same
	// process of Redis; nil when it was not asked then.
	Before *Info
	// Lately is what INFO said a second before Info, where Before is old and writes
	// were refused since: what grew since then still does. Nil when there was no need
	// for it, or it failed.
	Lately *Info
	// Rejecting settings, asked for only while the last snapshot failed; nil
	// when they are not known.
	StopsWrites *bool     // stop-writes-on-bgsave-error
	Snapshots   *bool     // whether any snapshot is scheduled (save)
	Clock       time.Time // the server's; zero when it told none
	// Stats only: the slow log, the newest first, and why it was not told; what was
	// said before the keys may have gone: by the process of Redis that ran here
	// before this one, or by this one before a FLUSH. Past is nil when there was
	// neither, as far as it was seen.
	SlowLog    []SlowCommand
	SlowLogErr *fault.Failure
	Past       *Info
	Pace       Pace
	// Assumed is set when nobody said where Redis is, and the default was asked.
	Assumed bool

	addr string // of a node of a cluster
}

// Reading is the answer to one question.
type Reading struct {
	Servers  []Server
	Counters []Counter // in the order of the keys asked for
}

// Clock is that of the first server that told one; zero when none did.
func (r Reading) Clock() time.Time {
	for _, s := range r.Servers {
		if !s.Clock.IsZero() {
			return s.Clock
		}
	}
	return time.Time{}
}

// In returns the reading with the servers' clocks shown in a zone.
func (r Reading) In(zone *time.Location) Reading {
	for i := range r.Servers {
		s := &r.Servers[i]
		if !s.Clock.IsZero() {
			s.Clock = s.Clock.In(zone)
		}
		for j := range s.SlowLog {
			s.SlowLog[j].At = s.SlowLog[j].At.In(zone)
		}
		if s.Info != nil && !s.Info.Time.IsZero() {
			s.Info.Time = s.Info.Time.In(zone)
		}
	}
	return r
}

// Counters reads counters by the exact names of their keys. Each server is asked
// in one round trip; only what looks wrong is looked at again. Within bounds ctx.
func (db *DB) Counters(ctx context.Context, keys []string) Reading {
	return db.Heads(ctx, keys, headBytes)
}

// Heads is Counters for keys with longer values, of which it reads the first bytes.
func (db *DB) Heads(ctx context.Context, keys []string, bytes int) Reading {
	return db.put(ctx, question{keys: keys, bytes: bytes})
}

// Survey is Counters that also asks what every other master says of itself: for a
// question about all keys, of which keys are those to look at closely. seen is what
// a scan saw of them; where that was long enough ago, it is the first sight, and
// this the second.
func (db *DB) Survey(ctx context.Context, keys []string, seen map[string]Seen) Reading {
	return db.put(ctx, question{keys, headBytes, true, seen})
}

// question is what is asked of all servers at once.
type question struct {
	keys  []string
	bytes int  // of each value
	every bool // of masters without any of the keys, too
	seen  map[string]Seen
}

// put puts a question to the servers that hold its keys, wherever these have moved.
func (db *DB) put(ctx context.Context, q question) Reading {
	r := db.read(ctx, q)
	if db.cluster == nil {
		return r
	}
	db.follow(ctx, q, &r)
	if r.moved() && db.reload(ctx, q.keys, r) {
		r = db.read(ctx, q)
		db.follow(ctx, q, &r)
	}
	r.moving()
	return r
}

func (db *DB) read(ctx context.Context, q question) Reading {
	keys := q.keys
	r := Reading{Counters: make([]Counter, len(keys))}
	start := time.Now()
	nodes, err := db.nodes(ctx, keys)
	if err == nil && q.every {
		nodes, err = db.others(ctx, nodes)
	}
	if err != nil {
		r.Servers = []Server{{Source: fault.Source{Name: db.String(), Asked: asked(keys), Took: time.Since(start), Err: err}}}
		for i, k := range keys {
			r.Counters[i] = Counter{Key: k, Err: err}
		}
		return r
	}
	r.Servers = make([]Server, len(nodes))
	fault.TogetherEach(len(nodes), func(n int) {
		node := nodes[n]
		counters := make([]Counter, len(node.keys))
		for i, at := range node.keys {
			counters[i] = Counter{Key: keys[at], Server: n, head: q.bytes}
		}
		r.Servers[n] = db.look(ctx, node, counters, q.seen)
		if q.every {
			db.whole(ctx, node, &r.Servers[n])
		}
		r.Servers[n].Assumed = db.target.assumed
		for i, at := range node.keys {
			r.Counters[at] = counters[i] // each node has keys of its own
		}
	})
	return r
}

// asked is what was asked for, for a person to repeat; the keys stand in the answer.
func asked(keys []string) string {
	switch len(keys) {
	case 0:
		return "INFO"
	case 1:
		return "GETRANGE, PTTL of the key; INFO"
	}
	return fmt.Sprintf("GETRANGE, PTTL of %d keys; INFO", len(keys))
}
