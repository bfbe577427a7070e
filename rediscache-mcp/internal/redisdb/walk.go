package redisdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// ahead is how many pages are named before they are looked at. While this machine
// reads the answers about one page, Redis names the next: it has one thread, and none
// of its time is wasted.
const ahead = 2

// page is the keys that one SCAN named, and how far the walk is behind them.
type page struct {
	keys []string
	part Part
	err  error // the walk ended here, and not because it was through
}

// scan goes through the keys of one server. One connection names them and another
// looks at them; each belongs to the scan alone, for a cursor means nothing to
// another process of Redis, and none may come between unseen. Where the scan stops,
// all keys that were named before have been looked at.
func (n node) scan(ctx context.Context, spec ScanSpec, start time.Time, slotted bool, visit func(Found), told func(Part)) (p Part) {
	p = Part{Source: fault.Source{Name: n.name, Asked: scanAsked(spec)}, slotted: slotted}
	defer func() { p.Source.Took = time.Since(start) }()
	l, err := n.line(ctx)
	if err != nil {
		p.Source.Err = failureOf(err)
		p.At = Position{Server: n.hash("")}
		return p
	}
	p.Keys, p.Sized, p.At = l.keys, true, Position{Server: n.hash(l.process)}
	for _, from := range spec.From {
		if from.Server == p.At.Server {
			p.At, p.Begin, p.skipped = from, from.Cursor, from.Done
		}
	}
	p.Anew = len(spec.From) > 0 && !slices.ContainsFunc(spec.From, func(f Position) bool { return f.Server == p.At.Server })

	ctx, stop := context.WithCancel(ctx)
	pages := make(chan page, ahead)
	go n.walk(ctx, l, spec, start, p, pages)
	defer func() {
		stop()
		for range pages { // the walk has let go of its connection when they end
		}
	}()
	look := looker{node: n, spec: spec, process: l.process, cluster: slotted}
	defer look.close()
	for named := range pages {
		seen, err := look.at(ctx, named.keys)
		if err = cmp.Or(err, named.err); err != nil {
			p.Source.Err = failureOf(err)
			if other, is := errors.AsType[*otherProcessError](err); is {
				p.At, p.Begin = Position{Server: n.hash(other.process)}, 0
			}
			return p
		}
		refused, refusal := p.Refused, p.Refusal
		p = named.part
		p.Refused, p.Refusal = refused, refusal
		for _, f := range seen {
			if refusal := cmp.Or(f.Err, f.TTLErr); refusal != nil {
				p.Refused++
				p.Refusal = cmp.Or(p.Refusal, refusal)
			}
			visit(f)
		}
		told(p)
	}
	return p
}

// walk names keys, page by page, until it is through or the budget is spent.
func (n node) walk(ctx context.Context, l *line, spec ScanSpec, start time.Time, p Part, pages chan<- page) {
	defer close(pages)
	defer func() { l.close() }()
	for !p.At.Done && (p.Steps == 0 || time.Since(start) < spec.Budget && !p.spent(spec.MaxKeys)) {
		keys, cursor, err := l.names(ctx, p.At.Cursor, spec.Match)
		if fault.NetworkClass(err) == fault.Disconnected {
			if l, err = n.again(ctx, l); err == nil {
				continue // by the same process: the same step once more
			}
		}
		p.At.Cursor, p.At.Done = cursor, cursor == 0
		p.Steps, p.Matched, p.width = p.Steps+1, p.Matched+int64(len(keys)), max(p.width, bits.Len64(cursor))
		select {
		case pages <- page{keys, p, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (l *line) names(ctx context.Context, cursor uint64, match string) ([]string, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	return l.conn.Scan(ctx, cursor, match, scanCount).Result()
}

// looker looks at keys, over a connection of its own to one process of Redis.
type looker struct {
	node    node
	spec    ScanSpec
	process string
	line    *line // nil before it is needed
	cluster bool
}

func (k *looker) close() {
	if k.line != nil {
		k.line.close()
	}
}

// at looks at the keys of a page, in one round trip. What is gone is left out.
func (k *looker) at(ctx context.Context, keys []string) (seen []Found, err error) {
	if !k.spec.Values && !k.spec.TTLs {
		for _, key := range keys {
			seen = append(seen, Found{Key: key})
		}
		return seen, nil
	}
	if k.line == nil {
		if k.line, err = k.node.line(ctx); err == nil && k.line.process != k.process {
			err = &otherProcessError{k.line.process}
		}
	}
	for err == nil {
		if seen, err = k.once(ctx, keys); fault.NetworkClass(err) != fault.Disconnected {
			return seen, err
		}
		k.line, err = k.node.again(ctx, k.line)
	}
	return nil, err
}

func (k *looker) once(ctx context.Context, keys []string) (seen []Found, err error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	pipe := k.line.conn.Pipeline()
	values := make([]*redis.StringCmd, len(keys))
	ttls := make([]*redis.DurationCmd, len(keys))
	for i, key := range keys {
		if k.spec.Wanted != nil && !k.spec.Wanted(key) {
			continue
		}
		if k.spec.Values {
			values[i] = pipe.GetRange(ctx, key, 0, headBytes-1)
		}
		ttls[i] = pipe.PTTL(ctx, key)
	}
	if pipe.Len() > 0 {
		if err := exec(ctx, pipe); err != nil {
			return nil, err
		}
	}
	if err := k.insist(ctx, keys, values, ttls); err != nil {
		return nil, err
	}
	heads, err := k.heads(ctx, keys, ttls)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for i, key := range keys {
		if f, there := sighted(key, values[i], ttls[i]); there {
			if f.At = now; heads[i] != nil {
				f.Sight.Value, f.Sight.WrongType = foreign.Text(heads[i].Val()), wrongType(heads[i].Err())
			}
			seen = append(seen, f)
		}
	}
	return seen, nil
}

// heads asks for the values of keys without a TTL, where that is wanted: a page in order
// costs no round trip more. One that is not told stays empty.
func (k *looker) heads(ctx context.Context, keys []string, ttls []*redis.DurationCmd) ([]*redis.StringCmd, error) {
	heads := make([]*redis.StringCmd, len(keys))
	if k.spec.Endless == nil {
		return heads, nil
	}
	pipe := k.line.conn.Pipeline()
	for i, key := range keys {
		if ttls[i] != nil && ttls[i].Err() == nil && ttls[i].Val() == -1 && k.spec.Endless(key) {
			heads[i] = pipe.GetRange(ctx, key, 0, headBytes-1)
		}
	}
	if pipe.Len() == 0 {
		return heads, nil
	}
	return heads, exec(ctx, pipe)
}

// insist asks once more for the keys that the server named and then sent us elsewhere
// for: it is taking over their slot, and they are there.
func (k *looker) insist(ctx context.Context, keys []string, values []*redis.StringCmd, ttls []*redis.DurationCmd) error {
	if !k.cluster {
		return nil
	}
	pipe := k.line.conn.Pipeline()
	for i, key := range keys {
		if ttls[i] == nil || !strings.HasPrefix(fmt.Sprint(ttls[i].Err()), "MOVED ") {
			continue
		}
		if values[i] != nil {
			asking(ctx, pipe)
			values[i] = pipe.GetRange(ctx, key, 0, headBytes-1)
		}
		asking(ctx, pipe)
		ttls[i] = pipe.PTTL(ctx, key)
	}
	if pipe.Len() == 0 {
		return nil
	}
	return exec(ctx, pipe)
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
