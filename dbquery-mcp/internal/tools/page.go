package tools

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/filter"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// page is what the shards answered to a question, put together.
type page struct {
	*question
	deps    Deps
	replies []paydb.Reply[paydb.ShardPayments]
	window  *paydb.Window // nil when no shard answered
	rows    []paydb.Payment
	next    *paydb.Position
	around  []string // what lookAround found
	meant   string   // why a list that is empty may be the wrong one
	newest  []time.Time
}

func (d Deps) page(q *question, replies []paydb.Reply[paydb.ShardPayments], window *paydb.Window) page {
	p := page{question: q, deps: d, replies: replies, window: window}
	p.rows, p.next = q.ask.Merge(replies)
	for _, r := range replies {
		p.newest = append(p.newest, r.Facts.Newest)
	}
	return p
}

// answered are the shards that did, one database once.
func (p page) answered() []paydb.Reply[paydb.ShardPayments] {
	return slices.DeleteFunc(slices.Clone(p.replies), func(r paydb.Reply[paydb.ShardPayments]) bool { return !r.Source.OK() || r.SameAs != "" })
}

// empty reports whether nothing matches, as far as was seen.
func (p page) empty() bool { return len(p.rows) == 0 && p.cursor == nil && len(p.answered()) > 0 }

func (p page) facts() diagnose.Shards {
	s := diagnose.Shards{Newest: p.newest}
	for _, r := range p.replies {
		if !r.Clock.Database.IsZero() {
			r.Clock.Database = p.local(r.Clock.Database)
		}
		s.Asked = append(s.Asked, r.Asked)
	}
	return s
}

// asOf is the clock that the window goes by.
func (p page) asOf() time.Time {
	if p.window == nil || len(p.answered()) == 0 {
		return time.Time{}
	}
	return p.local(p.window.Clock)
}

func (p page) local(t time.Time) time.Time { return t.In(p.deps.Zone) }

func (p page) data(full bool) PaymentsData {
	d := PaymentsData{Filter: p.echo(), Payments: []PaymentRow{}, Notes: p.notes()}
	for _, r := range p.rows {
		row := PaymentRow{Shard: r.Shard, ID: r.ID, Merchant: r.Merchant, Status: status(r.Status), Currency: currency(r.Currency), RequestedAt: p.known(r.RequestedAt)}
		if r.Amount != "" {
			row.Amount = new(report.Amount(r.Amount))
		}
		if full {
			row.UpdatedAt, row.Key = p.known(r.UpdatedAt), &r.Key
		}
		d.Payments = append(d.Payments, row)
	}
	t := p.tally()
	d.Matched, d.NotCounted = t.matched(), t.why
	if full {
		d.Sums = t.byBoth()
	} else {
		d.ByShard, d.ByStatus = t.byShard(), t.byStatus()
	}
	return d
}

// known is nil for a time that is NULL in the database.
func (p page) known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = p.local(t)
	return &t
}

// echo is the filter as it was understood and asked.
func (p page) echo() Echo {
	u := p.understood
	e := Echo{
		Status: u.Statuses, NotStatus: u.NotStatuses, Merchant: texts(u.MerchantIDs), NotMerchant: texts(u.NotMerchantIDs),
		PaymentID: u.PaymentIDs, Key: texts(u.Keys), Currency: u.Currency, Time: u.Time.String(), Order: string(p.ask.Order), Limit: p.ask.Limit,
	}
	if b := u.MinAmount; b != nil {
		e.Amount = append(e.Amount, boundWords(b, "at least", "over"))
	}
	if b := u.MaxAmount; b != nil {
		e.Amount = append(e.Amount, boundWords(b, "at most", "under"))
	}
	return e
}

func boundWords(b *filter.Bound, inclusive, exclusive string) string {
	if b.Inclusive {
		return inclusive + " " + report.Amount(b.Amount.String()).String()
	}
	return exclusive + " " + report.Amount(b.Amount.String()).String()
}

func texts(all []string) (out []foreign.Text) {
	for _, s := range all {
		out = append(out, foreign.Text(s))
	}
	return out
}

// status is a word where it is a known one. What else stands in the column is
// foreign text.
func status(s foreign.Text) any {
	if slices.ContainsFunc(filter.Statuses, func(known filter.Status) bool { return known.Name == string(s) }) {
		return string(s)
	}
	return s
}

// currency is a word where it is three capital letters, which say nothing else.
func currency(c foreign.Text) any {
	if len(c) == 3 && strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return string(c)
	}
	return c
}

func (p page) coverage() report.Coverage {
	c := report.Coverage{Window: p.windowText()}
	c.Looked = append(c.Looked, heard(asked(p.replies)))
	c.Not = append(c.Not, silent(asked(p.replies))...)
	if p.next != nil {
		seen := answeredBits(p.replies)
		if p.cursor != nil {
			seen &= p.cursor.answered
		}
		c.Cut, c.More = true, "the same arguments with this cursor"
		c.Cursor = cursor{hash: p.hash, window: *p.window, position: *p.next, answered: seen}.String()
	}
	return c
}

func (p page) windowText() string {
	switch {
	case p.window == nil && !p.understood.Time.IsZero():
		return "not resolved: no database told its clock"
	case p.window == nil:
		return ""
	case p.resolved != nil && p.resolved.Bounded():
		return "requested_at " + p.resolved.String()
	case p.window.Bounded():
		return fmt.Sprintf("requested_at %s .. %s (of the first page)", p.local(p.window.Since).Format(time.RFC3339), p.local(p.window.Until).Format(time.RFC3339))
	}
	return "all time"
}

// notes are what a reader must know beside the rows.
func (p page) notes() []string {
	notes := slices.Concat(p.understood.Notes, p.around)
	if p.deps.Scope.Limited() {
		notes = append(notes, "this server sees, and counts, these merchants only: "+p.deps.Scope.String())
	}
	notes = append(notes, p.whereMerchantsLive()...)
	notes = append(notes, p.failedByName()...)
	if p.cursor != nil {
		for i, r := range p.replies {
			if before := p.cursor.answered>>i&1 == 1; r.Source.OK() && !before {
				notes = append(notes, r.Shard+" did not answer for an earlier page: begin again without cursor to see what it has there")
			}
		}
	}
	return slices.Concat(notes, p.leftOut(), widerAccounts(asked(p.replies)))
}

// leftOut says which payments have no place in the order.
func (p page) leftOut() []string {
	var shards []string
	column := p.ask.Order.Column()
	for _, r := range p.answered() {
		if r.Tables["payment"].Nullable[column] {
			shards = append(shards, r.Shard)
		}
	}
	if len(shards) == 0 {
		return nil
	}
	return []string{column + " may be NULL on " + strings.Join(shards, ", ") + ": payments where it is are left out"}
}

// widerAccounts says what our accounts may do beyond their task, alike ones once.
func widerAccounts(all []paydb.Asked) (notes []string) {
	shards := map[string][]string{}
	var order []string
	for _, r := range all {
		if len(r.Account.Wider) == 0 {
			continue
		}
		may := r.Account.WiderText()
		if _, known := shards[may]; !known {
			order = append(order, may)
		}
		shards[may] = append(shards[may], fmt.Sprintf("%s of %s", foreign.Text(r.Account.User).Quoted(), r.Shard))
	}
	for _, may := range order {
		notes = append(notes, fmt.Sprintf("the account %s may do more than read the payment schema: %s", strings.Join(shards[may], " and "), may))
	}
	return notes
}

// failedByName names the statuses that count as failed for their name alone.
func (p page) failedByName() []string {
	if !p.ask.AnyFailed || len(p.ask.Statuses) == 0 {
		return nil
	}
	var names []string
	add := func(s foreign.Text) {
		if name, unknown := status(s).(foreign.Text); unknown && !slices.Contains(names, name.Quoted()) {
			names = append(names, name.Quoted())
		}
	}
	for _, r := range p.rows {
		add(r.Status)
	}
	for _, t := range p.tally().parts {
		add(t.status)
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []string{"counted as failed for its name, though no known status: " + strings.Join(names, ", ")}
}

// home is where a merchant lives by the shard rule, which knows two shards.
func (p page) home(merchant string) (home paydb.Asked, known bool) {
	if len(p.replies) != 2 {
		return home, false
	}
	return p.replies[shard.Of(merchant)-1].Asked, true
}

// whereMerchantsLive says what a shard that failed means for the merchants that
// were asked for.
func (p page) whereMerchantsLive() (notes []string) {
	if len(silent(asked(p.replies))) == 0 || len(p.answered()) == 0 {
		return nil
	}
	for _, m := range p.understood.MerchantIDs {
		home, known := p.home(m)
		if !known {
			continue
		}
		text := "by the shard rule merchant " + foreign.Text(m).Quoted() + " lives on " + home.Shard
		if home.Source.OK() {
			text += ", which answered: only payments on the wrong shard could be missing"
		} else {
			text += ", which did not answer: its payments are not in this list"
		}
		notes = append(notes, text)
	}
	return notes
}
