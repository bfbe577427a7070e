package tools

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// ledgerOfPayment answers by_payment.
func (d Deps) ledgerOfPayment(ctx context.Context, in LedgersIn) (a report.Answer[LedgersData], ran []catalog.Code, err error) {
	q := paydb.LedgerQuery{ID: *in.PaymentID, Merchants: d.Scope, Limit: pageSize(in.Limit)}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, byPayment, q.ID, d.Scope, d.DB.Shards()) // a hash takes all
	if in.Cursor != "" {
		c, err := readCursor(in.Cursor)
		if err != nil {
			return a, nil, err
		}
		if c.hash != h.Sum64() {
			return a, nil, fault.Invalidf("cursor belongs to another question: give it with the arguments of the page before, or leave it out")
		}
		q.After = &c.position
	}
	replies, err := d.DB.LedgerOf(ctx, q)
	if err != nil {
		return a, nil, err
	}
	s := d.askedOf(&a, replies)
	a.Findings, ran = diagnose.Judge(s)
	a.Data.Sums = []LedgerSum{}
	var where []string
	total, last := int64(0), paydb.Position{}
	for place, r := range replies {
		if !r.Source.OK() || r.SameAs != "" {
			continue
		}
		total += r.Facts.Count
		where = append(where, d.ledgerOfShard(r, q.ID))
		if p := r.Facts.Payment; p != nil || r.Facts.Count > 0 {
			a.Data.Sums = append(a.Data.Sums, sumOf(r.Shard, paymentCurrency(p), &r.Facts.Control))
		}
		if p := r.Facts.Payment; p != nil {
			a.Data.Payments = append(a.Data.Payments, d.posted(*p, &r.Facts.Control, int(r.Facts.Count)))
		}
		for _, e := range r.Facts.Entries {
			if len(a.Data.Entries) == q.Limit {
				a.Coverage.Cut = true
				break
			}
			last = paydb.Position{Shard: place, ID: e.ID}
			a.Data.Entries = append(a.Data.Entries, d.ledgerRow(r.Shard, e))
		}
	}
	if a.Coverage.Cut {
		a.Coverage.More = "the same arguments with this cursor"
		a.Coverage.Cursor = cursor{hash: h.Sum64(), position: last}.String()
	}
	a.Data.Notes = append(widerAccounts(s.Asked), scopeNote(d)...)
	a.Summary = partly(asked(replies)) + fmt.Sprintf("payment %d has %s", q.ID, postingsWord(total))
	if len(where) > 0 {
		a.Summary += ": " + strings.Join(where, "; ")
	}
	return a, ran, nil
}

func scopeNote(d Deps) []string {
	if d.Scope.Limited() {
		return []string{"this server sees these merchants only: " + d.Scope.String()}
	}
	return nil
}

// ledgerOfShard says what a shard has of a payment id.
func (d Deps) ledgerOfShard(r paydb.Reply[paydb.LedgerOf], id int64) string {
	f := r.Facts
	switch {
	case f.Hidden:
		return "no such payment of this server's merchants on " + r.Shard
	case f.Payment == nil && f.Count == 0:
		return "no such payment on " + r.Shard
	case f.Payment == nil:
		return fmt.Sprintf("no such payment on %s, but %s", r.Shard, postingsWord(f.Count))
	}
	p := f.Payment
	return fmt.Sprintf("on %s %v %v %s of %s, captured %s, refunded %s", r.Shard, shown(status(p.Status)), shown(currency(p.Currency)), report.Amount(p.Amount), p.Merchant.Quoted(),
		amount(f.Control.Posted), amount(f.Control.Reversed))
}

func postingsWord(n int64) string {
	if n == 1 {
		return "1 posting"
	}
	return grouped(fmt.Sprint(n)) + " postings"
}

func pageSize(limit *int) int {
	if limit == nil {
		return defaultLimit
	}
	return *limit
}

func paymentCurrency(p *paydb.Payment) any {
	if p == nil {
		return nil
	}
	return currency(p.Currency)
}

func (d Deps) posted(p paydb.Payment, x *paydb.Control, n int) PostedPayment {
	row := PostedPayment{Shard: p.Shard, ID: p.ID, Merchant: p.Merchant, Status: status(p.Status), Currency: currency(p.Currency),
		Captured: amount(x.Posted), Refunded: amount(x.Reversed), Count: n, RequestedAt: d.moment(p.RequestedAt)}
	if p.Amount != "" {
		row.Amount = new(report.Amount(p.Amount))
	}
	return row
}

// moment is nil for a time that is NULL in the database.
func (d Deps) moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(d.Zone)
	return &t
}

func (d Deps) ledgerRow(shard string, e paydb.Entry) LedgerRow {
	return LedgerRow{Shard: shard, Entry: e.ID, Debit: account(e.Debit), Credit: account(e.Credit), Amount: amount(e.Amount), At: d.moment(e.At)}
}

// account is a word where it is one of the two.
func account(a foreign.Text) any {
	if a == "merchant_receivable" || a == "cash" {
		return string(a)
	}
	return a
}

// sumOf is what was posted in a currency on a shard.
func sumOf(shard string, currency any, x *paydb.Control) LedgerSum {
	return LedgerSum{Shard: shard, Currency: currency, Captured: amount(x.Posted), Refunded: amount(x.Reversed), Other: amount(x.Other),
		Net: less(x.Posted, x.Reversed), Count: x.Posted.Count + x.Reversed.Count + x.Other.Count}
}

// less is the difference of two sums.
func less(a, b paydb.Amounts) report.Amount {
	var s paydb.Sum
	if err := s.Add(a.String()); err != nil {
		panic("tools: a sum writes itself as no number") // Sum's own String and Add disagree
	}
	minus := "-" + b.String()
	if negative, ok := strings.CutPrefix(b.String(), "-"); ok {
		minus = negative
	}
	if err := s.Add(minus); err != nil {
		panic("tools: a sum writes itself as no number")
	}
	return amount(&s)
}

// askedOf puts what asking the shards came to into an answer, in the zone that is shown.
func (d Deps) askedOf(a *report.Answer[LedgersData], replies []paydb.Reply[paydb.LedgerOf]) diagnose.Shards {
	for i := range replies {
		if c := &replies[i].Clock.Database; !c.IsZero() {
			*c = c.In(d.Zone)
		}
	}
	s := diagnose.Shards{Asked: asked(replies)}
	shardsAnswer(a, s.Asked)
	return s
}

// shardsAnswer fills what every answer says of the shards.
func shardsAnswer(a *report.Answer[LedgersData], all []paydb.Asked) {
	for _, r := range all {
		a.Sources = append(a.Sources, r.Source)
		if a.AsOf.IsZero() {
			a.AsOf = r.Clock.Database
		}
	}
	a.Coverage.Looked, a.Coverage.Not = append(a.Coverage.Looked, heard(all)), append(a.Coverage.Not, silent(all)...)
}

// amount is an exact number of money, for a field of its own.
func amount(of fmt.Stringer) report.Amount { return report.Amount(of.String()) }
