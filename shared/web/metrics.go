package web

import (
	"context"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts the calls of a server. Its Count is a middleware of the server.
type Metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	errors   *prometheus.CounterVec
	took     *prometheus.HistogramVec
	running  prometheus.Gauge
}

// NewMetrics prepares the series of tools, so that each is there at 0 before its
// first call.
func NewMetrics(tools []string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "payops_mcp_calls_total", Help: "Tool calls answered."}, []string{"tool"}),
		errors:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "payops_mcp_call_errors_total", Help: "Tool calls whose answer was marked as an error."}, []string{"tool"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "payops_mcp_call_duration_seconds", Help: "Time from a call to its answer.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 5, 10, 30}}, []string{"tool"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "payops_mcp_calls_running", Help: "Tool calls that run now."}),
	}
	m.registry.MustRegister(m.calls, m.errors, m.took, m.running, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, t := range tools {
		m.calls.WithLabelValues(t)
		m.errors.WithLabelValues(t)
		m.took.WithLabelValues(t)
	}
	return m
}

// Count counts what next answers. The library calls it for tools that exist only,
// so that no client can make up labels.
func (m *Metrics) Count(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		start := time.Now()
		m.running.Inc()
		defer m.running.Dec()
		result, err := next(ctx, req)
		m.calls.WithLabelValues(req.Params.Name).Inc()
		m.took.WithLabelValues(req.Params.Name).Observe(time.Since(start).Seconds())
		if err != nil || result.IsError {
			m.errors.WithLabelValues(req.Params.Name).Inc()
		}
		return result, err
	}
}

var sourceUp = prometheus.NewDesc("payops_mcp_source_up", "1 when the source answered the last check, which is at most 15 s old.", []string{"source"}, nil)

// health shows the sources as series.
type health struct {
	*Health
	ctx context.Context
}

// Describe implements prometheus.Collector.
func (h health) Describe(out chan<- *prometheus.Desc) { out <- sourceUp }

// Collect implements prometheus.Collector.
func (h health) Collect(out chan<- prometheus.Metric) {
	told := map[string]bool{} // two of one name would make the whole answer fail
	for _, s := range h.sources(h.ctx) {
		if told[s.Name] {
			continue
		}
		told[s.Name] = true
		up := 0.0
		if s.OK() {
			up = 1
		}
		out <- prometheus.MustNewConstMetric(sourceUp, prometheus.GaugeValue, up, s.Name)
	}
}

func (m *Metrics) handler(h *Health) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sources := prometheus.NewRegistry()
		sources.MustRegister(health{h, r.Context()})
		promhttp.HandlerFor(prometheus.Gatherers{m.registry, sources}, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}
