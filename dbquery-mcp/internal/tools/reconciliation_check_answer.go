package tools

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// reconciledView is what is shown of a reconciliation.
type reconciledView struct {
	deps     Deps
	question *reconciliation
	replies  []paydb.Reply[paydb.Reconciled]
	judged   diagnose.Reconciled
	waiting  *requestsView // payments that wait for the payment gateway; nil: nobody asked
}

func (v reconciledView) facts(elsewhere map[string][]paydb.Exception) diagnose.Reconciliation {
	r := diagnose.Reconciliation{Shards: diagnose.Shards{Asked: asked(v.replies), Newest: v.newest(), Of: "gateway request"}, Checks: v.question.ask.Checks, Elsewhere: elsewhere,
		Limited: len(v.question.ask.Merchants) > 0, Resumed: v.question.again, Unpaired: v.question.unpaired != ""}
	for _, one := range v.replies {
		r.Done = append(r.Done, one.Facts)
	}
	return r
}

// compared are the shards of which something was read, one database once.
func (v reconciledView) compared() []paydb.Reply[paydb.Reconciled] {
	return slices.DeleteFunc(slices.Clone(v.replies), func(r paydb.Reply[paydb.Reconciled]) bool {
		return r.SameAs != "" || !r.Source.OK() && r.Facts.Payments == 0
	})
}

func (v reconciledView) through() bool {
	return !slices.ContainsFunc(v.replies, func(r paydb.Reply[paydb.Reconciled]) bool {
		return r.SameAs == "" && (!r.Source.OK() || !r.Facts.End.Done)
	})
}

func (v reconciledView) data(in ReconciliationIn) ReconciliationData {
	d := ReconciliationData{Shards: []ReconciledShard{}, Count: v.judged.Count, Control: v.control(), Notes: v.notes()}
	for _, r := range v.compared() {
		f := r.Facts
		row := ReconciledShard{Shard: r.Shard, IDs: idsText(f), Payments: f.Payments, Postings: f.Entries, InFlight: f.Young, Late: f.Settled, Through: f.End.Done && r.Source.OK()}
		if v.question.ask.Checks.Settlements {
			row.Settlements = &f.Settlements
		}
		if v.question.ask.Checks.Refunds {
			row.Refunds = &f.Refunds
		}
		d.Shards = append(d.Shards, row)
	}
	limit := defaultExceptions
	if in.Limit != nil {
		limit = *in.Limit
	}
	for _, e := range v.judged.Exceptions[:min(limit, len(v.judged.Exceptions))] {
		d.Exceptions = append(d.Exceptions, v.row(e))
	}
	if in.Detail == full {
		d.IDs = v.ids()
	}
	return d
}

func idsText(f paydb.Reconciled) string {
	if f.Payments == 0 || f.Last == 0 {
		return "none"
	}
	return fmt.Sprintf("%d .. %d", f.First, f.Last)
}

func (v reconciledView) row(e diagnose.Exception) ExceptionRow {
	row := ExceptionRow{Shard: v.replies[e.Place].Shard, ID: e.ID, Codes: codesText(e)}
	if e.Orphan {
		return row
	}
	of := amount(e.Amount)
	row.Merchant, row.Status, row.Currency, row.Amount = &e.Merchant, status(foreign.Text(e.Status)), currency(foreign.Text(e.Currency)), &of
	if !e.UpdatedAt.IsZero() {
		at := e.UpdatedAt.In(v.deps.Zone)
		row.Updated = &at
	}
	return row
}

// ids are the payments of every finding.
func (v reconciledView) ids() (all []IDsOfCode) {
	at := func(code catalog.Code, place int) *IDsOfCode {
		name := v.replies[place].Shard
		i := slices.IndexFunc(all, func(x IDsOfCode) bool { return x.Code == string(code) && x.Shard == name })
		if i < 0 {
			i = len(all)
			all = append(all, IDsOfCode{Code: string(code), Shard: name, IDs: []int64{}})
		}
		return &all[i]
	}
	for _, e := range v.judged.Exceptions {
		for _, code := range e.Codes {
			x := at(code, e.Place)
			x.IDs = append(x.IDs, e.ID)
		}
	}
	for _, s := range v.judged.Strays {
		x := at(catalog.LedgerWrongShard, s.On)
		x.IDs = append(x.IDs, s.ID)
	}
	for place, r := range v.replies {
		for wrong, b := range r.Facts.More {
			at(diagnose.CodeOf(wrong), place).More += b.Count
		}
	}
	return all
}

// control adds up the shards, each currency by itself.
func (v reconciledView) control() []ControlTotal {
	sums := map[string]*paydb.Control{}
	for _, r := range v.compared() {
		for c, x := range r.Facts.Control {
			s := sums[c]
			if s == nil {
				s = new(paydb.Control)
				sums[c] = s
			}
			s.Captured.Join(x.Captured)
			s.Refunded.Join(x.Refunded)
			s.Posted.Join(x.Posted)
			s.Reversed.Join(x.Reversed)
			s.Other.Join(x.Other)
		}
	}
	rows := []ControlTotal{}
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		x := sums[c]
		row := ControlTotal{Captured: amount(x.Captured), Posted: amount(x.Posted), Refunded: amount(x.Refunded), Reversed: amount(x.Reversed)}
		if c != "" {
			row.Currency = currency(foreign.Text(c))
		}
		row.Debit = debit(x)
		rows = append(rows, row)
	}
	return rows
}

// debit is everything that was posted, which is what was debited and credited too.
func debit(x *paydb.Control) report.Amount {
	var all paydb.Amounts
	for _, part := range []paydb.Amounts{x.Posted, x.Reversed, x.Other} {
		all.Join(part)
	}
	return amount(all)
}

func (v reconciledView) coverage() report.Coverage {
	q := v.question
	c := report.Coverage{Window: q.scope}
	switch {
	case q.resolved != "":
		c.Window = strings.TrimPrefix(q.scope+", requested_at "+q.resolved, ", ")
	case q.window != nil:
		c.Window = fmt.Sprintf("%s (since %s)", q.scope, q.window.Since.In(v.deps.Zone).Format(time.RFC3339))
	}
	c.Looked = append(c.Looked, heard(asked(v.replies)))
	for _, r := range v.compared() {
		if n := r.Facts.Older; n > 0 {
			c.Looked = append(c.Looked, fmt.Sprintf("%s: %d older payments with a refund inside the window", r.Shard, n))
		}
	}
	c.Not = slices.Concat(silent(asked(v.replies)), v.unlooked())
	if !v.through() && len(v.compared()) > 0 {
		c.Cut, c.More, c.Cursor = true, "the same arguments with this cursor", q.cursor(v.replies)
	}
	return c
}

// listing is the coverage of an answer that lists so many exceptions. Strays are told by
// their finding.
func (v reconciledView) listing(listed int) report.Coverage {
	c := v.coverage()
	if all := v.judged.Count - int64(len(v.judged.Strays)); int64(listed) < all {
		more := fmt.Sprintf("%d of %s are listed; limit lists up to 200, detail full the ids, a scope of ids the others", listed, exceptions(all))
		c.Cut, c.More = true, strings.TrimPrefix(c.More+"; "+more, "; ")
	}
	return c
}

// unlooked is what was not looked at on the shards that answered.
func (v reconciledView) unlooked() (not []string) {
	for _, r := range v.compared() {
		f := r.Facts
		if f.MerchantsWhy != "" {
			not = append(not, r.Shard+": whether merchants are on the right shard ("+f.MerchantsWhy+")")
		}
		if f.Unproven > 0 {
			not = append(not, r.Shard+": the events of "+payments(f.Unproven)+" captured without a settlement ("+f.UnprovenWhy+")")
		}
		if f.Late.Why != "" {
			not = append(not, r.Shard+": which postings came late ("+f.Late.Why+")")
		}
		if f.OlderWhy != "" {
			not = append(not, r.Shard+": "+f.OlderWhy)
		}
		for _, slow := range f.Slow {
			not = append(not, r.Shard+": "+slow)
		}
	}
	if len(v.question.ask.Merchants) > 0 {
		not = append(not, "postings without a payment, postings on another shard")
	}
	if v.question.unpaired != "" {
		not = append(not, "postings on another shard ("+v.question.unpaired+")")
	}
	if v.waiting != nil && len(v.compared()) > 0 {
		not = append(not, v.unlookedWaiting()...)
	}
	return not
}

func (v reconciledView) notes() (notes []string) {
	if slices.ContainsFunc(v.replies, func(r paydb.Reply[paydb.Reconciled]) bool { return r.Facts.Young > 0 }) {
		notes = append(notes, fmt.Sprintf("in flight: changed less than %d s ago (LEDGER_GRACE), so what belongs to it may still come", int64(v.question.ask.Grace.Seconds())))
	}
	var unproven int64
	for _, r := range v.compared() {
		unproven += r.Facts.Unproven
	}
	if unproven > 0 {
		notes = append(notes, fmt.Sprintf("%s captured without a settlement: direct captures, or not, as trace_payment tells", payments(unproven)))
	}
	if v.question.again {
		notes = append(notes, "counts and totals are of this part alone, not of those before it; payments that wait are of all parts")
	}
	if v.deps.Scope.Limited() {
		notes = append(notes, "this server sees these merchants only: "+v.deps.Scope.String())
	}
	return append(notes, widerAccounts(asked(v.replies))...)
}

// summary is the line to read out.
func (v reconciledView) summary() string {
	var compared, entries, young int64
	for _, r := range v.compared() {
		compared, entries, young = compared+r.Facts.Payments, entries+r.Facts.Entries, young+r.Facts.Young
	}
	if len(silent(asked(v.replies))) == len(v.replies) && compared == 0 {
		var why []string
		for _, r := range v.replies {
			why = append(why, r.Shard+" "+strings.ReplaceAll(string(r.Source.Err.Class), "_", " "))
		}
		return "no payment database answered: " + strings.Join(why, ", ")
	}
	text := partly(asked(v.replies))
	if text == "" && !v.through() {
		text = "IN PART, time ran out: "
	}
	counted := fmt.Sprintf("%s, %s postings", payments(compared), grouped(strconv.FormatInt(entries, 10)))
	switch {
	case compared == 0 && entries == 0 && v.waits() == "":
		text += "nothing to check: no payments in this scope"
	case compared == 0 && entries == 0:
		text += "no payments in this scope to compare"
	case v.judged.Count > 0:
		text += fmt.Sprintf("%s in %s: %s", exceptions(v.judged.Count), counted, v.codes())
	default:
		text += "no exception in " + counted
		if v.judged.Misrouted {
			text += ", but merchants on the wrong shard"
		}
	}
	if young > 0 {
		text += fmt.Sprintf("; %s in flight", payments(young))
	}
	text += v.waits()
	if x, ok := v.mostUsed(); ok {
		text += fmt.Sprintf(". Control total only: BALANCED - debit %s %s = credit %[2]s", x.Currency, x.Debit.Grouped())
	}
	return text
}

// mostUsed is the control total of the currency with the longest sum.
func (v reconciledView) mostUsed() (most ControlTotal, ok bool) {
	for _, x := range v.control() {
		if _, named := x.Currency.(string); named && x.Debit != "0" && (!ok || len(x.Debit) > len(most.Debit)) {
			most, ok = x, true
		}
	}
	return most, ok
}

func exceptions(n int64) string {
	if n == 1 {
		return "1 exception"
	}
	return grouped(strconv.FormatInt(n, 10)) + " exceptions"
}

// codes are the findings that speak of payments, by name.
func (v reconciledView) codes() string {
	var all []string
	for _, f := range v.judged.Findings {
		if name := string(f.Code); strings.HasPrefix(name, "LEDGER_") || strings.HasPrefix(name, "SETTLEMENT_") || strings.HasPrefix(name, "REFUND_") || f.Code == catalog.CaptureEvidenceMissing {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
