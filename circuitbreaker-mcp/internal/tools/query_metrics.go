package tools

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// MetricsIn are the arguments of query_metrics.
type MetricsIn struct {
	PromQL    string `json:"promql,omitempty" jsonschema:"an expression; a counter inside of rate()" min:"1" max:"2000"`
	Question  string `json:"question,omitempty" jsonschema:"or in words: failure rate of kafka-publisher, p99 latency of authorize, db pool waiting; 'list' lists them" min:"1" max:"200"`
	TimeRange string `json:"time_range,omitempty" jsonschema:"15m, 24h, yesterday 2-3pm; at most 7d; default 1h" min:"1" max:"100"`
	Since     string `json:"since,omitempty" jsonschema:"begin: 14:00, RFC 3339" min:"1" max:"100"`
	Until     string `json:"until,omitempty" jsonschema:"end, as since" min:"1" max:"100"`
	Limit     int    `json:"limit,omitempty" jsonschema:"series to show, the greatest first" default:"50" min:"1" max:"200"`
	Detail    string `json:"detail,omitempty" jsonschema:"full: each series as a line too" default:"short" enum:"short,full"`
}

// MetricsData is what query_metrics answers.
type MetricsData struct {
	PromQL string         `json:"promql,omitempty"` // what was run
	Means  string         `json:"means,omitempty"`
	Unit   string         `json:"unit,omitempty"`
	Step   string         `json:"step,omitempty"`
	Common []foreign.Text `json:"common_labels,omitempty"` // of all series
	Names  []foreign.Text `json:"label_names,omitempty"`   // of the others, where all series have the same ones: labels are then their values alone
	Series []SeriesRow    `json:"series,omitempty"`
	Empty  []string       `json:"empty_because,omitempty"`
	List   []string       `json:"questions,omitempty"` // what can be asked in words
}

// fewSeries are so few that each is told with its mean.
const fewSeries = 20

// SeriesRow is one series over the time. Numbers have three digits.
type SeriesRow struct {
	Labels foreign.Text `json:"labels"`
	Min    *float64     `json:"min"`
	Avg    *float64     `json:"avg,omitempty"` // of few series, or in full
	Max    *float64     `json:"max"`
	Last   *float64     `json:"last"` // at the end of the time; null where it has none then
	First  *float64     `json:"first,omitempty"`
	Note   string       `json:"note,omitempty"` // what is missing
	Line   string       `json:"over_time,omitempty"`
}

func (s Sources) metrics(ctx context.Context, in MetricsIn) (report.Answer[MetricsData], error) {
	var a report.Answer[MetricsData]
	switch {
	case in.PromQL != "" && in.Question != "":
		return a, fault.Invalidf("promql and question: give one of them")
	case in.PromQL == "" && in.Question == "":
		return a, fault.New(fault.Invalid, "", "give promql or question; in words there are: %s", strings.Join(questions(), "; "))
	case strings.EqualFold(strings.TrimSpace(in.Question), "list"):
		a.Summary, a.Data.List = "metrics that can be asked for in words", questions()
		a.Conclude()
		return a, nil
	}
	spec, err := readTime(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until}, "1h")
	if err != nil {
		return a, err
	}
	// What cannot be asked is refused before anybody is asked.
	q, err := metricOf(in, promql.Span{Since: time.Unix(0, 0), Until: time.Unix(3600, 0)})
	if err != nil {
		return a, err
	}
	sources, cancel := sourceContext(ctx)
	defer cancel()
	start := time.Now()
	clock := s.Prometheus.Clock(sources)
	span, rng, err := s.spanOf(spec, clock)
	if err != nil {
		return a, err
	}
	if q.known != nil { // its windows depend on the time
		if q, err = metricOf(in, span); err != nil {
			return a, err
		}
	}
	m := promql.Metric{Source: clock.Source}
	// How often ingest is scraped is not needed here, its clock is.
	if !clock.At.IsZero() {
		if m, q, err = s.metric(sources, q, span); err != nil {
			return a, err
		}
	}
	if q.known != nil {
		m = m.Of(*q.known)
	}
	m.Source.Took = time.Since(start)
	if err := ctx.Err(); err != nil {
		return a, err
	}
	if bad := badQuery(m.Source.Err); bad != nil {
		return a, bad
	}
	a.Findings = diagnose.PromSilent(m.Source, time.Time{}, "no answer")
	a.Sources, a.AsOf = []fault.Source{m.Source}, span.Until.In(s.Zone)
	a.Data = metricsData(q.points.Text, q.known, m, in, rng)
	a.Coverage = report.Coverage{Window: rng.String()}
	if len(m.Series) > 0 {
		q.between(&a.Coverage, m.Step)
	}
	if n := len(m.Series); n > in.Limit {
		a.Coverage.Cut, a.Coverage.More = true, fmt.Sprintf("%d of %d series are shown, the greatest at the end of the time; raise limit, or aggregate: sum by (job) (%s)", in.Limit, n, q.points.Text)
	}
	if len(m.Series) == 0 && m.Source.OK() {
		a.Because = "nothing was found that could be judged"
	}
	if n := histograms(m); n > 0 {
		a.Because = fmt.Sprintf("%s of native histograms: ask for histogram_quantile(0.95, ...), histogram_count(...) or histogram_sum(...) of it, which are numbers", plural(n, "series"))
	}
	a.Conclude()
	a.Summary = metricsSummary(m, q.known, lengthOf(rng.Duration()))
	return a, nil
}

// histograms is how many series are of native histograms alone.
func histograms(m promql.Metric) (n int) {
	for _, x := range m.Series {
		if x.Histograms > 0 && x.Known == 0 {
			n++
		}
	}
	return n
}

// metric asks for the extremes of every scrape, and for the points alone where those are
// too much, or half of the time was too little for them.
func (s Sources) metric(ctx context.Context, q metricAsked, span promql.Span) (promql.Metric, metricAsked, error) {
	if q.extremes() != nil {
		end, _ := ctx.Deadline()
		half, cancel := context.WithTimeout(ctx, time.Until(end)/2)
		m, err := s.Prometheus.Metric(half, q.whole, span)
		cancel()
		if err == nil && m.Source.OK() {
			return m, q, nil
		}
		q.whole = q.points
	}
	m, err := s.Prometheus.Metric(ctx, q.points, span)
	return m, q, err
}

// metricAsked is what is asked of Prometheus.
type metricAsked struct {
	points promql.Expression // the value at each point
	whole  promql.Expression // the same, and the extremes of every scrape; points where it has none
	known  *promql.Known     // nil for PromQL
}

// metricOf is what the arguments ask for.
func metricOf(in MetricsIn, span promql.Span) (q metricAsked, err error) {
	if in.PromQL != "" {
		q.points, err = promql.ReadExpression(in.PromQL)
		q.whole = q.points
		return q, err
	}
	m, several, unknown := promql.ReadQuestion(in.Question, span)
	switch {
	case len(several) > 0:
		var names []string
		for _, k := range several {
			names = append(names, k.Name+" ("+k.Means+")")
		}
		return q, fault.New(fault.Invalid, "Say more, or give promql", "question: it may mean %s", strings.Join(names, ", or "))
	case len(unknown) > 0:
		return q, fault.New(fault.Invalid, "", "question: %s is not understood; there are: %s. Or give promql", list(unknown), strings.Join(questions(), "; "))
	case len(m.Apart) > 0:
		return q, fault.New(fault.Invalid, "Ask for each of them, or give promql", "question: %s are more than one question", list(m.Apart))
	case m.Text == "":
		return q, fault.New(fault.Invalid, "", "question: no metric is meant by this; there are: %s. Or give promql", strings.Join(questions(), "; "))
	}
	q.known = &m.Metric
	if q.points, err = promql.ReadExpression(m.Text); err != nil {
		return q, err
	}
	if q.whole, err = promql.ReadExpression(m.Whole); err != nil { // of a long time it takes too many steps
		q.whole = q.points
	}
	return q, nil
}

// extremes are those of "min" and "max" that are asked of every scrape.
func (q metricAsked) extremes() []string {
	if q.whole.Text == q.points.Text {
		return nil
	}
	return q.known.Extremes()
}

// between says what of the time between two points is in the numbers.
func (q metricAsked) between(c *report.Coverage, step time.Duration) {
	tells, series := q.points.Tells()
	shorter := ""
	switch extremes := q.extremes(); {
	case extremes != nil:
		c.Looked = append(c.Looked, fmt.Sprintf("%s of every scrape, the other numbers of one every %s", strings.Join(extremes, " and "), lengthOf(step)))
		return
	case q.known != nil && q.known.EachPoint(), !series, tells >= step:
		return
	case q.known != nil && q.known.Extremes() != nil:
		shorter = "; of a shorter time_range every scrape would be"
	}
	one := "one sample"
	if tells > 0 {
		one = lengthOf(tells)
	}
	c.Not = append(c.Not, fmt.Sprintf("what lies between two points: %s in every %s is in min and max%s", one, lengthOf(step), shorter))
}

// questions are the metrics that can be asked for in words.
func questions() []string {
	var all []string
	for _, k := range promql.Metrics {
		all = append(all, strings.ReplaceAll(k.Name, "_", " "))
	}
	return all
}

// badQuery is the refusal of an expression that Prometheus does not take: it is the
// caller's, and no fault of a system.
func badQuery(f *fault.Failure) error {
	if f == nil || f.Class != fault.BadStatus {
		return nil
	}
	said := string(f.Said)
	for _, kind := range []string{"errorType bad_data", "errorType execution"} {
		if strings.Contains(said, kind) {
			return fault.New(fault.Invalid, "Repair the expression, or ask in words with question", "promql: Prometheus says %s", f.Said.Quoted())
		}
	}
	return nil
}

func metricsData(expr string, known *promql.Known, m promql.Metric, in MetricsIn, rng when.Range) MetricsData {
	d := MetricsData{PromQL: expr, Empty: m.Empty}
	if known != nil {
		d.Means, d.Unit = known.Means, known.Unit
	}
	if m.Step > 0 {
		d.Step = lengthOf(m.Step)
	}
	series := slices.Clone(m.Series)
	slices.SortStableFunc(series, func(a, b promql.MetricSeries) int {
		return cmp.Compare(atEnd(b), atEnd(a))
	})
	common := commonLabels(m.Series)
	for _, l := range common {
		d.Common = append(d.Common, foreign.Text(string(l.Name)+"="+string(l.Value)))
	}
	names := sameNames(m.Series, common)
	d.Names = names
	shown := series[:min(len(series), in.Limit)]
	for _, x := range shown {
		row := SeriesRow{Labels: labelsOf(x, common, len(names) > 0), Min: digits(x.Min), Max: digits(x.Max), Last: digits(x.Last), Note: missing(x, m.Points, rng)}
		if in.Detail == "full" || len(shown) <= fewSeries {
			row.Avg = digits(x.Avg)
		}
		if in.Detail == "full" {
			row.First, row.Line = digits(x.First), sparkline(x.Points)
		}
		d.Series = append(d.Series, row)
	}
	return d
}

// commonLabels are those that all of several series have with the same value.
func commonLabels(all []promql.MetricSeries) (common []promql.MetricLabel) {
	if len(all) < 2 {
		return nil
	}
	for _, l := range all[0].Labels {
		if !slices.ContainsFunc(all, func(x promql.MetricSeries) bool { return !slices.Contains(x.Labels, l) }) {
			common = append(common, l)
		}
	}
	return common
}

// sameNames are the names of the labels that tell several series apart, where all
// have the same ones; saying them once saves a model a third of the answer.
func sameNames(all []promql.MetricSeries, common []promql.MetricLabel) (names []foreign.Text) {
	if len(all) < 2 {
		return nil
	}
	for n, x := range all {
		var own []foreign.Text
		for _, l := range x.Labels {
			if !slices.Contains(common, l) {
				own = append(own, l.Name)
			}
		}
		if n > 0 && !slices.Equal(own, names) {
			return nil
		}
		names = own
	}
	return names
}

// labelsOf are the labels of a series that tell it from the others, or their values
// alone.
func labelsOf(x promql.MetricSeries, common []promql.MetricLabel, values bool) foreign.Text {
	var parts []string
	for _, l := range x.Labels {
		switch {
		case slices.Contains(common, l):
		case values:
			parts = append(parts, string(l.Value))
		default:
			parts = append(parts, string(l.Name)+"="+string(l.Value))
		}
	}
	if len(parts) == 0 {
		return "(no labels)"
	}
	return foreign.Text(strings.Join(parts, ","))
}

// missing says what a series lacks: a point that is no number is not one that was
// not scraped. Where it has none at the end, it says when the last was.
func missing(x promql.MetricSeries, points int, rng when.Range) string {
	var parts []string
	if x.TooFew > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d points: too few calls for a rate", x.TooFew, points))
	}
	if x.NaN > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d points are no number (NaN)", x.NaN, points))
	}
	if what := infinite(x); what != "" {
		parts = append(parts, fmt.Sprintf("%d of %d points are %s", x.Up+x.Down, points, what))
	}
	if x.Histograms > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d points are native histograms, which this tool does not read", x.Histograms, points))
	}
	if gone := points - x.Known - x.NaN - x.Up - x.Down - x.TooFew - x.Histograms; gone > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d points have no sample", gone, points))
	}
	switch {
	case x.End != 0:
		parts = append(parts, fmt.Sprintf("at the end %+v", atEnd(x)))
	case x.Last == nil && x.Known > 0:
		layout := time.TimeOnly
		if rng.Duration() >= 12*time.Hour {
			layout = time.DateTime
		}
		parts = append(parts, "last sample "+x.LastAt.In(rng.Until.Location()).Format(layout))
	}
	return strings.Join(parts, ", ")
}

// digits keeps three of a number.
func digits(v *float64) *float64 {
	if v == nil || *v == 0 {
		return v
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(*v))))
	if math.IsInf(scale, 0) || math.Abs(*v) >= 100 {
		n := math.Round(*v)
		return &n
	}
	n := math.Round(*v*scale) / scale
	return &n
}

// atEnd is the value by which series are put in order; where there is none, the least.
func atEnd(x promql.MetricSeries) float64 {
	switch {
	case x.Last != nil:
		return *x.Last
	case x.End > 0:
		return math.Inf(1)
	}
	return math.Inf(-1)
}

// infinite says which infinite values are among some series.
func infinite(some ...promql.MetricSeries) string {
	var what []string
	if slices.ContainsFunc(some, func(x promql.MetricSeries) bool { return x.Up > 0 }) {
		what = append(what, "+Inf")
	}
	if slices.ContainsFunc(some, func(x promql.MetricSeries) bool { return x.Down > 0 }) {
		what = append(what, "-Inf")
	}
	return strings.Join(what, " or ")
}

func metricsSummary(m promql.Metric, known *promql.Known, length string) string {
	name := "the expression"
	if known != nil {
		name = strings.ReplaceAll(known.Name, "_", " ")
	}
	switch {
	case !m.Source.OK():
		return name + ": not known, Prometheus did not answer"
	case len(m.Series) == 0:
		return name + ": no series in the last " + length + ", which is not zero"
	}
	var low, high *float64
	for _, x := range m.Series {
		high = higher(high, x.Max)
		if x.Min != nil && (low == nil || *x.Min < *low) {
			low = x.Min
		}
	}
	text := fmt.Sprintf("%s: %s in %s, ", name, plural(len(m.Series), "series"), length)
	inf := infinite(m.Series...)
	switch {
	case high == nil && inf != "":
		return text + "of which no point is finite: " + inf
	case high == nil:
		return text + "none of which has a number"
	case low == nil: // it was there between two points alone
		text += fmt.Sprintf("up to %v", *digits(high))
	default:
		text += fmt.Sprintf("from %v to %v", *digits(low), *digits(high))
	}
	if inf != "" {
		text += ", some points " + inf
	}
	return text
}

func plural(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }

func queryMetrics(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "query_metrics",
		Title: "Metrics",
		Description: "Any metric of Prometheus over a time: PromQL, or a question in words (English or Korean) about breakers, requests, latency, pools, Kafka clients, JVM. Each series as min, avg, max, last, with the PromQL that was run. " +
			"Reach for it when the other tools do not show the number. " +
			"An empty result says which label does not exist and what does; what would cost too much is refused with a cheaper form.",
		Examples: []string{`{"question":"failure rate of kafka-publisher"}`, `{"question":"p99 latency of authorize","time_range":"24h"}`, `{"promql":"sum by (status) (rate(http_server_requests_seconds_count{job=\"ingest-service\"}[5m]))"}`, `{"question":"list"}`},
	}, s.metrics)
}
