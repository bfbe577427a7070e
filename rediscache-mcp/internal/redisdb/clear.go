package redisdb

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// MaxClearable is the longest value, in bytes, that Clear deletes: nothing longer is
// a counter.
const MaxClearable = headBytes - 1

// clearScript deletes a key if it still holds what it was shown to hold. A TTL only
// gets shorter by itself: a longer one, one that came or one that went means that
// somebody has changed the key since, and one where the time is up that it is another
// counter. ARGV: the value, and what must be left of the TTL in milliseconds, -1 for
// none.
const clearScript = `
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'none' then return {'gone'} end
if kind ~= 'string' then return {'changed', kind, -1} end
local value = redis.call('GETRANGE', KEYS[1], 0, 63)
local ttl = redis.call('PTTL', KEYS[1])
local shown = tonumber(ARGV[2])
if value ~= ARGV[1] or (shown < 0) ~= (ttl < 0) or shown == 0 or ttl > shown + 1000 then return {'changed', value, ttl} end
redis.call('DEL', KEYS[1])
return {'cleared', value, ttl}`

// Outcome is what became of a Clear.
type Outcome string

// The outcomes of a Clear.
const (
	Cleared  Outcome = "cleared"
	Changed  Outcome = "changed"   // it holds something else now, and was left alone
	Gone     Outcome = "gone"      // it was not there any more
	Refused  Outcome = "refused"   // Redis did not do it
	Unproven Outcome = "not_known" // the connection broke before the answer: it may have been done
)

// Clearing is what became of a Clear.
type Clearing struct {
	Outcome Outcome
	Source  fault.Source
	Held    Sight // what the key held then; for Cleared and Changed
}

// Clear deletes one key, in one step, if it still is what shown says; its TTL is what
// must be left by now of the one that was shown. It never sends the order twice.
func (db *DB) Clear(ctx context.Context, key string, shown Sight) Clearing {
	start := time.Now()
	c := db.clear(ctx, key, shown)
	if db.cluster != nil && c.Outcome == Refused && c.Source.Err.Class == fault.WrongServer {
		r := Reading{Counters: []Counter{{Key: key, Err: c.Source.Err}}, Servers: []Server{{Source: c.Source}}}
		if db.reload(ctx, []string{key}, r) {
			c = db.clear(ctx, key, shown) // it was sent on and not done
		}
		if c.Source.Err != nil && c.Source.Err.Class == fault.WrongServer {
			c.Source.Err.Next = moving
		}
	}
	c.Source.Took = time.Since(start)
	return c
}

func (db *DB) clear(ctx context.Context, key string, shown Sight) Clearing {
	c := Clearing{Outcome: Refused, Source: fault.Source{Name: db.String(), Asked: "EVAL: DEL if unchanged"}}
	nodes, failure := db.nodes(ctx, []string{key})
	if failure != nil {
		c.Source.Err = failure
		return c
	}
	c.Source.Name = nodes[0].name
	ttl := int64(-1)
	if !shown.NoTTL {
		ttl = shown.TTL.Milliseconds()
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	answer, err := nodes[0].client.Eval(ctx, clearScript, []string{key}, string(shown.Value), ttl).Slice()
	if err != nil {
		c.Source.Err = failureOf(err)
		if _, reply := errors.AsType[redis.Error](err); !reply && c.Source.Err.Class != fault.Unreachable && c.Source.Err.Class != CannotConnect {
			c.Outcome = Unproven
		}
		return c
	}
	return c.read(answer)
}

// read takes the script's answer.
func (c Clearing) read(answer []any) Clearing {
	word, _ := answer[0].(string)
	c.Outcome = Outcome(word)
	if len(answer) == 3 {
		value, _ := answer[1].(string)
		left, _ := answer[2].(int64)
		c.Held = Sight{Exists: true, Value: foreign.Text(value), NoTTL: left < 0, TTL: max(0, time.Duration(left)*time.Millisecond)}
	}
	return c
}
