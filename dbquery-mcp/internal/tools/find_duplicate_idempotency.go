package tools

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// KeysIn are the arguments of find_duplicate_idempotency.
type KeysIn struct {
	MerchantID string `json:"merchant_id,omitempty" jsonschema:"one merchant alone, to the letter" min:"1" max:"100"`
	TimeRange  string `json:"time_range,omitempty" jsonschema:"when requested: 6h, today, yesterday, all; default last 24h" min:"1" max:"100"`
	Since      string `json:"since,omitempty" jsonschema:"RFC 3339 or local: 14:00, yesterday 2pm" min:"1" max:"100"`
	Until      string `json:"until,omitempty" jsonschema:"as since" min:"1" max:"100"`
	Limit      int    `json:"limit,omitempty" jsonschema:"rows shown of each kind" default:"5" min:"1" max:"200"`
	Cursor     string `json:"cursor,omitempty" jsonschema:"where an answer that was cut goes on" min:"1" max:"400"`
}

const defaultKeysRange = "last 24h"

// KeysData is what find_duplicate_idempotency answers. A payment id is one of its
// shard.
type KeysData struct {
	Looked     []KeysLooked  `json:"looked"`
	Across     []TwinRow     `json:"same_key_on_two_shards,omitempty"`
	Mismatches []MismatchRow `json:"records_that_differ,omitempty"`
	Ghosts     []GhostRow    `json:"records_without_payment,omitempty"`
	Missing    []MissingRow  `json:"payments_without_record,omitempty"`
	Twice      []PairRow     `json:"maybe_one_order_paid_twice,omitempty"`
	Notes      []string      `json:"notes,omitempty"`
}

// KeysLooked is how far a shard was looked through.
type KeysLooked struct {
	Shard     string `json:"shard"`
	Merchants int    `json:"merchants"`
	Done      int    `json:"done"`
	Payments  int64  `json:"payments"`
	Records   int64  `json:"with_record"`
}

// TwinRow is a key that two shards have.
type TwinRow struct {
	Merchant foreign.Text  `json:"merchant_id"`
	Key      foreign.Text  `json:"idempotency_key"`
	Shard    string        `json:"shard"`
	ID       int64         `json:"payment_id"`
	Amount   report.Amount `json:"amount"`
	Currency any           `json:"currency"`
	Status   any           `json:"status"`
	Other    string        `json:"other_shard"`
	OtherID  int64         `json:"other_payment_id"`
	OtherSum report.Amount `json:"other_amount"`
	OtherIs  any           `json:"other_status"`
}

// MismatchRow is a record that answers with something else than its payment.
type MismatchRow struct {
	Shard     string        `json:"shard"`
	ID        int64         `json:"payment_id"`
	Merchant  foreign.Text  `json:"merchant_id"`
	Key       foreign.Text  `json:"idempotency_key"`
	Amount    report.Amount `json:"amount"`
	Currency  any           `json:"currency"`
	SaysID    foreign.Text  `json:"record_payment_id"`
	SaysSum   foreign.Text  `json:"record_amount"`
	SaysMoney foreign.Text  `json:"record_currency"`
}

// GhostRow is a record that no payment has the key of.
type GhostRow struct {
	Shard     string       `json:"shard"`
	Merchant  foreign.Text `json:"merchant_id"`
	Key       foreign.Text `json:"idempotency_key"`
	Names     foreign.Text `json:"names_payment_id"`
	CreatedAt *time.Time   `json:"created_at"`
	Elsewhere string       `json:"payment_is_on,omitempty"`
}

// MissingRow is a payment without a record.
type MissingRow struct {
	Shard    string       `json:"shard"`
	ID       int64        `json:"payment_id"`
	Merchant foreign.Text `json:"merchant_id"`
	At       *time.Time   `json:"requested_at"`
}

// PairRow is two payments that may be one order.
type PairRow struct {
	Shard    string        `json:"shard"`
	Merchant foreign.Text  `json:"merchant_id"`
	Amount   report.Amount `json:"amount"`
	Currency any           `json:"currency"`
	First    int64         `json:"payment_id"`
	Second   int64         `json:"second_payment_id"`
	Gap      float64       `json:"seconds_apart"`
	FirstKey foreign.Text  `json:"idempotency_key"`
	Key      foreign.Text  `json:"second_idempotency_key"`
	Why      string        `json:"why"`
}

func (d Deps) handleFindDuplicateIdempotency(ctx context.Context, in KeysIn) (report.Answer[KeysData], error) {
	var a report.Answer[KeysData]
	q, window, err := d.keysQuestion(in)
	if err != nil {
		return a, err
	}
	q.Progress = func(done, total int) {
		tool.Progress(ctx, float64(done), float64(total), "merchants looked through")
	}
	replies, used, err := d.DB.Keys(ctx, q)
	if err != nil {
		return a, err
	}
	facts := diagnose.Keys{After: q.After}
	for _, r := range replies {
		if !r.Clock.Database.IsZero() {
			r.Clock.Database = r.Clock.Database.In(d.Zone)
		}
		facts.Asked, facts.Facts, facts.Newest = append(facts.Asked, r.Asked), append(facts.Facts, r.Facts), append(facts.Newest, r.Facts.Newest)
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() {
			a.AsOf = r.Clock.Database
		}
	}
	var ran []catalog.Code
	a.Findings, ran, a.Because = diagnose.JudgeKeys(facts)
	k := keys{deps: d, in: in, facts: facts, twice: diagnose.PaidTwice(facts)}
	a.Data, a.Coverage = k.data(), k.coverage(used, window())
	a.Conclude(ran...)
	a.Summary = k.summary(a.Coverage)
	return a, nil
}

// keysQuestion reads the arguments; window is what the time was resolved to, once
// a shard has told its clock.
func (d Deps) keysQuestion(in KeysIn) (q paydb.KeysQuery, window func() string, err error) {
	q.Merchants, q.Within = d.Scope, d.Scope
	if in.MerchantID != "" {
		if err := d.Scope.Check(in.MerchantID); err != nil {
			return q, nil, err
		}
		q.Merchants = []string{in.MerchantID}
	}
	spec, err := when.Parse(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until})
	if err == nil && spec.IsZero() {
		spec, err = when.Parse(when.Args{TimeRange: defaultKeysRange})
	}
	if err != nil {
		return q, nil, invalidTime(err)
	}
	text := "not resolved: no database told its clock"
	q.Window = func(now time.Time) (paydb.Window, error) {
		r, err := spec.At(now, d.Zone)
		if err != nil {
			return paydb.Window{}, invalidTime(err)
		}
		text = "requested_at " + r.String()
		if !r.Bounded() {
			text = "all time"
		}
		return paydb.Window{Since: r.Since, Until: r.Until}, nil
	}
	if in.Cursor != "" {
		c, err := d.readKeysCursor(in)
		if err != nil {
			return q, nil, err
		}
		q.After = c.After
		q.Window = func(time.Time) (paydb.Window, error) {
			w := paydb.Window{Since: fromMicros(c.Since), Until: fromMicros(c.Until)}
			text = "all time"
			if w.Bounded() {
				text = fmt.Sprintf("requested_at %s .. %s (of the first answer)", w.Since.In(d.Zone).Format(time.RFC3339), w.Until.In(d.Zone).Format(time.RFC3339))
			}
			return w, nil
		}
	}
	return q, func() string { return text }, nil
}

// keysCursor is where a walk ended.
type keysCursor struct {
	Hash         uint64
	Since, Until int64 // microseconds
	After        string
}

func (d Deps) keysHash(in KeysIn) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, in.MerchantID, "\x00", in.TimeRange, "\x00", in.Since, "\x00", in.Until, "\x00", d.Scope, d.Zone, d.DB.Shards())
	return h.Sum64()
}

func (d Deps) readKeysCursor(in KeysIn) (c keysCursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	switch {
	case err != nil || c.After == "":
		return c, errCursor
	case c.Hash != d.keysHash(in):
		return c, fault.Invalidf("cursor belongs to another question: give it with the arguments of the answer before, or leave it out")
	}
	return c, nil
}

func (c keysCursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("tools: a cursor does not encode: " + err.Error()) // numbers and text always do
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// keys is what the shards answered, put together.
type keys struct {
	deps  Deps
	in    KeysIn
	facts diagnose.Keys
	twice diagnose.Doubles
}

// each calls show for every shard that answered, one database once.
func (k keys) each(show func(i int, a paydb.Asked, f paydb.Keys)) {
	for i, a := range k.facts.Asked {
		if a.SameAs == "" && (a.Source.OK() || k.facts.Facts[i].Done > 0) {
			show(i, a, k.facts.Facts[i])
		}
	}
}

func (k keys) known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(k.deps.Zone)
	return &t
}

func (k keys) data() KeysData {
	d := KeysData{Looked: []KeysLooked{}, Notes: widerAccounts(k.facts.Asked)}
	n := k.in.Limit
	k.each(func(i int, a paydb.Asked, f paydb.Keys) {
		d.Looked = append(d.Looked, KeysLooked{a.Shard, f.Merchants, f.Done, f.Payments, f.Records})
		for _, t := range f.Across {
			d.Across = append(d.Across, TwinRow{t.Here.Merchant, t.Here.Key, t.Here.Shard, t.Here.ID, report.Amount(t.Here.Amount), currency(t.Here.Currency), status(t.Here.Status),
				t.There.Shard, t.There.ID, report.Amount(t.There.Amount), status(t.There.Status)})
		}
		for _, s := range f.Mismatches {
			d.Mismatches = append(d.Mismatches, MismatchRow{a.Shard, s.Payment.ID, s.Payment.Merchant, s.Payment.Key, report.Amount(s.Payment.Amount), currency(s.Payment.Currency), s.PaymentID, s.Amount, s.Currency})
		}
		for _, g := range f.Ghosts {
			d.Ghosts = append(d.Ghosts, GhostRow{a.Shard, foreign.Text(g.Merchant), g.Key, g.Names, k.known(g.CreatedAt), g.Elsewhere})
		}
		for _, m := range f.Missing {
			d.Missing = append(d.Missing, MissingRow{a.Shard, m.ID, m.Merchant, k.known(m.At)})
		}
		if cleared, alone := k.facts.ClearedAway(i); cleared > 0 {
			younger := "all younger ones do"
			if !alone {
				younger = "younger ones do but for those of the finding"
			}
			d.Notes = append(d.Notes, fmt.Sprintf("%s: the %d oldest payments have no record, %s: old records are cleared away there", a.Shard, cleared, younger))
		}
	})
	for _, p := range k.twice.Pairs {
		d.Twice = append(d.Twice, PairRow{p.A.Shard, p.A.Merchant, report.Amount(p.A.Amount), currency(p.A.Currency), p.A.ID, p.B.ID, p.Gap.Seconds(), p.A.Key, p.B.Key, whyTwice(p)})
	}
	for _, x := range k.counts() {
		if x.n > n {
			d.Notes = append(d.Notes, fmt.Sprintf("%s: the first %d of %s are shown; limit shows more", x.field, n, x))
		}
	}
	d.Across, d.Mismatches, d.Ghosts, d.Missing, d.Twice = head(n, d.Across), head(n, d.Mismatches), head(n, d.Ghosts), head(n, d.Missing), head(n, d.Twice)
	if k.facts.After != "" {
		d.Notes = append(d.Notes, "what was seen is of this part alone, not of those before it")
	}
	if len(k.twice.Pairs) > 0 {
		d.Notes = append(d.Notes, "maybe_one_order_paid_twice: ask the merchant whether each pair is one order before anything is refunded")
	}
	if len(k.facts.Asked) == 1 {
		d.Notes = append(d.Notes, "one shard is configured: the same key on two shards could not be looked for")
	}
	if k.deps.Scope.Limited() {
		d.Notes = append(d.Notes, "this server looks at these merchants only: "+k.deps.Scope.String())
	}
	return d
}

func whyTwice(p paydb.Pair) string {
	why := []string{}
	if p.Similar {
		why = append(why, "keys alike")
	}
	if p.Others != nil {
		why = append(why, fmt.Sprintf("%d other payments of this amount in the 7 days before", *p.Others))
	}
	return strings.Join(why, ", ")
}

// counted is how many there are of one kind.
type counted struct {
	n           int
	more        bool   // than these
	field, what string // in the data, in words
}

func (c counted) String() string {
	if c.more {
		return fmt.Sprintf("at least %d", c.n)
	}
	return fmt.Sprint(c.n)
}

// counts says how many there are of each kind, over all shards.
func (k keys) counts() []counted {
	across, differ := counted{field: "same_key_on_two_shards", what: "keys on two shards"}, counted{field: "records_that_differ", what: "records that differ from their payment"}
	ghosts, missing := counted{field: "records_without_payment", what: "records without a payment"}, counted{field: "payments_without_record", what: "payments without a record"}
	k.each(func(_ int, _ paydb.Asked, f paydb.Keys) {
		across.add(len(f.Across), false)
		differ.add(len(f.Mismatches), f.MismatchesCut)
		ghosts.add(len(f.Ghosts), f.GhostsCut)
		missing.add(int(f.MissingAll), false)
	})
	return []counted{across, differ, ghosts, missing, {len(k.twice.Pairs), k.twice.More, "maybe_one_order_paid_twice", "pairs that may be one order paid twice"}}
}

func (c *counted) add(n int, more bool) { c.n, c.more = c.n+n, c.more || more }

func head[T any](n int, list []T) []T { return list[:min(n, len(list))] }

func (k keys) coverage(used *paydb.Window, window string) report.Coverage {
	c := report.Coverage{Window: window, Not: silent(k.facts.Asked)}
	c.Looked = []string{heard(k.facts.Asked)}
	k.each(func(_ int, a paydb.Asked, f paydb.Keys) {
		c.Looked = append(c.Looked, fmt.Sprintf("%s %d of %d merchants", a.Shard, f.Done, f.Merchants))
		if n := f.RareAll - f.RareJudged; n > 0 {
			c.Not = append(c.Not, fmt.Sprintf("%s: how usual the amount is, for %d of %d pairs of payments of one amount within seconds (chance makes about %.0f)", a.Shard, n, f.RareAll, f.ByChance))
		}
		if text := f.Uncompared(); text != "" {
			c.Not = append(c.Not, a.Shard+": "+text)
		}
	})
	next, cut, silent := k.facts.Next()
	c.Cut = cut
	if c.Cut && len(silent) > 0 {
		c.More = "ask again once " + strings.Join(silent, ", ") + " answers: of its merchants none is done"
	}
	if c.Cut && next != "" && used != nil {
		c.More = cmp.Or(c.More, "the same arguments with this cursor")
		c.Cursor = keysCursor{k.deps.keysHash(k.in), micros(used.Since), micros(used.Until), next}.String()
	} else if c.Cut && c.More == "" {
		c.More = "a merchant_id, or a shorter time_range"
	}
	return c
}

// summary says what is wrong with keys, or that nothing was seen.
func (k keys) summary(c report.Coverage) string {
	var seen int64
	k.each(func(_ int, _ paydb.Asked, f paydb.Keys) { seen += f.Payments })
	if len(silent(k.facts.Asked)) == len(k.facts.Asked) {
		return "no payment database answered: " + strings.Join(silent(k.facts.Asked), ", ")
	}
	var words []string
	for _, x := range k.counts() {
		if x.n > 0 {
			words = append(words, fmt.Sprintf("%s %s", x, x.what))
		}
	}
	text := partly(k.facts.Asked)
	if text == "" && c.Cut {
		text = "PARTIAL, not all merchants in the time of one call: "
	}
	text += payments(seen) + " looked at: "
	if len(words) == 0 {
		words = k.well()
	}
	return text + strings.Join(words, ", ")
}

// well is what can be said where nothing was seen.
func (k keys) well() (words []string) {
	if len(k.facts.Asked) > 1 && !slices.ContainsFunc(k.facts.Asked, func(a paydb.Asked) bool { return a.SameAs != "" || !a.Source.OK() }) {
		words = append(words, "no key on two shards")
	}
	words = append(words, "every record fits its payment")
	if k.twice.Open == 0 {
		words = append(words, "no order that looks paid twice")
	}
	return words
}

func (d Deps) findDuplicateIdempotency() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "find_duplicate_idempotency",
		Title: "Find duplicate payments and broken idempotency",
		Description: "What the unique key cannot catch: the same key with a payment on two shards, stored answers (idem_response_cache) that name no payment, another's or another amount, payments without one, and one order probably paid twice under two keys. " +
			"Reach for it when a customer says he was charged twice, or a repeated request was answered wrongly. " +
			"It cannot see Redis (idempotency_lookup can), nor know whether two like purchases were meant.",
		Examples: []string{`{}`, `{"merchant_id":"MERCHANT-8","time_range":"7d"}`, `{"time_range":"today","limit":20}`},
	}, d.handleFindDuplicateIdempotency)
}
