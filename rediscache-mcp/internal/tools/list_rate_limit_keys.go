package tools

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// ListKeysIn are the arguments of list_rate_limit_keys.
type ListKeysIn struct {
	Pattern string  `json:"pattern,omitempty" jsonschema:"glob over whole keys, as in SCAN MATCH; default: all counters" min:"1" max:"300"`
	Min     float64 `json:"min_percentage,omitempty" jsonschema:"only counters with at least this used share of their limit" default:"0" min:"0" max:"1000"`
	Sort    string  `json:"sort,omitempty" jsonschema:"percent: highest use of the limit first; ttl: without TTL first, then the longest" enum:"percent,ttl" default:"percent"`
	Limit   int     `json:"limit,omitempty" jsonschema:"counters to list" default:"20" min:"1" max:"200"`
	Budget  int     `json:"time_budget_s,omitempty" jsonschema:"seconds to scan; what is left over is told" default:"2" min:"1" max:"25"`
	Keys    int64   `json:"key_budget,omitempty" jsonschema:"keys to go through at most; default: no limit" min:"1000" max:"1000000000"`
	Cursor  string  `json:"cursor,omitempty" jsonschema:"of the answer before, with the same arguments" min:"1" max:"4000"`
}

// ListKeysData are the facts of list_rate_limit_keys. Counts are of the part that
// was seen.
type ListKeysData struct {
	Matching int64              `json:"matching"`
	InAll    *diagnose.Estimate `json:"estimated_in_all,omitempty"` // when a part was seen
	Limits   []string           `json:"limits"`
	Counters []CounterRow       `json:"counters"`
	Notes    []string           `json:"notes,omitempty"`
}

func (d Deps) handleListRateLimitKeys(ctx context.Context, in ListKeysIn) (report.Answer[ListKeysData], error) {
	a := report.Answer[ListKeysData]{}
	from, err := readCursor(in.Cursor, d.question("list", in.Pattern, in.Min, in.Sort))
	if err != nil {
		return a, err
	}
	s := d.newSweep("", in.Limit)
	s.pattern = in.Pattern
	s.wanted = func(sight redisdb.Sight, use, percent float64) (float64, bool) {
		rank := use
		switch {
		case in.Sort == "ttl" && sight.NoTTL:
			rank = longest
		case in.Sort == "ttl":
			// The moment of its end, to the second, stays while pages are turned.
			rank = float64(time.Now().Add(sight.TTL).Round(time.Second).Unix())
		}
		return rank, percent >= in.Min
	}
	if from.after {
		s.after = &tally{rank: from.rank, hash: from.hash}
	}
	var r swept
	if in.Pattern == "" {
		r = s.run(ctx, d.RateKey.Pattern(""), nil, budget{time.Duration(in.Budget) * time.Second, in.Keys}, from.at)
	} else {
		r = s.scanned(ctx, in.Pattern, budget{time.Duration(in.Budget) * time.Second, in.Keys}, from.at)
	}
	a.Data = ListKeysData{Matching: r.counts.hits, Limits: r.limitWords(), Counters: r.rows()}
	if !r.named {
		a.Data.InAll = estimate(r.counts.hits, r.scan)
	}
	a.Data.Notes = closeSweep(&a, r, from)
	if r.counts.off > 0 {
		a.Data.Notes = append(a.Data.Notes, fmt.Sprintf("%d counters are of an action without a limit", r.counts.off))
	}
	a.Summary = listSummary(in, a.Data, r)
	return a, nil
}

// longest ranks a counter that has no TTL before every TTL that Redis takes.
const longest = 1e18

// listSummary is one line: how many, and how many of them are shown.
func listSummary(in ListKeysIn, data ListKeysData, r swept) string {
	if r.blind() {
		return "NOT KNOWN - " + unread(r.servers)
	}
	words := fmt.Sprintf("%d counters", data.Matching)
	if in.Min > 0 {
		words += fmt.Sprintf(" at %v%% of their limit or more", in.Min)
	}
	if in.Pattern != "" {
		words += " match the pattern"
	}
	words += r.in()
	if data.InAll != nil {
		words += "; " + data.InAll.String() + " in all"
	}
	return fmt.Sprintf("%s; %d shown, by %s", words, len(data.Counters), in.Sort)
}

func (d Deps) listRateLimitKeys() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "list_rate_limit_keys",
		Title: "List rate limit counters",
		Description: "The rate limit counters that exist now, with merchant, action, use of the limit and time to reset, in the order wanted. " +
			"Reach for it to see what is in Redis or to page through it; find_merchants_hitting_limits is shorter where only the worst matter. " +
			"A key that fits the pattern but is no counter of a merchant and action is not listed; counters move while they are listed.",
		Examples: []string{`{}`, `{"pattern":"rate:refund:*","min_percentage":50,"limit":100}`, `{"sort":"ttl"}`},
	}, d.handleListRateLimitKeys)
}
