package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// manyYoung is how many payments do not all change within the grace by themselves.
const manyYoung = 1000

// Reconciliation is what comparing the books of every shard came to.
type Reconciliation struct {
	Shards
	Done   []paydb.Reconciled // beside Asked
	Checks paydb.Checks
	// Elsewhere are the books that other shards have under the ids of exceptions, by
	// the name of the shard; nil where nobody could be asked.
	Elsewhere map[string][]paydb.Exception
	// Limited says that only some merchants' payments were read.
	Limited bool
	// Resumed says that it went on where another stopped, and is of that part alone.
	Resumed bool
	// Unpaired says that looking up the ids of exceptions on the other shard failed.
	Unpaired bool
}

// Exception is a payment whose books are wrong, on its shard.
type Exception struct {
	Place int // of the shard
	paydb.Exception
	Codes []catalog.Code
}

// Reconciled is what the judges made of a reconciliation.
type Reconciled struct {
	Findings   []report.Finding
	Ran        []catalog.Code
	Because    string // what could not be found out and no finding says
	Exceptions []Exception
	Strays     []Stray
	// Count is of exceptions, those beyond the ones that are kept among them.
	Count int64
	// Misrouted says that merchants live on the wrong shard.
	Misrouted bool
}

// Stray is a posting that stands on another shard than its payment.
type Stray struct {
	ID           int64
	On, Of       int // places of the shard that has it, and of the one that lacks it
	Entry        paydb.Entry
	There, Owed  paydb.Exception // the books on both; There may be an orphan
	wrong, right paydb.Wrong     // what it explains of There and of Owed
}

// JudgeReconciliation runs the rules.
func JudgeReconciliation(r Reconciliation) (out Reconciled) {
	out.Findings, out.Ran = Judge(r.Shards)
	out.Findings = r.stopped(out.Findings)
	out.Strays = r.strays()
	for place, done := range r.Done {
		for _, e := range done.Exceptions {
			e.Wrong &^= explained(out.Strays, place, e.ID)
			if x := (Exception{Place: place, Exception: e, Codes: codesOf(e.Wrong)}); len(x.Codes) > 0 {
				out.Exceptions = append(out.Exceptions, x)
			}
		}
	}
	out.Count = int64(len(out.Exceptions)) + int64(len(out.Strays))
	out.Findings = append(out.Findings, r.wrongShard(out.Strays)...)
	var groups []*group
	for _, x := range codes {
		if g := r.group(x.wrong, x.code, out.Exceptions); g.count > 0 {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		g.samples = max(1, bookSamples+1-len(groups))
		out.Findings = append(out.Findings, g.finding())
	}
	for _, done := range r.Done {
		for _, b := range done.More {
			out.Count += b.Count
		}
	}
	out.Findings = append(out.Findings, r.postedLate()...)
	misrouted := r.misrouted()
	out.Findings, out.Misrouted = append(out.Findings, misrouted...), len(misrouted) > 0
	out.Ran = append(out.Ran, r.ran()...)
	out.Because = r.unknown()
	return out
}

func codesOf(w paydb.Wrong) (all []catalog.Code) {
	for _, x := range codes {
		if w&x.wrong != 0 {
			all = append(all, x.code)
		}
	}
	return all
}

// ran are the rules that saw all there was to see.
func (r Reconciliation) ran() (all []catalog.Code) {
	half := func(d paydb.Reconciled) bool {
		return d.Waiting+d.Ahead > 0 || d.OlderWhy != "" || d.End.OlderCut || justChanged(d)
	}
	if len(r.answered()) < len(r.Asked) || slices.ContainsFunc(r.Done, half) || r.unjudged() != "" {
		return nil
	}
	for i, d := range r.Done {
		if r.Asked[i].SameAs == "" && !d.End.Done {
			return nil
		}
	}
	odd := r.odd()
	for _, x := range codes {
		seen := x.wrong != evidenceMissing || !slices.ContainsFunc(r.Done, func(d paydb.Reconciled) bool { return d.Unproven > 0 })
		if (x.needs == nil || x.needs(r.Checks)) && (x.wrong != orphaned || !r.Limited) && seen && (x.needs == nil || !x.needs(odd)) {
			all = append(all, x.code)
		}
	}
	if r.paired() && !r.unlooked(ledgerWrong) {
		all = append(all, catalog.LedgerWrongShard)
	}
	if r.lookedForLate() {
		all = append(all, catalog.LedgerPostingLate)
	}
	if r.Belonging() && !slices.ContainsFunc(r.Done, func(d paydb.Reconciled) bool { return d.Misrouted == nil || !d.Misrouted.Whole }) {
		all = append(all, catalog.ShardMisroutedMerchant)
	}
	return all
}

// odd are the tables of which some rows have a status that no rule knows.
func (r Reconciliation) odd() (c paydb.Checks) {
	for _, d := range r.Done {
		for x := range d.Odd {
			c.Settlements, c.Refunds = c.Settlements || x.Table == "settlement_request", c.Refunds || x.Table == "refund_request"
		}
	}
	return c
}

// paired reports whether postings could be compared between shards.
func (r Reconciliation) paired() bool { return r.Belonging() && !r.Limited && !r.Unpaired }

// Belonging reports whether the rule for where a merchant lives holds: there are
// two databases, and both answered.
func (r Reconciliation) Belonging() bool {
	return len(r.Asked) == 2 && len(r.answered()) == 2 && r.Asked[1].SameAs == ""
}

// justChanged reports whether so many payments changed just now, and no other, that a
// clock or a script is behind it.
func justChanged(d paydb.Reconciled) bool {
	return d.Payments >= manyYoung && d.Young == d.Payments && d.Ahead < d.Payments
}

// unjudged says why not one payment was judged; empty where any was. There is nothing
// to judge in a payment system that has no payments at all.
func (r Reconciliation) unjudged() string {
	var compared, entries, young, ahead, most int64
	for _, d := range r.Done {
		compared, entries, young, ahead, most = compared+d.Payments, entries+d.Entries, young+d.Young, ahead+d.Ahead, max(most, d.MaxID)
	}
	switch {
	case r.Resumed || len(r.answered()) < len(r.Asked):
		return ""
	case compared+entries == 0 && (r.Limited || most > 0):
		return "no payment in this scope, so nothing was judged"
	case compared > 0 && young == compared && ahead < compared:
		return "every payment in this scope changed just now, so none could be judged"
	}
	return ""
}

// unknown says what keeps the books from being called right.
func (r Reconciliation) unknown() string {
	var why []string
	nothing := r.unjudged()
	if nothing != "" {
		why = append(why, nothing)
	}
	for i, d := range r.Done {
		a := r.Asked[i]
		if !a.Source.OK() || a.SameAs != "" {
			continue
		}
		switch {
		case d.End.Done:
		case d.OlderLeft > 0:
			why = append(why, fmt.Sprintf("%s is not through, %s with a refund inside the window among what is left: the cursor goes on", a.Shard, count(int(d.OlderLeft), "older payment")))
		default:
			why = append(why, fmt.Sprintf("%s is not through: the cursor goes on", a.Shard))
		}
		if d.OlderWhy != "" || d.End.OlderCut {
			why = append(why, fmt.Sprintf("%s: %s", a.Shard, cmp.Or(d.OlderWhy, "not all older payments with a refund inside the window were compared, as the first part said")))
		}
		if d.Waiting > 0 {
			why = append(why, fmt.Sprintf("%s: there was no time to read %s again", a.Shard, count(int(d.Waiting), "suspect")))
		}
		if d.Ahead > 0 {
			why = append(why, fmt.Sprintf("%s: not judged for an updated_at later than the database's clock: %s (a clock or a time zone of who writes there is wrong)", a.Shard, count(int(d.Ahead), "payment")))
		}
		if d.UnprovenCut {
			why = append(why, fmt.Sprintf("%s: %s captured without a settlement could not be held against the outbox (%s)", a.Shard, count(int(d.Unproven), "payment"), d.UnprovenWhy))
		}
		if r.Belonging() {
			why = append(why, unplaced(a, d.Misrouted)...)
		}
		if justChanged(d) && nothing == "" {
			why = append(why, fmt.Sprintf("%s: every payment that was compared changed just now, so none could be judged", a.Shard))
		}
		for _, status := range slices.Sorted(maps.Keys(d.Unjudged)) {
			why = append(why, oddStatus(a.Shard, count(int(d.Unjudged[status]), "payment"), foreign.Text(status)))
		}
		for _, odd := range slices.SortedFunc(maps.Keys(d.Odd), func(a, b paydb.OddStatus) int {
			return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Status, b.Status))
		}) {
			why = append(why, oddStatus(a.Shard, count(int(d.Odd[odd]), odd.Table+" row"), foreign.Text(odd.Status)))
		}
		for _, u := range d.Unexplained {
			why = append(why, unexplained(a.Shard, u.Kind, u.IDs, u.Cut))
		}
	}
	return strings.Join(first(6, why), "; ")
}

// stopped tells of shards that failed on the way what was read of them until then.
func (r Reconciliation) stopped(found []report.Finding) []report.Finding {
	for i, a := range r.Asked {
		d := r.Done[i]
		if a.Source.OK() || d.Payments == 0 {
			continue
		}
		found = slices.DeleteFunc(found, func(f report.Finding) bool { return f.Code == catalog.SrcPartialResult })
		found = append(found, report.NewFinding(catalog.SrcPartialResult, "%s stopped after %s, ids %d .. %d; of the rest nothing is in this answer", a.Shard,
			count(int(d.Payments), "payment"), d.First, d.Last))
	}
	return found
}

// misrouted is SHARD_MISROUTED_MERCHANT.
func (r Reconciliation) misrouted() (found []report.Finding) {
	if !r.Belonging() {
		return nil
	}
	d := Database{Shards: r.Shards}
	for _, done := range r.Done {
		d.Health = append(d.Health, paydb.Health{Misrouted: done.Misrouted})
	}
	for i := range d.Asked {
		found = append(found, d.misrouted(i)...)
	}
	return found
}

// group is all exceptions of one kind.
type group struct {
	r       Reconciliation
	wrong   paydb.Wrong
	code    catalog.Code
	count   int64
	sums    map[string]*paydb.Amounts
	kept    [][]paydb.Exception // by place
	beyond  []*paydb.Beyond     // by place
	hurt    map[foreign.Text]int
	partial bool // hurt is of those that are kept alone
	samples int  // payments told by shard
}

func (r Reconciliation) group(w paydb.Wrong, code catalog.Code, all []Exception) *group {
	g := &group{r: r, wrong: w, code: code, sums: map[string]*paydb.Amounts{}, samples: bookSamples, kept: make([][]paydb.Exception, len(r.Asked)),
		beyond: make([]*paydb.Beyond, len(r.Asked)), hurt: map[foreign.Text]int{}}
	for _, e := range all {
		if e.Wrong&w == 0 {
			continue
		}
		g.kept[e.Place] = append(g.kept[e.Place], e.Exception)
		g.count++
		if !e.Orphan {
			g.sum(e.Currency).Add(e.Amount)
			g.hurt[e.Merchant]++
		}
	}
	for place, done := range r.Done {
		if b := done.More[w]; b != nil {
			g.beyond[place], g.partial = b, true
			g.count += b.Count
			for currency, a := range b.Amounts {
				g.sum(currency).Join(*a)
			}
		}
	}
	return g
}

func (g *group) sum(currency string) *paydb.Amounts {
	if g.sums[currency] == nil {
		g.sums[currency] = new(paydb.Amounts)
	}
	return g.sums[currency]
}

func (g *group) finding() report.Finding {
	w := bookWords[g.wrong]
	claim := w.one
	if g.count != 1 {
		claim = w.many
	}
	claim = strings.Replace(claim, "%", strconv.FormatInt(g.count, 10), 1)
	if len(g.sums) > 0 {
		claim += "; they are worth " + bookSums(g.sums)
		if g.count == 1 {
			claim = strings.Replace(claim, "they are", "it is", 1)
		}
	}
	if w.more != nil {
		claim += w.more(g)
	}
	f := report.NewFinding(g.code, "%s", claim)
	for place := range g.kept {
		if len(g.kept[place]) == 0 && g.beyond[place] == nil {
			continue
		}
		a := g.r.Asked[place]
		f = f.With(a.Source.Name, w.asked, g.evidence(place), a.Clock.Database)
	}
	if len(g.hurt) > 0 {
		f = f.Hurts("%s", g.merchants())
	}
	f = f.Then(g.steps(w.then)...)
	if w.confirm != "" {
		f = f.ConfirmWith(w.confirm)
	}
	return f
}

// steps are what to do. An event is not sent again while its posting may stand on the
// other shard: it would be posted twice, or land there once more.
func (g *group) steps(then []string) []string {
	if !g.r.paired() || g.wrong&(captureMissing|reversalMissing) == 0 || !g.r.unlooked(g.wrong) {
		return then
	}
	then = slices.DeleteFunc(slices.Clone(then), func(step string) bool { return step == noInsert })
	return append(then, lookElsewhere)
}

// bookSamples is how many payments of a kind are told by shard, at most.
const bookSamples = 2

// evidence tells of a shard how many, which ids, changed when, and some of them whole.
func (g *group) evidence(place int) string {
	kept, zone := g.kept[place], g.r.Asked[place].Clock.Database.Location()
	n, least, most := int64(len(kept)), int64(0), int64(0)
	var from, to time.Time
	for i, e := range kept {
		if i == 0 || e.ID < least {
			least = e.ID
		}
		most = max(most, e.ID)
		if e.UpdatedAt.IsZero() {
			continue
		}
		if from.IsZero() || e.UpdatedAt.Before(from) {
			from = e.UpdatedAt
		}
		if e.UpdatedAt.After(to) {
			to = e.UpdatedAt
		}
	}
	if b := g.beyond[place]; b != nil {
		n, most = n+b.Count, max(most, b.Last)
	}
	text := fmt.Sprintf("%d, payment ids %d .. %d", n, least, most)
	if n == 1 {
		text = fmt.Sprintf("payment %d", least)
	}
	if !from.IsZero() {
		text += ", updated " + from.In(zone).Format(time.RFC3339)
		if to.Sub(from) >= time.Second {
			text += " .. " + to.In(zone).Format(time.RFC3339)
		}
	}
	if w := bookWords[g.wrong]; w.whole != nil {
		text += w.whole(g, place)
	}
	var some []string
	for _, e := range first(g.samples, kept) {
		some = append(some, fmt.Sprintf("%d %s", e.ID, bookWords[g.wrong].sample(e, zone)))
	}
	if len(some) > 0 {
		text += ": " + strings.Join(some, "; ")
	}
	return text
}

// merchants says whose payments they are, the most hurt first.
func (g *group) merchants() string {
	names := slices.SortedFunc(maps.Keys(g.hurt), func(a, b foreign.Text) int {
		return cmp.Or(cmp.Compare(g.hurt[b], g.hurt[a]), cmp.Compare(a, b))
	})
	var most []string
	for _, m := range first(3, names) {
		most = append(most, fmt.Sprintf("%s %d", m.Quoted(), g.hurt[m]))
	}
	return fmt.Sprintf("%s: %s%s", counted(len(names), g.partial, "merchant"), strings.Join(most, ", "), andMore(len(names), 3))
}

// bookSums writes sums by currency, never added up.
func bookSums(sums map[string]*paydb.Amounts) string {
	var all []string
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		all = append(all, currencyName(foreign.Text(c))+" "+figure(sums[c]))
	}
	return firstSums(all)
}

// maxSums is how many currencies a sentence tells.
const maxSums = 4

// firstSums are sums by currency for a sentence, which says when there are more.
func firstSums(all []string) string {
	if n := len(all) - maxSums; n > 0 {
		all = append(slices.Clone(all[:maxSums]), fmt.Sprintf("and %d other currencies", n))
	}
	return strings.Join(all, ", ")
}
