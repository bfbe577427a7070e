package tools

import (
	"context"
	"fmt"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// HittingIn are the arguments of find_merchants_hitting_limits.
type HittingIn struct {
	Threshold   float64  `json:"threshold_percentage,omitempty" jsonschema:"used share of the limit from which a merchant is listed" default:"80" min:"1" max:"1000"`
	Action      string   `json:"action,omitempty" jsonschema:"default: all three" enum:"authorize,capture,refund"`
	MerchantIDs []string `json:"merchant_ids,omitempty" jsonschema:"look only at these exact ids, without a scan" max:"1000"`
	Limit       int      `json:"limit,omitempty" jsonschema:"counters to list" default:"5" min:"1" max:"200"`
	Budget      int      `json:"time_budget_s,omitempty" jsonschema:"seconds to scan; what is left over is told" default:"2" min:"1" max:"25"`
	Keys        int64    `json:"key_budget,omitempty" jsonschema:"keys to go through at most; default: no limit" min:"1000" max:"1000000000"`
	Cursor      string   `json:"cursor,omitempty" jsonschema:"of the answer before, with the same arguments" min:"1" max:"4000"`
}

// HittingData are the facts of find_merchants_hitting_limits. Counts are of the
// part that was seen.
type HittingData struct {
	AtOrOver   int64              `json:"at_or_over_threshold"`
	InAll      *diagnose.Estimate `json:"estimated_in_all,omitempty"` // when a part was seen
	OverLimit  int64              `json:"over_limit"`
	NeverReset int64              `json:"without_ttl,omitempty"`
	Corrupt    int64              `json:"corrupt,omitempty"`
	Counters   int64              `json:"counters"`
	Limits     []string           `json:"limits"`
	Worst      []CounterRow       `json:"worst_first"`
	Notes      []string           `json:"notes,omitempty"`
}

func (d Deps) handleFindMerchantsHittingLimits(ctx context.Context, in HittingIn) (report.Answer[HittingData], error) {
	a := report.Answer[HittingData]{}
	from, err := readCursor(in.Cursor, d.question("hitting", in.Threshold, in.Action, in.MerchantIDs))
	if err != nil {
		return a, err
	}
	for _, m := range in.MerchantIDs {
		if err := d.Scope.Check(m); err != nil {
			return a, err
		}
	}
	s := d.newSweep(in.Action, in.Limit)
	s.wanted = func(_ redisdb.Sight, use, percent float64) (float64, bool) { return use, percent >= in.Threshold }
	if from.after {
		s.after = &tally{rank: from.rank, hash: from.hash}
	}
	r := s.run(ctx, d.RateKey.Pattern(keyspace.Action(in.Action)), in.MerchantIDs, budget{time.Duration(in.Budget) * time.Second, in.Keys}, from.at)

	a.Data = HittingData{AtOrOver: r.counts.hits, OverLimit: r.counts.over, Counters: r.counts.counters,
		NeverReset: r.total(catalog.RateKeyNoTTLBlocking) + r.total(catalog.RateKeyNoTTLLatent), Corrupt: r.total(catalog.RateKeyCorrupt),
		Limits: r.limitWords(), Worst: r.rows()}
	if !r.named {
		a.Data.InAll = estimate(r.counts.hits, r.scan)
	}
	absent, doubt := r.absent(ctx)
	a.Data.Notes = closeSweep(&a, r, from)
	if absent != "" {
		a.Data.Notes = append(a.Data.Notes, absent)
	}
	if a.Verdict == catalog.OK && doubt != "" {
		a.Verdict, a.Because = catalog.Unknown, doubt
	}
	a.Summary = hittingSummary(in, a.Data, r)
	return a, nil
}

// total is how many counters of a kind were seen, whether looked at again or not.
func (s *sweep) total(code catalog.Code) int64 {
	return int64(len(s.kinds[code].kept)) + s.kinds[code].left
}

// hittingSummary is one line: how many, and the worst.
func hittingSummary(in HittingIn, data HittingData, r swept) string {
	if r.blind() {
		return "NOT KNOWN - " + unread(r.servers)
	}
	var said []string
	if data.InAll != nil {
		said = append(said, data.InAll.String()+" in all")
	}
	if data.OverLimit > 0 {
		said = append(said, fmt.Sprintf("%d over the limit", data.OverLimit))
	}
	if data.NeverReset > 0 {
		said = append(said, fmt.Sprintf("%d never reset (no TTL)", data.NeverReset))
	}
	if data.Corrupt > 0 {
		said = append(said, fmt.Sprintf("%d corrupt", data.Corrupt))
	}
	words := fmt.Sprintf("%d of %d counters at %v%% or more%s", data.AtOrOver, data.Counters, in.Threshold, r.in())
	return strings.Join(append([]string{words}, said...), "; ")
}

func (d Deps) findMerchantsHittingLimits() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "find_merchants_hitting_limits",
		Title: "Find merchants at their rate limits",
		Description: "Which merchants are at or over their rate limit, worst first, with every counter that blocks or will block for ever (no TTL) or counts nothing (corrupt). " +
			"Reach for it when 429s rise and the merchant is not known; it scans all counters in small steps, and says what share it saw and how to go on. " +
			"It sees the current window only: check_rate_limit looks at one merchant, circuitbreaker-mcp at 429s over time.",
		Examples: []string{`{}`, `{"threshold_percentage":100,"action":"authorize"}`, `{"merchant_ids":["MERCHANT-8","MERCHANT-9"],"limit":50}`},
	}, d.handleFindMerchantsHittingLimits)
}
