package promql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Metric is the value of an expression over a time.
type Metric struct {
	Step   time.Duration
	Points int            // that a series without gaps has
	Series []MetricSeries // in Prometheus' order
	Empty  []string       // why there are none, in sentences; each names what there is instead
	Source fault.Source
}

// MetricSeries is one series, summed up. The numbers are nil when it has no value
// that is a number.
type MetricSeries struct {
	Labels []MetricLabel // in alphabetical order
	// First is the value at the beginning of what is known of it, Last that at the end of
	// the time: nil where it has none then, however it was at LastAt.
	First, Min, Avg, Max, Last *float64
	FirstAt, LastAt            time.Time
	Known, NaN                 int // points that have a number, and that are none
	TooFew                     int // points of a rate for which a breaker had too few calls
	Histograms                 int // points that are native histograms, which are not read
	// Up and Down count points that are infinite, which is a value and no number; End is
	// the sign of the last one where the time ends with it, else 0.
	Up, Down, End int
	Points        []Point
}

// MetricLabel is a label of a series.
type MetricLabel struct{ Name, Value foreign.Text }

// Metric asks for an expression over a time. What would cost too much is refused:
// the error is then a *fault.Error of the kind Refused.
func (c *Client) Metric(ctx context.Context, e Expression, s Span) (Metric, error) {
	start := time.Now()
	m := Metric{Step: s.step(), Points: s.points(), Source: fault.Source{Name: c.name, Asked: c.asked(e.Text)}}
	counts, err := c.counted(ctx, e, s)
	if err != nil {
		if refusal, ok := errors.AsType[*fault.Error](err); ok {
			return m, refusal
		}
		m.Source.Err, m.Source.Took = fault.FailureOf(err, fault.Unexpected), time.Since(start)
		return m, nil
	}
	if err := e.costly(counts, s); err != nil {
		return m, err
	}
	all, kind, err := c.ask(ctx, "/api/v1/query_range", url.Values{
		"query": {e.Text}, "start": {stamp(s.Until.Add(-time.Duration(max(0, m.Points-1)) * m.Step))}, "end": {stamp(s.Until)},
		"step": {fmt.Sprint(m.Step.Seconds())}, "timeout": {"4s"},
	})
	if err == nil && kind != "matrix" {
		err = &fault.Failure{Class: fault.Schema, Said: said("a %q, want a matrix", kind)}
	}
	if err != nil {
		m.Source.Err = fault.FailureOf(err, fault.Unexpected)
	}
	for _, x := range all {
		m.Series = append(m.Series, summed(x, s))
	}
	if err == nil && len(all) == 0 {
		m.Empty = c.whyEmpty(ctx, e, s, counts)
	}
	m.Source.Took = time.Since(start)
	return m, nil
}

// counted asks how many series each selector takes in at the end of the time or
// shortly before.
func (c *Client) counted(ctx context.Context, e Expression, s Span) ([]int, error) {
	counts := make([]int, len(e.selectors))
	if len(counts) == 0 {
		return counts, nil
	}
	parts := make([]string, len(counts))
	for i, sel := range e.selectors {
		parts[i] = fmt.Sprintf(`label_replace(count(%s), "%s", "%d", "", "")`, sel.text, factLabel, i)
	}
	all, _, err := c.ask(ctx, "/api/v1/query", url.Values{"query": {strings.Join(parts, "\nor ")}, "time": {stamp(s.Until)}, "timeout": {promDuration(costDeadline)}})
	if err != nil {
		if f, ok := errors.AsType[*fault.Failure](err); ok && strings.Contains(string(f.Said), "errorType timeout") {
			// Whether the question is too much or Prometheus too slow cannot be told.
			err = &fault.Failure{Class: fault.Timeout, Said: f.Said, Err: err,
				Next: fmt.Sprintf("Even counting its series took longer than %s: narrow it with more labels, or name the metric in full; if up is slow too, Prometheus itself is", costDeadline)}
		}
		return nil, err
	}
	for _, x := range all {
		var i int
		if _, err := fmt.Sscan(x.get(factLabel), &i); err == nil && i >= 0 && i < len(counts) {
			counts[i] = int(x.value())
		}
	}
	return counts, nil
}

// summed is a series as it is told.
func summed(x series, s Span) MetricSeries {
	m := MetricSeries{Histograms: x.histograms}
	for _, l := range x.labels {
		m.Labels = append(m.Labels, MetricLabel{foreign.Text(l.name), foreign.Text(l.value)})
	}
	slices.SortFunc(m.Labels, func(a, b MetricLabel) int { return strings.Compare(string(a.Name), string(b.Name)) })
	m.Points = onGrid(x.points, s)
	for _, p := range x.points {
		m.odd(p, s)
	}
	m.sum()
	return m
}

// odd counts a point that is no number.
func (m *MetricSeries) odd(p point, s Span) {
	sign := 0
	switch {
	case math.IsNaN(p.value):
		m.NaN++
	case math.IsInf(p.value, 1):
		m.Up++
		sign = 1
	case math.IsInf(p.value, -1):
		m.Down++
		sign = -1
	}
	if s.Until.UnixMilli()-p.at < s.step().Milliseconds()/2 {
		m.End = sign
	}
}

// sum sums the points up.
func (m *MetricSeries) sum() {
	m.First, m.Min, m.Avg, m.Max, m.Last, m.Known = nil, nil, nil, nil, nil, 0
	m.FirstAt, m.LastAt = time.Time{}, time.Time{}
	total := 0.0
	for _, p := range m.Points {
		v := p.Value
		if v == nil {
			continue
		}
		if m.Known++; m.Known == 1 {
			m.First, m.FirstAt = v, p.At
			m.Min, m.Max = v, v
		}
		if *v < *m.Min {
			m.Min = v
		}
		if *v > *m.Max {
			m.Max = v
		}
		m.LastAt = p.At
		total += *v
	}
	if n := len(m.Points); n > 0 {
		m.Last = m.Points[n-1].Value
	}
	if m.Known > 0 {
		if avg := total / float64(m.Known); !math.IsInf(avg, 0) {
			m.Avg = &avg
		}
	}
}

// tooFew takes out of the points those at which a breaker had too few calls for a rate:
// their -1 is no percentage.
func (m *MetricSeries) tooFew() {
	for i, p := range m.Points {
		if p.Value != nil && *p.Value == noRate {
			m.Points[i].Value = nil
			m.TooFew++
		}
	}
	m.sum()
}

// noRate is what a breaker exports as its rate while it has too few calls.
const noRate = -1

// Of is the metric as it is told of one that can be asked for in words: with the
// extremes of every scrape, without the points of a rate at which there was none, and
// without what never was where that is nothing to tell of.
func (m Metric) Of(k Known) Metric {
	if k.rate {
		m.Series = slices.Clone(m.Series)
		for i := range m.Series {
			m.Series[i].Points = slices.Clone(m.Series[i].Points)
			m.Series[i].tooFew()
		}
	}
	if len(k.extremes) > 0 {
		m.Series = withExtremes(m.Series)
	}
	never := func(x MetricSeries) bool { return x.Max != nil && *x.Max == 0 }
	if k.states && slices.ContainsFunc(m.Series, func(x MetricSeries) bool { return !never(x) }) {
		m.Series = slices.DeleteFunc(slices.Clone(m.Series), never)
	}
	return m
}

// withExtremes puts the extremes of every scrape to the series that they are of. What
// was there between two points alone is a series without points.
func withExtremes(all []MetricSeries) (whole []MetricSeries) {
	var extremes []MetricSeries
	for _, x := range all {
		if x.extreme() == "" {
			whole = append(whole, x)
		} else {
			extremes = append(extremes, x)
		}
	}
	for _, x := range extremes {
		labels := slices.DeleteFunc(slices.Clone(x.Labels), isFact)
		n := slices.IndexFunc(whole, func(w MetricSeries) bool { return slices.Equal(w.Labels, labels) })
		if n < 0 {
			n = len(whole)
			whole = append(whole, MetricSeries{Labels: labels, Points: emptied(x.Points)})
		}
		switch {
		case x.extreme() == "max" && x.Max != nil:
			whole[n].Max = x.Max
		case x.extreme() == "min" && x.Min != nil:
			whole[n].Min = x.Min
		}
	}
	return whole
}

// extreme is which extreme a series is of; empty for the value itself.
func (m MetricSeries) extreme() string {
	if n := slices.IndexFunc(m.Labels, isFact); n >= 0 {
		return string(m.Labels[n].Value)
	}
	return ""
}

func isFact(l MetricLabel) bool { return l.Name == factLabel }

// emptied are points without their values.
func emptied(points []Point) []Point {
	none := make([]Point, len(points))
	for i, p := range points {
		none[i].At = p.At
	}
	return none
}

// onGrid puts points on the steps of a time; where there is none, or no number,
// the value is nil.
func onGrid(points []point, s Span) []Point {
	step := s.step()
	n := max(1, int(s.Until.Sub(s.Since)/step))
	all := make([]Point, n)
	for i := range all {
		all[i].At = s.Until.Add(-time.Duration(n-1-i) * step)
	}
	for _, p := range points {
		i := n - 1 - int((s.Until.UnixMilli()-p.at+step.Milliseconds()/2)/step.Milliseconds())
		if i >= 0 && i < n {
			all[i].Value = finite(p.value)
		}
	}
	return all
}
