package tools

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
	"payops-mcp/shared/tooltest"
	"payops-mcp/shared/when"
)

type metricsSaid struct {
	PromQL, Unit, Step string
	Common             []string `json:"common_labels"`
	Names              []string `json:"label_names"`
	Series             []struct {
		Labels, Note        string
		Min, Avg, Max, Last *float64
		Line                string `json:"over_time"`
	}
	Empty []string `json:"empty_because"`
	List  []string `json:"questions"`
}

func queried(t *testing.T, c *tooltest.Client, args string) (tooltest.Answer[metricsSaid], string) {
	t.Helper()
	r := c.Call(t, "query_metrics", args)
	if os.Getenv("SHOW_ANSWERS") != "" {
		t.Logf("%d bytes\n%s", len(r.Text), r.Text)
	}
	return tooltest.Decode[metricsSaid](t, r), r.Text
}

func TestQueryMetrics(t *testing.T) {
	t.Parallel()
	c := server(t, promtest.Start(t, hour(func(second int) string {
		b := promtest.Closed("kafka-publisher")
		b.FailureRate = 40
		return b.String() + promtest.Closed("pg-auth-api").String() + traffic(second, map[string]float64{"200": 10, "409": 1}, 0.2)
	})).URL)
	for args, want := range map[string]string{
		`{"question":"failure rate of kafka-publisher"}`:             `resilience4j_circuitbreaker_failure_rate{job="ingest-service", name="kafka-publisher"}`,
		`{"question":"what is the p99 latency of authorize?"}`:       `histogram_quantile(0.99, sum by (uri, le) (rate(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*", uri="/payments/authorize"}`,
		`{"question":"요청 트래픽 보여줘"}`:                                  `sum by (uri) (rate(http_server_requests_seconds_count`,
		`{"question":"409 requests","time_range":"30m"}`:             `status="409"`,
		`{"question":"카프카 전송 실패","time_range":"30m"}`:                `spring_kafka_template_seconds_count{result="failure"}`,
		`{"promql":"up{job=\"ingest-service\"}","time_range":"2h"}`:  `up{job="ingest-service"}`,
		`{"question":"p99 latency of authorize","time_range":"24h"}`: `0.99`,
		`{"promql":"1+1"}`: `1+1`,
		`{"question":"is the breaker open","detail":"full"}`:                                                  `max by (instance, name, state) (resilience4j_circuitbreaker_state{job="ingest-service"})`,
		`{"promql":"sum by (status) (rate(http_server_requests_seconds_count{job=\"ingest-service\"}[5m]))"}`: `sum by (status)`,
	} {
		a, text := queried(t, c, args)
		if !strings.Contains(a.Data.PromQL, want) {
			t.Errorf("%s ran %s, want %s", args, a.Data.PromQL, want)
		}
		if want := map[bool]string{true: "ok", false: "unknown"}[len(a.Data.Series) > 0]; a.Verdict != want || len(text) > maxBytes {
			t.Errorf("%s: %s, %d bytes", args, a.Verdict, len(text))
		}
	}
	a, _ := queried(t, c, `{"question":"failure rate of kafka-publisher","detail":"full"}`)
	if len(a.Data.Series) != 2 || *a.Data.Series[0].Last != 40 || len(a.Data.Common) != 1 || len(a.Data.Names) != 1 || a.Data.Names[0] != "instance" || !strings.HasPrefix(a.Data.Series[0].Labels, "10.0.0.") || a.Data.Series[0].Line == "" {
		t.Errorf("%+v", a.Data)
	}
	a, _ = queried(t, c, `{"promql":"http_server_requests_seconds_count{status=\"409\"}","limit":1}`)
	if len(a.Data.Series) != 1 || !a.Coverage.Truncated || !strings.Contains(a.Coverage.More, "1 of 2") {
		t.Errorf("%+v %+v", a.Data, a.Coverage)
	}
	// No request was ever answered 5xx: that is none of those there were.
	a, text := queried(t, c, `{"question":"http error ratio"}`)
	if a.Verdict != "ok" || len(a.Data.Series) != 1 || *a.Data.Series[0].Last != 0 {
		t.Errorf("%s: %s", a.Verdict, text)
	}
	if a, _ := queried(t, c, `{"question":"list"}`); len(a.Data.List) < 20 {
		t.Errorf("%v", a.Data.List)
	}
}

// What a series had last is not what it has at the end of the time: a breaker that has
// opened since was told as CLOSED first, and an instance that is gone as up.
func TestTheLastValueIsThatOfTheEnd(t *testing.T) {
	t.Parallel()
	end := time.Now()
	var past promtest.Past
	for at := end.Add(-time.Hour); !at.After(end); at = at.Add(promtest.Every) {
		b := promtest.Closed("kafka-publisher")
		switch left := end.Sub(at); {
		case left < 10*time.Minute:
			b = b.In("open")
			b.FailureRate = 100
		case left < 30*time.Minute:
			b.FailureRate = 50
		}
		past.Scrape("a:8080", at, b.String())
		if end.Sub(at) > 40*time.Minute {
			past.Scrape("b:8080", at, "busy 7\n")
		}
	}
	c := server(t, promtest.Start(t, &past).URL)
	a, text := queried(t, c, `{"question":"state of the breaker kafka-publisher"}`)
	if s := a.Data.Series; len(s) != 2 || !strings.Contains(s[0].Labels, "open") || *s[0].Last != 1 || !strings.Contains(s[1].Labels, "closed") || *s[1].Last != 0 {
		t.Errorf("%s", text)
	}
	// -1 stands for too few calls, and is no rate.
	a, text = queried(t, c, `{"question":"failure rate of kafka-publisher"}`)
	if s := a.Data.Series; len(s) != 1 || *s[0].Last != 100 || *s[0].Min != 50 || *s[0].Avg < 60 || !strings.Contains(s[0].Note, "points: too few calls for a rate") || strings.Contains(s[0].Note, "no sample") {
		t.Errorf("%s", text)
	}
	a, text = queried(t, c, `{"promql":"busy"}`)
	if s := a.Data.Series; len(s) != 1 || s[0].Last != nil || *s[0].Max != 7 || !strings.Contains(s[0].Note, "last sample ") {
		t.Errorf("%s", text)
	}
	// What is nowhere any more stands behind what is there.
	a, text = queried(t, c, `{"promql":"busy or 0 * resilience4j_circuitbreaker_state{state=\"open\"}"}`)
	if s := a.Data.Series; len(s) != 2 || s[0].Last == nil || s[1].Last != nil {
		t.Errorf("%s", text)
	}
}

// An empty answer is no zero: it says which part does not exist, and what does.
func TestAnEmptyResultIsExplained(t *testing.T) {
	t.Parallel()
	c := server(t, promtest.Start(t, hour(func(second int) string {
		return promtest.Healthy() + traffic(second, map[string]float64{"200": 10}, 0.2)
	})).URL)
	// What is infinite is no number, and not NaN either.
	for promql, want := range map[string][2]string{
		`count(up) / 0`:             {"1 series in 1h, of which no point is finite: +Inf", "points are +Inf, at the end +Inf"},
		`count(up) / -0`:            {"of which no point is finite: -Inf", "points are -Inf, at the end -Inf"},
		`(count(up) - count(up))/0`: {"none of which has a number", "no number (NaN)"},
		`label_replace(count(up) / 0, "n", "a", "", "") or label_replace(vector(5), "n", "b", "", "")`: {"from 5 to 5, some points +Inf", "at the end +Inf"},
	} {
		a, text := queried(t, c, fmt.Sprintf(`{"promql":%q}`, promql))
		if !strings.Contains(a.Summary, want[0]) || len(a.Data.Series) == 0 || !strings.Contains(a.Data.Series[0].Note, want[1]) || strings.Contains(want[1], "Inf") && strings.Contains(text, "NaN") {
			t.Errorf("%s: %s", promql, text)
		}
	}
	for promql, want := range map[string]string{
		`http_server_requests_seconds_count{application="gateway"}`:      `"application" is "INGEST-SERVICE"`,
		`http_server_requests_seconds_count{group="x"}`:                  `has no label "group"; it has`,
		`http_server_request_seconds_count`:                              `there is no metric "http_server_request_seconds_count" in this time; there is "http_server_requests_seconds_count"`,
		`resilience4j_circuitbreaker_state{state="forced_half_open"}`:    `"closed"`,
		`resilience4j_circuitbreaker_state{state="open"} == 1`:           `a comparison is never true`,
		`http_server_requests_seconds_count{status="200", instance="x"}`: `"instance" is "10.0.0.1:ingest-service:8080"`,
	} {
		a, text := queried(t, c, fmt.Sprintf(`{"promql":%q}`, promql))
		if len(a.Data.Empty) == 0 || !strings.Contains(strings.Join(a.Data.Empty, " "), want) {
			t.Errorf("%s: %v, want %s", promql, a.Data.Empty, want)
		}
		if !strings.Contains(a.Summary, "which is not zero") || len(text) > maxBytes {
			t.Errorf("%s: %s", promql, a.Summary)
		}
	}
}

func TestMetricsThatAreRefused(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	for n := range 2100 {
		past.Scrape("a", time.Now(), fmt.Sprintf("many{n=\"%d\"} 1\n", n))
	}
	c := server(t, promtest.Start(t, &past).URL)
	for args, want := range map[string]string{
		`{"promql":"{job=\"ingest-service\"}"}`:                      "Name a metric",
		`{"promql":"{__name__=~\".+\"}"}`:                            "Name a metric",
		`{"promql":"rate(up[30d])"}`:                                 "at most",
		`{"promql":"max_over_time(rate(up[1m])[1d:1s])"}`:            "a longer step",
		`{"promql":"up[5m]"}`:                                        "rate(up[5m])",
		`{"promql":"many"}`:                                          "takes in 2100 series",
		`{"promql":"sum(rate("}`:                                     "Repair it",
		`{"promql":"\"text\""}`:                                      "a string is no metric",
		`{"promql":"up","question":"up"}`:                            "give one of them",
		`{}`:                                                         "give promql or question",
		`{"question":"how is the weather"}`:                          `"weather" is not understood; there are`,
		`{"question":"breaker"}`:                                     "no metric is meant",
		`{"question":"is kafka down"}`:                               "it may mean targets_up (1 where the last scrape worked), or kafka_producer_errors (",
		`{"question":"p95 and p99 of authorize"}`:                    `"p95", "p99" are more than one question`,
		`{"promql":"up","time_range":"30d"}`:                         "too long",
		`{"question":"heap of kafka-publisher"}`:                     "kafka-publisher",
		`{"promql":"label_replace(up, \"a\", \"b\", \"c\", \"(\")"}`: "Prometheus says",
	} {
		if r := c.Call(t, "query_metrics", args); !r.IsError || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %s\nwant %q", args, r.Text, want)
		}
	}
}

// Fifty series over an hour are told in few words.
func TestFiftySeries(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := time.Now()
	for at := end.Add(-time.Hour); !at.After(end); at = at.Add(time.Minute) {
		for n := range 50 {
			past.Scrape(fmt.Sprintf("10.0.0.%d:8080", n), at, fmt.Sprintf("busy{path=\"/payments\"} %g\n", float64(n)+at.Sub(end).Seconds()/1000))
		}
	}
	c := server(t, promtest.Start(t, &past).URL)
	a, text := queried(t, c, `{"promql":"busy"}`)
	if len(a.Data.Series) != 50 || a.Coverage.Truncated || *a.Data.Series[0].Last != 49 {
		t.Errorf("%d series, first %+v", len(a.Data.Series), a.Data.Series[0])
	}
	if len(text) > 2800 {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
}

// A day has a point every quarter of an hour, of one scrape: a breaker that was OPEN for
// some minutes between two was told as never OPEN, and a target that was down as up.
func TestWhatLiesBetweenTwoPoints(t *testing.T) {
	t.Parallel()
	until := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	point := until.Add(-9 * time.Hour)
	between := func(at time.Time) bool {
		return at.After(point.Add(2*time.Minute)) && at.Before(point.Add(9*time.Minute))
	}
	const waiting = "hikaricp_connections_pending{pool=\"HikariPool-1\"} "
	var past promtest.Past
	for at := until.Add(-24*time.Hour - 10*time.Minute); !at.After(until); at = at.Add(promtest.Every) {
		b := promtest.Closed("kafka-publisher")
		if between(at) {
			b = b.In("open")
			past.Fails("b", at, at)
			past.Scrape("c", at, waiting+"7")
		} else {
			past.Scrape("b", at)
		}
		pending := waiting + "0"
		if until.Sub(at) > 24*time.Hour+time.Minute { // before the first quarter of an hour
			pending = waiting + "9"
		}
		past.Scrape("a", at, b.String(), pending)
	}
	for n := range 200 {
		past.Scrape(fmt.Sprintf("n%d", n), until, "process_cpu_usage 0.5")
	}
	c := server(t, promtest.Start(t, &past).URL)
	ask := func(what string, length time.Duration) (tooltest.Answer[metricsSaid], string) {
		return queried(t, c, fmt.Sprintf(`{%s,"since":%q,"until":%q}`, what, until.Add(-length).Format(time.RFC3339), until.Format(time.RFC3339)))
	}
	const day = 24 * time.Hour
	a, text := ask(`"question":"is the breaker open"`, day)
	if s := a.Data.Series; len(s) != 2 || !strings.Contains(s[0].Labels, "closed") || *s[0].Min != 0 || *s[0].Last != 1 || !strings.Contains(s[1].Labels, "open") || *s[1].Max != 1 || *s[1].Last != 0 {
		t.Errorf("OPEN between two points:\n%s", text)
	}
	a, text = ask(`"question":"which targets are down"`, day)
	if !strings.HasSuffix(a.Summary, "from 0 to 1") || len(a.Coverage.NotLooked) > 0 {
		t.Errorf("down between two points:\n%s", text)
	}
	a, text = ask(`"question":"db pool waiting"`, day+10*time.Minute)
	if s := a.Data.Series; len(s) != 2 || *s[0].Max != 9 || *s[0].Last != 0 || *s[1].Max != 7 || s[1].Last != nil || !strings.Contains(s[1].Note, "no sample") {
		t.Errorf("before the first point, and an instance that was there between two alone:\n%s", text)
	}
	for what, want := range map[string]string{
		`"promql":"up"`:                     "one sample in every 15m",
		`"promql":"max_over_time(up[5m])"`:  "5m in every 15m",
		`"promql":"max_over_time(up[15m])"`: "",
		`"promql":"1+1"`:                    "",
		`"question":"cpu"`:                  "",
	} {
		a, text := ask(what, day)
		if got := strings.Join(a.Coverage.NotLooked, "; "); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: not looked at %q, want %q\n%s", what, got, want, text)
		}
	}
	// Every scrape of so many series in a week is too much to read; one a point is not.
	a, text = ask(`"question":"cpu"`, 7*day)
	if len(a.Data.Series) != 50 || !strings.Contains(strings.Join(a.Coverage.NotLooked, "; "), "of a shorter time_range every scrape would be") {
		t.Errorf("too much to read:\n%s", text)
	}
}

// Of a long time the extremes of a ratio are more than is asked of Prometheus: the points
// are, and what lies between is said not to be in them.
func TestExtremesThatAreTooMuch(t *testing.T) {
	t.Parallel()
	in := MetricsIn{Question: "heap"}
	for length, whole := range map[time.Duration]bool{time.Hour: true, 7 * 24 * time.Hour: false} {
		q, err := metricOf(in, promql.Span{Since: time.Unix(0, 0), Until: time.Unix(0, 0).Add(length), Interval: time.Second})
		if err != nil {
			t.Fatalf("%s: %v", length, err)
		}
		if got := q.whole.Text != q.points.Text; got != whole {
			t.Errorf("%s: extremes of every scrape %v, want %v", length, got, whole)
		}
	}
}

// A point that is a native histogram is not one that was not scraped.
func TestWhatASeriesLacks(t *testing.T) {
	t.Parallel()
	for want, x := range map[string]promql.MetricSeries{
		"3 of 5 points are native histograms, which this tool does not read, 2 of 5 points have no sample": {Histograms: 3},
		"3 of 5 points are +Inf or -Inf, 2 of 5 points have no sample, at the end -Inf":                    {Up: 2, Down: 1, End: -1},
		"2 of 5 points are no number (NaN), 3 of 5 points have no sample":                                  {NaN: 2},
	} {
		if got := missing(x, 5, when.Range{}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if n := histograms(promql.Metric{Series: []promql.MetricSeries{{Histograms: 3}, {Histograms: 1, Known: 2}, {Known: 5}}}); n != 1 {
		t.Errorf("%d series of native histograms alone", n)
	}
}
