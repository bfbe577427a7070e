package promql

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"payops-mcp/shared/fault"
)

// Prometheus' answers are the greater part of what a call costs, so they are read
// once, into just what is needed, by a parser whose memory is used again.
var parsers fastjson.ParserPool

// series is one element of an answer: an instant vector's has one point, a
// matrix's has as many as there are, and a scalar is one without labels.
type series struct {
	labels []label
	points []point
	// histograms counts samples that are native histograms, which are no numbers and not
	// read; they are not among the points.
	histograms int
}

type label struct{ name, value string }

// point is a sample: of the time of evaluation in a vector, of the scrape in what
// a range selector gives, of a step in the answer of a range query.
type point struct {
	at    int64 // milliseconds
	value float64
}

func (p point) time() time.Time { return time.UnixMilli(p.at).UTC() }

// get returns the value of a label, empty when the series does not have it.
func (s series) get(name string) string {
	for _, l := range s.labels {
		if l.name == name {
			return l.value
		}
	}
	return ""
}

// value is that of an instant vector's element.
func (s series) value() float64 { return s.points[0].value }

// time is when Prometheus evaluated an instant vector.
func (s series) time() time.Time { return s.points[0].time() }

// readAnswer reads the body of /api/v1/query or query_range. kind is the type of
// result: vector, matrix or scalar.
func readAnswer(body []byte) (all []series, kind string, err error) {
	p := parsers.Get()
	defer parsers.Put(p)
	top, err := p.ParseBytes(body)
	if err != nil {
		return nil, "", notPrometheus(body, err)
	}
	if text(top, "status") != "success" {
		return nil, "", &fault.Failure{Class: fault.BadStatus, Said: said("errorType %s: %s", text(top, "errorType"), text(top, "error"))}
	}
	kind = text(top, "data", "resultType")
	result := top.Get("data", "result")
	switch kind {
	case "vector", "matrix":
		items, err := result.Array()
		if err != nil {
			return nil, "", notPrometheus(body, err)
		}
		all = make([]series, 0, len(items))
		for _, item := range items {
			s, err := readSeries(item)
			if err != nil {
				return nil, "", notPrometheus(body, err)
			}
			all = append(all, s)
		}
	case "scalar":
		at, err := readPoint(result)
		if err != nil {
			return nil, "", notPrometheus(body, err)
		}
		all = []series{{points: []point{at}}}
	default:
		return nil, kind, &fault.Failure{Class: fault.Schema, Said: said("a %q, want a vector, matrix or scalar", kind)}
	}
	var warnings []string
	for _, w := range top.GetArray("warnings") {
		warnings = append(warnings, string(w.GetStringBytes()))
	}
	return all, kind, partial(warnings)
}

func text(v *fastjson.Value, path ...string) string { return string(v.GetStringBytes(path...)) }

func readSeries(v *fastjson.Value) (s series, err error) {
	if metric := v.GetObject("metric"); metric != nil && metric.Len() > 0 {
		s.labels = make([]label, 0, metric.Len())
		metric.Visit(func(name []byte, value *fastjson.Value) {
			s.labels = append(s.labels, label{labelName(name), string(value.GetStringBytes())})
		})
	}
	s.histograms = len(v.GetArray("histograms"))
	if v.Exists("histogram") {
		s.histograms = 1
	}
	points := v.GetArray("values")
	if points == nil && s.histograms == 0 {
		if !v.Exists("value") {
			return s, errNoPoint
		}
		one, err := readPoint(v.Get("value"))
		s.points = []point{one}
		return s, err
	}
	s.points = make([]point, len(points))
	for i, p := range points {
		if s.points[i], err = readPoint(p); err != nil {
			return s, err
		}
	}
	return s, nil
}

// labelName spares the names that nearly every series has their own memory.
func labelName(name []byte) string {
	switch string(name) {
	case "__name__":
		return "__name__"
	case "instance":
		return "instance"
	case "name":
		return "name"
	case "state":
		return "state"
	case "kind":
		return "kind"
	case factLabel:
		return factLabel
	}
	return string(name)
}

// readPoint reads [seconds, "value"].
func readPoint(v *fastjson.Value) (point, error) {
	pair, err := v.Array()
	if err != nil {
		return point{}, err
	}
	if len(pair) != 2 {
		return point{}, errNoPoint
	}
	at, err := pair[0].Float64()
	if err != nil {
		return point{}, err
	}
	text, err := pair[1].StringBytes()
	if err != nil {
		return point{}, err
	}
	value, err := strconv.ParseFloat(string(text), 64)
	return point{int64(math.Round(at * 1000)), value}, err
}

var errNoPoint = errors.New("a sample that is no time and value")

// partial is the failure of an answer that lacks what some store behind it did
// not give, as Thanos and remote reads say it. What is only a remark on the query
// is none; before Prometheus 3 those stand among the warnings too.
func partial(warnings []string) error {
	for _, w := range warnings {
		if !strings.HasPrefix(w, "PromQL ") {
			return &fault.Failure{Class: fault.BadStatus, Said: said("a part of the answer, with a warning: %s", w),
				Next: "Some store behind PROMETHEUS_URL did not answer, and instances may be missing: look at its stores, and ask again"}
		}
	}
	return nil
}

func notPrometheus(body []byte, err error) *fault.Failure {
	return &fault.Failure{Class: fault.NotJSON, Said: quote(http.StatusOK, "application/json", body), Err: err,
		Next: "It is not Prometheus that answers there, or it broke off: ask again, and look at PROMETHEUS_URL"}
}
