package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/diagnose"
	"payops-mcp/circuitbreaker-mcp/internal/picture"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/when"
)

// PatternIn are the arguments of analyze_failure_pattern.
type PatternIn struct {
	TimeRange string `json:"time_range,omitempty" jsonschema:"15m, 7d, yesterday 2-3pm, 지난 1시간; at most 7d; default 1h" min:"1" max:"100"`
	Since     string `json:"since,omitempty" jsonschema:"begin: 14:00, yesterday 2pm, RFC 3339" min:"1" max:"100"`
	Until     string `json:"until,omitempty" jsonschema:"end, as since" min:"1" max:"100"`
	Breaker   string `json:"breaker,omitempty" jsonschema:"one breaker; default all" min:"1" max:"100"`
	Chart     bool   `json:"chart,omitempty" jsonschema:"also a PNG picture" default:"false"`
	Limit     int    `json:"limit,omitempty" jsonschema:"transitions to list, the newest" default:"5" min:"1" max:"200"`
}

// PatternData is what analyze_failure_pattern answers. Counts are over the time.
type PatternData struct {
	Step        string          `json:"step"`
	Breakers    []PatternRow    `json:"breakers"`
	Transitions []TransitionRow `json:"transitions,omitempty"`
	Routes      []RouteRow      `json:"routes,omitempty"`
	Errors      []ErrorRow      `json:"kafka_errors,omitempty"`
	Lines       []LineRow       `json:"lines,omitempty"`
	Notes       []string        `json:"notes,omitempty"`
}

// PatternRow is one breaker over the time, of one instance or of several to which
// the same happened. Counts are then sums. A nil number is not known.
type PatternRow struct {
	Breaker     foreign.Text   `json:"breaker"`
	On          string         `json:"on"`                  // how many of its instances
	Instances   []foreign.Text `json:"instances,omitempty"` // where they are not all
	States      string         `json:"states"`              // each character a part of the time: - CLOSED, O OPEN, h HALF_OPEN, F FORCED_OPEN, d DISABLED, m METRICS_ONLY, ? not known
	Opened      int            `json:"opened"`
	OpenFor     string         `json:"open_for,omitempty"`
	Failed      *float64       `json:"failed"`
	Before      *float64       `json:"failed_before"`
	Successful  *float64       `json:"ok"`
	TurnedAway  *float64       `json:"turned_away"`
	FailureRate *float64       `json:"max_failure_pct"` // null while there were too few calls
	SlowRate    *float64       `json:"max_slow_pct"`
	MeanCall    *float64       `json:"mean_call_s"`
}

// TransitionRow is a change of state, of one instance or of several at about the
// same time.
type TransitionRow struct {
	At        time.Time      `json:"at"`    // the first scrape that saw it
	Exact     string         `json:"exact"` // how much earlier it may have been, or what else is known
	Breaker   foreign.Text   `json:"breaker"`
	On        string         `json:"on"`                  // how many of its instances
	Instances []foreign.Text `json:"instances,omitempty"` // where they are not all
	Change    string         `json:"change"`
}

// RouteRow is the traffic of one route.
type RouteRow struct {
	Route    foreign.Text `json:"route"`
	Requests int64        `json:"requests"`
	Before   *int64       `json:"before"` // in the same length of time before
	Statuses string       `json:"by_status"`
	P50      *float64     `json:"p50_s"`
	P95      *float64     `json:"p95_s"`
	P99      *float64     `json:"p99_s"`
	Was95    *float64     `json:"p95_before_s"`
}

// ErrorRow is calls to Kafka that failed.
type ErrorRow struct {
	Who    foreign.Text `json:"who"`
	What   string       `json:"what"`
	Error  foreign.Text `json:"error,omitempty"`
	Count  int64        `json:"count"`
	Before int64        `json:"before"`
}

// LineRow is something over the time, as a line for an eye.
type LineRow struct {
	Name string  `json:"line"`
	Max  float64 `json:"max"`
	Last string  `json:"last"`
	Line string  `json:"over_time"`
}

func (s Sources) pattern(ctx context.Context, in PatternIn) (report.Answer[PatternData], error) {
	var a report.Answer[PatternData]
	spec, err := readTime(when.Args{TimeRange: in.TimeRange, Since: in.Since, Until: in.Until}, "1h")
	if err != nil {
		return a, err
	}
	sources, cancel := sourceContext(ctx)
	defer cancel()
	points := 0
	if in.Chart {
		points = picture.Points
	}
	got, err := s.look(sources, spec, points)
	if err != nil {
		return a, err
	}
	if err := ctx.Err(); err != nil {
		return a, err
	}

	all := diagnose.Join(nil, got.facts, s.Zone)
	if err := known(all, StatusIn{Breaker: in.Breaker}); err != nil {
		return a, err
	}
	past := got.past
	if in.Breaker != "" {
		past = only(past, in.Breaker)
	}
	st := all.Select(in.Breaker, "")
	found, ran := diagnose.Scraped(st)
	inWindow, ranWindow := diagnose.InWindow(past)
	found = slices.Concat(found, inWindow, diagnose.WasOpen(past))
	a.Findings, a.Because = brief("analyze_failure_pattern", found), strings.Join(slices.Concat(diagnose.WindowDoubts(past), diagnose.TrafficDoubts(past), diagnose.LostDoubts(past, st), diagnose.Doubts(st)), "; ")
	a.Sources = []fault.Source{got.facts.Source}
	a.Data, a.Coverage, a.AsOf = patternData(past, in.Limit, len(found)), patternCoverage(got, len(transitionRows(past)), in.Limit), past.At
	a.Conclude(causesOnly(slices.Concat(diagnose.OverTime(ran, past), ranWindow))...)
	length := lengthOf(got.rng.Duration())
	a.Summary = patternSummary(st, past, atTheEnd(length), length)
	if in.Chart && got.past.Source.OK() {
		png, err := picture.Draw(drawing(past))
		if err != nil {
			return a, err
		}
		a.Pictures = []report.Picture{{MIME: "image/png", Data: png}}
	}
	if in.Limit <= fewTransitions {
		report.Shorten(&a, patternParts(&a, len(transitionRows(past)))...)
	}
	return a, nil
}

// patternParts are what the facts can do without, the least telling first: the picture
// and the findings have the numbers of the lines.
func patternParts(a *report.Answer[PatternData], transitions int) []report.Extra {
	d := &a.Data
	oldest := report.Extra{Name: "older transitions", Drop: func() bool {
		if len(d.Transitions) <= 1 {
			return false
		}
		d.Transitions = d.Transitions[1:]
		a.Coverage.Cut, a.Coverage.More = true, moreTransitions(len(d.Transitions), transitions)
		return true
	}}
	busiest := func(a, b RouteRow) int { return cmp.Compare(a.Requests, b.Requests) }
	opened := func(a, b PatternRow) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(orZero(a.Failed), orZero(b.Failed)))
	}
	return slices.Concat([]report.Extra{
		report.Last("lines", &d.Lines, 0), report.Last("rarer errors", &d.Errors, 2), report.Last("notes", &d.Notes, 1), report.RuledOut(a),
		report.Least("routes with less traffic", &d.Routes, 1, busiest), oldest, report.Last("rarer errors", &d.Errors, 1),
		report.Least("breakers that did not open", &d.Breakers, 1, opened), report.Last("notes", &d.Notes, 0), report.Last("errors", &d.Errors, 0),
		report.Last("routes", &d.Routes, 0),
	}, report.Wordy(a.Findings), report.Bare(a.Findings))
}

// moreTransitions says how to get those that are not listed.
func moreTransitions(listed, all int) string {
	return fmt.Sprintf("the newest %d of %d transitions; a greater limit lists more", listed, all)
}

// only keeps one breaker; the traffic is not a breaker's.
func only(p promql.Past, breaker string) promql.Past {
	p.Instances = slices.Clone(p.Instances)
	for i := range p.Instances {
		p.Instances[i].Breakers = slices.DeleteFunc(slices.Clone(p.Instances[i].Breakers), func(b promql.PastBreaker) bool { return b.Name.String() != breaker })
	}
	p.Lines = slices.DeleteFunc(slices.Clone(p.Lines), func(l promql.Line) bool { return l.Breaker != "" && l.Breaker.String() != breaker })
	return p
}

func analyzeFailurePattern(s Sources) tool.Tool {
	return tool.Read(tool.Spec{
		Name:  "analyze_failure_pattern",
		Title: "Failure pattern over time",
		Description: "What happened over a time, from Prometheus: every change of a breaker's state (a 30 s OPEN in a day is not lost), failed and slow calls, calls turned away, HTTP statuses and p50/p95/p99 by route, Kafka send errors, compared with the same length of time before. " +
			"Reach for it when something comes and goes, or to see when it began; chart:true adds a picture. " +
			"It sees what scrapes saw: times are those of scrapes, and it does not ask Kafka or the databases.",
		Examples: []string{`{}`, `{"time_range":"24h","breaker":"kafka-publisher"}`, `{"since":"yesterday 2pm","until":"yesterday 3pm","chart":true}`},
	}, s.pattern)
}
