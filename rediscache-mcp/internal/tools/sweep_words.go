package tools

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// CounterRow is one counter in a list, as it was when it was looked at last.
type CounterRow struct {
	MerchantID  foreign.Text   `json:"merchant_id"`
	Action      string         `json:"action"`
	State       diagnose.State `json:"state"`
	Count       *int64         `json:"count"`
	UsedPercent *float64       `json:"used_percent"`
	ResetsInS   *int64         `json:"resets_in_s"` // null: never, or not known
}

// rows are the hits, the first first, without those that have ended since.
func (r *swept) rows() []CounterRow {
	rows := []CounterRow{}
	for _, t := range r.hits.sorted() {
		at, there := r.at[t.key]
		if !there {
			continue
		}
		k := r.keys[at]
		u := uses([]diagnose.RateKey{k})[0]
		rows = append(rows, CounterRow{MerchantID: foreign.Text(t.merchant), Action: u.Action, State: u.State, Count: u.Count, UsedPercent: u.UsedPercent, ResetsInS: u.ResetsInS})
	}
	return rows
}

// limitWords says what the counters are judged by: "authorize 24000 per 60 s (set)".
func (d Deps) limitWords(action keyspace.Action) []string {
	var all []string
	for _, a := range keyspace.Actions {
		if l := d.Limits[a]; action == "" || action == a {
			words := fmt.Sprintf("%s %d per %d s (%s)", a, l.Capacity, int64(l.Window/time.Second), l.From())
			if l.Off() {
				words = string(a) + " not limited"
			}
			all = append(all, words)
		}
	}
	return all
}

// limitWords says what the counters that were seen are judged by.
func (s *sweep) limitWords() []string {
	all := []string{}
	for _, a := range keyspace.Actions {
		if s.actions[a] {
			all = append(all, s.deps.limitWords(a)...)
		}
	}
	return all
}

// percent is a share in words, never 100 for less than all.
func percent(share float64) string {
	if share >= 1 {
		return "100%"
	}
	return fmt.Sprintf("%v%%", math.Floor(share*1000)/10)
}

// seen says what share of the keys a scan saw. With a server that did not tell how many
// it has, that is no more than likely.
func seen(scan redisdb.Scan) string {
	if scan.Unsized() > 0 {
		return "roughly " + percent(scan.Share())
	}
	return percent(scan.Share())
}

// estimate is how many of something there are in all, by the part that was seen; nil
// where that was all, or where nobody knows how much the rest is.
func estimate(n int64, scan redisdb.Scan) *diagnose.Estimate {
	if scan.Unsized() > 0 {
		return nil
	}
	return diagnose.EstimateOf(n, scan.Share())
}

// cover says what was looked at, and how to get the rest.
func (r *swept) cover(c *report.Coverage, from cursor) {
	if r.named {
		c.Looked = []string{fmt.Sprintf("%d counters, by exact name", r.counts.counters)}
		if len(r.unread) > 0 {
			c.Not = append(c.Not, "counters, or their TTLs, of "+someOf(r.unread))
		}
		return
	}
	if r.blind() {
		c.Looked = []string{"no key"}
		return
	}
	cover(c, r.scan, from.at != nil)
	if r.pattern != "" {
		c.Looked = append(c.Looked, "only those that match the pattern")
	}
	next := cursor{question: from.question}
	switch shown := r.hits.sorted(); {
	case !r.scan.Done():
		next.at = r.scan.Positions()
		c.More = "the same arguments with cursor, or a larger budget"
		if r.hits.left > 0 {
			c.Not = append(c.Not, fmt.Sprintf("%d more hits in the part seen: ask with a larger limit", r.hits.left))
		}
	case r.hits.left > 0 && len(shown) > 0:
		last := shown[len(shown)-1]
		next.at, next.after, next.rank, next.hash = from.at, true, last.rank, last.hash
		c.More = "the same arguments with cursor"
	default:
		return
	}
	c.Cut, c.Cursor = true, next.String()
}

// cover says how much of the keys a scan saw.
func cover(c *report.Coverage, scan redisdb.Scan, resumed bool) {
	for _, p := range scan.Parts {
		switch {
		case len(scan.Parts) == 1:
		case !p.Sized:
			c.Not = append(c.Not, p.Source.Name+": none of its keys seen, and how many it has is not known")
		case !p.At.Done && p.Source.OK():
			c.Not = append(c.Not, fmt.Sprintf("%s: %s of its keys seen", p.Source.Name, percent(p.Share())))
		}
	}
	all := fmt.Sprintf("%d keys", scan.Keys())
	if n := scan.Unsized(); n > 0 {
		all += fmt.Sprintf(" and those of %d masters that did not tell how many", n)
	}
	words := fmt.Sprintf("%s of %s, by SCAN in %s", seen(scan), all, scan.Took.Round(time.Millisecond))
	if resumed {
		words += ", from the cursor on"
	}
	c.Looked = append(c.Looked, words)
	if n := len(scan.Parts); n > 1 {
		c.Looked = append(c.Looked, fmt.Sprintf("%d masters", n))
	}
	for _, p := range scan.Parts {
		switch {
		case p.Replica != "":
			c.Looked = append(c.Looked, p.Source.Name+", which may lag behind it")
		case p.NoReplica != "":
			c.Looked = append(c.Looked, p.Source.Name+" itself: "+foreign.Text(p.NoReplica).String())
		}
		if p.Anew {
			c.Not = append(c.Not, p.Source.Name+" is another process than at the answer before (restart or failover): the scan of it began anew, and what was counted there before does not add up")
		}
	}
}

// doubt is why a sweep that found nothing wrong does not make the verdict ok.
func (r *swept) doubt(resumed bool) string {
	var why []string
	if !r.named && !r.scan.Done() && len(r.scan.Parts) > 0 && r.scan.Share() > 0 {
		why = append(why, fmt.Sprintf("only %s of the keys were seen", seen(r.scan)))
	} else if resumed && r.scan.Done() {
		why = append(why, "this is the rest of a scan; the answers before tell of the other keys")
	}
	if a := assumed(r.keys); a != "" {
		why = append(why, a)
	}
	if r.strange != "" {
		why = append(why, r.strange)
	}
	if r.counts.strangers > 0 {
		why = append(why, fmt.Sprintf("%d keys fit the template but none of the actions: is RATE_LIMIT_KEY_TEMPLATE right?", r.counts.strangers))
	}
	return strings.Join(why, "; ")
}

// none is what must be asked where a whole scan came by nothing of what it looked for
// though Redis has keys: that may be a quiet minute as well as a pattern or a template
// that is wrong.
func (r *swept) none(ctx context.Context) string {
	if !r.scan.Done() || r.names.Load() || r.counts.strangers > 0 || r.deps.Scope.Limited() {
		return ""
	}
	fits := r.deps.RateKey.Meets(r.pattern) || r.answers && r.deps.IdemKey.Meets(r.pattern)
	if r.scan.Keys() > 0 && r.pattern != "" && !fits {
		return "the pattern fits none of what is looked for here: is it right?"
	}
	return r.deps.strange(ctx)
}

// absent says which of the merchants that were named have no counter. One that was
// probably meant is a doubt.
func (r *swept) absent(ctx context.Context) (note, doubt string) {
	if len(r.without) == 0 {
		return "", ""
	}
	const probed = 50
	for _, m := range r.without[:min(probed, len(r.without))] {
		if doubt = r.deps.meant(ctx, m, keyspace.Actions); doubt != "" {
			doubt = foreign.Text(m).Quoted() + ": " + doubt
			break
		}
	}
	return "no counter for " + someOf(r.without) + ": no request in the current window, or no such merchant", doubt
}

// someOf names the first of some merchants, and says how many more there are.
func someOf(merchants []string) string {
	const most = 3
	var names []string
	for _, m := range merchants[:min(most, len(merchants))] {
		names = append(names, foreign.Text(m).Quoted())
	}
	list := strings.Join(names, ", ")
	if n := len(merchants) - most; n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	return list
}

// blind reports whether nothing at all was seen.
func (r *swept) blind() bool {
	if r.named {
		return r.counts.counters == 0 && r.counts.unread > 0
	}
	return !slices.ContainsFunc(r.scan.Parts, func(p redisdb.Part) bool { return p.Steps > 0 })
}

// sawAll reports whether what was not found is not there: a part, a pattern, or templates
// that may be wrong hide keys, and nothing is ruled out of these.
func (r *swept) sawAll() bool {
	return !r.blind() && (r.named || r.scan.Share() >= 1) && r.counts.unread == 0 &&
		r.pattern == "" && r.strange == "" && r.counts.strangers == 0
}

// in says "in the part seen" where that is not all.
func (r *swept) in() string {
	if r.named || r.scan.Done() && r.scan.Share() == 1 {
		return ""
	}
	return fmt.Sprintf(" in the %s of the keys seen", seen(r.scan))
}

// closeSweep fills in what the answer of every sweep has. It returns notes.
func closeSweep[D any](a *report.Answer[D], r swept, from cursor) []string {
	serverFindings, serverCodes, _ := diagnose.Servers(r.servers)
	keyFindings, keyCodes := diagnose.ManyRateKeys(r.keys, r.more)
	a.Findings = slices.Concat(a.Findings, keyFindings, serverFindings, diagnose.Failures(r.servers))
	a.Sources = sourcesOf(r.servers)
	r.cover(&a.Coverage, from)
	a.Because = r.doubt(from.at != nil)
	if !r.sawAll() {
		keyCodes = nil
	}
	if r.rules != nil {
		keyCodes = slices.DeleteFunc(keyCodes, func(c catalog.Code) bool { return !slices.Contains(r.rules, c) })
	}
	// Of the state of the servers only what it comes to belongs to this question.
	serverCodes = slices.DeleteFunc(serverCodes, func(c catalog.Code) bool { return c != catalog.RateLimiterFailOpen })
	a.Conclude(slices.Concat(keyCodes, serverCodes)...)
	var notes []string
	a.AsOf, notes = r.deps.asOf(r.reading)
	if r.deps.Scope.Limited() {
		notes = append(notes, "counts are of the merchants in this server's scope: "+r.deps.Scope.String())
	}
	return notes
}
