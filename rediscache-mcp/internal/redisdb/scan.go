package redisdb

import (
	"cmp"
	"context"
	"hash/fnv"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// scanCount is the COUNT of SCAN: fewer keys a step and the round trips cost
	// more than the keys, more and other clients wait longer behind one step.
	scanCount = 500
)

// ScanSpec is what a scan looks for.
type ScanSpec struct {
	Match string // pattern of SCAN
	// Values asks for the head of each value, besides its TTL; TTLs for the TTL.
	Values, TTLs bool
	// Wanted, when not nil, says of which keys value and TTL are asked for; the
	// others are visited by name alone.
	Wanted func(key string) bool
	Budget time.Duration
	// From is where an earlier scan stopped; nil is from the beginning.
	From []Position
}

// Found is a key that a scan came by. One that was gone when it was looked at is
// not among them. A key may come twice while Redis resizes its table.
type Found struct {
	Key    string
	Looked bool // value and TTL were asked for
	Sight  Sight
	// Err is why its value could not be read, TTLErr why its TTL could not.
	Err, TTLErr *fault.Failure
	Server      int // index into Scan.Parts
}

// Position is how far a scan of one server came.
type Position struct {
	Server uint32 // a hash of its name
	Cursor uint64
	Done   bool
}

// Scan is how a scan went.
type Scan struct {
	Parts []Part
	Took  time.Duration
}

// Part is how the scan of one server went.
type Part struct {
	Source  fault.Source
	At      Position
	Begin   uint64 // cursor that it started from
	Keys    int64  // DBSIZE when it began
	Matched int64  // keys that the pattern let through
	Steps   int64
	// Refused counts keys that could be found but not read, or whose TTL could
	// not; Refusal is what was said to the first of them.
	Refused int64
	Refusal *fault.Failure
	Assumed bool // nobody said where Redis is, and the default was asked

	skipped bool // an earlier scan was through already
	width   int  // bits of the largest cursor: the table is at least that large
	slotted bool // cursors of a cluster's nodes may count slots, and tell no share
}

// Share is the part of the server's keys that the scan saw from Begin to where it
// is. The cursor of SCAN counts through the table's buckets with its bits
// reversed, so the reversed cursor is how far it came.
func (p Part) Share() float64 {
	switch {
	case p.skipped:
		return 0
	case p.Keys == 0 && p.At.Done:
		return 1
	case p.slotted && !p.At.Done || p.slotted && p.Begin != 0:
		return min(0.99, float64(p.Steps*scanCount)/float64(max(p.Keys, 1)))
	}
	end := 1.0
	if !p.At.Done {
		end = p.reversed(p.At.Cursor)
	}
	return max(0, end-p.reversed(p.Begin))
}

// reversed is the share of the table that lies before a cursor. A table has a
// power of two of buckets, at or above its keys; it is larger after keys have
// gone, which the cursors show.
func (p Part) reversed(cursor uint64) float64 {
	width := max(bits.Len64(uint64(max(p.Keys, 1)-1)), p.width, bits.Len64(cursor), 2)
	return float64(bits.Reverse64(cursor)>>(64-width)) / float64(uint64(1)<<width)
}

// Done reports whether every server was scanned to its end.
func (s Scan) Done() bool {
	return len(s.Parts) > 0 && !slices.ContainsFunc(s.Parts, func(p Part) bool { return !p.At.Done || !p.Source.OK() })
}

// Share is the part of all keys that was seen, weighted by the servers' keys; 0
// when none answered.
func (s Scan) Share() float64 {
	var seen, all float64
	for _, p := range s.Parts {
		weight := float64(max(p.Keys, 1))
		all += weight
		seen += weight * p.Share()
	}
	if all == 0 {
		return 0
	}
	return seen / all
}

// Positions is where to go on.
func (s Scan) Positions() []Position {
	all := make([]Position, len(s.Parts))
	for i, p := range s.Parts {
		all[i] = p.At
	}
	return all
}

// Scan goes through the keys of every master, side by side, until it is through
// or its budget is spent. Each step is one round trip: the values of the keys
// found by the step before, and the next keys. visit is called for one key at a
// time, names without a look as soon as they come. Memory does not grow with the
// number of keys.
func (db *DB) Scan(ctx context.Context, spec ScanSpec, visit func(Found)) Scan {
	start := time.Now()
	nodes, failure := db.masters(ctx)
	if failure != nil {
		return Scan{Took: time.Since(start), Parts: []Part{{Source: fault.Source{Name: db.String(), Asked: scanAsked(spec), Took: time.Since(start), Err: failure}}}}
	}
	all := Scan{Parts: make([]Part, len(nodes))}
	var one sync.Mutex
	fault.TogetherEach(len(nodes), func(i int) {
		p := nodes[i].scan(ctx, spec, start, db.cluster != nil, func(f Found) {
			f.Server = i
			one.Lock()
			defer one.Unlock()
			visit(f)
		})
		p.Assumed = db.target.assumed
		all.Parts[i] = p
	})
	all.Took = time.Since(start)
	return all
}

func scanAsked(spec ScanSpec) string {
	asked := "SCAN COUNT 500"
	if spec.Match != "" {
		asked = "SCAN MATCH " + foreign.Text(spec.Match).Quoted() + " COUNT 500"
	}
	if spec.Values {
		asked += "; GETRANGE, PTTL of each"
	} else if spec.TTLs {
		asked += "; PTTL of each"
	}
	return asked
}

// masters lists the servers that hold keys.
func (db *DB) masters(ctx context.Context) ([]node, *fault.Failure) {
	if db.unset != nil {
		return nil, db.unset
	}
	if db.cluster == nil {
		return db.nodes(ctx, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	var mu sync.Mutex
	var nodes []node
	err := db.cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		addr := client.Options().Addr
		nodes = append(nodes, node{name: "redis " + addr, client: client, network: "tcp", addr: addr})
		return nil
	})
	if err != nil {
		return nil, failureOf(err)
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return nodes, nil
}

// others adds the masters that are not among nodes.
func (db *DB) others(ctx context.Context, nodes []node) ([]node, *fault.Failure) {
	all, failure := db.masters(ctx)
	for _, m := range all {
		if !slices.ContainsFunc(nodes, func(n node) bool { return n.name == m.name }) {
			nodes = append(nodes, m)
		}
	}
	return nodes, failure
}

func (n node) hash() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.name)) // a hash takes everything
	return h.Sum32()
}

// page is the keys that one SCAN named, and where the scan is behind them.
type page struct {
	keys []string
	at   Position
}

// scan goes through the keys of one server. Where it stops, all keys that were
// named before have been looked at.
func (n node) scan(ctx context.Context, spec ScanSpec, start time.Time, slotted bool, visit func(Found)) Part {
	p := Part{Source: fault.Source{Name: n.name, Asked: scanAsked(spec)}, At: Position{Server: n.hash()}, slotted: slotted}
	for _, from := range spec.From {
		if from.Server == n.hash() {
			p.At, p.Begin, p.skipped = from, from.Cursor, from.Done
		}
	}
	named := page{at: p.At}
	for {
		more := !named.at.Done && (p.Steps == 0 || time.Since(start) < spec.Budget)
		seen, next, err := n.steady(ctx, spec, &p, named, more)
		if err != nil {
			p.Source.Err = failureOf(err)
			break
		}
		for _, f := range seen {
			visit(f)
		}
		p.At = named.at
		if !more {
			break
		}
		named = next
	}
	p.Source.Took = time.Since(start)
	return p
}

// steady is step, repeated on another connection where the one that was kept turns
// out to be dead.
func (n node) steady(ctx context.Context, spec ScanSpec, p *Part, named page, more bool) (seen []Found, next page, err error) {
	for range maxIdle + 1 {
		seen, next, err = n.step(ctx, spec, p, named, more)
		if fault.NetworkClass(err) != fault.Disconnected {
			break
		}
	}
	return seen, next, err
}

// step looks at the keys that were named and, if more are wanted, has the next
// ones named, in one round trip.
func (n node) step(ctx context.Context, spec ScanSpec, p *Part, named page, more bool) (seen []Found, next page, err error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	pipe := n.client.Pipeline()
	values := make([]*redis.StringCmd, len(named.keys))
	ttls := make([]*redis.DurationCmd, len(named.keys))
	for i, key := range named.keys {
		if spec.Wanted != nil && !spec.Wanted(key) {
			continue
		}
		if spec.Values {
			values[i] = pipe.GetRange(ctx, key, 0, headBytes-1)
		}
		if spec.Values || spec.TTLs {
			ttls[i] = pipe.PTTL(ctx, key)
		}
	}
	var size *redis.IntCmd
	var scan *redis.ScanCmd
	if more {
		if p.Steps == 0 {
			size = pipe.DBSize(ctx)
		}
		scan = pipe.Scan(ctx, named.at.Cursor, spec.Match, scanCount)
	}
	if pipe.Len() > 0 {
		if err := exec(ctx, pipe); err != nil {
			return nil, next, err
		}
	}
	if scan != nil {
		keys, cursor, err := scan.Result()
		if err != nil {
			return nil, next, err
		}
		if size != nil {
			p.Keys = size.Val()
		}
		next = page{keys, Position{Server: n.hash(), Cursor: cursor, Done: cursor == 0}}
		p.Steps, p.Matched, p.width = p.Steps+1, p.Matched+int64(len(keys)), max(p.width, bits.Len64(cursor))
	}
	for i, key := range named.keys {
		f, there := sighted(key, values[i], ttls[i])
		if !there {
			continue
		}
		if refusal := cmp.Or(f.Err, f.TTLErr); refusal != nil {
			p.Refused++
			p.Refusal = cmp.Or(p.Refusal, refusal)
		}
		seen = append(seen, f)
	}
	return seen, next, nil
}

// sighted is what was seen of a key; false when it was gone by then.
func sighted(key string, value *redis.StringCmd, ttl *redis.DurationCmd) (Found, bool) {
	switch {
	case ttl == nil:
		return Found{Key: key}, true
	case value != nil:
		c := Counter{Key: key, head: headBytes}
		c.see(value, ttl, 0)
		return Found{Key: key, Looked: true, Sight: c.First, Err: c.Err, TTLErr: c.TTLErr}, c.First.Exists || c.Err != nil
	}
	f := Found{Key: key, Looked: true, Sight: Sight{Exists: true}}
	switch left, err := ttl.Result(); {
	case err != nil:
		f.TTLErr = failureOf(err)
	case left == -2:
		return f, false
	case left == -1:
		f.Sight.NoTTL = true
	default:
		f.Sight.TTL = left
	}
	return f, true
}
