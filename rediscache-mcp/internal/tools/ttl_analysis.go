package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// TTLIn are the arguments of ttl_analysis.
type TTLIn struct {
	Pattern string `json:"pattern,omitempty" jsonschema:"glob over whole keys, as in SCAN MATCH; default: all keys" min:"1" max:"300"`
	Budget  int    `json:"time_budget_s,omitempty" jsonschema:"seconds to scan; what is left over is told" default:"2" min:"1" max:"25"`
	Keys    int64  `json:"key_budget,omitempty" jsonschema:"keys to go through at most; default: no limit" min:"1000" max:"1000000000"`
	Cursor  string `json:"cursor,omitempty" jsonschema:"of the answer before, with the same arguments" min:"1" max:"4000"`
}

// TTLData are the facts of ttl_analysis. Counts are of the part that was seen.
type TTLData struct {
	Keys     int64              `json:"keys"`
	InAll    *diagnose.Estimate `json:"estimated_in_all,omitempty"` // when a part was seen
	Families []Family           `json:"families"`
	Window   []string           `json:"limits"`
	IdemTTL  string             `json:"idempotency_ttl"`
	Notes    []string           `json:"notes,omitempty"`
}

// Family is the keys of one kind by the time they have left.
type Family struct {
	Name       foreign.Text `json:"family"`
	Keys       int64        `json:"keys"`
	NoTTL      int64        `json:"no_ttl"`
	Under10S   int64        `json:"under_10s"` // expiring soon
	Under1Min  int64        `json:"under_1min"`
	Under10Min int64        `json:"under_10min"`
	Under1H    int64        `json:"under_1h"`
	Over1H     int64        `json:"over_1h"`
	TooLong    *int64       `json:"over_configured,omitempty"` // longer than ingest sets; null where it sets none
}

// families of keys that are neither counters nor cached answers are told apart up
// to this many.
const families = 20

const (
	rateFamily = "rate limit counters"
	idemFamily = "cached answers"
	restFamily = "(others)"
)

// full reports whether there is no room for a family beside those that are told apart.
// Ours have room always: findings rest on them.
func full(name string, told int) bool {
	return told >= families && name != rateFamily && name != idemFamily
}

// ttls gathers families.
type ttls struct {
	*sweep
	of      map[string]*Family
	order   []string
	samples []string // cached answers without a TTL
}

func (t *ttls) visit(f redisdb.Found) {
	t.names.Store(true)
	name := t.deps.familyOf(f.Key)
	var configured time.Duration
	action, merchant, counter := t.deps.RateKey.Parse(f.Key)
	switch {
	case counter:
		configured = t.deps.Limits[action].Window
	case name == idemFamily:
		configured = t.deps.IdemTTL.TTL
	case t.deps.RateKey.Has(f.Key):
		t.counts.strangers++
	}
	if t.of[name] == nil && full(name, len(t.order)) {
		name = restFamily
	}
	family := t.of[name]
	if family == nil {
		family = &Family{Name: foreign.Text(name)}
		t.of[name], t.order = family, append(t.order, name)
	}
	if configured > 0 && family.TooLong == nil { // ingest may set a TTL for one action and none for another
		family.TooLong = new(int64)
	}
	family.Keys++
	t.counts.counters++
	if f.TTLErr != nil {
		t.counts.unread++
		return
	}
	family.add(f.Sight)
	tooLong := configured > 0 && f.Sight.TTL > configured+time.Second
	if tooLong {
		*family.TooLong++
	}
	switch {
	case counter && f.Sight.NoTTL && !t.deps.Limits[action].Off():
		t.endless(tally{key: f.Key, hash: hashOf(f.Key), merchant: merchant, action: action}, f.Sight)
	case counter && tooLong && !t.deps.Limits[action].Off():
		t.kinds[catalog.RateWindowMismatch].take(tally{key: f.Key, hash: hashOf(f.Key), merchant: merchant, action: action, rank: f.Sight.TTL.Seconds()})
	case name == idemFamily && f.Sight.NoTTL && len(t.samples) < suspects:
		t.samples = append(t.samples, f.Key)
	}
}

// endless takes a counter without a TTL for what its value makes of it, so that one that
// blocks is looked at again however many others there are.
func (t *ttls) endless(one tally, sight redisdb.Sight) {
	k := diagnose.RateKey{Action: one.action, Limit: t.deps.Limits[one.action], Counter: redisdb.Counter{Key: one.key, First: sight}}
	if count, counts := k.Count(); counts {
		one.rank = k.Limit.Percent(count)
	}
	t.kinds[suspicion(k)].take(one)
}

// familyOf names the family of a key: one of ours, or what it begins with.
func (d Deps) familyOf(key string) string {
	if _, _, counter := d.RateKey.Parse(key); counter {
		return rateFamily
	}
	if d.IdemKey.Has(key) {
		return idemFamily
	}
	if i := strings.IndexAny(key, ":/.|"); i > 0 && i <= 32 {
		return key[:i+1] // with what separates it, so that it is none of our names
	}
	return restFamily
}

func (f *Family) add(s redisdb.Sight) {
	bucket := &f.Over1H
	switch {
	case s.NoTTL:
		bucket = &f.NoTTL
	case s.TTL < 10*time.Second:
		bucket = &f.Under10S
	case s.TTL < time.Minute:
		bucket = &f.Under1Min
	case s.TTL < 10*time.Minute:
		bucket = &f.Under10Min
	case s.TTL < time.Hour:
		bucket = &f.Under1H
	}
	*bucket++
}

func (d Deps) handleTTLAnalysis(ctx context.Context, in TTLIn) (report.Answer[TTLData], error) {
	a := report.Answer[TTLData]{}
	if d.Scope.Limited() {
		return a, fault.New(fault.Refused, "check_rate_limit and find_merchants_hitting_limits name the counters of these merchants that have no TTL",
			"ttl_analysis looks at keys of all merchants, and this server may speak of %s only", d.Scope)
	}
	from, err := readCursor(in.Cursor, d.question("ttl", in.Pattern))
	if err != nil {
		return a, err
	}
	t := &ttls{sweep: d.newSweep("", 0), of: map[string]*Family{}}
	t.pattern, t.answers = in.Pattern, true
	r := swept{sweep: t.sweep, more: map[catalog.Code]int64{}, at: map[string]int{},
		rules: []catalog.Code{catalog.RateKeyNoTTLBlocking, catalog.RateKeyNoTTLLatent, catalog.RateWindowMismatch}}
	if r.goThrough(ctx, budget{time.Duration(in.Budget) * time.Second, in.Keys}, redisdb.ScanSpec{Match: in.Pattern, TTLs: true, Endless: t.isCounter, From: from.at}, t.visit) {
		again := r.close(ctx, t.samples...)
		if idem := t.of[idemFamily]; idem != nil && len(again) > 0 {
			server := r.servers[again[0].Server]
			if f, found := diagnose.IdemNoTTL(idem.NoTTL, again, d.IdemTTL, server.Source.Name, server.Clock); found {
				a.Findings = append(a.Findings, f)
			}
		}
	}
	a.Data = TTLData{Keys: r.counts.counters, InAll: estimate(r.counts.counters, r.scan), Families: t.sorted(),
		Window: d.limitWords(""), IdemTTL: fmt.Sprintf("%d s (%s)", int64(d.IdemTTL.TTL/time.Second), setOrAssumed(d.IdemTTL.Set))}
	a.Data.Notes = closeSweep(&a, r, from)
	if r.sawAll() && len(t.samples) == 0 {
		a.RuledOut = append(a.RuledOut, catalog.IdemKeyNoTTL)
	}
	a.Summary = ttlSummary(a.Data, t, r)
	return a, nil
}

// sorted puts counters and cached answers first, then the largest.
func (t *ttls) sorted() []Family {
	all := []Family{}
	for _, name := range t.order {
		all = append(all, *t.of[name])
	}
	rank := func(f Family) int64 {
		switch f.Name {
		case rateFamily:
			return 1 << 62
		case idemFamily:
			return 1 << 61
		}
		return f.Keys
	}
	slices.SortStableFunc(all, func(a, b Family) int {
		switch x, y := rank(a), rank(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return all
}

func ttlSummary(data TTLData, t *ttls, r swept) string {
	if r.blind() {
		return "NOT KNOWN - " + unread(r.servers)
	}
	words := []string{fmt.Sprintf("%d keys looked at%s", data.Keys, r.in())}
	for _, name := range []string{rateFamily, idemFamily} {
		if f := t.of[name]; f != nil {
			words = append(words, fmt.Sprintf("%s: %d, %d without TTL", name, f.Keys, f.NoTTL))
		}
	}
	return strings.Join(words, "; ")
}

func (d Deps) ttlAnalysis() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "ttl_analysis",
		Title: "Analyse TTLs by family of keys",
		Description: "How long the keys of Redis have left, by family: counters, cached answers, others; which lack the TTL that they must have, which live longer than ingest sets. " +
			"Reach for it when memory only grows, a merchant stays blocked, or after a change of windows. " +
			"It asks the TTL of every key in small steps, which Redis counts as hits, and says what share it saw and how to go on.",
		Examples: []string{`{}`, `{"pattern":"rate:*","time_budget_s":10}`},
	}, d.handleTTLAnalysis)
}
