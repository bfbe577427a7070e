package promql

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is asked further, of breakers whose state changed or is no longer
// scraped.
const (
	// staysQuery gives every scrape of some series of the state in a time; each
	// %s but the last is a list of names, see oneOf.
	staysQuery = `resilience4j_circuitbreaker_state{job="ingest-service", instance=~%s, name=~%s, state=~%s}[%s]`

	// lastSeenQuery gives when an instance was last scraped, to five minutes.
	lastSeenQuery = `max(max_over_time(timestamp(up{job="ingest-service"})[7d:5m]))`
)

// states are the states there are, as the service spells them; in Prometheus
// they are in lower case.
var states = []string{"CLOSED", "OPEN", "HALF_OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY"}

// another stands for any state whose series was not asked for, or for none.
const another = "another"

// stay is a run of scrapes that saw the same state.
type stay struct {
	state       string
	first, last time.Time
}

// trace finds out how breakers came to their states. It asks only for those that
// changed within a day, that are new, or whose series have ended; of the latter
// it learns the last state there was. A day of samples is much to read, and most
// of what is asked about in a hurry changed within the hour.
func (c *Client) trace(ctx context.Context, a *answers, instances map[string]*instance) {
	asked := choose(instances, func(b *breaker) bool {
		return b.changes > 0 || b.At.IsZero() || b.History.From.IsZero()
	})
	for k, stays := range c.stays(ctx, a, asked, (*breaker).needed, "1h") {
		b := asked[k]
		b.stays = stays
		if last := stays[len(stays)-1]; b.At.IsZero() && last.state != another {
			b.At, b.ones = last.last, []string{last.state}
		}
	}
	older := choose(instances, func(b *breaker) bool { return b.changes > 0 && len(b.stays) == 1 && len(b.ones) == 1 })
	for k, stays := range c.stays(ctx, a, older, func(b *breaker) []string { return b.ones }, "24h") {
		if len(stays) > 1 {
			older[k].stays = stays
		}
	}
}

// needed are the states whose series tell how a breaker came to the present one.
func (b *breaker) needed() []string {
	switch {
	case len(b.ones) != 1:
		return states
	case b.ones[0] == "OPEN" || b.ones[0] == "HALF_OPEN":
		return []string{"OPEN", "HALF_OPEN"}
	}
	return b.ones
}

// stays asks for the stays of breakers in a time. The lists of names take more
// breakers and series than were asked for where they differ; those are left out
// again, so that what is seen of a breaker does not depend on the others.
func (c *Client) stays(ctx context.Context, a *answers, asked chosen, needed func(*breaker) []string, window string) map[key][]stay {
	if len(asked) == 0 || a.failure != nil {
		return nil
	}
	scrapes := c.scrapes(ctx, a, fmt.Sprintf(staysQuery,
		asked.oneOf(func(k key, _ *breaker) []string { return []string{k.instance} }),
		asked.oneOf(func(k key, _ *breaker) []string { return []string{k.name} }),
		asked.oneOf(func(_ key, b *breaker) []string { return needed(b) }), window), a.at)
	return staysOf(slices.DeleteFunc(scrapes, func(s series) bool {
		b := asked[keyOf(s)]
		return b == nil || !slices.Contains(needed(b), stateOf(s))
	}))
}

// lastSeen asks when any instance was last scraped.
func (c *Client) lastSeen(ctx context.Context, a *answers) time.Time {
	for _, s := range c.samples(ctx, a, lastSeenQuery, a.at) {
		return seconds(s.value())
	}
	return time.Time{}
}

// key names a breaker of an instance, as the labels do.
type key struct{ instance, name string }

func keyOf(s series) key { return key{s.get("instance"), s.get("name")} }

// chosen are breakers that more is asked about.
type chosen map[key]*breaker

func choose(instances map[string]*instance, want func(*breaker) bool) chosen {
	c := chosen{}
	for i, in := range instances {
		for name, b := range in.breakers {
			if want(b) {
				c[key{i, name}] = b
			}
		}
	}
	return c
}

// oneOf writes names as the string of a PromQL matcher =~ that takes just them.
func (c chosen) oneOf(names func(key, *breaker) []string) string {
	var all []string
	for k, b := range c {
		for _, name := range names(k, b) {
			if slices.Contains(states, name) {
				name = strings.ToLower(name)
			}
			all = append(all, regexp.QuoteMeta(name))
		}
	}
	return quotedAny(all)
}

// anyOf writes names as the string of a PromQL matcher =~ that takes just them.
func anyOf(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return quotedAny(quoted)
}

func quotedAny(patterns []string) string {
	slices.Sort(patterns)
	return strconv.Quote(strings.Join(slices.Compact(patterns), "|"))
}

func stateOf(s series) string { return strings.ToUpper(s.get("state")) }

// staysOf makes runs of states of the samples of their series. A scrape that saw
// two states at once came in the middle of a change and tells nothing.
func staysOf(m []series) map[key][]stay {
	scrapes := map[key]map[int64][]string{} // the states that are 1
	for _, of := range m {
		k, state := keyOf(of), stateOf(of)
		if scrapes[k] == nil {
			scrapes[k] = make(map[int64][]string, len(of.points))
		}
		for _, p := range of.points {
			ones := scrapes[k][p.at]
			if p.value == 1 && !slices.Contains(ones, state) {
				ones = append(ones, state)
			}
			scrapes[k][p.at] = ones
		}
	}
	all := map[key][]stay{}
	for k, at := range scrapes {
		for _, t := range slices.Sorted(maps.Keys(at)) {
			switch ones := at[t]; len(ones) {
			case 0:
				all[k] = extend(all[k], another, time.UnixMilli(t).UTC())
			case 1:
				all[k] = extend(all[k], ones[0], time.UnixMilli(t).UTC())
			}
		}
	}
	return all
}

func extend(stays []stay, state string, at time.Time) []stay {
	if n := len(stays); n > 0 && stays[n-1].state == state {
		stays[n-1].last = at
		return stays
	}
	return append(stays, stay{state, at, at})
}

// recall fills in the history from the stays.
func (b *breaker) recall() {
	h := &b.History
	if n := len(b.stays); n > 0 {
		if first := b.stays[0].first; h.From.IsZero() || first.Before(h.From) {
			h.From = first
		}
		if n > 1 && b.stays[n-1].state == b.State {
			h.Since, h.Before = b.stays[n-1].first, b.stays[n-2].last
		}
	}
	for n := len(b.stays) - 1; n > 0; n-- {
		switch from, to := b.stays[n-1].state, b.stays[n].state; {
		case from == "HALF_OPEN" && to == "OPEN":
			h.Swings++
			h.Reopened++
		case from == "OPEN" && to == "HALF_OPEN":
			h.Swings++
		default:
			if to == "OPEN" || to == "HALF_OPEN" {
				h.Left = b.stays[n].first
			}
			return
		}
	}
}
