package ingest

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"payops-mcp/sandbox/ingest/wire"
)

// metrics turns the state into series, named as Micrometer names them. It
// holds what a State cannot: counters, which only ever rise.
type metrics struct {
	server  *Server
	handler http.Handler
	started time.Time

	mu       sync.Mutex
	last     time.Time
	counters map[counter]float64
}

// counter names one cumulative number: what it counts, and the labels.
type counter struct{ what, a, b, c string }

func newMetrics(s *Server) *metrics {
	now := time.Now()
	m := &metrics{server: s, started: now, last: now, counters: map[counter]float64{}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	return m
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.server.mu.Lock()
	m.advance(m.server.state, m.server.state, time.Now())
	m.server.mu.Unlock()
	m.handler.ServeHTTP(w, r)
}

// advance moves the counters to now by the rates of the state that was in
// force, and then by what a change of state adds to the windows: calls that
// appear in a window have happened.
func (m *metrics) advance(old, next State, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seconds := max(0, now.Sub(m.last).Seconds())
	m.last = now
	for name, b := range old.Breakers {
		m.call(name, "successful", b.PerSecond.Successful*seconds, b.CallSeconds)
		m.call(name, "failed", b.PerSecond.Failed*seconds, b.CallSeconds)
		m.call(name, "ignored", b.PerSecond.Ignored*seconds, b.CallSeconds)
		m.counters[counter{"not_permitted", name, "", ""}] += b.PerSecond.NotPermitted * seconds
	}
	for name, b := range next.Breakers {
		before := old.Breakers[name]
		m.call(name, "successful", float64(max(0, b.Successful-before.Successful)), b.CallSeconds)
		m.call(name, "failed", float64(max(0, b.Failed-before.Failed)), b.CallSeconds)
		m.counters[counter{"not_permitted", name, "", ""}] += float64(max(0, b.NotPermitted-before.NotPermitted))
	}
	for _, t := range old.HTTP {
		m.counters[t.counter("http")] += t.PerSecond * seconds
		m.counters[t.counter("http_sum")] += t.PerSecond * seconds * t.MeanSeconds
	}
	for _, p := range old.Pools {
		m.counters[counter{"pool_timeouts", p.Name, "", ""}] += p.TimeoutsPerSecond * seconds
	}
}

func (m *metrics) call(breaker, kind string, n, seconds float64) {
	m.counters[counter{"calls", breaker, kind, ""}] += n
	m.counters[counter{"calls_sum", breaker, kind, ""}] += n * seconds
}

func (t Traffic) counter(what string) counter {
	return counter{what, t.Method, t.URI, strconv.Itoa(t.Status)}
}

// breakers are the series of circuit breakers.
var breakers = wire.NewSeries(common)

// common is the tag that the service puts on everything.
var common = prometheus.Labels{"application": "ingest-service"}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, common)
}

var (
	descHTTP         = describe("http_server_requests_seconds", "Duration of HTTP server request handling", "method", "uri", "status", "outcome", "exception", "error")
	descHTTPMax      = describe("http_server_requests_seconds_max", "Duration of HTTP server request handling", "method", "uri", "status", "outcome", "exception", "error")
	descPoolAll      = describe("hikaricp_connections", "Total connections", "pool")
	descPoolActive   = describe("hikaricp_connections_active", "Active connections", "pool")
	descPoolIdle     = describe("hikaricp_connections_idle", "Idle connections", "pool")
	descPoolPending  = describe("hikaricp_connections_pending", "Pending threads", "pool")
	descPoolMax      = describe("hikaricp_connections_max", "Max connections", "pool")
	descPoolMin      = describe("hikaricp_connections_min", "Min connections", "pool")
	descPoolTimeouts = describe("hikaricp_connections_timeout_total", "Connection timeout total count", "pool")
	descStarted      = describe("process_start_time_seconds", "Start time of the process since unix epoch.")
	descUptime       = describe("process_uptime_seconds", "The uptime of the Java virtual machine")
)

// Describe sends nothing: which series there are depends on the state.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect sends the series of the present state.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	state := m.server.State()
	m.mu.Lock()
	defer m.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	total := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for name, b := range state.Breakers {
		calls := func(kind string) wire.Calls {
			count, sum := m.counters[counter{"calls", name, kind, ""}], m.counters[counter{"calls_sum", name, kind, ""}]
			return wire.Calls{Count: uint64(count), Seconds: sum, Max: b.CallSeconds}
		}
		breakers.Collect(out, wire.Sample{
			Name: name, Breaker: b.wire(SettingsOf(name)),
			SuccessfulCalls: calls("successful"), FailedCalls: calls("failed"), IgnoredCalls: calls("ignored"),
			NotPermittedTotal: math.Floor(m.counters[counter{"not_permitted", name, "", ""}]),
		})
	}
	for _, t := range state.HTTP {
		labels := []string{t.Method, t.URI, strconv.Itoa(t.Status), wire.Outcome(t.Status), "none", "none"}
		count := m.counters[t.counter("http")]
		out <- prometheus.MustNewConstHistogram(descHTTP, uint64(count), m.counters[t.counter("http_sum")], t.buckets(count), labels...)
		gauge(descHTTPMax, 5*t.MeanSeconds, labels...)
	}
	for _, p := range state.Pools {
		gauge(descPoolAll, float64(p.Active+p.Idle), p.Name)
		gauge(descPoolActive, float64(p.Active), p.Name)
		gauge(descPoolIdle, float64(p.Idle), p.Name)
		gauge(descPoolPending, float64(p.Pending), p.Name)
		gauge(descPoolMax, float64(p.Max), p.Name)
		gauge(descPoolMin, float64(p.Max), p.Name)
		total(descPoolTimeouts, math.Floor(m.counters[counter{"pool_timeouts", p.Name, "", ""}]), p.Name)
	}
	started := state.Started
	if started.IsZero() {
		started = m.started
	}
	gauge(descStarted, float64(started.UnixMilli())/1000)
	gauge(descUptime, time.Since(started).Seconds())
}

// bounds are upper ends of histogram buckets, in seconds.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 10, 30}

// buckets spreads a count of durations over the buckets; see MeanSeconds.
func (t Traffic) buckets(count float64) map[float64]uint64 {
	b := make(map[float64]uint64, len(bounds))
	for _, le := range bounds {
		share := 1.0
		if t.MeanSeconds > 0 {
			share = 1 - math.Exp(-le/t.MeanSeconds)
		}
		b[le] = uint64(count * share)
	}
	return b
}
