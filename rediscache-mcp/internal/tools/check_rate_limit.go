package tools

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// RateLimitIn are the arguments of check_rate_limit.
type RateLimitIn struct {
	MerchantID string `json:"merchant_id" jsonschema:"exact id, as in the payment's row" min:"1" max:"200"`
	Action     string `json:"action,omitempty" jsonschema:"default: all three" enum:"authorize,capture,refund"`
}

// RateLimitData are the facts of check_rate_limit.
type RateLimitData struct {
	MerchantID  foreign.Text `json:"merchant_id"`
	Actions     []RateUse    `json:"actions"`
	Notes       []string     `json:"notes,omitempty"`
	ConfirmWith string       `json:"confirm_with,omitempty"` // the tool that tells what Redis cannot
}

// RateUse is how much of one limit is used. A null is not known, or does not
// apply in that state.
type RateUse struct {
	Action      string         `json:"action"`
	State       diagnose.State `json:"state"`
	Count       *int64         `json:"count"`
	Capacity    int64          `json:"capacity"`
	UsedPercent *float64       `json:"used_percent"`
	ResetsInS   *int64         `json:"resets_in_s"`
	WindowS     int64          `json:"window_s"`
	Limits      string         `json:"limits"` // set, assumed, or which of the two numbers is
	Key         foreign.Text   `json:"key"`
}

func (d Deps) handleCheckRateLimit(ctx context.Context, in RateLimitIn) (report.Answer[RateLimitData], error) {
	a := report.Answer[RateLimitData]{Data: RateLimitData{MerchantID: foreign.Text(in.MerchantID)}}
	if err := d.Scope.Check(in.MerchantID); err != nil {
		return a, err
	}
	actions := keyspace.Actions
	if in.Action != "" {
		actions = []keyspace.Action{keyspace.Action(in.Action)}
	}
	ctx, cancel := redisdb.Within(ctx)
	defer cancel()
	reading := d.Redis.Counters(ctx, d.rateKeys(in.MerchantID, actions)).In(d.Zone)

	serverFindings, serverCodes, failingOpen := diagnose.Servers(reading.Servers)
	keys := d.judged(in.MerchantID, actions, reading, failingOpen)
	keyFindings, keyCodes := diagnose.RateKeys(keys)
	a.Findings = slices.Concat(keyFindings, serverFindings, diagnose.Failures(reading.Servers))
	a.Sources = sourcesOf(reading.Servers)
	a.Coverage.Looked = []string{looked(keys)}
	a.Conclude(slices.Concat(keyCodes, serverCodes)...)
	doubt := assumed(keys)
	a.Data.Actions = uses(keys)
	if !slices.ContainsFunc(keys, func(k diagnose.RateKey) bool { return k.State() != diagnose.NoWindow }) {
		a.Data.Notes = append(a.Data.Notes, "no key means no request in the current window; Redis cannot tell an idle merchant from an id that does not exist")
		a.Data.ConfirmWith = "query_payments"
		if doubt = d.meant(ctx, in.MerchantID, actions); doubt == "" {
			doubt = d.strange(ctx)
		}
	}
	if a.Verdict == catalog.OK && doubt != "" {
		a.Verdict, a.Because = catalog.Unknown, doubt
	}
	var notes []string
	a.AsOf, notes = d.asOf(reading)
	a.Data.Notes = append(a.Data.Notes, notes...)
	a.Summary = rateSummary(keys, reading.Servers, a.Verdict)
	return a, nil
}

func (d Deps) rateKeys(merchant string, actions []keyspace.Action) []string {
	keys := make([]string, len(actions))
	for i, a := range actions {
		keys[i] = d.RateKey.Key(a, merchant)
	}
	return keys
}

// judged joins each counter with what it is judged by.
func (d Deps) judged(merchant string, actions []keyspace.Action, r redisdb.Reading, failingOpen []bool) []diagnose.RateKey {
	keys := make([]diagnose.RateKey, len(actions))
	for i, a := range actions {
		c := r.Counters[i]
		s := r.Servers[c.Server]
		keys[i] = diagnose.RateKey{Merchant: foreign.Text(merchant).Quoted(), Action: a, Limit: d.Limits[a], Counter: c,
			Source: s.Source.Name, Clock: s.Clock, FailingOpen: failingOpen[c.Server]}
	}
	return keys
}

// meant looks for ids that may have been meant by one without counters, so that
// a slip of the finger does not read as a healthy merchant.
func (d Deps) meant(ctx context.Context, merchant string, actions []keyspace.Action) string {
	var found []string
	var missed *fault.Failure
	for _, id := range keyspace.Lookalikes(merchant) {
		if d.Scope.Check(id) != nil {
			continue
		}
		there, failure := d.Redis.Exist(ctx, d.rateKeys(id, actions))
		missed = cmp.Or(missed, failure)
		if slices.Contains(there, true) {
			found = append(found, foreign.Text(id).Quoted())
		}
	}
	if len(found) == 0 {
		return unprobed("no counter for this id", missed)
	}
	return "no counter for this id, but there is one for " + strings.Join(found, " and ") + ": was that merchant meant?"
}

// unprobed doubts what is not there where it could not be looked whether another was
// meant.
func unprobed(what string, missed *fault.Failure) string {
	if missed == nil {
		return ""
	}
	return what + ", and whether there is one by a name like it could not be looked at: " + foreign.Text(missed.Error()).Quoted()
}

func (d Deps) checkRateLimit() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "check_rate_limit",
		Title: "Check a merchant's rate limits",
		Description: "Is a merchant rate limited now (HTTP 429): requests used of the limit, when the window resets, blocked for ever by a counter without TTL, or not limited at all because the counter is corrupt or Redis refuses writes. " +
			"Takes one exact merchant id; limits come from this server's settings, and the answer says whether they are set or assumed. " +
			"It sees only the current window, and cannot tell an idle merchant from an unknown id.",
		Examples: []string{`{"merchant_id":"MERCHANT-8"}`, `{"merchant_id":"MERCHANT-8","action":"refund"}`},
	}, d.handleCheckRateLimit)
}
