package tools

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
)

func uses(keys []diagnose.RateKey) []RateUse {
	all := make([]RateUse, len(keys))
	for i, k := range keys {
		u := RateUse{Action: string(k.Action), State: k.Effect(), Capacity: k.Limit.Capacity, WindowS: int64(k.Limit.Window / time.Second),
			Limits: k.Limit.From(), Key: foreign.Text(k.Counter.Key)}
		if k.State() == diagnose.NoWindow {
			none, zero := int64(0), 0.0
			u.Count, u.UsedPercent = &none, &zero
		}
		if n, ok := k.Count(); ok {
			u.Count = &n
			if !k.Limit.Off() {
				p := k.Limit.Percent(n)
				u.UsedPercent = &p
			}
		}
		if left := resetsIn(k); left > 0 {
			s := int64((left + time.Second - 1) / time.Second)
			u.ResetsInS = &s
		}
		all[i] = u
	}
	return all
}

// resetsIn is the time until a counter ends; 0 when there is none, or no end.
func resetsIn(k diagnose.RateKey) time.Duration {
	return k.Counter.Last().TTL
}

// assumed says why an answer that looks healthy is not known to be: a count means
// something only beside the capacity that ingest runs with.
func assumed(keys []diagnose.RateKey) string {
	var names []string
	for _, k := range keys {
		if n, ok := k.Count(); ok && n > 0 && !k.Limit.CapacitySet {
			names = append(names, fmt.Sprintf("APP_RATE_LIMIT_%s_CAPACITY", strings.ToUpper(string(k.Action))))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "the capacity is assumed: set " + strings.Join(names, ", ") + " to what ingest runs with"
}

func looked(keys []diagnose.RateKey) string {
	read := 0
	for _, k := range keys {
		if k.Counter.Err == nil {
			read++
		}
	}
	return fmt.Sprintf("%d of %d keys, by exact name", read, len(keys))
}

// headlines are what a summary begins with, the worst first.
var headlines = []struct {
	words string
	holds func(k diagnose.RateKey) bool
}{
	{"LIMITER OFF (Redis refuses writes)", func(k diagnose.RateKey) bool { return k.FailingOpen }},
	{"BLOCKED FOR EVER", func(k diagnose.RateKey) bool { return k.State() == diagnose.BlockedForEver && k.Limit.CapacitySet }},
	{"BLOCKED", func(k diagnose.RateKey) bool { return k.State() == diagnose.Blocked && k.Limit.CapacitySet }},
	{"NOT LIMITED (corrupt counter)", func(k diagnose.RateKey) bool { return k.State() == diagnose.Corrupt }},
	{"COUNTER NEVER RESETS", func(k diagnose.RateKey) bool { return k.State() == diagnose.NeverResets }},
	{"AT THE LIMIT", func(k diagnose.RateKey) bool { return k.State() == diagnose.AtLimit && k.Limit.CapacitySet }},
	{"NOT KNOWN IN PART", func(k diagnose.RateKey) bool { return k.State() == diagnose.Unread }},
}

// rateSummary is one line: what it comes to, then each action, the worst first.
func rateSummary(keys []diagnose.RateKey, servers []redisdb.Server, verdict catalog.Verdict) string {
	if !slices.ContainsFunc(keys, func(k diagnose.RateKey) bool { return k.Counter.Err == nil }) {
		if keys[0].FailingOpen {
			return headlines[0].words + " - " + unread(servers)
		}
		return "NOT KNOWN - " + unread(servers)
	}
	words := "OK"
	switch verdict {
	case catalog.Unknown:
		words = "NOT KNOWN"
	case catalog.Attention, catalog.CriticalVerdict:
		words = "ATTENTION"
	case catalog.OK:
	}
	for _, h := range headlines {
		if slices.ContainsFunc(keys, h.holds) {
			words = h.words
			break
		}
	}
	if len(keys) == 1 {
		return words + " - " + useWords(keys[0])
	}
	return words + " - " + strings.Join(inWords(keys), "; ")
}

// inWords says each action's use, the worst first; actions with the same words
// are said together.
func inWords(keys []diagnose.RateKey) []string {
	worst := []diagnose.State{diagnose.BlockedForEver, diagnose.Blocked, diagnose.Corrupt, diagnose.NeverResets, diagnose.Unread,
		diagnose.AtLimit, diagnose.Free, diagnose.Off, diagnose.NoWindow}
	sorted := slices.Clone(keys)
	slices.SortStableFunc(sorted, func(a, b diagnose.RateKey) int {
		return slices.Index(worst, a.State()) - slices.Index(worst, b.State())
	})
	var said []string
	actions := map[string][]string{}
	for _, k := range sorted {
		w := useWords(k)
		if len(actions[w]) == 0 {
			said = append(said, w)
		}
		actions[w] = append(actions[w], string(k.Action))
	}
	for i, w := range said {
		said[i] = strings.Join(actions[w], ", ") + " " + w
	}
	return said
}

// useWords says one action's use.
func useWords(k diagnose.RateKey) string {
	count, _ := k.Count()
	share := fmt.Sprintf("%d/%d used (%v%%)", count, k.Limit.Capacity, k.Limit.Percent(count))
	if !k.Limit.CapacitySet {
		share = fmt.Sprintf("%d of an assumed %d used (%v%%)", count, k.Limit.Capacity, k.Limit.Percent(count))
	}
	resets := fmt.Sprintf(", resets in %d s", int64((resetsIn(k)+time.Second-1)/time.Second))
	if k.Counter.TTLErr != nil {
		resets = ", when it resets is not known"
	}
	switch k.State() {
	case diagnose.Unread:
		return "could not be read (" + string(k.Counter.Err.Class) + ")"
	case diagnose.Off:
		return "not limited by configuration (capacity or window 0)"
	case diagnose.NoWindow:
		return "0 used, no window open"
	case diagnose.Corrupt:
		return "not limited, the counter is corrupt"
	case diagnose.BlockedForEver, diagnose.NeverResets:
		return share + ", never resets (no TTL)"
	case diagnose.AtLimit:
		return share + ", the next request is refused" + resets
	case diagnose.Free, diagnose.Blocked:
	}
	return share + resets
}

// unread says why nothing could be read.
func unread(servers []redisdb.Server) string {
	var why []string
	for _, s := range servers {
		if s.Source.Err == nil {
			continue
		}
		if s.Source.Err.Class == redisdb.NotConfigured {
			return s.Source.Err.Said.String()
		}
		why = append(why, fmt.Sprintf("%s did not give what was asked (%s)", s.Source.Name, s.Source.Err.Class))
	}
	return strings.Join(why, "; ")
}
