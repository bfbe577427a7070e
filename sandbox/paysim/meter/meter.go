// Package meter tells Prometheus of the payment system, under the names and
// labels that Micrometer gives the real one.
package meter

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/paydb"
)

// Meter is the metrics of one application.
type Meter struct {
	registry *prometheus.Registry
	common   prometheus.Labels
	requests *requests
	handler  http.Handler
}

// New makes the metrics of an application, with what every process tells.
func New(application string) *Meter {
	m := &Meter{registry: prometheus.NewRegistry(), common: prometheus.Labels{"application": application}}
	m.requests = newRequests(m.common)
	started := time.Now()
	m.add(m.requests, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "process_start_time_seconds", Help: "Start time of the process since unix epoch.", ConstLabels: m.common,
	}, func() float64 { return float64(started.UnixMilli()) / 1000 }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "process_uptime_seconds", Help: "The uptime of the process", ConstLabels: m.common,
	}, func() float64 { return time.Since(started).Seconds() }))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	return m
}

func (m *Meter) add(c ...prometheus.Collector) { m.registry.MustRegister(c...) }

// ServeHTTP answers a scrape.
func (m *Meter) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// collect is a collector that is a function.
type collect func(chan<- prometheus.Metric)

// Describe sends nothing: which series there are may change.
func (collect) Describe(chan<- *prometheus.Desc) {}

// Collect sends the series of the moment.
func (c collect) Collect(out chan<- prometheus.Metric) { c(out) }

// Breakers adds circuit breakers.
func (m *Meter) Breakers(all ...*breaker.Breaker) {
	series := wire.NewSeries(m.common)
	m.add(collect(func(out chan<- prometheus.Metric) {
		for _, b := range all {
			series.Collect(out, b.Tell())
		}
	}))
}

// desc describes a series with the labels that the application puts on all.
func (m *Meter) desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, m.common)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func total(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// Pools adds connection pools, each named with the prefix and its shard's
// number, as in HikariPool-1.
func (m *Meter) Pools(prefix string, c *paydb.Cluster) {
	all, active := m.desc("hikaricp_connections", "Total connections", "pool"), m.desc("hikaricp_connections_active", "Active connections", "pool")
	idle, pending := m.desc("hikaricp_connections_idle", "Idle connections", "pool"), m.desc("hikaricp_connections_pending", "Pending threads", "pool")
	most, least := m.desc("hikaricp_connections_max", "Max connections", "pool"), m.desc("hikaricp_connections_min", "Min connections", "pool")
	timeouts := m.desc("hikaricp_connections_timeout_total", "Connection timeout total count", "pool")
	acquire := m.desc("hikaricp_connections_acquire_seconds", "Connection acquire time", "pool")
	m.add(collect(func(out chan<- prometheus.Metric) {
		for _, p := range c.Shards() {
			name, s := prefix+strconv.Itoa(p.Shard), p.Stats()
			gauge(out, all, float64(s.Total), name)
			gauge(out, active, float64(s.Active), name)
			gauge(out, idle, float64(s.Idle), name)
			gauge(out, pending, float64(s.Pending), name)
			gauge(out, most, float64(s.Max), name)
			gauge(out, least, float64(s.Max), name)
			total(out, timeouts, float64(s.Timeouts), name)
			out <- prometheus.MustNewConstSummary(acquire, uint64(s.Acquired), s.Waited.Seconds(), nil, name)
		}
	}))
}

// Producer adds a Kafka producer.
func (m *Meter) Producer(clientID string, p *bus.Producer) {
	sent := m.desc("kafka_producer_topic_record_send_total", "The total number of records sent for a topic.", "client_id", "topic")
	failed := m.desc("kafka_producer_topic_record_error_total", "The total number of record sends that resulted in errors for a topic", "client_id", "topic")
	allSent := m.desc("kafka_producer_record_send_total", "The total number of records sent.", "client_id")
	allFailed := m.desc("kafka_producer_record_error_total", "The total number of record sends that resulted in errors", "client_id")
	m.add(collect(func(out chan<- prometheus.Metric) {
		var sum bus.Sent
		for topic, s := range p.Sent() {
			total(out, sent, float64(s.Records), clientID, topic)
			total(out, failed, float64(s.Errors), clientID, topic)
			sum.Records += s.Records
			sum.Errors += s.Errors
		}
		total(out, allSent, float64(sum.Records), clientID)
		total(out, allFailed, float64(sum.Errors), clientID)
	}))
}

// Template adds how sends to Kafka end, as Spring tells it.
func (m *Meter) Template(name string, p *bus.Producer) {
	seconds := m.desc("spring_kafka_template_seconds", "KafkaTemplate Timer", "name", "result", "exception")
	m.add(collect(func(out chan<- prometheus.Metric) {
		for exception, t := range p.Sends() {
			result := "failure"
			if exception == "none" {
				result = "success"
			}
			out <- prometheus.MustNewConstSummary(seconds, uint64(t.Count), t.Seconds, nil, name, result, exception)
		}
	}))
}

// Listener adds how a consumer's work goes, as Spring tells it.
func (m *Meter) Listener(name string, c *bus.Consumer) {
	seconds := m.desc("spring_kafka_listener_seconds", "Kafka Listener Timer", "name", "result", "exception")
	longest := m.desc("spring_kafka_listener_seconds_max", "Kafka Listener Timer", "name", "result", "exception")
	m.add(collect(func(out chan<- prometheus.Metric) {
		h := c.Handled()
		out <- prometheus.MustNewConstSummary(seconds, uint64(h.Successes), h.SuccessSecs, nil, name, "success", "none")
		gauge(out, longest, h.SuccessMax, name, "success", "none")
		if h.Failures > 0 {
			out <- prometheus.MustNewConstSummary(seconds, uint64(h.Failures), h.FailureSecs, nil, name, "failure", "ListenerExecutionFailedException")
			gauge(out, longest, h.FailureMax, name, "failure", "ListenerExecutionFailedException")
		}
	}))
}

// metricsWindow is how long the Kafka client's gauges of what it fetched hold;
// when nothing was fetched for as long they are not a number.
const metricsWindow = 30 * time.Second

// Consumer adds the Kafka client's own metrics of a consumer. The real
// settlement and refund workers do not have them.
func (m *Meter) Consumer(clientID string, c *bus.Consumer) {
	lag := m.desc("kafka_consumer_fetch_manager_records_lag", "The latest lag of the partition", "client_id", "topic", "partition")
	longest := m.desc("kafka_consumer_fetch_manager_records_lag_max", "The maximum lag in terms of number of records for any partition in this window", "client_id")
	commits := m.desc("kafka_consumer_coordinator_commit_total", "The total number of commit calls", "client_id")
	m.add(collect(func(out chan<- prometheus.Metric) {
		most := 0.0
		for p, n := range c.Lag() {
			gauge(out, lag, float64(n), clientID, p.Topic, strconv.Itoa(p.ID))
			most = max(most, float64(n))
		}
		if c.Idle() > metricsWindow {
			most = math.NaN()
		}
		gauge(out, longest, most, clientID)
		total(out, commits, float64(c.Commits()), clientID)
	}))
}
