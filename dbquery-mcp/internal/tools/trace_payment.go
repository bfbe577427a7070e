package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// TraceIn are the arguments of trace_payment.
type TraceIn struct {
	PaymentID      *int64 `json:"payment_id,omitempty" jsonschema:"each shard counts its own: the same id on two shards is two payments" min:"1"`
	MerchantID     string `json:"merchant_id,omitempty" jsonschema:"to the letter; with idempotency_key in place of payment_id" min:"1" max:"100"`
	IdempotencyKey string `json:"idempotency_key,omitempty" jsonschema:"to the letter" min:"1" max:"100"`
}

// TraceData is what trace_payment answers.
type TraceData struct {
	Payments []TracedPayment `json:"payments"`
	Timeline []TimelineRow   `json:"timeline"`
	Notes    []string        `json:"notes,omitempty"`
}

// TracedPayment is one payment; its id is one of its shard.
type TracedPayment struct {
	Shard    string         `json:"shard"`
	ID       int64          `json:"payment_id"`
	Merchant foreign.Text   `json:"merchant_id"`
	Status   any            `json:"status"`
	Amount   *report.Amount `json:"amount"`
	Currency any            `json:"currency"`
	Key      foreign.Text   `json:"idempotency_key"`
	Where    string         `json:"where"` // how far it is, where it is stuck and why
}

// TimelineRow is something that happened to a payment.
type TimelineRow struct {
	At    *time.Time `json:"at"` // by the database; null: no time was noted
	Shard string     `json:"shard"`
	Table string     `json:"table"`
	What  string     `json:"what"`
}

func (d Deps) handleTracePayment(ctx context.Context, in TraceIn) (report.Answer[TraceData], error) {
	var a report.Answer[TraceData]
	q, err := d.traceQuestion(in)
	if err != nil {
		return a, err
	}
	began := time.Now()
	replies, err := d.DB.Trace(ctx, q)
	if err != nil {
		return a, err
	}
	if slices.ContainsFunc(replies, func(r paydb.Reply[[]paydb.Traced]) bool { return len(r.Facts) > 0 }) {
		replies, err = d.traceAgain(ctx, q, replies, time.Since(began))
		if err != nil {
			return a, err
		}
	}
	v := traceView{deps: d, in: in, replies: replies, limits: d.outboxLimits()}
	facts := diagnose.Trace{Found: replies, Limits: v.limits, Zone: d.Zone}
	for i := range replies {
		r := &replies[i]
		if !r.Clock.Database.IsZero() {
			r.Clock.Database = r.Clock.Database.In(d.Zone)
		}
		facts.Asked = append(facts.Asked, r.Asked)
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() {
			a.AsOf = r.Clock.Database
		}
	}
	var ran []catalog.Code
	a.Findings, ran = diagnose.JudgeTrace(facts)
	a.Data, a.Coverage, a.Because = v.data(), v.coverage(), v.because(a.Findings)
	a.Conclude(ran...)
	a.Summary = v.summary()
	// The story stays whole.
	report.Shorten(&a, append([]report.Extra{report.RuledOut(&a)}, report.Wordy(a.Findings)...)...)
	return a, nil
}

func (d Deps) traceQuestion(in TraceIn) (q paydb.TraceQuery, err error) {
	q = paydb.TraceQuery{Merchant: in.MerchantID, Key: in.IdempotencyKey, Within: d.Scope, Grace: d.ledgerGrace()}
	const next = "Give payment_id, or merchant_id and idempotency_key; query_payments finds payments by other words"
	switch {
	case in.PaymentID != nil && in.MerchantID == "" && in.IdempotencyKey == "":
		q.ID = *in.PaymentID
	case in.PaymentID == nil && in.MerchantID != "" && in.IdempotencyKey != "":
		return q, d.Scope.Check(in.MerchantID)
	default:
		return q, fault.New(fault.Invalid, next, "one payment is traced at a time, by payment_id or by merchant_id and idempotency_key")
	}
	return q, nil
}

// traceAgain looks a second time where a rule found something, so that what is on
// its way at this moment is not told as wrong.
func (d Deps) traceAgain(ctx context.Context, q paydb.TraceQuery, replies []paydb.Reply[[]paydb.Traced], took time.Duration) ([]paydb.Reply[[]paydb.Traced], error) {
	facts := diagnose.Trace{Found: replies, Limits: d.outboxLimits(), Zone: d.Zone}
	for _, r := range replies {
		facts.Asked = append(facts.Asked, r.Asked)
	}
	if found, _ := diagnose.JudgeTrace(facts); !slices.ContainsFunc(found, func(f report.Finding) bool { return f.Kind == catalog.Cause }) {
		return replies, nil
	}
	if !again(ctx, took) {
		return replies, nil
	}
	second, err := d.DB.Trace(ctx, q)
	if err == nil {
		known(replies, second)
	}
	return second, err
}

func (d Deps) tracePayment() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "trace_payment",
		Title: "Trace one payment",
		Description: "One payment's whole story as a timeline over payment, outbox, settlement, refund, ledger and idempotency record, on the shard or shards that have it: how far it is, where it is stuck and why, and every rule of the books that it breaks. " +
			"Reach for it when somebody asks about one payment. " +
			"It sees the databases alone, and events only around the times at which they must have been written.",
		Examples: []string{`{"payment_id":123}`, `{"merchant_id":"MERCHANT-8","idempotency_key":"order-20251120-7"}`},
	}, d.handleTracePayment)
}

// traceView is what is shown of a trace.
type traceView struct {
	deps    Deps
	in      TraceIn
	replies []paydb.Reply[[]paydb.Traced]
	limits  diagnose.OutboxLimits
}

// each are the payments found, one database once.
func (v traceView) each() (all []paydb.Traced) {
	for _, r := range v.replies {
		if r.Source.OK() && r.SameAs == "" {
			all = append(all, r.Facts...)
		}
	}
	return all
}

func (v traceView) now(name string) time.Time {
	for _, r := range v.replies {
		if r.Shard == name {
			return r.Clock.Database
		}
	}
	return time.Time{}
}

func (v traceView) data() TraceData {
	d := TraceData{Payments: []TracedPayment{}, Timeline: []TimelineRow{}}
	for _, p := range v.each() {
		row := TracedPayment{
			Shard: p.Shard, ID: p.ID, Merchant: p.Merchant, Status: status(p.Status), Currency: currency(p.Currency), Key: p.Key,
			Where: diagnose.Where(p, v.now(p.Shard), v.limits, v.deps.Zone),
		}
		if p.Amount != "" {
			row.Amount = new(report.Amount(p.Amount))
		}
		d.Payments = append(d.Payments, row)
		d.Timeline = append(d.Timeline, v.timeline(p)...)
	}
	slices.SortStableFunc(d.Timeline, func(a, b TimelineRow) int {
		switch {
		case a.At == nil || b.At == nil:
			return cmp.Compare(order(a.At), order(b.At))
		default:
			return a.At.Compare(*b.At)
		}
	})
	d.Notes = v.notes()
	return d
}

// order puts what has no time last.
func order(t *time.Time) int {
	if t == nil {
		return 1
	}
	return 0
}

func (v traceView) timeline(p paydb.Traced) (rows []TimelineRow) {
	add := func(at time.Time, table, what string, args ...any) {
		row := TimelineRow{Shard: p.Shard, Table: table, What: fmt.Sprintf(what, args...)}
		if !at.IsZero() {
			at = at.In(v.deps.Zone)
			row.At = &at
		}
		rows = append(rows, row)
	}
	add(p.RequestedAt, "payment", "requested")
	if p.UpdatedAt.Sub(p.RequestedAt) > time.Second {
		add(p.UpdatedAt, "payment", "last changed, %s now", shown(status(p.Status)))
	}
	if r := p.Record; r != nil {
		add(r.Created, "idempotency", "record answers HTTP %d, payment %s, %s %s", r.HTTPStatus, r.PaymentID.Quoted(), shown(currency(r.Currency)), r.Amount.Quoted())
	}
	for _, e := range p.Events {
		what := fmt.Sprintf("%s event %d", shown(eventType(e.Type)), e.ID)
		switch {
		case e.Published && !e.PublishedAt.IsZero():
			what += ", published " + lag(e.Created, e.PublishedAt)
		case e.Published:
			what += ", marked published without a time"
		case e.Retries > 0:
			what += fmt.Sprintf(", waits, tried %d times", e.Retries)
		default:
			what += ", waits, never tried"
		}
		add(e.Created, "outbox", "%s", what)
	}
	for _, x := range []struct {
		table string
		list  []paydb.TracedRequest
	}{{"settlement", p.Settlements}, {"refund", p.Refunds}} {
		for _, r := range x.list {
			what := fmt.Sprintf("request %d %s, %s %s, code %s", r.ID, shown(requestStatus(r.Status)), shown(currency(p.Currency)), report.Amount(r.Amount), r.Code.Quoted())
			if r.Retries > 0 {
				what += fmt.Sprintf(", retry %d", r.Retries)
			}
			if !r.Completed.IsZero() {
				what += ", completed " + lag(r.Requested, r.Completed)
			}
			add(r.Requested, x.table, "%s", what)
			if !r.LastRetry.IsZero() {
				add(r.LastRetry, x.table, "request %d last retried", r.ID)
			}
		}
	}
	for _, e := range p.Books.Entries {
		add(e.At, "ledger", "entry %d debit %s credit %s %s", e.ID, ownAccount(e.Debit), ownAccount(e.Credit), amount(e.Amount))
	}
	return rows
}

// lag is how long after a moment another came.
func lag(from, to time.Time) string {
	return to.Sub(from).Round(time.Millisecond*100).String() + " later"
}

// requestStatus is a word where it is a known one.
func requestStatus(s foreign.Text) any {
	if slices.Contains([]foreign.Text{"SUCCESS", "FAILED", "PENDING"}, s) {
		return string(s)
	}
	return s
}

// ownAccount is one of the payment system's two accounts as a word, any other quoted.
func ownAccount(a foreign.Text) string {
	if a == "merchant_receivable" || a == "cash" {
		return string(a)
	}
	return a.Quoted()
}

func (v traceView) notes() (notes []string) {
	all := v.each()
	if len(all) > 1 && v.in.PaymentID != nil {
		notes = append(notes, fmt.Sprintf("payment id %d exists on %s: these are %d different payments, for each shard counts its own ids", *v.in.PaymentID, diagnose.ShardsOf(all), len(all)))
	}
	for _, p := range all {
		if p.Record == nil && !slices.ContainsFunc(p.NotLooked, func(s string) bool { return strings.HasPrefix(s, "idem_response_cache") }) {
			notes = append(notes, fmt.Sprintf("payment %d on %s has no idempotency record", p.ID, p.Shard))
		}
	}
	if v.in.MerchantID != "" && len(v.replies) == shard.Two {
		notes = append(notes, "by the shard rule this merchant lives on "+v.replies[shard.Of(v.in.MerchantID)-1].Shard)
	}
	return slices.Concat(notes, widerAccounts(asked(v.replies)))
}

func (v traceView) coverage() report.Coverage {
	c := report.Coverage{Not: silent(asked(v.replies))}
	c.Looked = []string{heard(asked(v.replies))}
	for _, p := range v.each() {
		for _, n := range p.NotLooked {
			c.Not = append(c.Not, p.Shard+": "+n)
		}
		if p.Unproven != "" {
			c.Not = append(c.Not, p.Shard+": "+unproven(p))
		}
		if p.Unfollowed != "" {
			c.Not = append(c.Not, fmt.Sprintf("%s: whether a refund of payment %d was asked for and forgotten (%s)", p.Shard, p.ID, p.Unfollowed))
		}
		if !p.Overlooked.To.IsZero() {
			c.Not = append(c.Not, p.Shard+": "+v.overlooked(p))
		}
	}
	return c
}

// because is why nothing good can be concluded: there is no such payment, a part of
// its story was not seen, or it is stuck and no rule knows why.
func (v traceView) because(found []report.Finding) string {
	all := v.each()
	if len(all) == 0 && len(silent(asked(v.replies))) < len(v.replies) {
		return "there is no such payment to judge"
	}
	for _, p := range all {
		if len(p.NotLooked) > 0 {
			return "not looked at: " + strings.Join(p.NotLooked, "; ")
		}
		// What is no longer kept can never be seen: that is no reason to doubt for ever.
		if p.Unproven != "" && p.EventsKept {
			return "not looked at: " + unproven(p)
		}
		// Nothing that is known changes a payment long after its capture.
		if !p.Overlooked.To.IsZero() && p.Unproven == "" {
			return "not looked at: " + v.overlooked(p)
		}
		if p.Books.Ahead {
			return fmt.Sprintf("payment %d on %s says that it changes later than the database's clock, so its books cannot be judged: a clock or a time zone of who writes it is wrong", p.ID, p.Shard)
		}
	}
	if slices.ContainsFunc(found, func(f report.Finding) bool { return f.Verdict != catalog.OK }) {
		return "" // that says why
	}
	for _, p := range all {
		if where := diagnose.Where(p, v.now(p.Shard), v.limits, v.deps.Zone); diagnose.Stuck(where) {
			return fmt.Sprintf("payment %d on %s is %s", p.ID, p.Shard, where)
		}
	}
	return ""
}

// unproven says what of a payment's capture was not seen.
func unproven(p paydb.Traced) string {
	return fmt.Sprintf("whether the capture of payment %d left its event (%s)", p.ID, p.Unproven)
}

// overlooked says of which events it is not known whether they are the payment's.
func (v traceView) overlooked(p paydb.Traced) string {
	at := func(t time.Time) string { return t.In(v.deps.Zone).Format(time.RFC3339) }
	return fmt.Sprintf("events of %s to %s, too many to look for those of payment %d, which was changed at %s", at(p.Overlooked.From), at(p.Overlooked.To), p.ID, at(p.UpdatedAt))
}

func (v traceView) summary() string {
	if len(silent(asked(v.replies))) == len(v.replies) {
		return "no payment database answered, so nothing is known of this payment"
	}
	text := partly(asked(v.replies))
	all := v.each()
	if len(all) == 0 {
		what := fmt.Sprintf("no payment of merchant %s with key %s", foreign.Text(v.in.MerchantID).Quoted(), foreign.Text(v.in.IdempotencyKey).Quoted())
		if v.in.PaymentID != nil {
			what = fmt.Sprintf("no payment %d", *v.in.PaymentID)
		}
		return text + fmt.Sprintf("%s on %s (keys, ids and merchants are taken to the letter)", what, heard(asked(v.replies)))
	}
	var parts []string
	for _, p := range all {
		where := diagnose.Where(p, v.now(p.Shard), v.limits, v.deps.Zone)
		if len(all) > 1 { // the whole stands beside each
			where, _, _ = strings.Cut(where, ":")
		}
		parts = append(parts, fmt.Sprintf("payment %d on %s, %s %s of merchant %s, %s: %s", p.ID, p.Shard, shown(currency(p.Currency)), grouped(p.Amount), p.Merchant.Quoted(), shown(status(p.Status)), where))
	}
	return text + strings.Join(parts, "; ")
}
