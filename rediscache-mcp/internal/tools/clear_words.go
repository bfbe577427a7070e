package tools

import (
	"encoding/binary"
	"fmt"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/token"
	"payops-mcp/shared/foreign"
)

// noteOf is what a token carries: when the counter ends by itself, in milliseconds by
// the clock of this process, -1 for never, then the value. seen is when it was looked
// at. The TTL alone would fit the counter of a later window too.
func noteOf(s redisdb.Sight, seen time.Time) []byte {
	end := int64(-1)
	if !s.NoTTL {
		end = seen.Add(s.TTL).UnixMilli()
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(end)), s.Value...) //nolint:gosec // read back as it was
}

// sightOf is what must be left by now of what a token stands for, and when it ends by
// itself; zero for never. A TTL of 0 has ended.
func sightOf(note []byte, now time.Time) (redisdb.Sight, time.Time) {
	s := redisdb.Sight{Exists: true, Value: foreign.Text(note[8:])}
	end := int64(binary.BigEndian.Uint64(note)) //nolint:gosec // noteOf made it
	if end < 0 {
		s.NoTTL = true
		return s, time.Time{}
	}
	at := time.UnixMilli(end)
	s.TTL = max(0, at.Sub(now))
	return s, at
}

// question is what a person is asked before the key is deleted.
func (c *clearing) question(was redisdb.Sight) string {
	ttl := "no TTL: it never resets"
	if !was.NoTTL {
		ttl = "it resets by itself when its TTL ends"
	}
	return fmt.Sprintf("Delete the rate limit counter %s on %s? It holds %s (%s). Clearing means: %s. Reason given: %s",
		foreign.Text(c.key).Quoted(), c.counter.Source, was.Value.Quoted(), ttl, meaning(c.counter), foreign.Text(c.in.Reason).Quoted())
}

// meaning says what clearing a counter would do for its merchant.
func meaning(k diagnose.RateKey) string {
	anew := fmt.Sprintf("the next %s opens a new window of %d s with %d requests", k.Action, int64(k.Limit.Window/time.Second), k.Limit.Capacity)
	if !k.Limit.CapacitySet {
		anew += " (assumed)"
	}
	switch k.State() {
	case diagnose.BlockedForEver:
		return "the merchant is no longer refused; " + anew + ", and a TTL again"
	case diagnose.NeverResets:
		return "the counter that never resets is gone before it blocks; " + anew + ", and a TTL again"
	case diagnose.Blocked, diagnose.AtLimit:
		return "the limiter does its work here and the block ends by itself; clearing lets more through than the limit allows: " + anew
	case diagnose.Corrupt:
		return "the merchant is limited again; " + anew
	case diagnose.Off:
		return "nothing for the merchant: this action is not limited by configuration"
	case diagnose.Free, diagnose.Unread, diagnose.NoWindow, diagnose.NotEnforced:
	}
	return "the merchant is not blocked, and gets more than the limit allows: " + anew
}

// doubtOf is why an outcome leaves the verdict unknown whatever the counter looks
// like now.
func doubtOf(outcome redisdb.Outcome) string {
	switch outcome {
	case redisdb.Unproven:
		return "the connection broke before Redis answered: whether the key was deleted by this call is not known"
	case redisdb.Refused:
		return "the key was not deleted"
	}
	return ""
}

// advice is what to do after an outcome.
func (c *clearing) advice(outcome redisdb.Outcome) []string {
	del := "DEL " + keyspace.CLI(c.key)
	switch outcome {
	case redisdb.Changed:
		return []string{"call again without confirm to see it as it is now; where requests arrive faster than anybody can confirm, a human deletes exactly this key: " + del + " (redis-cli)"}
	case redisdb.Cleared:
		return []string{"check_rate_limit tells whether the next counter has a TTL; ingest loses it where it stops between INCR and EXPIRE"}
	case notCounter:
		return []string{"no counter is of this kind or so long, so it may be somebody's data: a human looks at it first, then " + del + " (redis-cli)"}
	case redisdb.Refused:
		return []string{"a human with the rights can delete exactly this key: " + del + " (redis-cli)"}
	}
	return nil
}

// summary is one line: what came of it, and how the counter stands.
func (c *clearing) summary(outcome redisdb.Outcome, before diagnose.RateKey) string {
	of := fmt.Sprintf("%s of merchant %s", c.in.Action, foreign.Text(c.in.MerchantID).Quoted())
	now := useWords(c.counter)
	switch outcome {
	case shown:
		return fmt.Sprintf("NOT CLEARED YET - %s: %s. To delete it, call again with confirm and reason within %d s", of, now, int64(token.Life/time.Second))
	case nothing:
		return "NOTHING TO CLEAR - " + of + ": " + now
	case notRead:
		if c.counter.Counter.Err == nil {
			return "NOT CLEARED - " + of + ": its TTL could not be read"
		}
		return "NOT CLEARED - " + of + ": " + unread(c.reading.Servers)
	case notCounter:
		return "NOT CLEARED - " + of + ": what the key holds is no counter, and is left to a human"
	case redisdb.Cleared:
		return fmt.Sprintf("CLEARED - %s held %s; now: %s", of, heldWords(*c.answer.Data.Held), now)
	case redisdb.Changed:
		if !c.ended.IsZero() {
			return fmt.Sprintf("NOT CLEARED - %s: the counter that was shown ended by itself at %s; now: %s", of, c.byServer(c.ended).Format(time.TimeOnly), now)
		}
		return fmt.Sprintf("NOT CLEARED - %s is not what was shown any more; now: %s", of, now)
	case redisdb.Gone:
		return fmt.Sprintf("NOT CLEARED - %s: the counter was gone already; now: %s", of, now)
	case declined:
		return "NOT CLEARED - the person who was asked said no; " + of + ": " + now
	case redisdb.Unproven:
		return fmt.Sprintf("NOT KNOWN - %s: the connection broke on the way; before: %s; now: %s", of, useWords(before), now)
	case redisdb.Refused:
		return fmt.Sprintf("NOT CLEARED - Redis refused it (%s); %s: %s", c.failed[0].Source.Err.Class, of, now)
	}
	return "NOT CLEARED - " + of + ": " + now
}

// byServer is a moment of this process's clock by that of Redis, where it tells it.
func (c *clearing) byServer(at time.Time) time.Time {
	if clock := c.reading.Clock(); !clock.IsZero() {
		return clock.Add(-c.seen.Sub(at))
	}
	return at.In(c.Zone)
}

func heldWords(h HeldCounter) string {
	if h.ResetsInS == nil {
		return h.Value.Quoted() + ", no TTL"
	}
	return fmt.Sprintf("%s, TTL %d s", h.Value.Quoted(), *h.ResetsInS)
}
