package tools

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/dbquery-mcp/internal/spelling"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// maxLookups bounds how many merchants and payments are looked up by themselves.
const maxLookups = 5

// lookAround says what stands near a question that found nothing, so that a slip
// of the finger or a forgotten condition does not read as "there was nothing".
func (d Deps) lookAround(ctx context.Context, q *question, p *page) error {
	u := q.understood
	ask := paydb.NearQuery{
		Merchants: u.MerchantIDs[:min(len(u.MerchantIDs), maxLookups)],
		Keys:      u.Keys[:min(len(u.Keys), maxLookups)],
		IDs:       u.PaymentIDs[:min(len(u.PaymentIDs), maxLookups)],
		Within:    d.Scope,
	}
	if len(ask.Merchants)+len(ask.Keys)+len(ask.IDs) == 0 {
		if !d.Scope.Limited() && len(u.Understood()) > 0 {
			p.around = p.newestWords()
		}
		return nil
	}
	near, err := d.DB.Near(ctx, ask)
	if err != nil {
		return err
	}
	near = slices.DeleteFunc(near, func(r paydb.Reply[paydb.Near]) bool {
		return !slices.ContainsFunc(p.answered(), func(a paydb.Reply[paydb.ShardPayments]) bool { return a.Shard == r.Shard })
	})
	for _, r := range near {
		if !r.Source.OK() {
			p.around = append(p.around, fmt.Sprintf("what else %s has could not be looked up (%s)", r.Shard, r.Source.Err.Class))
		}
	}
	near = slices.DeleteFunc(near, func(r paydb.Reply[paydb.Near]) bool { return !r.Source.OK() })
	for _, m := range ask.Merchants {
		p.around = append(p.around, p.merchantWords(m, near))
	}
	for _, key := range ask.Keys {
		p.around = append(p.around, p.keyWords(key, near)...)
	}
	for _, id := range ask.IDs {
		p.around = append(p.around, p.idWords(id, near))
	}
	return nil
}

// newestWords tells when the last payment of all came, where it was looked at.
func (p page) newestWords() (words []string) {
	for _, r := range p.answered() {
		if at := r.Facts.Newest; !at.IsZero() {
			words = append(words, r.Shard+" "+p.stamp(at))
		}
	}
	if len(words) == 0 {
		return nil
	}
	return []string{"newest payment of any kind: " + strings.Join(words, ", ")}
}

func (p page) stamp(t time.Time) string { return p.local(t).Format(time.RFC3339) }

// merchantWords says whether a merchant exists at all.
func (p *page) merchantWords(wanted string, near []paydb.Reply[paydb.Near]) string {
	var other, names []string
	name := foreign.Text(wanted).Quoted()
	for _, r := range near {
		for id, at := range r.Facts.Merchants {
			switch {
			case id == wanted:
				return fmt.Sprintf("merchant %s has payments, the newest of %s on %s; the other conditions leave them out", name, p.stamp(at), r.Shard)
			case strings.EqualFold(strings.TrimSpace(id), strings.TrimSpace(wanted)) && p.deps.Scope.Check(id) == nil:
				other = append(other, foreign.Text(id).Quoted()+" on "+r.Shard)
			}
		}
		names = append(names, r.Facts.Names...)
	}
	slices.Sort(other)
	if len(near) == 0 {
		return "whether merchant " + name + " exists could not be looked up"
	}
	text := fmt.Sprintf("no payment at all of merchant %s on %s", name, shardsOf(near))
	if len(silent(asked(p.replies))) > 0 { // it may well be there
		return text
	}
	if other = slices.Compact(other); len(other) > 0 {
		p.meant = "ids are taken to the letter: was " + strings.Join(other, " or ") + " meant?"
		return text + ", but of " + strings.Join(other, ", ")
	}
	var like []string
	for _, n := range spelling.Near(wanted, slices.Compact(slices.Sorted(slices.Values(names))), 3) {
		like = append(like, foreign.Text(n).Quoted())
	}
	switch {
	case len(p.replies) == 1 && shard.Of(wanted) != shard.One:
		p.meant = "one shard is configured, and by the shard rule merchant " + name + " lives on the second: is PAYMENT_DB_HOST_SHARD2 missing?"
	case len(like) > 0:
		p.meant = "there is no such merchant: was " + strings.Join(like, " or ") + " meant?"
	}
	return text
}

// idWords says whether a payment exists at all.
func (p page) idWords(id int64, near []paydb.Reply[paydb.Near]) string {
	var found []string
	for _, r := range near {
		for _, x := range r.Facts.IDs {
			if x.ID == id {
				found = append(found, p.paymentWords(x))
			}
		}
	}
	if len(found) == 0 {
		whose := ""
		if p.deps.Scope.Limited() {
			whose = " of this server's merchants"
		}
		return fmt.Sprintf("no payment %d%s on %s", id, whose, shardsOf(near))
	}
	return fmt.Sprintf("payment %d exists, the other conditions leave it out: %s", id, strings.Join(found, "; "))
}

// keyWords says whether a key exists under other conditions, or in another spelling:
// the payment system's unique index takes the two for one.
func (p *page) keyWords(key string, near []paydb.Reply[paydb.Near]) (words []string) {
	name := foreign.Text(key).Quoted()
	for _, r := range near {
		for _, x := range r.Facts.Keys {
			switch {
			case string(x.Key) == key:
				words = append(words, "key "+name+" exists, the other conditions leave it out: payment "+strconv.FormatInt(x.ID, 10)+" on "+p.paymentWords(x))
			case strings.EqualFold(strings.TrimSpace(string(x.Key)), strings.TrimSpace(key)):
				words = append(words, "no key "+name+", but "+x.Key.Quoted()+": payment "+strconv.FormatInt(x.ID, 10)+" on "+p.paymentWords(x))
				p.meant = "keys are taken to the letter: was " + x.Key.Quoted() + " meant?"
			}
		}
	}
	return words
}

func (p page) paymentWords(x paydb.Payment) string {
	return fmt.Sprintf("%s: merchant %s, %v, %s, requested %s", x.Shard, x.Merchant.Quoted(), shown(status(x.Status)), report.Amount(x.Amount), p.stamp(x.RequestedAt))
}

// shown quotes what is foreign.
func shown(v any) string {
	if t, ok := v.(foreign.Text); ok {
		return t.Quoted()
	}
	return fmt.Sprint(v)
}

func shardsOf(near []paydb.Reply[paydb.Near]) string {
	var names []string
	for _, r := range near {
		names = append(names, r.Shard)
	}
	return strings.Join(names, ", ")
}
