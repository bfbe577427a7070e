package meter

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"payops-mcp/sandbox/ingest/wire"
)

// labels are those of http_server_requests_seconds, in this order.
var labels = []string{"method", "uri", "status", "outcome", "exception", "error"}

// requests measures what callers ask.
type requests struct {
	seconds *prometheus.HistogramVec
	longest *prometheus.Desc

	mu  sync.Mutex
	max map[[6]string]*maximum
}

// maximum is the longest request of late.
type maximum struct {
	seconds float64
	at      time.Time
}

// maximumLasts is for how long the longest request is remembered.
const maximumLasts = 2 * time.Minute

func newRequests(common prometheus.Labels) *requests {
	const name, help = "http_server_requests_seconds", "Duration of HTTP server request handling"
	return &requests{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, ConstLabels: common,
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 10, 30},
		}, labels),
		longest: prometheus.NewDesc(name+"_max", help, labels, common),
		max:     map[[6]string]*maximum{},
	}
}

// Describe sends nothing: which series there are depends on what was asked.
func (*requests) Describe(chan<- *prometheus.Desc) {}

// Collect sends the series.
func (r *requests) Collect(out chan<- prometheus.Metric) {
	r.seconds.Collect(out)
	r.mu.Lock()
	defer r.mu.Unlock()
	for l, m := range r.max {
		v := m.seconds
		if time.Since(m.at) > maximumLasts {
			v = 0
		}
		gauge(out, r.longest, v, l[:]...)
	}
}

func (r *requests) observe(method, uri string, status int, exception string, took time.Duration) {
	l := [6]string{method, uri, strconv.Itoa(status), wire.Outcome(status), exception, exception}
	r.seconds.WithLabelValues(l[:]...).Observe(took.Seconds())
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.max[l]
	if m == nil {
		m = &maximum{}
		r.max[l] = m
	}
	if now := time.Now(); took.Seconds() >= m.seconds || now.Sub(m.at) > maximumLasts {
		m.seconds, m.at = took.Seconds(), now
	}
}

// Observe measures a handler under a template of its path. The handler returns
// the status it has answered and the simple name of what was thrown, "none"
// when nothing was.
func (m *Meter) Observe(uri string, handle func(http.ResponseWriter, *http.Request) (status int, exception string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		status, exception := handle(w, r)
		m.requests.observe(r.Method, uri, status, exception, time.Since(begin))
	}
}
