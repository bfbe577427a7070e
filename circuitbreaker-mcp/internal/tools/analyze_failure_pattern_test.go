package tools

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promtest"
	"payops-mcp/shared/tooltest"
)

type patternSaid struct {
	Step     string
	Breakers []struct {
		Breaker, States string
		Instances       []string
		Opened          int
		OpenFor         string   `json:"open_for"`
		TurnedAway      *float64 `json:"turned_away"`
		FailureRate     *float64 `json:"max_failure_pct"`
	}
	Transitions []struct {
		At                     time.Time
		Exact, Change, Breaker string
	}
	Routes []struct {
		Route    string
		Requests int
		Statuses string   `json:"by_status"`
		P95      *float64 `json:"p95_s"`
	}
	Errors []struct{ Who, What, Error string } `json:"kafka_errors"`
	Lines  []struct {
		Line string
		Max  float64
		Over string `json:"over_time"`
	}
	Notes []string
}

func analyze(t *testing.T, c *tooltest.Client, args string) (tooltest.Answer[patternSaid], tooltest.Result) {
	t.Helper()
	r := c.Call(t, "analyze_failure_pattern", args)
	if os.Getenv("SHOW_ANSWERS") != "" {
		t.Logf("%d bytes\n%s", len(r.Text), r.Text)
	}
	return tooltest.Decode[patternSaid](t, r), r
}

// hour is an hour of two instances that ends now: what each exports at a moment of
// it, in seconds from its beginning.
func hour(exports func(second int) string) *promtest.Past {
	var past promtest.Past
	end := time.Now()
	for at := end.Add(-2 * time.Hour); !at.After(end); at = at.Add(promtest.Every) {
		for _, instance := range []string{"10.0.0.1:ingest-service:8080", "10.0.0.2:ingest-service:8080"} {
			past.Scrape(instance, at, exports(3600-int(end.Sub(at).Seconds())))
		}
	}
	return &past
}

// traffic is what an instance has served after some seconds, by status.
func traffic(second int, perSecond map[string]float64, p95 float64) string {
	var s strings.Builder
	for _, status := range slices.Sorted(keysOf(perSecond)) {
		n := int(float64(second+3600) * perSecond[status])
		labels := fmt.Sprintf("method=\"POST\",uri=\"/payments/authorize\",status=%q", status)
		fmt.Fprintf(&s, "http_server_requests_seconds_count{%s} %d\nhttp_server_requests_seconds_sum{%s} %g\n", labels, n, labels, float64(n)*p95/3)
		fmt.Fprintf(&s, "http_server_requests_seconds_bucket{%s,le=\"%g\"} %d\n", labels, p95, n)
		fmt.Fprintf(&s, "http_server_requests_seconds_bucket{%s,le=\"30\"} %d\nhttp_server_requests_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, n, labels, n)
	}
	return s.String()
}

func keysOf(m map[string]float64) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// show keeps a picture for a person to look at, in the folder that PICTURES names.
func show(t *testing.T, name string, r tooltest.Result) {
	t.Helper()
	if len(r.Pictures) != 1 || r.Pictures[0].MIME != "image/png" || len(r.Pictures[0].Data) > 60_000 {
		t.Fatalf("%d pictures", len(r.Pictures))
	}
	if _, err := png.Decode(bytes.NewReader(r.Pictures[0].Data)); err != nil {
		t.Error(err)
	}
	if dir := os.Getenv("PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), r.Pictures[0].Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHealthyHour(t *testing.T) {
	t.Parallel()
	c := server(t, promtest.Start(t, hour(func(second int) string {
		return promtest.Healthy() + traffic(second, map[string]float64{"200": 10, "409": 0.1}, 0.2)
	})).URL)
	a, r := analyze(t, c, `{"chart":true}`)
	if a.Verdict != "ok" || len(a.Findings) > 0 || !strings.HasPrefix(a.Summary, "CLOSED at the end of 1h - kafka-publisher stayed CLOSED; pg-auth-api stayed CLOSED; 72") {
		t.Errorf("%s: %s %v %s", a.Verdict, a.Summary, a.Codes(), a.Because)
	}
	if len(r.Text) > maxBytes {
		t.Errorf("%d bytes:\n%s", len(r.Text), r.Text)
	}
	show(t, "tool-healthy", r)
	for _, b := range a.Data.Breakers {
		if b.States != strings.Repeat("-", sparks) {
			t.Errorf("%s: %s", b.Breaker, b.States)
		}
	}
}

// CB-02: OPEN for 30 s and HALF_OPEN for two minutes in turn, for the last 20.
func TestAFlappingBreaker(t *testing.T) {
	t.Parallel()
	c := server(t, promtest.Start(t, hour(func(second int) string {
		b := promtest.Closed("kafka-publisher")
		if in := second - 2400; in >= 0 {
			b = b.In("half_open")
			if in%150 < 30 {
				b, b.FailureRate, b.Failed = b.In("open"), 100, 5
			}
		}
		return b.String() + promtest.Closed("pg-auth-api").String() + traffic(second, map[string]float64{"200": 10}, 0.2)
	})).URL)
	a, r := analyze(t, c, `{"chart":true}`)
	if a.Verdict != "critical" || !slices.Contains(a.Codes(), "CB_HALF_OPEN_FLAPPING") {
		t.Errorf("%s %v: %s", a.Verdict, a.Codes(), a.Summary)
	}
	for _, b := range a.Data.Breakers {
		if want := 9; b.Breaker == "kafka-publisher" && (b.Opened != want || b.OpenFor == "") {
			t.Errorf("%s opened %d times for %s, want %d", b.Breaker, b.Opened, b.OpenFor, want)
		}
	}
	if n := len(a.Data.Transitions); n != 5 || !a.Coverage.Truncated {
		t.Errorf("%d transitions, truncated %v; want 5 of 17", n, a.Coverage.Truncated)
	}
	if len(r.Text) > maxBytes {
		t.Errorf("%d bytes:\n%s", len(r.Text), r.Text)
	}
	show(t, "tool-flapping", r)
}

// An outage of the payment gateway that is over: nothing is wrong now, and the
// answer tells when it was.
func TestAnOutageThatIsOver(t *testing.T) {
	t.Parallel()
	turned := 0
	past := hour(func(second int) string {
		b := promtest.Closed("pg-auth-api")
		b.FailureRate = 1
		if second >= 1200 && second < 2100 {
			b = b.In("open")
			b.FailureRate, b.SlowCallRate, b.Failed = 100, 60, 100
			turned += 40
		}
		b.TurnedAwayAll = float64(turned)
		return b.String() + promtest.Closed("kafka-publisher").String() + traffic(second, map[string]float64{"200": 10, "409": 0.1}, 0.2)
	})
	p := promtest.Start(t, past)
	c := server(t, p.URL)
	a, r := analyze(t, c, `{"chart":true}`)
	if a.Verdict != "ok" || len(a.Findings) > 0 || !strings.Contains(a.Summary, "pg-auth-api opened 1 time (2 instances), OPEN for 15m0s at the longest") {
		t.Errorf("%s %v: %s", a.Verdict, a.Codes(), a.Summary)
	}
	show(t, "tool-over", r)
	if slices.Contains(a.RuledOut, "PG_AUTH_BREAKER_OPEN") || slices.Contains(a.RuledOut, "PG_AUTH_FAILURES") || !slices.Contains(a.RuledOut, "CB_FORCED_OPEN") {
		t.Errorf("ruled out in an hour with an outage: %v", a.RuledOut)
	}
	if n := len(a.Data.Transitions); n != 2 || a.Data.Transitions[0].Change != "CLOSED -> OPEN" || !strings.HasPrefix(a.Data.Transitions[0].Exact, "-15s") {
		t.Errorf("transitions %+v", a.Data.Transitions)
	}
	// Asked about that time alone, it is what was wrong.
	since, until := time.Now().Add(-45*time.Minute).Format(time.RFC3339), time.Now().Add(-10*time.Minute).Format(time.RFC3339)
	a, r = analyze(t, c, fmt.Sprintf(`{"since":%q,"until":%q,"breaker":"pg-auth-api"}`, since, until))
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"PG_AUTH_BREAKER_OPEN"}) || !strings.Contains(r.Text, "it is over") {
		t.Errorf("%s %v: %s", a.Verdict, a.Codes(), a.Summary)
	}
}

// No request had ever failed; then a database stood for ten seconds, and all that failed
// did within one scrape interval: the share was 0%.
func TestFailuresBetweenTwoScrapes(t *testing.T) {
	t.Parallel()
	c := server(t, promtest.Start(t, hour(func(second int) string {
		page := promtest.Healthy() + traffic(second, map[string]float64{"200": 2}, 0.2)
		if second >= 1200 {
			page += "http_server_requests_seconds_count{method=\"POST\",uri=\"/payments/authorize\",status=\"500\"} 300\n"
		}
		return page
	})).URL)
	since, until := time.Now().Add(-50*time.Minute).Format(time.RFC3339), time.Now().Add(-20*time.Minute).Format(time.RFC3339)
	a, r := analyze(t, c, fmt.Sprintf(`{"since":%q,"until":%q}`, since, until))
	if a.Verdict != "attention" || !slices.Contains(a.Codes(), "INGEST_5XX_SPIKE") || !strings.Contains(r.Text, "600 of ") {
		t.Errorf("%s %v:\n%s", a.Verdict, a.Codes(), r.Text)
	}
	if a, r := analyze(t, c, `{}`); a.Verdict != "ok" || strings.Contains(a.Summary, ", 0% 5xx") {
		t.Errorf("it is over: %s %v:\n%s", a.Verdict, a.Codes(), r.Text)
	}
}

// While Prometheus was down a breaker may have opened and closed again: such a time
// is not called well, and nothing of it is ruled out.
func TestATimeThatWasSeenInPart(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past := &promtest.Past{}
	for _, part := range [][2]time.Duration{{90 * time.Minute, time.Hour}, {20 * time.Minute, 0}} {
		past.Scrapes("a:1", now.Add(-part[0]), now.Add(-part[1]), promtest.Healthy(), promtest.Started(now.Add(-30*time.Hour)))
	}
	c := wholeServer(t, 30*time.Second, promtest.Start(t, past).URL, noKafka(t), refused(t))
	args := fmt.Sprintf(`{"since":%q,"until":%q}`, now.Add(-85*time.Minute).Format(time.RFC3339), now.Add(-5*time.Minute).Format(time.RFC3339))
	a, r := analyze(t, c, args)
	if a.Verdict != "unknown" || !strings.Contains(a.Because, "no instance was scraped ") || !strings.Contains(a.Because, "m of 80m)") || !strings.Contains(a.Summary, "kafka-publisher was CLOSED wherever it was scraped") {
		t.Errorf("%s (%s) %s", a.Verdict, a.Because, a.Summary)
	}
	if strings.Contains(r.Text, "INGEST_5XX_SPIKE") || len(a.RuledOut) > 0 {
		t.Errorf("ruled out what was not seen:\n%s", r.Text)
	}
	d := tooltest.Decode[struct{}](t, c.Call(t, "diagnose_circuit_breaker", `{"time_range":"80m"}`))
	if !strings.Contains(d.Because, "no instance was scraped ") {
		t.Errorf("%s (%s) %s", d.Verdict, d.Because, d.Summary)
	}
}

// One of two instances could not be scraped for half an hour of a time that ends now: a
// note alone told, which a long answer leaves out, and CB_FORCED_OPEN was ruled out.
func TestATimeInWhichOneInstanceWasNotSeen(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var past promtest.Past
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	started := promtest.Started(now.Add(-30 * time.Hour))
	past.Scrapes("a:1", ago(125), now, promtest.Healthy(), started)
	past.Scrapes("b:1", ago(125), ago(90), promtest.Healthy(), started)
	past.Fails("b:1", ago(90).Add(promtest.Every), ago(60))
	past.Scrapes("b:1", ago(60).Add(promtest.Every), now, promtest.Healthy(), started)
	c := server(t, promtest.Start(t, &past).URL)
	a, r := analyze(t, c, `{"time_range":"2h"}`)
	if a.Verdict != "unknown" || !strings.Contains(a.Because, "ingest b:1 could not be scraped ") || slices.Contains(a.RuledOut, "CB_FORCED_OPEN") || strings.Contains(a.Summary, "stayed CLOSED") {
		t.Errorf("%s (%s), ruled out %v:\n%s", a.Verdict, a.Because, a.RuledOut, r.Text)
	}
	if a, r := analyze(t, c, `{"time_range":"50m"}`); a.Verdict != "ok" || !slices.Contains(a.RuledOut, "CB_FORCED_OPEN") || !strings.Contains(a.Summary, "stayed CLOSED") {
		t.Errorf("since it is back: %s (%s), ruled out %v:\n%s", a.Verdict, a.Because, a.RuledOut, r.Text)
	}
}

func TestPatternWithoutPrometheus(t *testing.T) {
	t.Parallel()
	a, r := analyze(t, server(t, refused(t)), `{"chart":true}`)
	if a.Verdict != "unknown" || !slices.Equal(a.Codes(), []string{"SRC_PROM_UNREACHABLE"}) || len(r.Pictures) > 0 {
		t.Errorf("%s %v: %s, %d pictures", a.Verdict, a.Codes(), a.Summary, len(r.Pictures))
	}
}

func TestPatternRefusals(t *testing.T) {
	t.Parallel()
	c := server(t, promtest.Start(t, hour(func(int) string { return promtest.Healthy() })).URL)
	for args, want := range map[string]string{
		`{"time_range":"8d"}`:       "too long",
		`{"time_range":"soon"}`:     "is not understood; say 15m",
		`{"time_range":"all"}`:      "at most 7d",
		`{"breaker":"kafka"}`:       "there is no breaker",
		`{"since":"in a while"}`:    "is not understood",
		`{"time_range":"1h","x":1}`: "x",
	} {
		if r := c.Call(t, "analyze_failure_pattern", args); !r.IsError || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %s, want %q", args, r.Text, want)
		}
	}
	for _, args := range []string{`{"time_range":"지난 1시간"}`, `{"time_range":"7d"}`, `{"time_range":"24h","breaker":"kafka-publisher"}`, `{"since":"yesterday 2pm","until":"yesterday 3pm","chart":true}`} {
		if r := c.Call(t, "analyze_failure_pattern", args); r.IsError {
			t.Errorf("%s: %s", args, r.Text)
		}
	}
}
