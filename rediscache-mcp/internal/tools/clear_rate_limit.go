package tools

import (
	"context"
	"slices"
	"time"

	"payops-mcp/rediscache-mcp/internal/audit"
	"payops-mcp/rediscache-mcp/internal/diagnose"
	"payops-mcp/rediscache-mcp/internal/keyspace"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/rediscache-mcp/internal/token"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// ClearIn are the arguments of clear_rate_limit.
type ClearIn struct {
	MerchantID string `json:"merchant_id" jsonschema:"exact id, as in the payment's row" min:"1" max:"200"`
	Action     string `json:"action" jsonschema:"whose counter" enum:"authorize,capture,refund"`
	Confirm    string `json:"confirm,omitempty" jsonschema:"token of the answer that showed the counter; without it nothing is deleted" min:"1" max:"400"`
	Reason     string `json:"reason,omitempty" jsonschema:"why, for the audit log; required with confirm" min:"3" max:"500"`
}

// ClearData are the facts of clear_rate_limit.
type ClearData struct {
	MerchantID foreign.Text    `json:"merchant_id"`
	Action     string          `json:"action"`
	Key        foreign.Text    `json:"key"`
	Cleared    bool            `json:"cleared"`
	Outcome    redisdb.Outcome `json:"outcome"`
	Held       *HeldCounter    `json:"held"` // what the key held when it was shown, changed or cleared; null: nothing, or not read
	Means      string          `json:"clearing_means,omitempty"`
	Confirm    string          `json:"confirm,omitempty"` // token for the second call
	ExpiresInS int64           `json:"confirm_expires_in_s,omitempty"`
	Now        *RateUse        `json:"now"` // after the call
	Notes      []string        `json:"notes,omitempty"`
}

// HeldCounter is what a counter held.
type HeldCounter struct {
	Value     foreign.Text `json:"value"`
	ResetsInS *int64       `json:"resets_in_s"` // null: no TTL, it never resets
}

// The outcomes besides those of redisdb.Clear.
const (
	shown      redisdb.Outcome = "shown" // nothing was asked for but to see it
	nothing    redisdb.Outcome = "nothing_to_clear"
	notRead    redisdb.Outcome = "not_read"
	notCounter redisdb.Outcome = "not_a_counter"
	declined   redisdb.Outcome = "declined" // by the person who was asked
)

// Clearance is what clear_rate_limit needs besides Redis; nil where it is not
// allowed.
type Clearance struct {
	Log  *audit.Log
	Mint *token.Mint
}

func (d Deps) handleClearRateLimit(ctx context.Context, in ClearIn) (report.Answer[ClearData], error) {
	c := clearing{Deps: d, in: in, key: d.RateKey.Key(keyspace.Action(in.Action), in.MerchantID)}
	if err := c.allowed(); err != nil {
		return c.answer, err
	}
	c.record.Client = tool.Client(ctx).String()
	ctx, cancel := redisdb.Within(ctx)
	defer cancel()
	c.look(ctx)
	outcome, err := c.decide(ctx)
	if err != nil {
		return c.answer, err
	}
	if err := c.log(outcome, ""); err != nil {
		if outcome != redisdb.Cleared && outcome != redisdb.Unproven {
			return c.answer, unlogged(err)
		}
		c.answer.Data.Notes = append(c.answer.Data.Notes, "the audit log took the line from before the deletion and not the one of its outcome: "+foreign.Text(err.Error()).Quoted())
	}
	return c.concluded(ctx, outcome), nil
}

// clearing is one call of clear_rate_limit.
type clearing struct {
	Deps
	in      ClearIn
	key     string
	reading redisdb.Reading
	counter diagnose.RateKey
	seen    time.Time        // when it was read
	ended   time.Time        // when what was shown ended by itself, where another counter stands there now
	failed  []redisdb.Server // what Redis said to the order
	record  audit.Record
	answer  report.Answer[ClearData]
}

// allowed refuses what may not even be looked at.
func (c *clearing) allowed() error {
	if err := c.Scope.Check(c.in.MerchantID); err != nil {
		return err
	}
	if c.in.Confirm != "" && c.in.Reason == "" {
		return fault.Invalidf("reason is missing: with confirm it is required, and is written to the audit log")
	}
	action, merchant, ok := c.RateKey.Parse(c.key)
	if !ok || string(action) != c.in.Action || merchant != c.in.MerchantID || c.IdemKey.Has(c.key) {
		return fault.New(fault.Refused, "A human looks at the key with redis-cli",
			"the key %s could also be read as another merchant's, or as none of a counter", foreign.Text(c.key).Quoted())
	}
	if err := c.Clearance.Log.Ready(); err != nil {
		return unlogged(err)
	}
	return nil
}

func unlogged(err error) error {
	return fault.New(fault.Refused, "Set REDIS_AUDIT_LOG to a file that this process can append to, and start it again",
		"nothing is deleted without an audit log, and it takes no record: %s", foreign.Text(err.Error()).Quoted())
}

// look reads the counter and says what it is.
func (c *clearing) look(ctx context.Context) {
	c.reading = c.Redis.Counters(ctx, []string{c.key}).In(c.Zone)
	c.seen = time.Now()
	_, _, failingOpen := diagnose.Servers(c.reading.Servers)
	c.counter = c.judged(c.in.MerchantID, []keyspace.Action{keyspace.Action(c.in.Action)}, c.reading, failingOpen)[0]
}

// server identifies the process of Redis that holds the key.
func (c *clearing) server() string {
	s := c.reading.Servers[c.counter.Counter.Server]
	if s.Info == nil {
		return s.Source.Name
	}
	return s.Source.Name + " " + s.Info.RunID
}

// decide goes as far as the call may: it shows the counter, or deletes it.
func (c *clearing) decide(ctx context.Context) (redisdb.Outcome, error) {
	counter := c.counter.Counter
	last := counter.Last()
	whole := counter.Err == nil && counter.TTLErr == nil
	switch {
	case !whole:
		return notRead, nil
	case !last.Exists && c.in.Confirm != "":
		return redisdb.Gone, nil
	case !last.Exists:
		return nothing, nil
	}
	c.held(last)
	switch {
	case last.WrongType || last.Cut || len(last.Value) > redisdb.MaxClearable:
		return notCounter, nil
	case c.in.Confirm == "":
		c.answer.Data.Confirm = c.Clearance.Mint.Give(noteOf(last, c.seen), c.server(), c.key)
		c.answer.Data.ExpiresInS = int64(token.Life / time.Second)
		return shown, nil
	}
	note, err := c.Clearance.Mint.Check(c.in.Confirm, c.server(), c.key)
	if err != nil {
		return "", c.refuse(err)
	}
	was, end := sightOf(note, c.seen)
	if last.Value != was.Value || last.NoTTL != was.NoTTL || !was.NoTTL && (was.TTL <= 0 || last.TTL > was.TTL+time.Second) {
		c.over(end, last)
		return redisdb.Changed, nil
	}
	consent, err := tool.Confirm(ctx, c.in.Confirm+"\n"+c.in.Reason, c.question(was), "Delete this counter")
	if err != nil {
		if failure := c.log("asked", ""); failure != nil {
			return "", unlogged(failure)
		}
		return "", err
	}
	c.record.Consent = string(consent)
	if _, err := c.Clearance.Mint.Take(c.in.Confirm, c.server(), c.key); err != nil {
		return "", c.refuse(err)
	}
	if consent == tool.Declined {
		return declined, nil
	}
	if err := c.log("deleting", ""); err != nil {
		return "", unlogged(err)
	}
	was, _ = sightOf(note, time.Now()) // a person may have taken minutes
	did := c.delete(ctx, was)
	if did == redisdb.Changed {
		c.over(end, redisdb.Sight{NoTTL: c.answer.Data.Held.ResetsInS == nil})
	}
	return did, nil
}

// over notes when the counter that was shown ended by itself, where that explains what
// is there now.
func (c *clearing) over(end time.Time, now redisdb.Sight) {
	if !end.IsZero() && !now.NoTTL && !end.After(time.Now()) {
		c.ended = end
	}
}

// delete gives the order.
func (c *clearing) delete(ctx context.Context, was redisdb.Sight) redisdb.Outcome {
	did := c.Redis.Clear(ctx, c.key, was)
	if did.Held.Exists {
		c.held(did.Held)
	}
	if did.Source.Err != nil {
		if did.Source.Err.Class == fault.Permission {
			did.Source.Err.Next = "The account of REDIS_URL may not delete. Leave it so, and have a human delete the key; or have an administrator give it +eval and +del"
		}
		did.Source.Name += " DEL"
		c.failed = append(c.failed, redisdb.Server{Source: did.Source})
		c.record.Detail = did.Source.Err.Said.String()
	}
	return did.Outcome
}

// refuse writes down and says that a token is not good.
func (c *clearing) refuse(why error) error {
	if err := c.log("refused", why.Error()); err != nil {
		return unlogged(err)
	}
	return fault.New(fault.Refused, "Call again without confirm: it shows the counter as it is now, and gives a new token", "%w", why)
}

// log appends to the audit log.
func (c *clearing) log(outcome redisdb.Outcome, detail string) error {
	r := c.record
	r.Redis, r.Merchant, r.Action, r.Key, r.Reason, r.Outcome = c.counter.Source, c.in.MerchantID, c.in.Action, c.key, c.in.Reason, string(outcome)
	if detail != "" {
		r.Detail = detail
	}
	return c.Clearance.Log.Append(r)
}

// held keeps what the key holds, for the answer and the log.
func (c *clearing) held(s redisdb.Sight) {
	h := &HeldCounter{Value: s.Value}
	value := string(s.Value)
	c.record.Value, c.record.TTLms = &value, nil
	if s.WrongType {
		h.Value = "a " + c.counter.Counter.Type
	}
	if !s.NoTTL {
		left, ms := int64((s.TTL+time.Second-1)/time.Second), s.TTL.Milliseconds()
		h.ResetsInS, c.record.TTLms = &left, &ms
	}
	c.answer.Data.Held = h
}

// concluded says what came of it, and how the counter stands now.
func (c *clearing) concluded(ctx context.Context, outcome redisdb.Outcome) report.Answer[ClearData] {
	before := c.counter
	if outcome == redisdb.Cleared || outcome == redisdb.Unproven || outcome == redisdb.Changed || outcome == redisdb.Gone {
		c.look(ctx)
	}
	a := &c.answer
	a.Data.MerchantID, a.Data.Action, a.Data.Key = foreign.Text(c.in.MerchantID), c.in.Action, foreign.Text(c.key)
	a.Data.Outcome, a.Data.Cleared = outcome, outcome == redisdb.Cleared
	if c.counter.Counter.Err == nil {
		a.Data.Now = &uses([]diagnose.RateKey{c.counter})[0]
	}
	if outcome == shown {
		a.Data.Means = meaning(c.counter)
	}
	keys := []diagnose.RateKey{c.counter}
	keyFindings, keyCodes := diagnose.RateKeys(keys)
	serverFindings, serverCodes, _ := diagnose.Servers(c.reading.Servers)
	a.Findings = slices.Concat(keyFindings, serverFindings, diagnose.Failures(c.reading.Servers), diagnose.Failures(c.failed))
	a.Sources = append(sourcesOf(c.reading.Servers), sourcesOf(c.failed)...)
	a.Coverage.Looked = []string{looked(keys)}
	a.Because = doubtOf(outcome)
	if a.Because == "" {
		a.Because = assumed(keys)
	}
	a.Conclude(slices.Concat(keyCodes, serverCodes)...)
	var notes []string
	a.AsOf, notes = c.asOf(c.reading)
	a.Data.Notes = append(append(a.Data.Notes, notes...), c.advice(outcome)...)
	a.Summary = c.summary(outcome, before)
	return *a
}

func (d Deps) clearRateLimit() tool.Tool {
	return tool.Change(tool.Spec{
		Name:  "clear_rate_limit",
		Title: "Clear one merchant's rate limit counter",
		Description: "Deletes the counter of one exact merchant and action, for one that a counter without TTL blocks for ever. " +
			"The first call changes nothing: it shows key, value, TTL and what clearing means, and returns a token; a person decides, and a second call with confirm=token and reason deletes the key, in one step and only if it still is what was shown. " +
			"Every call that looks at the counter is written to the audit log; one refused before is not.",
		Examples: []string{`{"merchant_id":"MERCHANT-8","action":"authorize"}`},
	}, d.handleClearRateLimit)
}
