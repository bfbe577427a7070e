package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// SettlementsIn are the arguments of check_settlements.
type SettlementsIn struct {
	Kind      string `json:"kind,omitempty" jsonschema:"which requests to the payment gateway; both by default" enum:"settlement,refund"`
	TimeRange string `json:"time_range,omitempty" jsonschema:"when requested: 15m, today, 지난 1시간; default 7d" min:"1" max:"100"`
	Since     string `json:"since,omitempty" jsonschema:"RFC 3339 or local: 14:00, yesterday 2pm" min:"1" max:"100"`
	Until     string `json:"until,omitempty" jsonschema:"as since" min:"1" max:"100"`
}

// defaultRequestRange is the time looked at when none is given.
const defaultRequestRange = "7d"

// SettlementsData is what check_settlements answers.
type SettlementsData struct {
	Requests []RequestsRow `json:"requests"`
	AtRisk   []AtRiskRow   `json:"at_risk"` // never added up across currencies
	Codes    []CodeRow     `json:"gateway_codes,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
}

// RequestsRow is one shard's requests of a kind.
type RequestsRow struct {
	Kind      string `json:"kind"`
	Shard     string `json:"shard"`
	Succeeded int64  `json:"succeeded"`
	Failed    int64  `json:"failed"` // now; a retry that succeeds takes one away
	Retrying  int    `json:"retrying"`
	Starved   int    `json:"starved"`
	Stale     int    `json:"left_alone"`
	Dead      int    `json:"dead"`
	Pending   int    `json:"pending"`
	Without   int    `json:"without_request"` // payments that wait for one for more than 5 minutes
	Odd       int    `json:"unknown_status,omitempty"`
	Ahead     int    `json:"dated_ahead,omitempty"` // of the database's clock

	Unexplained int `json:"failed_without_request,omitempty"` // payments

	// There are more than are counted, and these are from then on; null: all are.
	SucceededSince *time.Time `json:"succeeded_since,omitempty"`
	FailedSince    *time.Time `json:"failed_since,omitempty"`
}

// AtRiskRow is money of one currency in one state.
type AtRiskRow struct {
	Kind     string        `json:"kind"`
	State    string        `json:"state"`
	Payments int           `json:"payments"`
	Currency any           `json:"currency"`
	Amount   report.Amount `json:"amount"`
	Oldest   *time.Time    `json:"oldest"`
}

// CodeRow is what the payment gateway answered to requests that are FAILED.
type CodeRow struct {
	Kind    string       `json:"kind"`
	Code    foreign.Text `json:"code"`
	Count   int          `json:"count"`
	First   time.Time    `json:"first"`
	Last    time.Time    `json:"last"`
	Message foreign.Text `json:"message"` // of the newest
}

func (d Deps) handleCheckSettlements(ctx context.Context, in SettlementsIn) (report.Answer[SettlementsData], error) {
	var a report.Answer[SettlementsData]
	if in.TimeRange == "" && in.Since == "" && in.Until == "" {
		in.TimeRange = defaultRequestRange
	}
	span, err := when.Parse(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until})
	if err != nil {
		return a, invalidTime(err)
	}
	v := requestsView{deps: d, span: span}
	err = d.lookAtKinds(ctx, &v, func(kind paydb.RequestKind) bool { return in.Kind == "" || in.Kind == string(kind) })
	if err != nil {
		return a, err
	}
	a.Findings, a.Sources, a.AsOf = v.found, v.sources(), v.asOf()
	shards, ran := diagnose.Judge(diagnose.Shards{Asked: v.asked(), Newest: v.newest(), Of: "gateway request"})
	a.Findings = slices.Concat(shards, a.Findings)
	a.Coverage, a.Data, a.Because = v.coverage(), v.data(), v.because()
	a.Conclude(append(ran, v.ran...)...)
	a.Summary = v.summary()
	return a, nil
}

// lookAtKinds looks at one kind after the other, as long as there is time.
func (d Deps) lookAtKinds(ctx context.Context, v *requestsView, wanted func(paydb.RequestKind) bool) error {
	for _, kind := range []paydb.RequestKind{paydb.Settlements, paydb.Refunds} {
		if !wanted(kind) {
			continue
		}
		if end, bounded := ctx.Deadline(); bounded && len(v.kinds) > 0 && time.Until(end) < tailTime {
			v.left = append(v.left, string(kind)+"s")
			continue
		}
		r, err := d.lookAtRequests(ctx, kind, v)
		if err != nil {
			return err
		}
		v.kinds = append(v.kinds, r)
	}
	return nil
}

// lookAtRequests looks once, and when something is amiss a second time: what is so
// at both times is no passing state.
func (d Deps) lookAtRequests(ctx context.Context, kind paydb.RequestKind, v *requestsView) (r diagnose.Requests, err error) {
	began := time.Now()
	if r, err = d.askRequests(ctx, kind, v); err != nil {
		return r, err
	}
	if !r.Suspicious() {
		_, ran := diagnose.JudgeRequests(r)
		v.ran = append(v.ran, ran...)
		return r, nil
	}
	first := r
	if !again(ctx, time.Since(began)) {
		v.once(r)
		return r, nil
	}
	if v.of == nil { // the reconciliation tells its own
		tool.Progress(ctx, 1, 2, "a second look at "+string(kind)+" requests")
	}
	if r, err = d.askRequests(ctx, kind, v); err != nil {
		return r, err
	}
	late := known(first.Found, r.Found)
	r.Asked = asked(r.Found)
	for _, name := range late {
		v.late = append(v.late, string(kind)+"s of "+name)
	}
	if r.Books, err = d.unfitBooks(ctx, r, first); err != nil {
		return r, err
	}
	judged := diagnose.RequestsTwice(first, r)
	v.found, v.ran = append(v.found, judged.Found...), append(v.ran, judged.Ran...)
	if text := judged.Passing(); text != "" {
		v.passing = append(v.passing, text)
	}
	return r, nil
}

// askRequests looks once.
func (d Deps) askRequests(ctx context.Context, kind paydb.RequestKind, v *requestsView) (r diagnose.Requests, err error) {
	q := paydb.GatewayQuery{Kind: kind, Within: d.Scope, Window: v.windowAt}
	if v.of != nil {
		q.Within, q.Waiting = v.of.ask.Merchants, v.of.holds
	}
	replies, window, err := d.DB.Gateway(ctx, q)
	if err != nil {
		return r, err
	}
	if window != nil {
		v.window.Clock = cmp.Or(v.window.Clock, window.Clock)
	}
	for i := range replies {
		if c := &replies[i].Clock.Database; !c.IsZero() {
			*c = c.In(d.Zone)
		}
	}
	r.Kind, r.Waiting, r.Zone, r.Found, r.Asked = kind, v.of != nil, d.Zone, replies, asked(replies)
	return r, nil
}

// windowAt resolves the time by the database's clock, once: every look of a call is at the
// same time. The scope of a reconciliation may have none.
func (v *requestsView) windowAt(now time.Time) (paydb.Window, error) {
	switch {
	case v.resolved != nil:
		return v.window, nil
	case v.of != nil && !v.of.timed:
		return paydb.Window{}, nil
	case v.of != nil && v.of.again:
		return *v.of.window, nil
	}
	resolved, err := v.span.At(now, v.deps.Zone)
	if err != nil {
		return paydb.Window{}, invalidTime(err)
	}
	w := paydb.Window{Since: resolved.Since, Until: resolved.Until}
	if w.Until.IsZero() || w.Until.After(now) {
		w.Until = now
	}
	if !w.Bounded() || !w.Since.Before(w.Until) {
		return w, invalidTime(fmt.Errorf("a time that has begun is needed, for example 24h"))
	}
	v.resolved, v.window = &resolved, w
	return w, nil
}

// once judges a kind that there is no time to look at again.
func (v *requestsView) once(r diagnose.Requests) {
	found, ran := diagnose.JudgeRequests(r)
	booked := diagnose.BookCodes()
	unread := 0
	for _, x := range v.each(r) {
		unread += len(x.Facts.Unfit)
	}
	if unread > 0 {
		v.unread = append(v.unread, fmt.Sprintf("%s whose %ss do not fit at first sight", payments(int64(unread)), r.Kind))
		ran = slices.DeleteFunc(ran, func(c catalog.Code) bool { return slices.Contains(booked, c) })
	}
	if len(found) > 0 {
		v.late = append(v.late, string(r.Kind)+"s")
	}
	v.found, v.ran = append(v.found, found...), append(v.ran, ran...)
}

// unfitBooks reads the payments whole that did not fit their requests at both looks.
// Of a shard that was silent at the first they are all read.
func (d Deps) unfitBooks(ctx context.Context, r, first diagnose.Requests) ([]paydb.Reply[[]paydb.Exception], error) {
	ids := make([][]int64, len(r.Found))
	some := false
	for i, x := range r.Found {
		if x.SameAs != "" {
			continue
		}
		before := first.Found[i]
		ids[i] = slices.DeleteFunc(slices.Clone(x.Facts.Unfit), func(id int64) bool { return before.Source.OK() && !slices.Contains(before.Facts.Unfit, id) })
		some = some || len(ids[i]) > 0
	}
	if !some {
		return nil, nil
	}
	books, err := d.DB.BooksOf(ctx, ids, 0)
	for i := range books {
		books[i].Facts = slices.DeleteFunc(books[i].Facts, func(e paydb.Exception) bool { return d.Scope.Check(string(e.Merchant)) != nil })
	}
	return books, err
}

func (d Deps) checkSettlements() tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "check_settlements",
		Title: "Check settlements and refunds",
		Description: "What became of the requests to the payment gateway: settlements (captures) and refunds that failed, are never retried (starved), were retried ten times (dead), are stuck, double, or disagree with their payment; the gateway's response codes grouped, failure spikes, and the money at risk per currency. " +
			"Reach for it when captures or refunds do not come through, or after trouble at the payment gateway. " +
			"It sees the databases alone: lag of the workers and dead-letter topics, circuitbreaker-mcp tells.",
		Examples: []string{`{}`, `{"kind":"refund","time_range":"24h"}`, `{"kind":"settlement","since":"yesterday 2pm"}`},
	}, d.handleCheckSettlements)
}
