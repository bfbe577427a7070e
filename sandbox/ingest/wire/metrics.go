package wire

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Calls are the cumulative numbers of one kind of call.
type Calls struct {
	Count   uint64
	Seconds float64
	Max     float64 // of late, in seconds
}

// Sample is one breaker as the metrics tell of it.
type Sample struct {
	Name string
	Breaker
	// SuccessfulCalls, FailedCalls and IgnoredCalls have happened since the
	// process started.
	SuccessfulCalls, FailedCalls, IgnoredCalls Calls
	// NotPermittedTotal rises where Breaker.NotPermitted begins anew.
	NotPermittedTotal float64
}

// Series describes the metrics of breakers in one service.
type Series struct {
	state, calls, callsMax, notPermitted, buffered, slow, failureRate, slowRate *prometheus.Desc
}

// NewSeries describes them with labels that the service puts on everything.
func NewSeries(common prometheus.Labels) *Series {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("resilience4j_circuitbreaker_"+name, help, labels, common)
	}
	return &Series{
		state:        describe("state", "The states of the circuit breaker", "name", "state"),
		calls:        describe("calls_seconds", "Total number of successful calls", "name", "kind"),
		callsMax:     describe("calls_seconds_max", "Total number of successful calls", "name", "kind"),
		notPermitted: describe("not_permitted_calls_total", "Total number of not permitted calls", "name", "kind"),
		buffered:     describe("buffered_calls", "The number of buffered calls stored in the ring buffer", "name", "kind"),
		slow:         describe("slow_calls", "The number of calls which were slower than a threshold", "name", "kind"),
		failureRate:  describe("failure_rate", "The failure rate of the circuit breaker", "name"),
		slowRate:     describe("slow_call_rate", "The slow call rate of the circuit breaker", "name"),
	}
}

// Collect sends the series of one breaker.
func (d *Series) Collect(out chan<- prometheus.Metric, s Sample) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, state := range States {
		v := 0.0
		if s.State == state {
			v = 1
		}
		gauge(d.state, v, s.Name, strings.ToLower(string(state)))
	}
	for _, k := range []struct {
		kind  string
		calls Calls
	}{{"successful", s.SuccessfulCalls}, {"failed", s.FailedCalls}, {"ignored", s.IgnoredCalls}} {
		out <- prometheus.MustNewConstSummary(d.calls, k.calls.Count, k.calls.Seconds, nil, s.Name, k.kind)
		gauge(d.callsMax, k.calls.Max, s.Name, k.kind)
	}
	out <- prometheus.MustNewConstMetric(d.notPermitted, prometheus.CounterValue, s.NotPermittedTotal, s.Name, "not_permitted")
	gauge(d.buffered, float64(s.Successful), s.Name, "successful")
	gauge(d.buffered, float64(s.Failed), s.Name, "failed")
	gauge(d.slow, float64(s.SlowSuccessful), s.Name, "successful")
	gauge(d.slow, float64(s.SlowFailed), s.Name, "failed")
	gauge(d.failureRate, s.FailureRate, s.Name)
	gauge(d.slowRate, s.SlowCallRate, s.Name)
}
