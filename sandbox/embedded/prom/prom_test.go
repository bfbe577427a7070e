package prom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"payops-mcp/sandbox/embedded/prom"
)

// target is something to scrape, which can be well or not.
type target struct {
	*httptest.Server
	sick, less atomic.Bool
	n          atomic.Int64
}

func newTarget(t *testing.T) *target {
	t.Helper()
	x := &target{}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if x.sick.Load() {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total{application=\"own\"} %d\n", x.n.Add(5))
		if !x.less.Load() {
			_, _ = fmt.Fprintln(w, "# TYPE pending gauge\npending NaN\n# TYPE took_seconds histogram\ntook_seconds_bucket{le=\"1\"} 2\ntook_seconds_bucket{le=\"+Inf\"} 3\ntook_seconds_sum 4\ntook_seconds_count 3")
		}
	}))
	t.Cleanup(x.Close)
	return x
}

func start(t *testing.T, x *target) (*prom.Server, promv1.API) {
	t.Helper()
	s := prom.New(prom.Options{Interval: 50 * time.Millisecond, Targets: []prom.Target{
		{Job: "ingest-service", URL: x.URL, Labels: map[string]string{"instance": "one", "application": "INGEST"}},
	}})
	t.Cleanup(s.Close)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	c, err := api.NewClient(api.Config{Address: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	return s, promv1.NewAPI(c)
}

// until asks a query until the answer is as wanted.
func until(t *testing.T, a promv1.API, query string, wanted func(model.Vector) bool) model.Vector {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last model.Value
	for {
		value, _, _, err := a.Query(ctx, query, time.Now())
		if v, ok := value.(model.Vector); ok && err == nil && wanted(v) {
			return v
		}
		last = value
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s gives %v in the end: %v", query, last, err)
		}
	}
}

func some(v model.Vector) bool { return len(v) > 0 }
func none(v model.Vector) bool { return len(v) == 0 }
func isZero(v model.Vector) bool {
	return len(v) == 1 && v[0].Value == 0
}

func TestScrapes(t *testing.T) {
	x := newTarget(t)
	s, a := start(t, x)
	v := until(t, a, `requests_total{job="ingest-service"}`, some)
	want := model.Metric{"__name__": "requests_total", "job": "ingest-service", "instance": "one", "application": "INGEST", "exported_application": "own"}
	if !v[0].Metric.Equal(want) {
		t.Errorf("labels %v, want %v", v[0].Metric, want)
	}
	until(t, a, `rate(requests_total[10s]) > 0`, some)
	until(t, a, `histogram_quantile(0.5, took_seconds_bucket) <= 1`, some)
	until(t, a, `up == 1`, some)
	found, err := a.Targets(t.Context())
	if err != nil || len(found.Active) != 1 || found.Active[0].Health != promv1.HealthGood || found.Active[0].ScrapePool != "ingest-service" {
		t.Errorf("targets %+v: %v", found, err)
	}

	x.less.Store(true)
	until(t, a, `pending`, none)
	x.sick.Store(true)
	until(t, a, `up`, isZero)
	until(t, a, `requests_total`, none)
	s.SetTargets("ingest-service")
	until(t, a, `up{job="ingest-service"}`, none)
	x.sick.Store(false)
	s.SetTargets("ingest-service", prom.Target{URL: x.URL, Labels: map[string]string{"instance": "two"}})
	until(t, a, `up{instance="two"} == 1`, some)
}

func TestErrors(t *testing.T) {
	_, a := start(t, newTarget(t))
	now := time.Now()
	kind := func(err error) promv1.ErrorType {
		said, ok := errors.AsType[*promv1.Error](err)
		if !ok {
			t.Errorf("want an error of Prometheus, got %v", err)
			return ""
		}
		return said.Type
	}
	_, _, _, err := a.Query(t.Context(), "up{", now)
	if kind(err) != promv1.ErrBadData {
		t.Errorf("a query with a mistake: %v", err)
	}
	_, _, _, err = a.QueryRange(t.Context(), "up", promv1.Range{Start: now.Add(-24 * time.Hour), End: now, Step: time.Second})
	if kind(err) != promv1.ErrBadData {
		t.Errorf("too many points: %v", err)
	}
	until(t, a, "up == 1", some)
	_, _, _, err = a.Query(t.Context(), `label_replace(up, "a", "$1", "job", "(")`, time.Now())
	if kind(err) != promv1.ErrExec {
		t.Errorf("a query that cannot be executed: %v", err)
	}
}
