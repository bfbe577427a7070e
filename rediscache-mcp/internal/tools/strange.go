package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/foreign"
)

// glance is how many keys are gone through to see what a Redis is for: of a busy one
// some of every hundred are counters, and more are cached answers.
const glance = 2000

// glanceTime is how long a look at what a Redis is for may take.
const glanceTime = 200 * time.Millisecond

// looksAlike is how many keys that may be counters by another name are looked at.
const looksAlike = 20

// strange doubts that this is the payment system's Redis, seen by the right templates,
// where it has keys and no counter: with a wrong template every merchant would look
// idle. Cached answers alone are what it has in a quiet minute, for they live ten times
// as long as a counter, unless other keys are named after an action. On a Redis that
// is too large to go through, a part without a counter proves nothing.
func (d Deps) strange(ctx context.Context) string {
	counters, answers := 0, 0
	var alike []string
	scan := d.Redis.Scan(ctx, redisdb.ScanSpec{MaxKeys: glance, Budget: redisdb.Budget(ctx, glanceTime)}, func(f redisdb.Found) {
		_, _, counter := d.RateKey.Parse(f.Key)
		switch {
		case counter:
			counters++
		case d.IdemKey.Has(f.Key):
			answers++
		case len(alike) < looksAlike && (d.RateKey.Has(f.Key) || namesAction(f.Key)):
			alike = append(alike, f.Key)
		}
	})
	switch refused := slices.IndexFunc(scan.Parts, func(p redisdb.Part) bool { return !p.Source.OK() }); {
	case refused >= 0 && len(scan.Parts) == 1:
		return "no counter, and whether Redis has any could not be looked at: " + foreign.Text(scan.Parts[0].Source.Err.Error()).Quoted()
	case counters > 0:
		return ""
	case scan.Keys() == 0:
		return besides(d.Redis.Survey(ctx, nil, nil).Servers)
	}
	if key := d.counting(ctx, alike); key != "" && (scan.Done() || !d.hasCounter(ctx)) {
		keys := "keys like " + foreign.Text(key).Quoted()
		if d.Scope.Limited() { // it names a merchant
			keys = "other keys"
		}
		return fmt.Sprintf("no counter, but %s that count: is RATE_LIMIT_KEY_TEMPLATE (%s) what ingest has?", keys, d.RateKey)
	}
	if answers > 0 || !scan.Done() {
		return ""
	}
	return fmt.Sprintf("none of %d keys in Redis is a counter or a cached answer: either no merchant sent a request for minutes, or RATE_LIMIT_KEY_TEMPLATE (%s) is not what ingest has, or REDIS_URL is not its Redis", scan.Keys(), d.RateKey)
}

// hasCounter looks for a counter that a glance at a few of many keys has missed: beside
// other applications, whose keys may be named after an action and count, that is likely.
func (d Deps) hasCounter(ctx context.Context) bool {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	found := false
	d.Redis.Scan(ctx, redisdb.ScanSpec{Match: d.RateKey.Pattern(""), Budget: redisdb.Budget(ctx, glanceTime)}, func(f redisdb.Found) {
		if _, _, counter := d.RateKey.Parse(f.Key); counter {
			found = true
			stop()
		}
	})
	return found
}

// besides doubts a database without keys beside others that have some.
func besides(servers []redisdb.Server) string {
	for _, s := range servers {
		if s.Info == nil {
			continue
		}
		if others := s.Info.Keys - s.Info.Own.Keys; others > 0 {
			return fmt.Sprintf("this database of Redis is empty, and others of it hold %d keys: is the number at the end of REDIS_URL right?", others)
		}
	}
	return ""
}

// counting is the first of some keys that holds a whole number.
func (d Deps) counting(ctx context.Context, keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	once := map[string]redisdb.Seen{}
	for _, k := range keys {
		once[k] = redisdb.Seen{Once: true}
	}
	for _, c := range d.Redis.Survey(ctx, keys, once).Counters {
		s := c.Last()
		if _, whole := limiter.Count(string(s.Value)); c.Err == nil && s.Exists && !s.WrongType && whole {
			return c.Key
		}
	}
	return ""
}

// namesAction reports whether one of the parts of a key is the name of an action, as in
// every counter of whatever template.
func namesAction(key string) bool {
	parts := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return strings.ContainsRune(":/.|-_{}", r) })
	return slices.ContainsFunc(keyspace.Actions, func(a keyspace.Action) bool { return slices.Contains(parts, string(a)) })
}
