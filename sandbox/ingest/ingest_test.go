package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"

	"payops-mcp/sandbox/ingest"
)

func listen(t *testing.T, o ingest.Options) (*ingest.Server, *ingest.Client) {
	t.Helper()
	s, err := ingest.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, ingest.NewClient(s.AdminURL())
}

// answer is what came back, as far as it came.
type answer struct {
	status int
	header http.Header
	body   string
}

// fetch uses a connection of its own: what a fault does to kept ones is
// nobody's concern here.
func fetch(ctx context.Context, url string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, errors.Join(err, resp.Body.Close())
}

func mustFetch(t *testing.T, url string) answer {
	t.Helper()
	a, err := fetch(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func set(t *testing.T, c *ingest.Client, s ingest.State) {
	t.Helper()
	if err := c.SetState(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func breaker(b ingest.Breaker) ingest.State {
	return ingest.State{}.With(ingest.KafkaPublisher, b)
}

// The bodies of the real service, byte for byte where that is certain.
func TestAPI(t *testing.T) {
	s, c := listen(t, ingest.Options{})
	const fresh = `{"state":"CLOSED","numberOfSuccessfulCalls":0,"numberOfFailedCalls":0,"numberOfSlowCalls":0,"numberOfSlowSuccessfulCalls":0,"numberOfSlowFailedCalls":0,"numberOfBufferedCalls":0,"numberOfNotPermittedCalls":0,"failureRate":"-1.00%","slowCallRate":"-1.00%"}`
	const open = `{"state":"OPEN","numberOfSuccessfulCalls":0,"numberOfFailedCalls":5,"numberOfSlowCalls":0,"numberOfSlowSuccessfulCalls":0,"numberOfSlowFailedCalls":0,"numberOfBufferedCalls":5,"numberOfNotPermittedCalls":0,"failureRate":"100.00%","slowCallRate":"0.00%"}`
	const half = `{"state":"CLOSED","numberOfSuccessfulCalls":3,"numberOfFailedCalls":3,"numberOfSlowCalls":3,"numberOfSlowSuccessfulCalls":2,"numberOfSlowFailedCalls":1,"numberOfBufferedCalls":6,"numberOfNotPermittedCalls":7,"failureRate":"50,00%","slowCallRate":"50,00%"}`
	halfState := breaker(ingest.Breaker{State: ingest.Closed, Successful: 3, Failed: 3, SlowSuccessful: 2, SlowFailed: 1, NotPermitted: 7})
	halfState.DecimalComma = true
	down := ingest.Healthy()
	down.Down = true
	for _, c2 := range []struct {
		name   string
		state  ingest.State
		path   string
		status int
		body   string // "" means not compared
	}{
		{"fresh", ingest.Healthy(), "/circuit-breaker/kafka-publisher", 200, fresh},
		{"fresh in the list", ingest.Healthy(), "/circuit-breaker/status", 200, `{"kafka-publisher":` + fresh + `}`},
		{"open", breaker(ingest.Breaker{State: ingest.Open, Failed: 5}), "/circuit-breaker/kafka-publisher", 200, open},
		{"comma", halfState, "/circuit-breaker/kafka-publisher", 200, half},
		{"no breaker in the list", ingest.State{}, "/circuit-breaker/status", 200, `{"kafka-publisher":"Not Found"}`},
		{"no breaker", ingest.State{}, "/circuit-breaker/kafka-publisher", 500, ""},
		{"up", ingest.Healthy(), "/actuator/health", 200, `{"status":"UP"}`},
		{"down", down, "/actuator/health", 503, `{"status":"DOWN"}`},
		{"other breaker", ingest.Healthy(), "/circuit-breaker/pg-auth-api", 404, ""},
		{"not exposed", ingest.Healthy(), "/actuator/circuitbreakers", 404, ""},
		{"gateway's prefix", ingest.Healthy(), "/api/circuit-breaker/status", 404, ""},
		{"monitoring's path", ingest.Healthy(), "/monitoring/circuit-breaker/status", 404, ""},
	} {
		t.Run(c2.name, func(t *testing.T) {
			set(t, c, c2.state)
			got := mustFetch(t, s.URL()+c2.path)
			if got.status != c2.status || c2.body != "" && got.body != c2.body+"\n" || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s %q, want %d %q", got.status, got.header.Get("Content-Type"), got.body, c2.status, c2.body)
			}
			var e struct{ Path string }
			if c2.status == 404 && (json.Unmarshal([]byte(got.body), &e) != nil || e.Path != c2.path) {
				t.Errorf("error body %q, want the path in it", got.body)
			}
		})
	}
}

func TestPrefixAndMonitoring(t *testing.T) {
	s, c := listen(t, ingest.Options{Prefix: "/api", Monitoring: true})
	if got := mustFetch(t, s.URL()+"/api/circuit-breaker/status"); got.status != 200 {
		t.Errorf("with the prefix: %d", got.status)
	}
	if got := mustFetch(t, s.URL()+"/circuit-breaker/status"); got.status != 404 {
		t.Errorf("without the prefix: %d", got.status)
	}
	for state, want := range map[ingest.BreakerState]string{
		ingest.Closed: "HEALTHY", ingest.Open: "UNHEALTHY", ingest.HalfOpen: "RECOVERING",
	} {
		set(t, c, breaker(ingest.Breaker{State: state}))
		var got struct {
			State, HealthStatus, FailureRate string
			Analysis                         struct{ Status, Description string }
		}
		if err := json.Unmarshal([]byte(mustFetch(t, s.URL()+"/monitoring/circuit-breaker/status").body), &got); err != nil {
			t.Fatal(err)
		}
		if got.State != string(state) || got.HealthStatus != want || got.FailureRate != "-1.00%" || got.Analysis.Status == "" {
			t.Errorf("%s: %+v, want %s", state, got, want)
		}
	}
	set(t, c, ingest.State{})
	if got := mustFetch(t, s.URL()+"/monitoring/circuit-breaker/status"); got.status != 503 {
		t.Errorf("without a breaker: %d, want 503", got.status)
	}
}

func TestFaults(t *testing.T) {
	s, c := listen(t, ingest.Options{})
	url := s.URL() + "/circuit-breaker/status"
	whole := mustFetch(t, url)
	timesOut := func(_ answer, err error) bool { return errors.Is(err, context.DeadlineExceeded) }
	for _, f := range []struct {
		name  string
		fault ingest.Fault
		ok    func(answer, error) bool
	}{
		{"refuse", ingest.Fault{Kind: ingest.Refuse}, func(_ answer, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"black hole", ingest.Fault{Kind: ingest.BlackHole}, timesOut},
		{"slow", ingest.Fault{Latency: time.Minute}, timesOut},
		{"reset", ingest.Fault{Kind: ingest.Reset}, func(_ answer, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"bad gateway", ingest.BadGateway(), func(a answer, err error) bool {
			return err == nil && a.status == 502 && a.header.Get("Content-Type") == "text/html" && strings.Contains(a.body, "<html>")
		}},
		{"login page", ingest.LoginPage(), func(a answer, err error) bool {
			return err == nil && a.status == 200 && strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && strings.Contains(a.body, "<form")
		}},
		{"truncated", ingest.Fault{Kind: ingest.Truncate}, func(a answer, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && a.status == 200 && len(a.body) == len(whole.body)/2 && strings.HasPrefix(whole.body, a.body)
		}},
		{"huge", ingest.Fault{Kind: ingest.Huge, Size: 3 << 20}, func(a answer, err error) bool {
			return err == nil && len(a.body) == 3<<20 && json.Valid([]byte(a.body))
		}},
		{"another path", ingest.Fault{Kind: ingest.Reset, Path: "/actuator"}, func(a answer, err error) bool { return err == nil && a.body == whole.body }},
	} {
		t.Run(f.name, func(t *testing.T) {
			if err := c.SetFault(t.Context(), f.fault); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Fault(t.Context()); err != nil || got != f.fault {
				t.Errorf("the fault is %+v (%v)", got, err)
			}
			// Short where silence is expected, patient on a busy machine.
			limit := 10 * time.Second
			if f.fault.Kind == ingest.BlackHole || f.fault.Latency > 0 {
				limit = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if a, err := fetch(ctx, url); !f.ok(a, err) {
				t.Errorf("status %d, %d bytes, error %v", a.status, len(a.body), err)
			}
			// Prometheus sees the state all the same.
			if a := mustFetch(t, s.AdminURL()+"/actuator/prometheus"); a.status != 200 {
				t.Errorf("the scrape: %d", a.status)
			}
			if err := c.SetFault(t.Context(), ingest.Fault{}); err != nil {
				t.Fatal(err)
			}
			if a := mustFetch(t, url); a.body != whole.body {
				t.Errorf("after the fault: %d %q", a.status, a.body)
			}
		})
	}
	t.Run("with the scrape", func(t *testing.T) {
		if err := c.SetFault(t.Context(), ingest.Fault{Kind: ingest.Refuse, Scrape: true}); err != nil {
			t.Fatal(err)
		}
		if a, err := fetch(t.Context(), s.AdminURL()+"/actuator/prometheus"); err == nil {
			t.Errorf("the scrape: %d", a.status)
		}
		if err := c.SetFault(t.Context(), ingest.Fault{}); err != nil {
			t.Fatal(err)
		}
	})
}

// A request that hangs is let go when the fault ends, and does not hold up the
// end of the server.
func TestBlackHoleEnds(t *testing.T) {
	s, c := listen(t, ingest.Options{})
	for _, end := range []func() error{
		func() error { return c.SetFault(t.Context(), ingest.Fault{}) },
		s.Close,
	} {
		if err := c.SetFault(t.Context(), ingest.Fault{Kind: ingest.BlackHole}); err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /actuator/health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		// Cut off, or answered when it arrived after the end; not silence.
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the request hangs on")
		}
		_ = conn.Close()
	}
}

func TestMistakesAreRefused(t *testing.T) {
	s, c := listen(t, ingest.Options{})
	for name, state := range map[string]ingest.State{
		"unknown state":          breaker(ingest.Breaker{State: "BROKEN"}),
		"no state":               breaker(ingest.Breaker{}),
		"negative":               breaker(ingest.Breaker{State: ingest.Closed, Failed: -1}),
		"more than the window":   breaker(ingest.Breaker{State: ingest.Closed, Successful: 101}),
		"half open, 4 calls":     breaker(ingest.Breaker{State: ingest.HalfOpen, Successful: 4}),
		"disabled, 1 call":       breaker(ingest.Breaker{State: ingest.Disabled, Failed: 1}),
		"slow without calls":     breaker(ingest.Breaker{State: ingest.Closed, SlowFailed: 1}),
		"status 42":              {HTTP: []ingest.Traffic{{Status: 42}}},
		"the same traffic twice": {HTTP: []ingest.Traffic{{Method: "GET", URI: "/", Status: 200}, {Method: "GET", URI: "/", Status: 200}}},
		"the same pool twice":    {Pools: []ingest.Pool{{Name: "a"}, {Name: "a"}}},
	} {
		if err := c.SetState(t.Context(), state); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for name, f := range map[string]ingest.Fault{
		"unknown": {Kind: "odd"}, "no status": {Kind: ingest.Reply}, "no size": {Kind: ingest.Huge}, "negative": {Latency: -1},
	} {
		if err := c.SetFault(t.Context(), f); err == nil {
			t.Errorf("fault %s was accepted", name)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.AdminURL()+"/state", strings.NewReader(`{"breaker":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a misspelt field: %s (%v)", resp.Status, err)
	}
	if got, err := c.State(t.Context()); err != nil || len(got.Breakers) != 2 {
		t.Errorf("after refused changes the state is %+v (%v)", got, err)
	}
}

// families are the metrics of a scrape, parsed by Prometheus's own parser.
func families(t *testing.T, s *ingest.Server) map[string]*dto.MetricFamily {
	t.Helper()
	a := mustFetch(t, s.URL()+"/actuator/prometheus")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	f, err := parser.TextToMetricFamilies(strings.NewReader(a.body))
	if err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return f
}

// series finds the one with these labels (name, value, name, value …).
func series(t *testing.T, f map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
	t.Helper()
	for _, m := range f[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		all := has["application"] == "ingest-service"
		for i := 0; i < len(labels); i += 2 {
			all = all && has[labels[i]] == labels[i+1]
		}
		if all {
			return m
		}
	}
	t.Fatalf("no series %s%v", name, labels)
	return nil
}

func TestMetrics(t *testing.T) {
	s, c := listen(t, ingest.Options{})
	set(t, c, ingest.Healthy().
		With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.Open, Failed: 5, NotPermitted: 3, CallSeconds: 2}).
		With(ingest.PGAuthAPI, ingest.Breaker{State: ingest.Closed, Successful: 80, Failed: 20, SlowSuccessful: 60, SlowFailed: 8}))
	f := families(t, s)
	for _, b := range []struct{ name, is string }{{ingest.KafkaPublisher, "open"}, {ingest.PGAuthAPI, "closed"}} {
		for _, state := range []string{"closed", "open", "half_open", "forced_open", "disabled", "metrics_only"} {
			want := 0.0
			if state == b.is {
				want = 1
			}
			if got := series(t, f, "resilience4j_circuitbreaker_state", "name", b.name, "state", state).GetGauge().GetValue(); got != want {
				t.Errorf("%s %s is %v, want %v", b.name, state, got, want)
			}
		}
	}
	if n := len(f["resilience4j_circuitbreaker_state"].GetMetric()); n != 12 {
		t.Errorf("%d series of state, want 12", n)
	}
	for _, g := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"resilience4j_circuitbreaker_failure_rate", []string{"name", "kafka-publisher"}, 100},
		{"resilience4j_circuitbreaker_failure_rate", []string{"name", "pg-auth-api"}, 20},
		{"resilience4j_circuitbreaker_slow_call_rate", []string{"name", "pg-auth-api"}, 68},
		{"resilience4j_circuitbreaker_buffered_calls", []string{"name", "pg-auth-api", "kind", "successful"}, 80},
		{"resilience4j_circuitbreaker_buffered_calls", []string{"name", "kafka-publisher", "kind", "failed"}, 5},
		{"resilience4j_circuitbreaker_slow_calls", []string{"name", "pg-auth-api", "kind", "successful"}, 60},
		{"resilience4j_circuitbreaker_slow_calls", []string{"name", "pg-auth-api", "kind", "failed"}, 8},
		{"hikaricp_connections_active", []string{"pool", "HikariPool-1"}, 3},
		{"hikaricp_connections_max", []string{"pool", "HikariPool-2"}, 20},
	} {
		if got := series(t, f, g.name, g.labels...).GetGauge().GetValue(); got != g.want {
			t.Errorf("%s%v is %v, want %v", g.name, g.labels, got, g.want)
		}
	}
	// Calls that appear in a window have happened.
	if got := series(t, f, "resilience4j_circuitbreaker_calls_seconds", "name", "kafka-publisher", "kind", "failed").GetSummary(); got.GetSampleCount() != 5 || got.GetSampleSum() != 10 {
		t.Errorf("5 failed calls of 2 s are %v", got)
	}
	if got := series(t, f, "resilience4j_circuitbreaker_not_permitted_calls_total", "name", "kafka-publisher", "kind", "not_permitted").GetCounter().GetValue(); got != 3 {
		t.Errorf("3 calls not permitted are %v", got)
	}
	if got := time.Since(time.UnixMilli(int64(1000 * series(t, f, "process_start_time_seconds").GetGauge().GetValue()))); got < 0 || got > time.Minute {
		t.Errorf("started %s ago", got)
	}
}

// Counters rise with the rates that are set, and never fall.
func TestCountersRise(t *testing.T) {
	s, c := listen(t, ingest.Options{})
	busy := ingest.State{
		HTTP:     []ingest.Traffic{{Method: "POST", URI: "/payments/authorize", Status: 500, PerSecond: 1e6, MeanSeconds: 0.1}},
		Breakers: map[string]ingest.Breaker{ingest.PGAuthAPI: {State: ingest.Open, PerSecond: ingest.CallRates{NotPermitted: 1e6}}},
	}
	set(t, c, busy)
	read := func() (float64, *dto.Histogram) {
		f := families(t, s)
		return series(t, f, "resilience4j_circuitbreaker_not_permitted_calls_total", "name", "pg-auth-api").GetCounter().GetValue(),
			series(t, f, "http_server_requests_seconds", "uri", "/payments/authorize", "status", "500", "outcome", "SERVER_ERROR", "method", "POST").GetHistogram()
	}
	calls1, http1 := read()
	calls2, http2 := read()
	if calls2 <= calls1 || http2.GetSampleCount() <= http1.GetSampleCount() {
		t.Errorf("not permitted %v then %v, requests %v then %v: want both to rise", calls1, calls2, http1.GetSampleCount(), http2.GetSampleCount())
	}
	mean := http2.GetSampleSum() / float64(http2.GetSampleCount())
	if mean < 0.099 || mean > 0.101 {
		t.Errorf("mean duration %v, want 0.1", mean)
	}
	last := uint64(0)
	for _, b := range http2.GetBucket() {
		if b.GetCumulativeCount() < last || b.GetCumulativeCount() > http2.GetSampleCount() {
			t.Errorf("buckets out of order: %v", http2)
		}
		last = b.GetCumulativeCount()
		if share := float64(last) / float64(http2.GetSampleCount()); b.GetUpperBound() == 0.25 && (share < 0.91 || share > 0.93) {
			t.Errorf("%v of the requests are below 0.25 s, want 1-e^-2.5", share)
		}
	}
	busy.HTTP, busy.Breakers[ingest.PGAuthAPI] = nil, ingest.Breaker{State: ingest.Closed}
	set(t, c, busy)
	f := families(t, s)
	if got := series(t, f, "resilience4j_circuitbreaker_not_permitted_calls_total", "name", "pg-auth-api").GetCounter().GetValue(); got < calls2 {
		t.Errorf("the counter fell from %v to %v", calls2, got)
	}
}

func TestRates(t *testing.T) {
	kafka, pg := ingest.SettingsOf(ingest.KafkaPublisher), ingest.SettingsOf(ingest.PGAuthAPI)
	for _, c := range []struct {
		name          string
		b             ingest.Breaker
		s             ingest.Settings
		failure, slow float64
	}{
		{"no calls", ingest.Breaker{State: ingest.Closed}, kafka, -1, -1},
		{"one too few", ingest.Breaker{State: ingest.Closed, Failed: 4}, kafka, -1, -1},
		{"just enough", ingest.Breaker{State: ingest.Closed, Failed: 5}, kafka, 100, 0},
		{"another minimum", ingest.Breaker{State: ingest.Closed, Failed: 5}, pg, -1, -1},
		{"half open, too few", ingest.Breaker{State: ingest.HalfOpen, Successful: 1}, kafka, -1, -1},
		{"half open lowers the minimum", ingest.Breaker{State: ingest.HalfOpen, Successful: 2, Failed: 1, SlowFailed: 1}, kafka, 100. / 3, 100. / 3},
		{"forced open", ingest.Breaker{State: ingest.ForcedOpen}, kafka, -1, -1},
		{"disabled", ingest.Breaker{State: ingest.Disabled}, kafka, -1, -1},
		{"metrics only", ingest.Breaker{State: ingest.MetricsOnly, Successful: 90, Failed: 10, SlowSuccessful: 5}, kafka, 10, 5},
		{"unknown breaker", ingest.Breaker{State: ingest.Closed, Failed: 99}, ingest.SettingsOf("other"), -1, -1},
	} {
		if f, s := c.b.FailureRate(c.s), c.b.SlowCallRate(c.s); f != c.failure || s != c.slow {
			t.Errorf("%s: %v and %v, want %v and %v", c.name, f, s, c.failure, c.slow)
		}
	}
}

// Behind the gateway, states alternate when instances disagree.
func TestGateway(t *testing.T) {
	one, c1 := listen(t, ingest.Options{})
	two, c2 := listen(t, ingest.Options{})
	set(t, c1, breaker(ingest.Breaker{State: ingest.Open}))
	set(t, c2, breaker(ingest.Breaker{State: ingest.Closed}))
	g, err := ingest.NewGateway(one.URL(), two.URL())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(g)
	defer front.Close()
	counts := map[bool]int{}
	for range 10 {
		a := mustFetch(t, front.URL+"/api/circuit-breaker/kafka-publisher")
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		counts[strings.Contains(a.body, `"OPEN"`)]++
	}
	if counts[true] != 5 {
		t.Errorf("10 calls saw OPEN %d times, want 5", counts[true])
	}
	if a := mustFetch(t, front.URL+"/circuit-breaker/kafka-publisher"); a.status != 404 {
		t.Errorf("without the prefix: %d, want 404", a.status)
	}
	if err := errors.Join(c1.SetFault(t.Context(), ingest.Fault{Kind: ingest.Refuse}), c2.SetFault(t.Context(), ingest.Fault{Kind: ingest.Refuse})); err != nil {
		t.Fatal(err)
	}
	if a := mustFetch(t, front.URL+"/api/circuit-breaker/kafka-publisher"); a.status != 503 || !strings.Contains(a.body, `"status":503`) {
		t.Errorf("without instances: %d %s, want 503", a.status, a.body)
	}
	empty, err := ingest.NewGateway()
	if err != nil {
		t.Fatal(err)
	}
	none := httptest.NewServer(empty)
	defer none.Close()
	if a := mustFetch(t, none.URL+"/api/circuit-breaker/status"); a.status != 503 {
		t.Errorf("with an empty registry: %d, want 503", a.status)
	}
}
