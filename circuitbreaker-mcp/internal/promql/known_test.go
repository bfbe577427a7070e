package promql_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

// Every metric that can be asked for is taken by a real Prometheus, and is found by
// its own name.
func TestKnownMetrics(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := time.Now()
	past.Scrapes("a", end.Add(-10*time.Minute), end, promtest.Healthy(), "kafka_consumer_fetch_manager_records_lag_max{client_id=\"c-1\"} NaN\n")
	c := client(t, promtest.Start(t, &past).URL, promql.Options{})
	span := promql.Span{Since: end.Add(-time.Hour), Until: end, Live: true, Interval: promtest.Every}
	for _, k := range promql.Metrics {
		e, err := promql.ReadExpression(k.Asked(span).Whole)
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		m, err := c.Metric(t.Context(), e, span)
		if err != nil || !m.Source.OK() {
			t.Errorf("%s: %v, %v", k.Name, err, m.Source.Err)
		}
		m = m.Of(k)
		if len(m.Series) == 0 && len(m.Empty) == 0 {
			t.Errorf("%s gives nothing and does not say why", k.Name)
		}
		// NM-19: a gauge that is no number has no value, which is neither zero nor
		// an error.
		if k.Name == "consumer_lag" && (len(m.Series) != 1 || m.Series[0].NaN == 0 || m.Series[0].Known != 0 || m.Series[0].Last != nil) {
			t.Errorf("a lag of NaN: %+v", m.Series)
		}
		found, several, unknown := promql.ReadQuestion(strings.ReplaceAll(k.Name, "_", " "), span)
		if found.Metric.Name != k.Name {
			t.Errorf("%s: found %q, several %v, unknown %v", k.Name, found.Metric.Name, several, unknown)
		}
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	span := promql.Span{Since: time.Unix(0, 0), Until: time.Unix(3600, 0)}
	for question, want := range map[string]string{
		"is the circuit breaker open":              "breaker_state",
		"what is the failure rate of the breaker?": "breaker_failure_rate",
		"slow call rate of pg-auth-api":            "breaker_slow_call_rate",
		"how many calls were rejected":             "breaker_not_permitted",
		"requests per second":                      "requests",
		"429 requests":                             "requests",
		"http status codes of capture":             "http_status_mix",
		"5xx requests":                             "http_error_ratio",
		"p99 of refund":                            "http_latency",
		"response time of authorize":               "http_latency",
		"db pool waiting":                          "pool_waiting",
		"connections in use":                       "pool_connections",
		"hikari timeouts":                          "pool_timeouts",
		"kafka producer errors":                    "kafka_producer_errors",
		"kafka consumer lag":                       "consumer_lag",
		"consumer failures":                        "kafka_listener_failures",
		"heap":                                     "heap",
		"cpu usage":                                "cpu",
		"which targets are down":                   "targets_up",
		"last restart":                             "uptime",
		"서킷 브레이커 상태":                               "breaker_state",
		"브레이커 실패율":                                 "",
		"결제 요청 트래픽":                                "requests",
		"승인 지연":                                    "http_latency",
		"커넥션 풀 대기":                                 "pool_waiting",
		"메모리 사용량":                                  "heap",
		"컨슈머 지연":                                   "consumer_lag",
		"카프카 지연":                                   "consumer_lag",
		"kafka consumer 지연이 얼마":                    "consumer_lag",
		"카프카 컨슈머 리밸런싱":                             "consumer_rebalances",
		"브레이커 지연율":                                 "breaker_slow_call_rate",
		"status of the targets":                    "targets_up",
		"heap usage percent":                       "heap",
		"max latency of capture":                   "http_latency",
		"hikari timeouts per second":               "pool_timeouts",
		"weather in Seoul":                         "",
		"breaker":                                  "",
	} {
		if m, several, unknown := promql.ReadQuestion(question, span); m.Metric.Name != want {
			t.Errorf("%q: %q, want %q (several %v, unknown %v)", question, m.Metric.Name, want, several, unknown)
		}
	}
}

// Kafka is not among the targets, and its latency is not that of payments: the answer was
// about another metric than the question.
func TestQuestionsThatNoMetricAnswersWhole(t *testing.T) {
	t.Parallel()
	span := promql.Span{Since: time.Unix(0, 0), Until: time.Unix(3600, 0)}
	for question, want := range map[string][2]string{ // the metric that leaves a word out, and one that knows it
		"is kafka down":     {"targets_up", "kafka_producer_errors"},
		"카프카 응답시간":          {"http_latency", "kafka_producer_sends"},
		"kafka latency":     {"http_latency", "consumer_lag"},
		"listener latency":  {"http_latency", "kafka_listener_failures"},
		"커넥션 오류":            {"pool_connections", "http_error_ratio"},
		"connection errors": {"pool_connections", "http_error_ratio"},
		"pool errors":       {"pool_connections", "kafka_send_failures"},
		"카프카 연결":            {"pool_connections", "kafka_producer_sends"},
		"database latency":  {"http_latency", "pool_waiting"},
	} {
		m, several, unknown := promql.ReadQuestion(question, span)
		var names []string
		for _, k := range several {
			names = append(names, k.Name)
		}
		if m.Text != "" || len(unknown) > 0 || len(names) == 0 || names[0] != want[0] || !slices.Contains(names, want[1]) {
			t.Errorf("%q: %q, several %v, unknown %v", question, m.Metric.Name, names, unknown)
		}
	}
	for question, want := range map[string][]string{
		"p95 and p99 of authorize":                        {"p95", "p99"},
		"latency of authorize and refund":                 {"authorize", "refund"},
		"failure rate of kafka-publisher and pg-auth-api": {"kafka-publisher", "pg-auth-api"},
		"p50 and median of authorize":                     nil,
	} {
		m, several, unknown := promql.ReadQuestion(question, span)
		if !slices.Equal(m.Apart, want) || m.Text == "" != (want != nil) || len(several)+len(unknown) > 0 {
			t.Errorf("%q: apart %v, several %v, unknown %v, %q", question, m.Apart, several, unknown, m.Text)
		}
	}
}

// A rate of NaN, a rate of -1 and no sample are summed up apart.
func TestSummary(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := time.Now()
	for n, v := range []float64{1, 2, math.NaN(), 4, 3} {
		b := promtest.Closed("kafka-publisher")
		b.FailureRate = v
		past.Scrape("a", end.Add(time.Duration(n-4)*time.Minute), b.String())
	}
	c := client(t, promtest.Start(t, &past).URL, promql.Options{})
	e, err := promql.ReadExpression(`last_over_time(resilience4j_circuitbreaker_failure_rate[59s])`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Metric(t.Context(), e, promql.Span{Since: end.Add(-10 * time.Minute), Until: end, Interval: 30 * time.Second})
	if err != nil || !m.Source.OK() || len(m.Series) != 1 {
		t.Fatalf("%v %v %+v", err, m.Source.Err, m.Series)
	}
	s := m.Series[0]
	if s.Known != 4 || s.NaN != 1 || *s.Min != 1 || *s.Max != 4 || *s.First != 1 || *s.Last != 3 || *s.Avg != 2.5 || m.Points != 10 {
		t.Errorf("%+v of %d points", s, m.Points)
	}
}
