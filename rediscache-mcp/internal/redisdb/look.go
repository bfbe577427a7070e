package redisdb

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// look asks one server for counters, fills them, and looks again where it must.
func (db *DB) look(ctx context.Context, n node, counters []Counter, seen map[string]Seen) Server {
	keys := make([]string, len(counters))
	for i := range counters {
		keys[i] = counters[i].Key
	}
	s := Server{Source: fault.Source{Name: n.name, Asked: asked(keys)}, addr: n.addr}
	start := time.Now()
	info, err := n.sight(ctx, counters, start)
	for range maxIdle {
		if fault.NetworkClass(err) != fault.Disconnected {
			break
		}
		// A server that was restarted since the last question hung up on the
		// connections that we kept: that says nothing about it now.
		info, err = n.sight(ctx, counters, start)
	}
	s.Source.Took = time.Since(start)
	if err != nil {
		s.Source.Err = failureOf(err)
		for i := range counters {
			counters[i].Err = s.Source.Err
		}
		return s
	}
	for i := range counters {
		counters[i].since(seen[counters[i].Key])
	}
	for _, c := range counters {
		if failure := cmp.Or(c.Err, c.TTLErr); failure != nil {
			s.Source.Err = failure
		}
	}
	text, err := info.Result()
	if err != nil {
		s.InfoErr = failureOf(err)
	} else {
		parsed := parseInfo(text, db.target.db)
		s.Info, s.Clock = &parsed, parsed.Time
		s.Before = db.remember(n.name, parsed)
	}
	if s.Source.Took > SlowAbove {
		s.Pace = n.pace(ctx)
	}
	n.settle(ctx, &s, counters)
	if wait := waitFor(s, counters, seen); wait > 0 {
		db.again(ctx, n, &s, counters, start, wait)
	}
	if s.Info != nil {
		n.askWaits(ctx, s.Info)
	}
	return s
}

// sight asks for all counters and for INFO in one round trip. The error is that
// of the connection; each key has its own besides.
//
// A lookup by GETRANGE or PTTL counts as a keyspace hit or miss, as one by TYPE,
// STRLEN, EXISTS or OBJECT does, and the payment system's own hit rate rests on
// few lookups. So no more than these two are made of a key that is in order, and
// a probe that counts nothing (MEMORY USAGE, DBSIZE) is taken where one will do.
func (n node) sight(ctx context.Context, counters []Counter, start time.Time) (*redis.StringCmd, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	pipe := n.client.Pipeline()
	values := make([]*redis.StringCmd, len(counters))
	ttls := make([]*redis.DurationCmd, len(counters))
	for i, c := range counters {
		n.before(ctx, pipe)
		values[i] = pipe.GetRange(ctx, c.Key, 0, int64(c.head)-1)
		n.before(ctx, pipe)
		ttls[i] = pipe.PTTL(ctx, c.Key)
	}
	info := pipe.Info(ctx)
	if err := exec(ctx, pipe); err != nil {
		return nil, err
	}
	for i := range counters {
		counters[i].see(values[i], ttls[i], time.Since(start))
	}
	return info, nil
}

// exec runs a pipeline and returns the error that leaves it without answers, if
// any. An error reply to one of the commands is left to that command.
func exec(ctx context.Context, pipe redis.Pipeliner) error {
	cmds, err := pipe.Exec(ctx)
	if err == nil {
		return nil
	}
	answered := false
	for _, cmd := range cmds {
		if cmd.Err() == nil {
			continue
		}
		if _, reply := errors.AsType[redis.Error](cmd.Err()); !reply {
			return cmd.Err() // the connection broke
		}
		answered = true
	}
	if !answered {
		// Redis refused the first words on the connection (HELLO, AUTH, SELECT).
		// go-redis puts that down to none of the commands, so that all of them
		// look answered, with nothing.
		return err
	}
	return nil
}

// see fills in the first sight of a key.
func (c *Counter) see(value *redis.StringCmd, ttl *redis.DurationCmd, after time.Duration) {
	c.First = Sight{Exists: true, After: after}
	text, err := value.Result()
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE"):
		c.First.WrongType = true
	case err != nil:
		c.Err = failureOf(err)
		return
	}
	c.First.Value, c.First.Cut = foreign.Text(text), len(text) == c.head
	left, err := ttl.Result()
	switch {
	case err != nil:
		c.TTLErr = failureOf(err)
		c.First.Exists = c.First.WrongType || text != ""
	case left == -2:
		// Not there, or gone since its value was read: an expired counter is as
		// good as none.
		c.First = Sight{After: after}
	case left == -1:
		c.First.NoTTL = true
	default:
		c.First.TTL = left
	}
}

// settle asks in one more round trip what the first one has left open.
func (n node) settle(ctx context.Context, s *Server, counters []Counter) {
	pipe := n.client.Pipeline()
	types := map[int]*redis.StatusCmd{}
	lengths := map[int]*redis.IntCmd{}
	for i, c := range counters {
		if c.Err != nil || !c.First.Odd() {
			continue
		}
		n.before(ctx, pipe)
		types[i] = pipe.Type(ctx, c.Key)
		if !c.First.WrongType {
			n.before(ctx, pipe)
			lengths[i] = pipe.StrLen(ctx, c.Key)
		}
	}
	var stops, saves *redis.MapStringStringCmd
	if s.Info != nil && s.Info.SnapshotOK != nil && !*s.Info.SnapshotOK {
		stops, saves = pipe.ConfigGet(ctx, "stop-writes-on-bgsave-error"), pipe.ConfigGet(ctx, "save")
	}
	var clock *redis.TimeCmd
	if s.Clock.IsZero() { // TIME is not among the rights of a least account; INFO tells it since 6.2
		clock = pipe.Time(ctx)
	}
	if pipe.Len() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	if exec(ctx, pipe) != nil {
		return // what it would have told stays unknown
	}
	for i, cmd := range types {
		counters[i].Type = foreign.Text(cmd.Val())
	}
	for i, cmd := range lengths {
		if cmd.Err() == nil {
			n := cmd.Val()
			counters[i].Length = &n
		}
	}
	if stops != nil {
		s.StopsWrites = is(stops, "stop-writes-on-bgsave-error", func(v string) bool { return v == "yes" })
		s.Snapshots = is(saves, "save", func(v string) bool { return v != "" })
	}
	if clock != nil && clock.Err() == nil {
		s.Clock = clock.Val()
	}
}

func is(cmd *redis.MapStringStringCmd, name string, yes func(string) bool) *bool {
	value, ok := cmd.Val()[name]
	if cmd.Err() != nil || !ok {
		return nil
	}
	b := yes(value)
	return &b
}

// Odd reports whether a key holds what no counter of the payment system looks like.
func (s Sight) Odd() bool {
	if !s.Exists {
		return false
	}
	if s.WrongType || s.Cut || s.Value == "" {
		return true
	}
	for _, c := range []byte(s.Value) {
		if (c < '0' || c > '9') && c != '-' {
			return true
		}
	}
	return false
}

// unsettled reports whether one sight is not enough: a counter without a TTL may
// be about to get it, an empty value may be a key that expired on the way.
func (s Sight) unsettled() bool {
	return s.Exists && (s.NoTTL && !s.Odd() || s.Value == "" && !s.WrongType)
}

// since makes an earlier sight the first one, and the first one the second, where
// that settles what one sight leaves open.
func (c *Counter) since(seen Seen) {
	age := time.Since(seen.At)
	if c.Err != nil || c.TTLErr != nil || age < RecheckAfter || !c.First.unsettled() || !seen.Sight.unsettled() || seen.Sight.NoTTL != c.First.NoTTL {
		return
	}
	before, _ := strconv.ParseInt(string(seen.Sight.Value), 10, 64)
	if now, _ := strconv.ParseInt(string(c.First.Value), 10, 64); now < before {
		return // another counter stands there now
	}
	second := c.First
	second.After, c.First, c.Second = age, seen.Sight, &second
}

// waitFor says after what time a server must be looked at again; 0 is not at all.
func waitFor(s Server, counters []Counter, seen map[string]Seen) time.Duration {
	if s.Before == nil && s.Info != nil && (s.Info.nearlyFull() || s.Info.refusedOnce()) || s.refusedOf() {
		return growAfter
	}
	for _, c := range counters {
		if c.Err == nil && c.Second == nil && c.First.unsettled() && !seen[c.Key].Once {
			return RecheckAfter
		}
	}
	return 0
}

// again looks a second time at keys without a TTL and at a server that may be
// refusing writes. What it cannot see then stays as it was.
func (db *DB) again(ctx context.Context, n node, s *Server, counters []Counter, start time.Time, wait time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(wait):
	}
	second := make([]Counter, len(counters))
	for i := range counters {
		second[i].Key, second[i].head = counters[i].Key, counters[i].head
	}
	info, err := n.sight(ctx, second, start)
	if err != nil {
		return
	}
	for i := range counters {
		if counters[i].Second == nil && counters[i].Err == nil && counters[i].First.Exists && second[i].Err == nil && second[i].TTLErr == nil {
			counters[i].Second = &second[i].First
		}
	}
	if text, err := info.Result(); err == nil {
		later := parseInfo(text, db.target.db)
		switch {
		case wait < growAfter || s.Info == nil || later.RunID != s.Info.RunID:
		case s.Before == nil:
			s.Before, s.Info = s.Info, &later
		default:
			s.Lately, s.Info = s.Info, &later
		}
	}
}
