package prom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	commonmodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// The kinds of errors, as Prometheus names them.
const (
	badData   = "bad_data"
	execution = "execution"
	timedOut  = "timeout"
)

// maxPoints is how many a range query may have in a series.
const maxPoints = 11_000

// problem is an error with its kind.
type problem struct {
	kind string
	err  error
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

func bad(format string, args ...any) error { return &problem{badData, fmt.Errorf(format, args...)} }

// Handler is the HTTP API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	// Each takes GET and, for long queries, POST.
	handle := func(path string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				fail(w, bad("%w", err))
				return
			}
			data, err := answer(r)
			if err != nil {
				fail(w, err)
				return
			}
			send(w, http.StatusOK, map[string]any{"status": "success", "data": data})
		})
	}
	handle("/api/v1/query", s.query)
	handle("/api/v1/query_range", s.queryRange)
	handle("/api/v1/series", s.allSeries)
	handle("/api/v1/labels", s.labelNames)
	handle("/api/v1/label/{name}/values", s.labelValues)
	handle("/api/v1/targets", s.activeTargets)
	handle("/api/v1/metadata", func(*http.Request) (any, error) { return map[string]any{}, nil })
	handle("/api/v1/rules", func(*http.Request) (any, error) { return map[string]any{"groups": []any{}}, nil })
	handle("/api/v1/alerts", func(*http.Request) (any, error) { return map[string]any{"alerts": []any{}}, nil })
	handle("/api/v1/status/buildinfo", func(*http.Request) (any, error) {
		return map[string]string{"version": "embedded", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}, nil
	})
	healthy := func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "Prometheus Server is Ready.") }
	mux.HandleFunc("/-/ready", healthy)
	mux.HandleFunc("/-/healthy", healthy)
	return mux
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, err error) {
	kind, status := execution, http.StatusUnprocessableEntity
	var canceled promql.ErrQueryCanceled
	var late promql.ErrQueryTimeout
	p, known := errors.AsType[*problem](err)
	switch {
	case known:
		kind = p.kind
	case errors.As(err, &late), errors.As(err, &canceled), errors.Is(err, context.DeadlineExceeded):
		kind = timedOut
	}
	switch kind {
	case badData:
		status = http.StatusBadRequest
	case timedOut:
		status = http.StatusServiceUnavailable
	}
	send(w, status, map[string]any{"status": "error", "errorType": kind, "error": err.Error()})
}

// parseTime reads seconds or RFC 3339; "" is the default.
func parseTime(name, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		whole, part := math.Modf(f)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*1e6).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Time{}, bad("invalid parameter %q: cannot parse %q to a valid timestamp", name, text)
}

// parseDuration reads seconds or a duration as 1m30s.
func parseDuration(name, text string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(f * float64(time.Second)), nil
	}
	d, err := commonmodel.ParseDuration(text)
	if err != nil {
		return 0, bad("invalid parameter %q: cannot parse %q to a valid duration", name, text)
	}
	return time.Duration(d), nil
}

// within gives the request the timeout that it asks for.
func within(r *http.Request) (context.Context, context.CancelFunc, error) {
	text := r.FormValue("timeout")
	if text == "" {
		return r.Context(), func() {}, nil
	}
	d, err := parseDuration("timeout", text)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), d)
	return ctx, cancel, nil
}

func (s *Server) query(r *http.Request) (any, error) {
	at, err := parseTime("time", r.FormValue("time"), time.Now())
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := within(r)
	if err != nil {
		return nil, err
	}
	defer cancel()
	q, err := s.engine.NewInstantQuery(ctx, s.store, nil, r.FormValue("query"), at)
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	defer q.Close()
	return result(q.Exec(ctx))
}

func (s *Server) queryRange(r *http.Request) (any, error) {
	start, err1 := parseTime("start", r.FormValue("start"), time.Time{})
	end, err2 := parseTime("end", r.FormValue("end"), time.Time{})
	step, err3 := parseDuration("step", r.FormValue("step"))
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return nil, err
		}
	}
	switch {
	case start.IsZero() || end.IsZero():
		return nil, bad("start and end are needed")
	case end.Before(start):
		return nil, bad("invalid parameter \"end\": end timestamp must not be before start time")
	case step <= 0:
		return nil, bad("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer")
	case end.Sub(start)/step > maxPoints:
		return nil, bad("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
	}
	ctx, cancel, err := within(r)
	if err != nil {
		return nil, err
	}
	defer cancel()
	q, err := s.engine.NewRangeQuery(ctx, s.store, nil, r.FormValue("query"), start, end, step)
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	defer q.Close()
	return result(q.Exec(ctx))
}

func result(r *promql.Result) (any, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	// The query is closed before this is sent: what it holds is encoded now.
	value, err := json.Marshal(r.Value)
	if err != nil {
		return nil, err
	}
	return map[string]any{"resultType": r.Value.Type(), "result": json.RawMessage(value)}, nil
}

// selected are the series that the request's match[] and times select.
func (s *Server) selected(r *http.Request, needed bool) ([]series, error) {
	start, err := parseTime("start", r.FormValue("start"), time.Unix(0, 0))
	if err != nil {
		return nil, err
	}
	end, err := parseTime("end", r.FormValue("end"), time.Now())
	if err != nil {
		return nil, err
	}
	q := querier{s.store, start.UnixMilli(), end.UnixMilli()}
	selectors := r.Form["match[]"]
	if len(selectors) == 0 {
		if needed {
			return nil, bad("no match[] parameter provided")
		}
		return q.matching(nil), nil
	}
	var all []series
	seen := map[string]bool{}
	for _, text := range selectors {
		matchers, err := s.parser.ParseMetricSelector(text)
		if err != nil {
			return nil, bad("invalid parameter \"match[]\": %w", err)
		}
		for _, one := range q.matching(matchers) {
			if key := one.labels.String(); !seen[key] {
				seen[key] = true
				all = append(all, one)
			}
		}
	}
	return all, nil
}

func (s *Server) allSeries(r *http.Request) (any, error) {
	all, err := s.selected(r, true)
	found := []labels.Labels{}
	for _, one := range all {
		found = append(found, one.labels)
	}
	return found, err
}

func (s *Server) labelNames(r *http.Request) (any, error) {
	return s.collect(r, func(one series, add func(string)) {
		one.labels.Range(func(l labels.Label) { add(l.Name) })
	})
}

func (s *Server) labelValues(r *http.Request) (any, error) {
	return s.collect(r, func(one series, add func(string)) {
		if v := one.labels.Get(r.PathValue("name")); v != "" {
			add(v)
		}
	})
}
