package promql

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"payops-mcp/shared/fault"
)

// Expression is a PromQL expression that was read, so that what it costs can be
// told before it is asked.
type Expression struct {
	Text      string
	selectors []selector
}

// selector is one choice of series in an expression.
type selector struct {
	text     string // without offset and range
	metric   string // empty when it names none
	matchers []*labels.Matcher
	window   time.Duration // how much of each series every point reads
	reads    int           // how often each point reads it: the steps of subqueries around it
	tells    time.Duration // of how much time each point tells; 0 for a moment
}

// The most that one question may cost.
const (
	maxWindow    = 7 * 24 * time.Hour
	maxSubSteps  = 2_000     // of a subquery, for each point
	maxSelected  = 2_000     // series
	maxSamples   = 5_000_000 // that Prometheus reads for the whole answer
	costDeadline = 2 * time.Second
)

var promParser = parser.NewParser(parser.Options{})

// ReadExpression reads PromQL. What cannot be asked over a time, or would cost
// whatever is asked, is refused with what can.
func ReadExpression(text string) (Expression, error) {
	text = strings.TrimSpace(text)
	tree, err := promParser.ParseExpr(text)
	if err != nil {
		return Expression{}, fault.New(fault.Invalid, "Repair it, or ask in words with question", "promql: %s", err)
	}
	switch tree.Type() {
	case parser.ValueTypeMatrix:
		return Expression{}, fault.New(fault.Invalid, fmt.Sprintf("Ask rate(%s) of a counter or avg_over_time(%s) of a gauge, or leave out the time in brackets and give it as time_range", text, text),
			"promql: a range of samples is no value at a time")
	case parser.ValueTypeString:
		return Expression{}, fault.Invalidf("promql: a string is no metric")
	}
	e := Expression{Text: text}
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		v, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		s := selector{metric: v.Name, reads: 1, window: 5 * time.Minute, matchers: v.LabelMatchers}
		for _, above := range path {
			switch n := above.(type) {
			case *parser.MatrixSelector:
				s.window, s.tells = n.Range, s.tells+n.Range
			case *parser.SubqueryExpr:
				step := n.Step
				if step == 0 {
					step = time.Minute // Prometheus' default evaluation interval
				}
				s.reads *= max(1, int(n.Range/step))
				s.tells += n.Range
			}
		}
		var parts []string
		for _, m := range v.LabelMatchers {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				s.metric = m.Value
			}
			parts = append(parts, m.String())
		}
		s.text = "{" + strings.Join(parts, ", ") + "}"
		e.selectors = append(e.selectors, s)
		return nil
	})
	return e, e.bounded()
}

// Tells is of how much time before it each point tells at least, 0 for a moment; false
// where it tells of no series.
func (e Expression) Tells() (time.Duration, bool) {
	if len(e.selectors) == 0 {
		return 0, false
	}
	return slices.MinFunc(e.selectors, func(a, b selector) int { return cmp.Compare(a.tells, b.tells) }).tells, true
}

// bounded refuses what costs too much however few series there are.
func (e Expression) bounded() error {
	for _, s := range e.selectors {
		switch {
		case s.metric == "" && !narrows(s.matchers):
			return fault.New(fault.Refused, `Name a metric, as in http_server_requests_seconds_count{job="ingest-service"}`,
				"promql: %s takes in every metric there is", s.text)
		case s.window > maxWindow:
			return fault.New(fault.Refused, fmt.Sprintf("Ask with [%s] at most, or for a shorter step of it with time_range", promDuration(time.Hour)),
				"promql: every point would read %s of %s", s.window, s.text)
		case s.reads > maxSubSteps:
			return fault.New(fault.Refused, "Ask the inner expression over time_range instead, or give the subquery a longer step, as in [1h:5m]",
				"promql: a subquery would evaluate %s %d times for each point, at most %d", s.text, s.reads, maxSubSteps)
		}
	}
	return nil
}

// narrows reports whether matchers without a metric's name take in few metrics: one
// of them must say what the name is like.
func narrows(matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchRegexp && !m.Matches("") && !m.Matches("up") {
			return true
		}
	}
	return false
}

// costly refuses what costs too much with the series that there are. counts are
// those of the selectors, in their order.
func (e Expression) costly(counts []int, s Span) error {
	points := s.points() + 1
	samples := 0
	for i, sel := range e.selectors {
		if counts[i] > maxSelected {
			return fault.New(fault.Refused, fmt.Sprintf("Narrow it with more labels, as in %s, or ask how many there are of each kind with count by (job) (%s)", narrower(sel), sel.text),
				"promql: %s takes in %d series, at most %d are read", sel.text, counts[i], maxSelected)
		}
		samples += counts[i] * points * sel.reads * max(1, int(sel.window/s.interval()))
	}
	if samples > maxSamples {
		return fault.New(fault.Refused, "Ask for a shorter time_range, a shorter window in brackets, or narrow it with more labels",
			"promql: about %d million samples would be read for %d points, at most %d million are", samples/1_000_000, points, maxSamples/1_000_000)
	}
	return nil
}

// narrower is a selector with one more label that most series have.
func narrower(s selector) string {
	more := `job="ingest-service"`
	for _, m := range s.matchers {
		if m.Name == "job" {
			more = `instance="…"`
		}
	}
	return strings.TrimSuffix(s.text, "}") + ", " + more + "}"
}
