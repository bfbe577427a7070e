package tools

import (
	"cmp"
	"slices"
	"strings"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// tally is how many payments match and what they come to. Amounts of different
// currencies are never added up.
type tally struct {
	parts []part // by shard, status and currency
	known bool   // every shard that answered has counted
	whole bool   // and every shard answered
	why   string // why it is not known, or not whole
}

type part struct {
	shard            string
	status, currency foreign.Text
	count            int64
	sum              paydb.Sum
}

func (p page) tally() tally {
	if p.cursor != nil {
		return tally{why: "the answer of the first page has the count"}
	}
	answered := p.answered()
	t := tally{known: len(answered) > 0}
	var why []string
	for _, r := range answered {
		if r.Facts.Uncounted != "" {
			t.known = false
			why = append(why, r.Shard+": "+r.Facts.Uncounted)
		}
		for _, x := range r.Facts.Totals {
			t.parts = append(t.parts, part{r.Shard, x.Status, x.Currency, x.Count, x.Amount})
		}
	}
	if same := slices.Compact(slices.Sorted(slices.Values(reasons(answered)))); len(same) == 1 && len(why) == len(answered) {
		why = same
	}
	t.whole = t.known
	for _, name := range silent(asked(p.replies)) {
		t.whole = false
		why = append(why, name+" did not answer")
	}
	t.why = strings.Join(why, "; ")
	return t
}

func reasons(replies []paydb.Reply[paydb.ShardPayments]) (all []string) {
	for _, r := range replies {
		all = append(all, r.Facts.Uncounted)
	}
	return all
}

// count is of the shards that answered.
func (t tally) count() (n int64) {
	for _, p := range t.parts {
		n += p.count
	}
	return n
}

func (t tally) matched() *int64 {
	if !t.whole {
		return nil
	}
	n := t.count()
	return &n
}

// by adds up the parts that are alike in key, the largest count first.
func (t tally) by(key func(part) part) []part {
	var all []part
	for _, p := range t.parts {
		k := key(p)
		i := slices.IndexFunc(all, func(o part) bool {
			return o.shard == k.shard && o.status == k.status && o.currency == k.currency
		})
		if i < 0 {
			i = len(all)
			all = append(all, part{shard: k.shard, status: k.status, currency: k.currency})
		}
		all[i].count += p.count
		if err := all[i].sum.Add(p.sum.String()); err != nil {
			panic("tools: a sum writes itself as no number") // Sum's own String and Add disagree
		}
	}
	slices.SortStableFunc(all, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.shard, b.shard), cmp.Compare(b.count, a.count), cmp.Compare(a.status, b.status), cmp.Compare(a.currency, b.currency))
	})
	return all
}

func (t tally) byShard() (rows []SumOfShard) {
	for _, p := range t.by(func(p part) part { return part{shard: p.shard, currency: p.currency} }) {
		rows = append(rows, SumOfShard{p.shard, currency(p.currency), p.count, amount(&p.sum)})
	}
	return rows
}

func (t tally) byStatus() (rows []SumOfStatus) {
	for _, p := range t.by(func(p part) part { return part{status: p.status, currency: p.currency} }) {
		rows = append(rows, SumOfStatus{status(p.status), currency(p.currency), p.count, amount(&p.sum)})
	}
	return rows
}

func (t tally) byBoth() (rows []SumOfBoth) {
	for _, p := range t.by(func(p part) part { return p }) {
		rows = append(rows, SumOfBoth{p.shard, status(p.status), currency(p.currency), p.count, amount(&p.sum)})
	}
	return rows
}

// inWords is the sums for the one line that is read out: KRW 1,234,500 and USD 99.5.
func (t tally) inWords() string {
	var words []string
	sums := t.by(func(p part) part { return part{currency: p.currency} })
	for i, p := range sums {
		if i == 3 {
			words = append(words, "and other currencies")
			break
		}
		name := p.currency.Quoted()
		if c, ok := currency(p.currency).(string); ok {
			name = c
		}
		words = append(words, name+" "+grouped(p.sum.String()))
	}
	return strings.Join(words, ", ")
}

// grouped puts commas between thousands.
func grouped(decimal string) string { return report.Amount(decimal).Grouped() }
