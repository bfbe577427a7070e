package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/dbquery-mcp/internal/shard"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

// Limits of the rules on idempotency.
const (
	// usualAmount is how many payments of the same amount in the week before make
	// two of them within seconds ordinary.
	usualAmount = 3
	// crowding is how much closer together payments come than if they came evenly:
	// lunch time, a sale.
	crowding = 3
	// chanceOfNone is how improbable as many pairs must be by chance for them to
	// stand out.
	chanceOfNone = 0.005
	// maxGap is how close together two payments are looked for.
	maxGap = 10 * time.Second
)

// Keys is what was seen of idempotency, in the order of the shards.
type Keys struct {
	Shards
	Facts []paydb.Keys // beside Asked
	// After is the merchant behind which the walk began; empty: at the first. What it
	// saw is then of that part alone.
	After string
}

// Next is the merchant behind which another call goes on: up to it every shard is
// done. cut says that merchants are left, silent which shards have told none of
// theirs: they hold the walk where it began, or it would pass their merchants over.
func (k Keys) Next() (after string, cut bool, silent []string) {
	for i, a := range k.Asked {
		f := k.Facts[i]
		switch {
		case a.SameAs != "":
		case f.Done < f.Merchants:
			if !cut || f.Last < after {
				after = f.Last
			}
			cut = true
		case !a.Source.OK():
			silent = append(silent, a.Shard)
		}
	}
	if cut && len(silent) > 0 {
		after = k.After
	}
	return after, cut, silent
}

// JudgeKeys runs the rules on idempotency, and those on asking the shards. because
// is what could not be found out, or cannot be decided, and no finding says.
func JudgeKeys(k Keys) (found []report.Finding, ran []catalog.Code, because string) {
	found, ran = Judge(k.Shards)
	found = slices.Concat(found, crossShard(k), mismatches(k), ghosts(k), recordsMissing(k))
	var open []string
	whole := len(k.answered()) == len(k.Asked)
	for i, f := range k.Facts {
		a := k.Asked[i]
		if !a.Source.OK() || a.SameAs != "" {
			continue
		}
		if !f.Whole {
			open = append(open, fmt.Sprintf("%s: %d of %s looked through", a.Shard, f.Done, count(f.Merchants, "merchant")))
		}
		for _, u := range f.Unlooked {
			open = append(open, a.Shard+": not looked at: "+u)
		}
		whole = whole && f.Whole && len(f.Unlooked) == 0
	}
	twice := PaidTwice(k)
	if n := len(twice.Pairs); n > 0 {
		open = append(open, fmt.Sprintf("whether %s of payments under two keys are one order each, only the merchant can say", counted(n, twice.More, "pair")))
	}
	if twice.Open > 0 {
		open = append(open, fmt.Sprintf("whether %s of payments of one amount are one order each was not found out: such pairs are more than chance makes, and too few were looked at closer to decide", count(twice.Open, "more pair")))
	}
	if whole && k.timed() && k.After == "" { // what lies in the future is behind a window that ends now
		ran = append(ran, catalog.IdemResponseMismatch, catalog.IdemGhostResponse)
		if !slices.ContainsFunc(k.Facts, func(f paydb.Keys) bool { return f.MissingAll > 0 }) {
			ran = append(ran, catalog.IdemRecordMissing)
		}
		if databases(k.Asked) > 1 {
			ran = append(ran, catalog.IdemCrossShardDuplicate)
		}
	}
	return found, ran, strings.Join(open, "; ")
}

// databases counts those that answered, one that has two names once.
func databases(asked []paydb.Asked) (n int) {
	for _, a := range asked {
		if a.Source.OK() && a.SameAs == "" {
			n++
		}
	}
	return n
}

// crossShard is IDEM_CROSS_SHARD_DUPLICATE.
func crossShard(k Keys) []report.Finding {
	var twins []paydb.Twin
	for _, f := range k.Facts {
		twins = append(twins, f.Across...)
	}
	if len(twins) == 0 {
		return nil
	}
	first3 := first(3, twins)
	f := report.NewFinding(catalog.IdemCrossShardDuplicate, "%s of a merchant with a payment on two shards: the customer has probably been charged twice, e.g. %s by %s and %s",
		count(len(twins), "idempotency key"), first3[0].Here.Key.Quoted(), place(first3[0].Here), place(first3[0].There))
	for _, t := range first3 {
		f = f.With("payment-db", "key "+t.Here.Key.Quoted()+" of merchant "+t.Here.Merchant.Quoted(), k.payment(t.Here)+"; and "+k.payment(t.There)+k.belongs(t), time.Time{})
	}
	return []report.Finding{f.Hurts("%s", k.doubled(twins)).Then(
		"Have the merchant confirm that it is one order, and the refund of one of the two decided by whoever may",
		"Find what changed in routing when the younger one was written: PAYMENT_DB_HOST_SHARD2 of an ingest instance, a migration").ConfirmWith("trace_payment")}
}

// belongs says on which shard the merchant lives.
func (k Keys) belongs(t paydb.Twin) string {
	if len(k.Asked) != shard.Two {
		return ""
	}
	return "; by the shard rule this merchant lives on " + k.Asked[shard.Of(string(t.Here.Merchant))-1].Shard
}

// doubled is what the twins that are one too many come to, and whose they are.
func (k Keys) doubled(twins []paydb.Twin) string {
	var merchants []foreign.Text
	sums := sumsOf{}
	for _, t := range twins {
		younger := t.Here
		if t.There.RequestedAt.After(t.Here.RequestedAt) {
			younger = t.There
		}
		sums.add(younger.Currency, younger.Amount)
		if !slices.Contains(merchants, t.Here.Merchant) {
			merchants = append(merchants, t.Here.Merchant)
		}
	}
	return fmt.Sprintf("customers of %s, by %s", quotedList(merchants), sums)
}

// place is a payment by shard and id, which only together name one.
func place(p paydb.Payment) string { return fmt.Sprintf("payment %d on %s", p.ID, p.Shard) }

func (k Keys) payment(p paydb.Payment) string {
	return fmt.Sprintf("%s, %s %s, %s, requested %s", place(p), money(p.Currency), report.Amount(p.Amount), p.Status.Quoted(), p.RequestedAt.In(k.zone()).Format(time.RFC3339))
}

// zone is that of the clocks as they were given.
func (k Keys) zone() *time.Location {
	for _, a := range k.Asked {
		if !a.Clock.Database.IsZero() {
			return a.Clock.Database.Location()
		}
	}
	return time.UTC
}

// mismatches is IDEM_RESPONSE_MISMATCH: a repeated request is answered with
// something else than its payment.
func mismatches(k Keys) (found []report.Finding) {
	for i, facts := range k.Facts {
		all := facts.Mismatches
		if len(all) == 0 {
			continue
		}
		a, head := k.Asked[i], all[0]
		f := report.NewFinding(catalog.IdemResponseMismatch, "%s on %s answer a repeated request with something else than their payment, e.g. the one of payment %d in its %s",
			counted(len(all), facts.MismatchesCut, "idempotency record"), a.Shard, head.Payment.ID, strings.Join(head.Differs, ", "))
		for _, s := range first(3, all) {
			f = f.With(a.Source.Name, "record of merchant "+s.Payment.Merchant.Quoted()+", key "+s.Payment.Key.Quoted(), differs(s), a.Clock.Database)
		}
		found = append(found, f.Hurts("clients that repeat these requests book what the record says: %s", quotedList(merchantsOf(all, func(s paydb.KeySuspect) foreign.Text { return s.Payment.Merchant }))).Then(
			"Take the payment row for the truth, not the record; have engineering find what wrote the record",
			"See whether Redis answers the same").ConfirmWith("idempotency_lookup"))
	}
	return found
}

func differs(s paydb.KeySuspect) string {
	var parts []string
	for _, what := range s.Differs {
		switch what {
		case "paymentId":
			text := fmt.Sprintf("record names payment %s, the payment is %d", s.PaymentID.Quoted(), s.Payment.ID)
			if s.Other != nil {
				text += fmt.Sprintf(" (%s is one of merchant %s)", s.PaymentID.Quoted(), s.Other.Merchant.Quoted())
			}
			parts = append(parts, text)
		case "amount":
			parts = append(parts, fmt.Sprintf("record says amount %s, the payment %s", s.Amount.Quoted(), report.Amount(s.Payment.Amount)))
		case "currency":
			parts = append(parts, fmt.Sprintf("record says currency %s, the payment %s", s.Currency.Quoted(), s.Payment.Currency.Quoted()))
		}
	}
	return strings.Join(parts, "; ")
}

// ghosts is IDEM_GHOST_RESPONSE.
func ghosts(k Keys) (found []report.Finding) {
	for i, facts := range k.Facts {
		all := facts.Ghosts
		if len(all) == 0 {
			continue
		}
		a, head := k.Asked[i], all[0]
		f := report.NewFinding(catalog.IdemGhostResponse, "%s on %s answer for a payment that is not there, e.g. key %s of merchant %s",
			counted(len(all), facts.GhostsCut, "idempotency record"), a.Shard, head.Key.Quoted(), foreign.Text(head.Merchant).Quoted())
		for _, g := range first(3, all) {
			where := "no payment with this key"
			if g.Elsewhere != "" {
				where = "the payment with this key is on " + g.Elsewhere
			}
			f = f.With(a.Source.Name, "record of merchant "+foreign.Text(g.Merchant).Quoted()+", key "+g.Key.Quoted(), fmt.Sprintf("names payment %s, of %s; %s", g.Names.Quoted(), g.CreatedAt.In(k.zone()).Format(time.RFC3339), where), a.Clock.Database)
		}
		found = append(found, f.Hurts("a client that repeats such a request is told it is paid, and no payment exists: %s", quotedList(merchantsOf(all, func(g paydb.Ghost) foreign.Text { return foreign.Text(g.Merchant) }))).Then(
			"Have the merchants told which orders are not paid; change no record by hand",
			"Look for what removed the payments, or rolled them back: a restore, a clean-up job").ConfirmWith("idempotency_lookup"))
	}
	return found
}

// recordsMissing is IDEM_RECORD_MISSING. Where no payment has a record, they are
// not written at all (load test mode); where only the oldest lack theirs, old
// records are cleared away.
func recordsMissing(k Keys) (found []report.Finding) {
	for i, facts := range k.Facts {
		a := k.Asked[i]
		switch missing := k.unexplained(i); {
		case facts.MissingAll == 0:
		case facts.Records == 0:
			found = append(found, report.NewFinding(catalog.IdemRecordMissing, "none of %s on %s has an idempotency record: the ingest service may run in load test mode, which writes none", count(int(facts.Payments), "payment"), a.Shard).
				Unsure().With(a.Source.Name, "records of the payments in the window", "0", a.Clock.Database).
				Then("See whether the ingest service runs in load test mode; in production that must be off"))
		case len(missing) > 0:
			f := report.NewFinding(catalog.IdemRecordMissing, "%s of %s on %s have no idempotency record: a repeated request is not answered from it", counted(len(missing), k.olderToo(i), "payment"), fmt.Sprint(facts.Payments), a.Shard)
			for _, m := range first(3, missing) {
				f = f.With(a.Source.Name, fmt.Sprintf("record of payment %d of merchant %s", m.ID, m.Merchant.Quoted()), "none; requested "+m.At.In(k.zone()).Format(time.RFC3339), a.Clock.Database)
			}
			found = append(found, f.Hurts("%s", quotedList(merchantsOf(missing, func(m paydb.NoRecord) foreign.Text { return m.Merchant }))).Then(
				"The unique key over merchant and idempotency key still keeps a repeated request from a second payment on this shard; have engineering find why the record was not written"))
		}
	}
	return found
}

// unexplained are the payments without a record that are younger than the oldest
// one with a record.
func (k Keys) unexplained(i int) []paydb.NoRecord {
	f := k.Facts[i]
	return slices.DeleteFunc(slices.Clone(f.Missing), func(m paydb.NoRecord) bool { return m.At.Before(f.FirstRecord) })
}

// olderToo reports whether there may be more unexplained payments: all that are
// remembered, the newest, are, and there are older ones without a record.
func (k Keys) olderToo(i int) bool {
	f := k.Facts[i]
	return f.MissingAll > int64(len(f.Missing)) && len(k.unexplained(i)) == len(f.Missing)
}

// ClearedAway counts the payments of a shard whose records look cleared away for
// their age; alone says that no other payment lacks its record.
func (k Keys) ClearedAway(i int) (n int64, alone bool) {
	if k.Facts[i].Records == 0 || k.olderToo(i) {
		return 0, false
	}
	unexplained := len(k.unexplained(i))
	return k.Facts[i].MissingAll - int64(unexplained), unexplained == 0
}

// Doubles is what is known of orders that look paid twice.
type Doubles struct {
	Pairs []paydb.Pair // of payments, the likeliest first
	More  bool         // there are more of them
	// Open counts the pairs that were not looked at closer, where that leaves open
	// whether there are more than chance makes.
	Open int
}

// PaidTwice are the pairs of payments that look like one order paid under two
// keys. Customers do buy the same thing twice: a pair counts only if its keys are
// alike, or if the merchant hardly ever takes that amount and there are more such
// pairs than chance makes. Where only a part of the pairs was looked at closer, it is
// that part of chance that they are held against.
func PaidTwice(k Keys) (d Doubles) {
	var rare []paydb.Pair
	var left, most int
	var byChance, ofJudged float64
	for _, f := range k.Facts {
		d.Pairs, d.More = append(d.Pairs, f.Alike...), d.More || f.AlikeCut
		r := rarely(f.Rare)
		rare, left, most = append(rare, r...), left+f.RareAll-f.RareJudged, most+atMost(len(r), f)
		byChance, ofJudged = byChance+f.ByChance, ofJudged+f.ByChance*share(f)
	}
	switch {
	case beyondChance(len(rare), ofJudged*within(rare)):
		d.Pairs, d.More = append(d.Pairs, rare...), d.More || left > 0
	case left > 0 && beyondChance(most, byChance):
		d.Open = left
	}
	slices.SortStableFunc(d.Pairs, func(a, b paydb.Pair) int {
		if a.Similar != b.Similar {
			if a.Similar {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Gap, b.Gap)
	})
	return d
}

// rarely are the pairs of an amount that their merchant hardly ever takes.
func rarely(pairs []paydb.Pair) []paydb.Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p paydb.Pair) bool { return p.Others == nil || *p.Others > usualAmount })
}

// share is which part of a shard's pairs was looked at closer: they were drawn by
// lot, so that as large a part of those that chance makes is among them.
func share(f paydb.Keys) float64 {
	if f.RareAll == 0 {
		return 1
	}
	return float64(f.RareJudged) / float64(f.RareAll)
}

// atMost is how many of all a shard's pairs may well be of an amount that is hardly
// ever taken, when n of those looked at closer are: three deviations more than that
// lets expect.
func atMost(n int, f paydb.Keys) int {
	switch f.RareJudged {
	case f.RareAll:
		return n
	case 0:
		return f.RareAll
	}
	most := (float64(n) + 3*math.Sqrt(float64(n+1))) / share(f)
	return min(f.RareAll, int(math.Ceil(most)))
}

// within is which part of the pairs that chance makes are no farther apart than these.
func within(pairs []paydb.Pair) float64 {
	widest := time.Second
	for _, p := range pairs {
		widest = max(widest, p.Gap)
	}
	return float64(widest) / float64(maxGap)
}

// beyondChance reports whether n pairs are more than chance makes.
func beyondChance(n int, byChance float64) bool {
	return n > 0 && atLeast(n, crowding*byChance) < chanceOfNone
}

// atLeast is how probable n or more are where mean are expected.
func atLeast(n int, mean float64) float64 {
	term := -mean // its logarithm: e to the power of -1000 is 0
	less := 0.0
	for i := range n {
		less += math.Exp(term)
		term += math.Log(mean / float64(i+1))
	}
	return max(0, 1-less)
}

// counted is how many there are, where there may be more than these.
func counted(n int, more bool, what string) string { return leastIf(more) + count(n, what) }

// sumsOf adds up amounts by currency.
type sumsOf map[foreign.Text]*paydb.Sum

func (s sumsOf) add(currency foreign.Text, amount string) {
	if s[currency] == nil {
		s[currency] = &paydb.Sum{}
	}
	// A row whose amount is no number has none to add.
	_ = s[currency].Add(amount)
}

func (s sumsOf) String() string {
	var parts []string
	for c, sum := range s {
		parts = append(parts, money(c)+" "+figure(sum))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// money is a currency where it is three capital letters, and quoted else.
func money(c foreign.Text) string {
	if len(c) == 3 && strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return string(c)
	}
	return c.Quoted()
}

func merchantsOf[T any](all []T, merchant func(T) foreign.Text) (names []foreign.Text) {
	for _, x := range all {
		if m := merchant(x); !slices.Contains(names, m) {
			names = append(names, m)
		}
	}
	return names
}

// quotedList is merchants in words: "A", "B" and 3 more.
func quotedList(names []foreign.Text) string {
	var words []string
	for _, n := range first(3, names) {
		words = append(words, n.Quoted())
	}
	text := "merchant " + strings.Join(words, ", ")
	if more := len(names) - len(words); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
