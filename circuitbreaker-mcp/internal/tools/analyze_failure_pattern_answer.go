package tools

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

func patternData(p promql.Past, limit, findings int) PatternData {
	d := PatternData{}
	if !p.Source.OK() {
		return d
	}
	d.Step = lengthOf(p.Step)
	d.Breakers = patternRows(p)
	changes := transitionRows(p)
	d.Transitions = changes[max(0, len(changes)-limit):]
	for _, r := range p.HTTP.Routes {
		if row := routeRow(r); row.Requests > 0 || row.Before != nil && *row.Before > 0 {
			d.Routes = append(d.Routes, row)
		}
	}
	for _, e := range p.Errors {
		d.Errors = append(d.Errors, ErrorRow{e.Job, kinds[e.Kind], e.Exception, int64(math.Round(e.Count)), int64(math.Round(e.Before))})
	}
	lines := maxLines
	if findings > 1 {
		lines = maxLinesBeside
	}
	d.Lines, d.Notes = lineRows(p, lines), notes(p)
	return d
}

var kinds = map[promql.ErrorKind]string{
	promql.ProducerErrors: "records given up", promql.TemplateErrors: "sends failed", promql.ListenerErrors: "records not handled",
}

// patternRows are the breakers, each with the instances to which the same happened.
func patternRows(p promql.Past) (rows []PatternRow) {
	episodes := diagnose.Episodes(p)
	for _, name := range breakersIn(p) {
		first := len(rows)
		for _, i := range p.Instances {
			for _, b := range i.Breakers {
				if b.Name.String() != name {
					continue
				}
				row := PatternRow{Breaker: b.Name, Instances: []foreign.Text{i.Name}, States: stateline(p, i, b), Failed: rounded(b.Failed), Before: rounded(b.FailedBefore),
					Successful: rounded(b.Successful), TurnedAway: rounded(b.NotPermitted), FailureRate: decimals(b.FailureRate), SlowRate: decimals(b.SlowCallRate), MeanCall: decimals(b.MeanCall)}
				var open time.Duration
				for _, e := range episodes {
					if e.Breaker == name && e.Instance == i.Name.String() {
						row.Opened += e.Opened
						open += e.Open
					}
				}
				if open > 0 {
					row.OpenFor = open.Round(time.Second).String()
				}
				n := slices.IndexFunc(rows[first:], func(r PatternRow) bool {
					return r.States == row.States && r.Opened == row.Opened && r.OpenFor == row.OpenFor
				})
				if n < 0 {
					rows = append(rows, row)
				} else {
					rows[first+n].join(row)
				}
			}
		}
	}
	for n := range rows {
		rows[n].On, rows[n].Instances = onHowMany(p, string(rows[n].Breaker), rows[n].Instances)
	}
	return rows
}

// onHowMany says on how many of its instances something happened to a breaker, and
// names them where they are not all.
func onHowMany(p promql.Past, breaker string, some []foreign.Text) (string, []foreign.Text) {
	all := 0
	for _, i := range p.Instances {
		if slices.ContainsFunc(i.Breakers, func(b promql.PastBreaker) bool { return string(b.Name) == breaker }) {
			all++
		}
	}
	on := fmt.Sprintf("%d of %d", len(some), all)
	if len(some) == all && all > 1 {
		return on, nil
	}
	return on, some
}

// join adds another instance.
func (r *PatternRow) join(other PatternRow) {
	r.Instances = append(r.Instances, other.Instances...)
	r.Failed, r.Before = added(r.Failed, other.Failed), added(r.Before, other.Before)
	r.Successful, r.TurnedAway = added(r.Successful, other.Successful), added(r.TurnedAway, other.TurnedAway)
	r.FailureRate, r.SlowRate, r.MeanCall = higher(r.FailureRate, other.FailureRate), higher(r.SlowRate, other.SlowRate), higher(r.MeanCall, other.MeanCall)
}

func added(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	n := *a + *b
	return &n
}

// transitionRows are the changes of state; those that several instances made within
// two scrapes are one.
func transitionRows(p promql.Past) (rows []TransitionRow) {
	near := 2 * p.Interval
	for _, t := range diagnose.Transitions(p) {
		exact := "-" + t.At.Sub(t.After).Round(time.Second).String()
		switch {
		case t.Restarted:
			exact += ", process restarted"
		case t.Unscraped:
			exact += ", not scraped in between"
		}
		row := TransitionRow{t.At.Truncate(time.Second), exact, foreign.Text(t.Breaker), "", []foreign.Text{foreign.Text(t.Instance)}, t.From + " -> " + t.To}
		n := slices.IndexFunc(rows, func(r TransitionRow) bool {
			return r.Breaker == row.Breaker && r.Change == row.Change && r.Exact == row.Exact && row.At.Sub(r.At) <= near && !slices.Contains(r.Instances, row.Instances[0])
		})
		if n < 0 {
			rows = append(rows, row)
		} else {
			rows[n].Instances = append(rows[n].Instances, row.Instances...)
		}
	}
	for n := range rows {
		rows[n].On, rows[n].Instances = onHowMany(p, string(rows[n].Breaker), rows[n].Instances)
	}
	return rows
}

func routeRow(r promql.Route) RouteRow {
	row := RouteRow{Route: r.URI, P50: decimals(r.P50), P95: decimals(r.P95), P99: decimals(r.P99), Was95: decimals(r.P95Before)}
	all := sum(r.Status)
	row.Requests = int64(math.Round(all))
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(r.Status)) {
		if n := r.Status[status]; n >= 0.5 {
			parts = append(parts, statusName(status)+" "+share(n, all))
		}
	}
	row.Statuses = strings.Join(parts, ", ")
	if r.Before != nil {
		before := int64(math.Round(sum(r.Before)))
		row.Before = &before
	}
	return row
}

// statusName is an HTTP status; a label that is none is not repeated as our word.
func statusName(label string) string {
	if n, err := strconv.Atoi(label); err == nil && n >= 100 && n <= 599 {
		return label
	}
	return "other"
}

func sum(by map[string]float64) (all float64) {
	for _, n := range by {
		all += n
	}
	return all
}

// share writes a part in percent so that what is there never reads as nothing.
func share(part, all float64) string {
	switch v := 100 * part / all; {
	case v >= 10, v == 0:
		return fmt.Sprintf("%.0f%%", v)
	case v >= 0.1:
		return fmt.Sprintf("%.1f%%", v)
	}
	return "<0.1%"
}

// lineRows are the lines that show something, in the units that people use, so many at
// most.
func lineRows(p promql.Past, most int) (rows []LineRow) {
	for _, l := range p.Lines {
		if l.Name == promql.LineAuthorize {
			continue // shares are of it; to an eye it is the requests again
		}
		top, last, known := 0.0, "not known", false
		for _, x := range l.Points {
			if x.Value != nil {
				top, known = max(top, *x.Value), true
			}
		}
		// A line of zeros tells nothing that the counts do not; traffic is told
		// all the same.
		if !known || top == 0 && l.Name != promql.LineRequests {
			continue
		}
		if x := l.Points[len(l.Points)-1]; x.Value != nil {
			last = percentless(*x.Value)
		}
		shape := sparkline(l.Points)
		if !slices.ContainsFunc(l.Points, func(x promql.Point) bool { return x.Value == nil || *x.Value < 0.8*top }) {
			shape = "steady"
		}
		rows = append(rows, LineRow{lineName(l), round2(top), last, shape})
	}
	// What goes up and down says more than what is steady.
	slices.SortStableFunc(rows, func(a, b LineRow) int {
		return cmp.Compare(strings.Count(a.Line, "steady"), strings.Count(b.Line, "steady"))
	})
	return rows[:min(len(rows), most)]
}

// fewTransitions is how many are listed where nobody asked for more.
const fewTransitions = 5

// maxLines is how many lines there are in words, fewer beside several findings, which
// have the numbers; the picture has them all.
const (
	maxLines       = 4
	maxLinesBeside = 2
)

func lineName(l promql.Line) string {
	switch l.Name {
	case promql.LineP95:
		return "authorize p95 s"
	case promql.LineFailureRate:
		return diagnose.Name(l.Breaker.String()) + " failure %"
	case promql.LineSlowRate:
		return diagnose.Name(l.Breaker.String()) + " slow %"
	case promql.LineNotPermitted:
		return diagnose.Name(l.Breaker.String()) + " turned away/s"
	}
	return string(l.Name) + "/s"
}

// notes say what the numbers do not: what was not scraped, what has no value, what
// may have happened between two scrapes.
func notes(p promql.Past) (all []string) {
	const most = 4
	fresh, first := 0, time.Time{}
	for _, i := range p.Instances {
		for _, g := range i.Gaps {
			why := "no scrape was made"
			if g.Failed > 0 {
				why = fmt.Sprintf("%d scrapes failed", g.Failed)
			}
			all = append(all, fmt.Sprintf("%s not seen %s-%s: %s", diagnose.Name(i.Name.String()), g.From.Format(time.TimeOnly), g.To.Format(time.TimeOnly), why))
		}
		if i.Scrapes > 0 && i.First.Sub(p.Since) > 5*i.Interval/2 {
			if fresh++; first.IsZero() || i.First.Before(first) {
				first = i.First
			}
		}
		for _, b := range i.Breakers {
			good := i.Scrapes - i.Failed
			if b.Samples > 0 && good > b.Samples+good/10+1 {
				all = append(all, fmt.Sprintf("%d of %d scrapes of %s have no %s", good-b.Samples, good, diagnose.Name(i.Name.String()), diagnose.Name(b.Name.String())))
			}
			held := slices.ContainsFunc(b.Stays, func(s promql.Stay) bool { return s.State != "CLOSED" })
			if b.NotPermitted != nil && *b.NotPermitted >= 1 && !held {
				all = append(all, fmt.Sprintf("%s of %s turned %s calls away though every scrape saw it CLOSED: it opened between two scrapes", diagnose.Name(b.Name.String()), diagnose.Name(i.Name.String()), whole(*b.NotPermitted)))
			}
		}
	}
	if fresh > 0 {
		all = append(all, fmt.Sprintf("%s first scraped %s: nothing is known before", count(fresh, "instance"), first.In(p.Since.Location()).Format(time.RFC3339)))
	}
	for _, l := range p.Lines {
		if l.NaN > 0 && (l.Name == promql.LineFailureRate || l.Name == promql.LineSlowRate) {
			all = append(all, fmt.Sprintf("%s: %d of %d points were scraped and are no number (NaN)", lineName(l), l.NaN, len(l.Points)))
		}
	}
	if more := len(all) - most; more > 0 {
		all = append(all[:most], fmt.Sprintf("%d more", more))
	}
	return all
}

func patternCoverage(got sight, transitions, limit int) report.Coverage {
	c := report.Coverage{Window: got.rng.String()}
	p := got.past
	if !p.Source.OK() {
		c.Not = append(c.Not, "Prometheus, in whole or in part: history is not known")
		return c
	}
	scrapes := 0
	for _, i := range p.Instances {
		scrapes += i.Scrapes
	}
	c.Looked = append(c.Looked, fmt.Sprintf("%d scrapes of %d ingest instances", scrapes, len(p.Instances)))
	if p.Interval > 0 {
		c.Looked[0] += ", one every " + p.Interval.String()
	}
	if transitions > limit {
		c.Cut, c.More = true, moreTransitions(limit, transitions)
	}
	return c
}

// atTheEnd says of a time that it is its end.
func atTheEnd(length string) string { return "at the end of " + length }

// patternSummary is the line to read out; when says what the states are of.
func patternSummary(st diagnose.Status, p promql.Past, when, length string) string {
	worst := unknownState
	if len(st.Readings) > 0 {
		worst = speaking(st.Readings)
	}
	if worst == "CLOSED" && len(diagnose.Lost(p)) > 0 {
		worst = unknownState
	}
	if !p.Source.OK() {
		return worst + " - the last " + length + " is not known: Prometheus did not answer"
	}
	var parts []string
	episodes := diagnose.Episodes(p)
	for _, name := range st.Breakers() {
		of, open := map[string]int{}, time.Duration(0)
		var last diagnose.Episode
		for _, e := range episodes {
			if e.Breaker == name {
				of[e.Instance] += e.Opened
				open = max(open, e.Open)
				last = e
			}
		}
		opened, many := 0, ""
		for _, n := range of {
			opened = max(opened, n)
		}
		if len(of) > 1 {
			many = fmt.Sprintf(" (%d instances)", len(of))
		}
		switch {
		case last.Breaker == "" && diagnose.HasHoles(p):
			parts = append(parts, diagnose.Name(name)+" was CLOSED wherever it was scraped")
		case last.Breaker == "":
			parts = append(parts, diagnose.Name(name)+" stayed CLOSED")
		case opened == 0:
			parts = append(parts, fmt.Sprintf("%s was %s%s from %s", diagnose.Name(name), last.Worst, many, last.From.Format(time.TimeOnly)))
		default:
			text := fmt.Sprintf("%s opened %s%s, OPEN for %s at the longest, last from %s", diagnose.Name(name), count(opened, "time"), many, open.Round(time.Second), last.From.Format(time.TimeOnly))
			switch {
			case last.Lost:
				text += ", last seen so at " + last.To.Format(time.TimeOnly)
			case !last.Lasts:
				text += " to " + last.To.Format(time.TimeOnly)
			}
			parts = append(parts, text)
		}
	}
	all, bad := 0.0, 0.0
	for _, r := range p.HTTP.Routes {
		for status, n := range r.Status {
			all += n
			if strings.HasPrefix(status, "5") {
				bad += n
			}
		}
	}
	if all >= 1 {
		parts = append(parts, fmt.Sprintf("%s payment requests, %s 5xx", whole(all), share(bad, all)))
	} else {
		parts = append(parts, "no payment requests counted")
	}
	return fmt.Sprintf("%s %s - %s", worst, when, strings.Join(parts, "; "))
}
