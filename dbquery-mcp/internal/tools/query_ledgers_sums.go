package tools

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

// ledgerSums answers totals, by_account and by_merchant: it reads the books as a
// reconciliation does, chunk by chunk, and judges nothing.
func (d Deps) ledgerSums(ctx context.Context, in LedgersIn) (a report.Answer[LedgersData], ran []catalog.Code, err error) {
	reconcile := ReconciliationIn{MerchantID: in.MerchantID, TimeRange: in.TimeRange, Since: in.Since, Until: in.Until, Checks: []string{"ledger"}}
	listing := in.QueryType == byMerchant
	if !listing {
		reconcile.Cursor = in.Cursor
	}
	q, err := d.reconciliationFor(in.QueryType, reconcile)
	if err != nil {
		return a, nil, err
	}
	q.ask.Newest, q.ask.Belongs = 0, nil
	q.ask.Judge = func(*paydb.Books) paydb.Wrong { return 0 }
	q.ask.Progress = func(done, total int64) {
		tool.Progress(ctx, float64(done), float64(total), "payment ids read")
	}
	if q.scope == recentScope {
		q.scope = "the last 24 h"
	}
	var replies []paydb.Reply[paydb.Reconciled]
	if !listing || in.Cursor == "" { // else the sums stood on the first page
		if replies, err = d.DB.Reconcile(ctx, q.ask); err != nil {
			return a, nil, err
		}
	}
	for i := range replies {
		if c := &replies[i].Clock.Database; !c.IsZero() {
			*c = c.In(d.Zone)
		}
	}
	v := reconciledView{deps: d, question: q, replies: replies}
	a.Data.Sums = sumRows(v)
	if in.QueryType == byAccount {
		a.Data.Accounts = accountRows(v)
	}
	if listing {
		return d.withPayments(ctx, in, a, v)
	}
	s := diagnose.Shards{Asked: asked(replies)}
	shardsAnswer(&a, s.Asked)
	a.Findings, ran = diagnose.Judge(s)
	a.Coverage = v.coverage()
	if !v.through() && len(silent(asked(v.replies))) == 0 {
		a.Because = "time ran out: these are the sums of a part, the cursor goes on"
	}
	a.Data.Notes = slices.Concat(sumNotes(v), widerAccounts(s.Asked), scopeNote(d))
	a.Summary = partly(asked(replies)) + sumWords(v, "")
	return a, ran, nil
}

func sumNotes(v reconciledView) (notes []string) {
	if v.question.again {
		notes = append(notes, "these sums are of this part alone, not of those before it")
	}
	return notes
}

func sumRows(v reconciledView) []LedgerSum {
	rows := []LedgerSum{}
	for _, r := range v.compared() {
		for _, c := range slices.Sorted(maps.Keys(r.Facts.Control)) {
			x := r.Facts.Control[c]
			if x.Posted.Count+x.Reversed.Count+x.Other.Count == 0 {
				continue
			}
			rows = append(rows, sumOf(r.Shard, currencyOrNone(c), x))
		}
	}
	return rows
}

// currencyOrNone is null for postings without a payment.
func currencyOrNone(c string) any {
	if c == "" {
		return nil
	}
	return currency(foreign.Text(c))
}

// accountRows adds up what moved on each account, on all shards.
func accountRows(v reconciledView) []AccountSum {
	type key struct{ account, currency string }
	type sums struct{ debit, credit paydb.Amounts }
	all := map[key]*sums{}
	at := func(account, currency string) *sums {
		k := key{account, currency}
		if all[k] == nil {
			all[k] = new(sums)
		}
		return all[k]
	}
	move := func(debit, credit, currency string, x paydb.Amounts) {
		if x.Count == 0 {
			return
		}
		d, c := at(debit, currency), at(credit, currency)
		d.debit.Join(x)
		c.credit.Join(x)
	}
	for _, r := range v.compared() {
		for c, x := range r.Facts.Control {
			move("merchant_receivable", "cash", c, x.Posted)
			move("cash", "merchant_receivable", c, x.Reversed)
		}
		for p, x := range r.Facts.Pairs {
			move(p.Debit, p.Credit, p.Currency, *x)
		}
	}
	keys := slices.SortedFunc(maps.Keys(all), func(a, b key) int {
		if c := strings.Compare(a.account, b.account); c != 0 {
			return c
		}
		return strings.Compare(a.currency, b.currency)
	})
	var rows []AccountSum
	for _, k := range keys {
		x := all[k]
		rows = append(rows, AccountSum{Account: account(foreign.Text(k.account)), Currency: currencyOrNone(k.currency), Debit: amount(x.debit), Credit: amount(x.credit),
			Balance: less(x.debit, x.credit), Count: x.debit.Count + x.credit.Count})
	}
	return rows
}

// sumWords is the line to read out.
func sumWords(v reconciledView, of string) string {
	sums := map[string]*paydb.Control{}
	var count int64
	for _, r := range v.compared() {
		for c, x := range r.Facts.Control {
			if sums[c] == nil {
				sums[c] = new(paydb.Control)
			}
			sums[c].Posted.Join(x.Posted)
			sums[c].Reversed.Join(x.Reversed)
			count += x.Posted.Count + x.Reversed.Count + x.Other.Count
		}
	}
	if len(v.compared()) == 0 {
		return "no payment database answered"
	}
	text := fmt.Sprintf("%s%s", postingsWord(count), of)
	var words []string
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		x := sums[c]
		if name, ok := currencyOrNone(c).(string); ok && x.Posted.Count+x.Reversed.Count > 0 {
			words = append(words, fmt.Sprintf("%s captured %s, refunded %s, net %s", name, grouped(x.Posted.String()), grouped(x.Reversed.String()), less(x.Posted, x.Reversed).Grouped()))
		}
	}
	if len(words) > 0 {
		if len(words) > 3 {
			words = append(words[:3], "and other currencies, see sums")
		}
		text += ": " + strings.Join(words, "; ")
	}
	return text
}

// withPayments adds a page of a merchant's payments, newest first, with what was
// posted for each.
func (d Deps) withPayments(ctx context.Context, in LedgersIn, a report.Answer[LedgersData], v reconciledView) (report.Answer[LedgersData], []catalog.Code, error) {
	q, err := d.question(PaymentsIn{MerchantID: in.MerchantID, TimeRange: in.TimeRange, Since: in.Since, Until: in.Until, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return a, nil, err
	}
	q.ask.Count = false
	replies, window, err := d.DB.Payments(ctx, q.ask)
	if err != nil {
		return a, nil, err
	}
	p := d.page(q, replies, window)
	ids := map[string][]int64{}
	for _, row := range p.rows {
		ids[row.Shard] = append(ids[row.Shard], row.ID)
	}
	books := map[string]map[int64]paydb.Books{}
	if len(ids) > 0 {
		whole, err := d.DB.Whole(ctx, ids, d.ledgerGrace())
		if err != nil {
			return a, nil, err
		}
		for _, w := range whole {
			if !w.Source.OK() {
				return a, nil, fault.New(fault.Unavailable, w.Source.Err.Next, "the ledger of %s did not answer: %s", w.Shard, w.Source.Err.Error())
			}
			books[w.Shard] = map[int64]paydb.Books{}
			for _, e := range w.Facts {
				books[w.Shard][e.ID] = e.Books
			}
		}
	}
	for _, row := range p.rows {
		b := books[row.Shard][row.ID]
		var x paydb.Control
		x.Book(&b)
		a.Data.Payments = append(a.Data.Payments, d.posted(row, &x, b.Captures.N()+b.Reversals.N()+b.Others.N()))
	}
	empty := p.empty()
	a.Coverage, a.AsOf, a.Data.Notes = p.coverage(), p.asOf(), p.notes()
	missing := p.without(asked(v.replies))
	a.Coverage.Looked[0], a.Coverage.Not = heard(asked(p.replies)), slices.Concat(silent(asked(p.replies)), v.unlooked())
	facts := p.facts()
	found, ran := diagnose.Judge(facts)
	for i := range found {
		if found[i].Code == catalog.SrcPartialResult && len(missing) > 0 {
			found[i].Claim = "the sums lack what " + strings.Join(missing, ", ") + " did not answer; the list of payments has its rows"
		}
	}
	a.Findings = found
	for _, one := range facts.Asked {
		a.Sources = append(a.Sources, one.Source)
	}
	name := foreign.Text(in.MerchantID).Quoted()
	switch {
	case empty:
		a.Summary = p.caveat() + "no payment of merchant " + name + " in this time"
	case in.Cursor != "":
		a.Summary = p.caveat() + "the next " + payments(int64(len(p.rows))) + " of merchant " + name + "; the sums stood in the first answer"
	default:
		a.Summary = p.caveat() + sumWords(v, " for merchant "+name)
	}
	if !v.through() {
		a.Because = "not all of the merchant's payments were added up: the sums are lower bounds"
	}
	return a, ran, nil
}

// without takes for silent the shards that answered for the page and failed while
// the sums were read, and names them.
func (p *page) without(sums []paydb.Asked) (missing []string) {
	p.replies = slices.Clone(p.replies)
	for i, a := range sums {
		if r := &p.replies[i]; r.Source.OK() && !a.Source.OK() {
			r.Asked = a
			missing = append(missing, a.Shard)
		}
	}
	return missing
}
