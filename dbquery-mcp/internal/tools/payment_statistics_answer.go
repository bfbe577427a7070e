package tools

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/when"
)

// statisticsQuestion is what a call of payment_statistics asks.
type statisticsQuestion struct {
	ask     paydb.StatisticsQuery
	groupBy string
	limit   int
	// Resolved once a shard has told its clock.
	window, before when.Range
	step           time.Duration
	steps          int // of the window; the parts behind them are those before it
}

// How many statuses, merchants and steps of a series are shown.
const (
	statusesInShort     = 6
	merchantsInShort    = 3
	merchantsByMerchant = 10

	stepsInShort = 8
	stepsByTime  = 30
)

// stepLengths are those that a series may have.
var stepLengths = func() (all []time.Duration) {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 91 * day, 182 * day, 365 * day,
	}
}()

func (d Deps) statisticsQuestion(in StatisticsIn) (*statisticsQuestion, error) {
	q := &statisticsQuestion{groupBy: in.GroupBy, limit: merchantsInShort}
	if in.GroupBy == "merchant" {
		q.limit = merchantsByMerchant
	}
	if in.Limit != nil {
		q.limit = *in.Limit
	}
	q.ask.Merchants = d.Scope
	if in.MerchantID != "" {
		if err := d.Scope.Check(in.MerchantID); err != nil {
			return nil, err
		}
		q.ask.Merchants = []string{in.MerchantID}
	}
	spec, err := when.Parse(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until})
	if err == nil && spec.IsZero() {
		spec, err = when.Parse(when.Args{TimeRange: defaultStatisticsRange})
	}
	if err != nil {
		return nil, invalidTime(err)
	}
	q.ask.Plan = func(begin paydb.StatisticsBegin) ([]paydb.Window, error) {
		r, err := spec.At(begin.Now, d.Zone)
		if err != nil {
			return nil, invalidTime(err)
		}
		return q.plan(r, begin), nil
	}
	return q, nil
}

// plan cuts the window, and the one before it, into steps. Without ends, the
// window goes from the oldest payment to now, and nothing was before it; where every
// payment lies in the future, there is nothing to cut.
func (q *statisticsQuestion) plan(r when.Range, begin paydb.StatisticsBegin) []paydb.Window {
	q.window = r
	if !r.Bounded() {
		if begin.Oldest.IsZero() || !begin.Oldest.Before(begin.Now) { // no payment, no index that tells, or a clock or zone that is wrong
			q.steps = 1
			return []paydb.Window{{}}
		}
		r.Since, r.Until = begin.Oldest, begin.Now.Add(time.Millisecond)
	} else {
		q.before = before(r)
	}
	most := stepsInShort
	if q.groupBy == "time" {
		most = stepsByTime
	}
	length := r.Until.Sub(r.Since)
	q.step = stepLengths[len(stepLengths)-1]
	for _, s := range stepLengths {
		if int((length+s-1)/s) <= most {
			q.step = s
			break
		}
	}
	parts := cut(r, q.step)
	q.steps = len(parts)
	if !q.window.Bounded() { // what is written while it is counted, or lies in the future, belongs to the last
		parts[len(parts)-1].Until = time.Time{}
		return parts
	}
	return append(parts, cut(q.before, q.step)...)
}

// before is the same window before a range: for a part of a day that began at
// midnight the same hours of the day before, else as long a time right before it.
func before(r when.Range) when.Range {
	b := when.Range{Zone: r.Zone, Since: r.Since.Add(-r.Duration()), Until: r.Since, Phrase: "right before it"}
	if h, m, s := r.Since.Clock(); h == 0 && m == 0 && s == 0 && r.Duration() <= 25*time.Hour {
		b.Since, b.Until, b.Phrase = r.Since.AddDate(0, 0, -1), r.Until.AddDate(0, 0, -1), "the same hours of the day before"
		if b.Until.After(r.Since) {
			b.Until = r.Since
		}
	}
	return b
}

func cut(r when.Range, step time.Duration) (parts []paydb.Window) {
	for from := r.Since; from.Before(r.Until); from = from.Add(step) {
		to := from.Add(step)
		if to.After(r.Until) {
			to = r.Until
		}
		parts = append(parts, paydb.Window{Since: from, Until: to})
	}
	return parts
}

// statistics is what the shards counted, put together.
type statistics struct {
	deps     Deps
	question *statisticsQuestion
	replies  []paydb.Reply[paydb.Statistics]
	parts    []paydb.Window
}

// sums is how many payments are alike and what they come to.
type sums struct {
	count    int64
	amount   paydb.Sum
	outcomes map[diagnose.Outcome]int64
	amounts  map[diagnose.Outcome]*paydb.Sum
}

func (s *sums) add(g paydb.StatisticsGroup) {
	if s.outcomes == nil {
		s.outcomes, s.amounts = map[diagnose.Outcome]int64{}, map[diagnose.Outcome]*paydb.Sum{}
	}
	o := diagnose.OutcomeOf(string(g.Status))
	if s.amounts[o] == nil {
		s.amounts[o] = &paydb.Sum{}
	}
	s.count += g.Count
	s.outcomes[o] += g.Count
	for _, sum := range []*paydb.Sum{&s.amount, s.amounts[o]} {
		if err := sum.Add(g.Amount.String()); err != nil {
			panic("tools: a sum writes itself as no number") // Sum's own String and Add disagree
		}
	}
}

func (s *sums) of(o diagnose.Outcome) report.Amount {
	if s.amounts[o] == nil {
		return "0"
	}
	return report.Amount(s.amounts[o].String())
}

// rate is in percent with two decimals; nil when none has succeeded or failed.
func (s *sums) rate() *float64 {
	if s == nil {
		return nil
	}
	ok, failed := s.outcomes[diagnose.Succeeded], s.outcomes[diagnose.Failed]
	if ok+failed == 0 {
		return nil
	}
	return percent(ok, ok+failed)
}

// percent never rounds what is not all to all, nor what is something to nothing.
func percent(n, of int64) *float64 {
	p := math.Round(float64(n)*10000/float64(of)) / 100
	switch {
	case p == 100 && n < of:
		p = 99.99
	case p == 0 && n > 0:
		p = 0.01
	}
	return &p
}

func (s statistics) answered() []paydb.Reply[paydb.Statistics] {
	return slices.DeleteFunc(slices.Clone(s.replies), func(r paydb.Reply[paydb.Statistics]) bool {
		return r.SameAs != "" || !r.Source.OK() && len(r.Facts.Parts) == 0
	})
}

// each calls take for every group of the parts from..to of every shard.
func (s statistics) each(from, to int, take func(shard string, part int, g paydb.StatisticsGroup)) {
	for _, r := range s.answered() {
		for i := from; i < min(to, len(r.Facts.Parts)); i++ {
			for _, g := range r.Facts.Parts[i].Groups {
				take(r.Shard, i, g)
			}
		}
	}
}

// counted reports whether every shard that answered counted a part.
func (s statistics) counted(part int) bool {
	return len(s.answered()) > 0 && !slices.ContainsFunc(s.answered(), func(r paydb.Reply[paydb.Statistics]) bool {
		return part >= len(r.Facts.Parts) || !r.Facts.Parts[part].Counted
	})
}

func (s statistics) countedAll(from, to int) bool {
	for i := from; i < to; i++ {
		if !s.counted(i) {
			return false
		}
	}
	return true
}

// by adds up the groups of the window that are alike in key.
func by[K comparable](s statistics, key func(shard string, g paydb.StatisticsGroup) K) map[K]*sums {
	all := map[K]*sums{}
	s.each(0, s.question.steps, func(shard string, _ int, g paydb.StatisticsGroup) {
		k := key(shard, g)
		if all[k] == nil {
			all[k] = &sums{}
		}
		all[k].add(g)
	})
	return all
}

// byCount orders keys by their counts, the largest first.
func byCount[K cmp.Ordered](all map[K]*sums) []K {
	keys := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(keys, func(a, b K) int { return cmp.Compare(all[b].count, all[a].count) })
	return keys
}

func (s statistics) shows(group string) bool {
	return s.question.groupBy == "" || s.question.groupBy == group
}

func (s statistics) data() StatisticsData {
	d := StatisticsData{Total: s.success(), ByCurrency: s.byCurrency(), Definition: diagnose.SuccessDefinition, Notes: s.notes()}
	if s.shows("status") {
		type key struct{ status, currency foreign.Text }
		all := by(s, func(_ string, g paydb.StatisticsGroup) key { return key{g.Status, g.Currency} })
		for k, v := range all {
			d.ByStatus = append(d.ByStatus, SumOfStatus{status(k.status), currency(k.currency), v.count, report.Amount(v.amount.String())})
		}
		slices.SortFunc(d.ByStatus, func(a, b SumOfStatus) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(fmt.Sprint(a.Status, a.Currency), fmt.Sprint(b.Status, b.Currency)))
		})
		if n := len(d.ByStatus); s.question.groupBy == "" && n > statusesInShort {
			d.ByStatus = d.ByStatus[:statusesInShort]
			d.Notes = append(d.Notes, fmt.Sprintf("by_status: the %d largest of %d; group_by status shows all", statusesInShort, n))
		}
	}
	if s.question.groupBy == "shard" {
		type key struct {
			shard    string
			currency foreign.Text
		}
		all := by(s, func(shard string, g paydb.StatisticsGroup) key { return key{shard, g.Currency} })
		for k, v := range all {
			d.ByShard = append(d.ByShard, SumOfShard{k.shard, currency(k.currency), v.count, report.Amount(v.amount.String())})
		}
		slices.SortFunc(d.ByShard, func(a, b SumOfShard) int {
			return cmp.Or(cmp.Compare(a.Shard, b.Shard), cmp.Compare(b.Count, a.Count), cmp.Compare(fmt.Sprint(a.Currency), fmt.Sprint(b.Currency)))
		})
	}
	if s.shows("merchant") {
		d.Merchants = s.merchants()
	}
	if s.shows("time") && s.question.steps > 1 {
		d.Series, d.Step = s.series(), shortly(s.question.step)
	}
	if s.question.before.Bounded() && len(s.answered()) > 0 {
		d.Before = s.beforeRow()
	}
	return d
}

func (s statistics) success() []SuccessRow {
	row := func(name string, v *sums) SuccessRow {
		if v == nil {
			return SuccessRow{Shard: name}
		}
		o := v.outcomes
		return SuccessRow{name, v.count, o[diagnose.Succeeded], o[diagnose.Failed], o[diagnose.Pending], o[diagnose.Other], v.rate()}
	}
	shards := by(s, func(shard string, _ paydb.StatisticsGroup) string { return shard })
	rows := []SuccessRow{}
	for _, r := range s.answered() {
		rows = append(rows, row(r.Shard, shards[r.Shard]))
	}
	if len(rows) != 1 {
		rows = append(rows, row("all", s.total()))
	}
	return rows
}

func (s statistics) total() *sums {
	return by(s, func(string, paydb.StatisticsGroup) struct{} { return struct{}{} })[struct{}{}]
}

func (s statistics) byCurrency() []CurrencyRow {
	all := by(s, func(_ string, g paydb.StatisticsGroup) foreign.Text { return g.Currency })
	before := map[foreign.Text]int64{}
	s.each(s.question.steps, len(s.parts), func(_ string, _ int, g paydb.StatisticsGroup) { before[g.Currency] += g.Count })
	for c := range before {
		if all[c] == nil {
			all[c] = &sums{}
		}
	}
	rows := []CurrencyRow{}
	for _, c := range byCount(all) {
		v := all[c]
		row := CurrencyRow{currency(c), v.count, report.Amount(v.amount.String()), v.of(diagnose.Succeeded), v.of(diagnose.Failed), nil}
		if s.question.before.Bounded() && s.countedAll(s.question.steps, len(s.parts)) {
			n := before[c]
			row.Before = &n
		}
		rows = append(rows, row)
	}
	return rows
}

func (s statistics) merchants() (rows []MerchantRow) {
	type key struct{ merchant, currency foreign.Text }
	all := by(s, func(_ string, g paydb.StatisticsGroup) key { return key{g.Merchant, g.Currency} })
	keys := slices.SortedFunc(maps.Keys(all), func(a, b key) int {
		return cmp.Or(cmp.Compare(all[b].count, all[a].count), cmp.Compare(a.merchant, b.merchant), cmp.Compare(a.currency, b.currency))
	})
	for _, k := range head(s.question.limit, keys) {
		if k.merchant == "" { // there were too many to tell them apart
			return nil
		}
		v := all[k]
		rows = append(rows, MerchantRow{k.merchant, currency(k.currency), v.count, report.Amount(v.amount.String()), v.outcomes[diagnose.Failed], v.rate()})
	}
	return rows
}

func (s statistics) series() []StatisticsStep {
	steps := make([]*sums, s.question.steps)
	before := make([]int64, s.question.steps)
	for i := range steps {
		steps[i] = &sums{}
	}
	s.each(0, s.question.steps, func(_ string, part int, g paydb.StatisticsGroup) { steps[part].add(g) })
	s.each(s.question.steps, len(s.parts), func(_ string, part int, g paydb.StatisticsGroup) {
		if at := part - s.question.steps; at < len(before) {
			before[at] += g.Count
		}
	})
	rows := make([]StatisticsStep, s.question.steps)
	for i, v := range steps {
		rows[i].From = s.parts[i].Since.In(s.deps.Zone)
		if s.counted(i) {
			failed := v.outcomes[diagnose.Failed]
			rows[i].Payments, rows[i].Failed, rows[i].Rate = &v.count, &failed, v.rate()
		}
		if at := i + s.question.steps; at < len(s.parts) && s.counted(at) {
			rows[i].Before = &before[i]
		}
	}
	return rows
}

func (s statistics) beforeRow() *BeforeRow {
	var v sums
	s.each(s.question.steps, len(s.parts), func(_ string, _ int, g paydb.StatisticsGroup) { v.add(g) })
	row := &BeforeRow{Window: s.question.before.String(), Payments: v.count, Rate: v.rate(), Whole: s.countedAll(s.question.steps, len(s.parts))}
	if now := s.total(); v.count > 0 && row.Whole && s.countedAll(0, s.question.steps) {
		var n int64
		if now != nil {
			n = now.count
		}
		change := math.Round(float64(n-v.count)*1000/float64(v.count)) / 10
		row.Change = &change
	}
	return row
}

func (s statistics) notes() []string {
	notes := widerAccounts(asked(s.replies))
	for _, r := range s.answered() {
		if r.Facts.Scans {
			notes = append(notes, r.Shard+" has no index for this question: each part of the time reads the whole table")
		}
		if slices.ContainsFunc(r.Facts.Parts, func(p paydb.StatisticsPart) bool { return p.NoMerchants }) {
			notes = append(notes, r.Shard+" has too many merchants in a part of the time to rank them: ask for a shorter time_range")
		}
	}
	if s.deps.Scope.Limited() {
		notes = append(notes, "these merchants alone are counted: "+s.deps.Scope.String())
	}
	return notes
}

func (s statistics) coverage() report.Coverage {
	c := report.Coverage{Not: silent(asked(s.replies))}
	c.Looked = []string{heard(asked(s.replies))}
	switch {
	case len(s.parts) == 0:
		c.Window = "not resolved: no database told its clock"
	case s.question.window.Bounded():
		c.Window = "requested_at " + s.question.window.String()
	default:
		c.Window = "all time"
		if at := s.parts[0].Since; !at.IsZero() {
			c.Window += ", the oldest payment is of " + at.In(s.deps.Zone).Format(time.RFC3339)
		}
	}
	return c
}

// shortly is a length of a step without zeros: 5m, 24h.
func shortly(d time.Duration) string {
	text := d.String()
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (s statistics) summary() string {
	if len(s.answered()) == 0 {
		return "no payment database answered: " + strings.Join(silent(asked(s.replies)), ", ")
	}
	text := partly(asked(s.replies))
	least := ""
	if !s.countedAll(0, s.question.steps) {
		least = "at least "
	}
	total := s.total()
	if total == nil {
		return text + least + "0 payments"
	}
	var amounts []string
	for _, c := range s.byCurrency() {
		if c.Count > 0 {
			amounts = append(amounts, shown(c.Currency)+" "+c.Amount.Grouped())
		}
	}
	if len(amounts) > 3 {
		amounts = append(amounts[:3], "and other currencies")
	}
	text += least + payments(total.count) + ", " + strings.Join(amounts, ", ")
	if rate := total.rate(); rate != nil {
		ok, failed := total.outcomes[diagnose.Succeeded], total.outcomes[diagnose.Failed]
		text += fmt.Sprintf("; success %v%% (%d of %d decided)", *rate, ok, ok+failed)
	} else {
		text += "; none has succeeded or failed yet"
	}
	if b := s.question.before; b.Bounded() {
		row := s.beforeRow()
		if row.Whole {
			text += "; before: " + payments(row.Payments)
			if row.Rate != nil {
				text += fmt.Sprintf(", success %v%%", *row.Rate)
			}
		}
	}
	if s.deps.Scope.Limited() {
		text += " [this server's merchants only]"
	}
	return text
}
