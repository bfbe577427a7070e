package tools

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/dbquery-mcp/internal/diagnose"
	"payops-mcp/dbquery-mcp/internal/paydb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/when"
)

// requestsView is what is shown of the requests.
type requestsView struct {
	deps     Deps
	span     when.Spec
	of       *reconciliation // whose payments that wait are looked at, and nothing else; nil: all of the span
	resolved *when.Range
	window   paydb.Window
	kinds    []diagnose.Requests
	found    []report.Finding
	ran      []catalog.Code
	late     []string // what was to be looked at twice, and was once
	left     []string // what there was no time to look at
	unread   []string // payments that there was no time to read whole
	passing  []string // what was seen at a second look only
}

// asked are the shards; one that failed for any kind has failed.
func (v requestsView) asked() []paydb.Asked {
	all := slices.Clone(v.kinds[0].Asked)
	for _, k := range v.kinds[1:] {
		for i := range all {
			if all[i].Source.OK() {
				took := all[i].Source.Took
				tables := all[i].Tables
				all[i] = k.Asked[i]
				all[i].Source.Took += took
				for name, t := range tables {
					if all[i].Tables != nil {
						all[i].Tables[name] = t
					}
				}
			}
		}
	}
	for _, k := range v.kinds {
		for i, b := range k.Books {
			if all[i].Source.OK() && !b.Source.OK() {
				all[i] = b.Asked
			}
		}
	}
	return all
}

// newest is when the newest request of any kind was made on each shard; zero where
// there is none.
func (v requestsView) newest() []time.Time {
	if len(v.kinds) == 0 {
		return nil
	}
	all := make([]time.Time, len(v.kinds[0].Found))
	for _, k := range v.kinds {
		for i, x := range k.Found {
			if x.Source.OK() && x.Facts.Latest.After(all[i]) {
				all[i] = x.Facts.Latest
			}
		}
	}
	return all
}

func (v requestsView) sources() (all []fault.Source) {
	for _, a := range v.asked() {
		all = append(all, a.Source)
	}
	return all
}

func (v requestsView) asOf() time.Time {
	for _, a := range v.asked() {
		if !a.Clock.Database.IsZero() {
			return a.Clock.Database
		}
	}
	return time.Time{}
}

func (v requestsView) each(k diagnose.Requests) []paydb.Reply[paydb.Gateway] {
	return slices.DeleteFunc(slices.Clone(k.Found), func(x paydb.Reply[paydb.Gateway]) bool { return !x.Source.OK() || x.SameAs != "" })
}

func (v requestsView) data() SettlementsData {
	d := SettlementsData{Requests: []RequestsRow{}, AtRisk: []AtRiskRow{}}
	for _, k := range v.kinds {
		risk := atRisk{kind: k.Kind}
		codes := gatewayCodes{kind: k.Kind}
		for _, x := range v.each(k) {
			row := RequestsRow{Kind: string(k.Kind), Shard: x.Shard, Pending: len(x.Facts.Pending)}
			for i := range x.Facts.Slots.Failed {
				row.Succeeded += x.Facts.Slots.Succeed[i]
				row.Failed += x.Facts.Slots.Failed[i]
			}
			row.SucceededSince, row.FailedSince = v.since(x.Facts.Slots.SucceedSince), v.since(x.Facts.Slots.FailedSince)
			for _, f := range x.Facts.Failed {
				state := diagnose.StateOf(f, x.Clock.Database)
				switch state {
				case diagnose.Retrying:
					row.Retrying++
				case diagnose.Starved:
					row.Starved++
				case diagnose.Stale:
					row.Stale++
				case diagnose.DeadEnd:
					row.Dead++
				case diagnose.Ahead:
					row.Ahead++
				}
				risk.add(string(state), f.Amount, f.Currency, f.Requested)
				codes.add(f)
			}
			for _, f := range x.Facts.Pending {
				risk.add("pending", f.Amount, f.Currency, f.Requested)
			}
			for _, f := range x.Facts.Ahead {
				if diagnose.DatedAhead(f, x.Clock.Database) {
					row.Ahead++
					risk.add(string(diagnose.Ahead), f.Amount, f.Currency, f.Requested)
				}
			}
			for _, o := range x.Facts.Odd {
				row.Odd += len(o.List)
				for _, f := range o.List {
					risk.add("unknown status", f.Amount, f.Currency, f.Requested)
				}
			}
			row.Unexplained = len(x.Facts.Unexplained)
			for _, u := range x.Facts.UnderWay {
				if u.Requests == 0 {
					row.Without++
					risk.add("without request", u.Amount, u.Currency, u.Since)
				}
			}
			d.Requests = append(d.Requests, row)
		}
		d.AtRisk = append(d.AtRisk, risk.rows(v.deps.Zone)...)
		d.Codes = append(d.Codes, codes.rows(v.deps.Zone)...)
	}
	d.Notes = v.notes()
	return d
}

// since is from when on something was counted, nil for all of the window.
func (v requestsView) since(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.In(v.deps.Zone).Truncate(time.Second)
	return &at
}

// atRisk adds up money by state and currency.
type atRisk struct {
	kind  paydb.RequestKind
	parts []riskPart
}

type riskPart struct {
	state    string
	currency foreign.Text
	n        int
	sum      paydb.Sum
	oldest   time.Time
}

func (r *atRisk) add(state, amount string, currency foreign.Text, at time.Time) {
	i := slices.IndexFunc(r.parts, func(p riskPart) bool { return p.state == state && p.currency == currency })
	if i < 0 {
		i = len(r.parts)
		r.parts = append(r.parts, riskPart{state: state, currency: currency, oldest: at})
	}
	p := &r.parts[i]
	p.n++
	if at.Before(p.oldest) {
		p.oldest = at
	}
	if err := p.sum.Add(cmp.Or(amount, "0")); err != nil {
		return // no number: it is counted, and not added up
	}
}

func (r *atRisk) rows(zone *time.Location) (rows []AtRiskRow) {
	slices.SortFunc(r.parts, func(a, b riskPart) int {
		return cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(b.n, a.n), cmp.Compare(a.currency, b.currency))
	})
	for i := range r.parts {
		p := &r.parts[i]
		oldest := p.oldest.In(zone).Truncate(time.Second)
		rows = append(rows, AtRiskRow{string(r.kind), p.state, p.n, currency(p.currency), report.Amount(p.sum.String()), &oldest})
	}
	return rows
}

// gatewayCodes groups what the gateway answered.
type gatewayCodes struct {
	kind paydb.RequestKind
	all  []CodeRow
}

func (g *gatewayCodes) add(f paydb.GatewayRequest) {
	i := slices.IndexFunc(g.all, func(c CodeRow) bool { return c.Code == f.Code })
	if i < 0 {
		i = len(g.all)
		g.all = append(g.all, CodeRow{Kind: string(g.kind), Code: f.Code, First: f.Requested, Last: f.Requested, Message: f.Message})
	}
	c := &g.all[i]
	c.Count++
	if f.Requested.Before(c.First) {
		c.First = f.Requested
	}
	if f.Requested.After(c.Last) {
		c.Last, c.Message = f.Requested, f.Message
	}
}

func (g *gatewayCodes) rows(zone *time.Location) []CodeRow {
	slices.SortFunc(g.all, func(a, b CodeRow) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	all := g.all[:min(len(g.all), 6)]
	for i := range all {
		all[i].First, all[i].Last = all[i].First.In(zone).Truncate(time.Second), all[i].Last.In(zone).Truncate(time.Second)
	}
	return all
}

func (v requestsView) notes() (notes []string) {
	if v.deps.Scope.Limited() {
		notes = append(notes, "requests and amounts are of this server's merchants only: "+v.deps.Scope.String()+"; succeeded and failed, from which the rate of failures comes, are of all")
	}
	for _, k := range v.kinds {
		for _, x := range v.each(k) {
			g := x.Facts
			if g.FailedCut {
				notes = append(notes, fmt.Sprintf("%s: there are more FAILED %ss than the newest %d that were looked at one by one: their counts and sums are lower bounds", x.Shard, k.Kind, len(g.Failed)))
			}
			if g.UnderWayCut {
				notes = append(notes, fmt.Sprintf("%s: more than %d payments wait for a %s; the oldest of them were looked at", x.Shard, len(g.UnderWay), k.Kind))
			}
		}
	}
	return slices.Concat(notes, widerAccounts(v.asked()))
}

func (v requestsView) coverage() report.Coverage {
	c := report.Coverage{Not: append(silent(v.asked()), v.left...)}
	c.Looked = []string{heard(v.asked())}
	if v.resolved != nil {
		c.Window = "requested_at " + v.resolved.String()
	}
	for _, k := range v.kinds {
		for _, x := range v.each(k) {
			if !x.Facts.Whole {
				since := x.Facts.SeenSince.In(v.deps.Zone).Format(time.RFC3339)
				c.Looked = append(c.Looked, fmt.Sprintf("%s: %ss since %s compared with their payments", x.Shard, k.Kind, since))
				if x.Facts.SeenSince.After(v.window.Since) {
					c.Not = append(c.Not, fmt.Sprintf("%s: whether %ss before %s fit their payments (more were made than are compared)", x.Shard, k.Kind, since))
				}
			}
			if x.Facts.Slots.Cut() {
				c.Not = append(c.Not, fmt.Sprintf("%s: the rate of failed %ss before %s (more were made than are counted)", x.Shard, k.Kind, x.Facts.Slots.Complete.In(v.deps.Zone).Format(time.RFC3339)))
			}
		}
	}
	return c
}

// because is what could not be looked for.
func (v requestsView) because() string {
	why := slices.Clone(v.passing)
	if len(v.late) > 0 {
		why = append(why, lookedOnce(v.late))
	}
	if len(v.unread) > 0 {
		why = append(why, "no time to read whole "+strings.Join(v.unread, ", "))
	}
	for _, what := range v.left {
		why = append(why, what+": not looked at, there was no time left")
	}
	for _, k := range v.kinds {
		why = slices.Concat(why, k.Odd(), k.Unexplained(), k.Refused(), k.Early())
		for _, x := range v.each(k) {
			for _, text := range x.Facts.Slow {
				why = append(why, x.Shard+": "+text)
			}
			if x.Facts.UnderWayCut || x.Facts.PendingCut {
				why = append(why, fmt.Sprintf("%s: more payments wait for a %s than were looked at one by one", x.Shard, k.Kind))
			}
			if x.Facts.FailedCut {
				why = append(why, fmt.Sprintf("%s: more %ss FAILED than were looked at one by one", x.Shard, k.Kind))
			}
			if x.Facts.UnfitCut {
				why = append(why, fmt.Sprintf("%s: more payments do not fit their %ss at first sight than were read whole", x.Shard, k.Kind))
			}
		}
	}
	return strings.Join(why, "; ")
}

// summary is the line to read out.
func (v requestsView) summary() string {
	if len(silent(v.asked())) == len(v.asked()) {
		return "no payment database answered, so nothing is known of settlements and refunds"
	}
	text := partly(v.asked())
	var kinds []string
	for _, k := range v.kinds {
		var sum RequestsRow
		succeeded, failed := "", ""
		for _, row := range v.data().Requests {
			if row.Kind == string(k.Kind) {
				sum.Starved, sum.Stale, sum.Dead = sum.Starved+row.Starved, sum.Stale+row.Stale, sum.Dead+row.Dead
				sum.Pending, sum.Without, sum.Retrying = sum.Pending+row.Pending, sum.Without+row.Without, sum.Retrying+row.Retrying
				sum.Odd, sum.Ahead = sum.Odd+row.Odd, sum.Ahead+row.Ahead
				sum.Unexplained += row.Unexplained
				sum.Succeeded, sum.Failed = sum.Succeeded+row.Succeeded, sum.Failed+row.Failed
				if row.SucceededSince != nil {
					succeeded = "at least "
				}
				if row.FailedSince != nil {
					failed = "at least "
				}
			}
		}
		var parts []string
		for _, p := range []struct {
			n    int
			what string
		}{{sum.Dead, "dead"}, {sum.Starved, "never retried"}, {sum.Stale, "left alone"}, {sum.Pending, "pending"}, {sum.Without, "payments without a request"}, {sum.Odd, "with an unknown status"}, {sum.Ahead, "dated ahead of the database's clock"}, {sum.Unexplained, "payments failed without a request"}} {
			if p.n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
			}
		}
		if len(parts) == 0 {
			parts = []string{"none stuck, starved or dead"}
		}
		kinds = append(kinds, fmt.Sprintf("%ss: %s (%s%d succeeded, %s%d failed and %d of them being retried)", k.Kind, strings.Join(parts, ", "), succeeded, sum.Succeeded, failed, sum.Failed, sum.Retrying))
	}
	return text + strings.Join(kinds, "; ")
}
