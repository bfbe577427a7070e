package promql_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

// askPast asks a Prometheus with a past alone for a time that ends with its last scrape.
func askPast(t *testing.T, past *promtest.Past, since, until time.Time) promql.Past {
	t.Helper()
	p := promtest.Start(t, past)
	got := client(t, p.URL, promql.Options{}).Past(t.Context(), promql.Span{Since: since, Until: until, Interval: promtest.Every, Before: true})
	if !got.Source.OK() {
		t.Fatal(got.Source.Err)
	}
	return got
}

// walk tells the stays of the first breaker of the first instance in one line.
func walk(t *testing.T, p promql.Past, breaker string) string {
	t.Helper()
	for _, b := range p.Instances[0].Breakers {
		if b.Name.String() == breaker {
			var parts []string
			for _, s := range b.Stays {
				parts = append(parts, fmt.Sprintf("%s %s", s.State, s.Last.Sub(s.First)))
			}
			return strings.Join(parts, ", ")
		}
	}
	return "not there"
}

// noon is a moment of the past at which scrapes were made.
var noon = time.Now().Truncate(time.Minute).Add(-30 * time.Hour)

func TestAShortEpisodeOfADayIsNotLost(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := noon.Add(24 * time.Hour)
	for at := noon; !at.After(end); at = at.Add(promtest.Every) {
		b := promtest.Closed("kafka-publisher")
		if d := at.Sub(noon.Add(9 * time.Hour)); d >= 0 && d < 30*time.Second {
			b = b.In("open")
		}
		past.Scrape("a", at, b.String())
	}
	p := askPast(t, &past, noon, end)
	if got, want := walk(t, p, "kafka-publisher"), "CLOSED 8h59m45s, OPEN 15s, CLOSED 14h59m30s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if i := p.Instances[0]; len(i.Gaps) != 0 || i.Interval != promtest.Every || i.Failed != 0 {
		t.Errorf("gaps %v, interval %s, %d failed", i.Gaps, i.Interval, i.Failed)
	}
}

// served are requests since the process started, with a histogram of two bounds.
func served(uri, status string, n, quick int) string {
	labels := fmt.Sprintf("method=\"POST\",uri=%q,status=%q", uri, status)
	var s strings.Builder
	fmt.Fprintf(&s, "http_server_requests_seconds_count{%s} %d\n", labels, n)
	fmt.Fprintf(&s, "http_server_requests_seconds_sum{%s} %d\n", labels, n)
	fmt.Fprintf(&s, "http_server_requests_seconds_bucket{%s,le=\"0.1\"} %d\n", labels, quick)
	fmt.Fprintf(&s, "http_server_requests_seconds_bucket{%s,le=\"3.0\"} %d\n", labels, n)
	fmt.Fprintf(&s, "http_server_requests_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, n)
	return s.String()
}

// about reports whether a number is that, but for what Prometheus extrapolates.
func about(got, want float64) bool { return got > want*0.97-0.5 && got < want*1.03+0.5 }

func TestTrafficOfATime(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := noon.Add(2 * time.Hour)
	middle := noon.Add(time.Hour)
	for at := noon; !at.After(end); at = at.Add(promtest.Every) {
		n := int(at.Sub(noon)/promtest.Every) * 30 // two a second
		bad := 0
		if at.After(middle) {
			bad = int(at.Sub(middle)/promtest.Every) * 3
		}
		if at.After(noon.Add(90 * time.Minute)) { // a restart: every counter begins again
			n -= 30 * 360
		}
		past.Scrape("a", at, served("/payments/authorize", "200", n, n/2), served("/payments/authorize", "503", bad, 0))
	}
	p := askPast(t, &past, middle, end)
	if len(p.HTTP.Routes) != 1 {
		t.Fatalf("%+v", p.HTTP.Routes)
	}
	r := p.HTTP.Routes[0]
	if got := r.Status["200"]; !about(got, 7200) {
		t.Errorf("%.0f requests, want 7200: a counter that begins again is no fall", got)
	}
	if got := r.Before["200"]; !about(got, 7200) {
		t.Errorf("%.0f requests before, want 7200", got)
	}
	if got := r.Status["503"]; !about(got, 720) {
		t.Errorf("%.0f answered 503, want 720", got)
	}
	if got := p.HTTP.FiveMinutes; !about(got.All, 660) || !about(got.S5xx, 60) {
		t.Errorf("last five minutes %+v, want 660 requests and 60 answered 503", got)
	}
	if r.P50 == nil || *r.P50 < 0.1 || *r.P50 > 3 || r.P95 == nil || *r.P95 < 2 || r.Mean == nil || !about(*r.Mean, 1) {
		t.Errorf("p50 %v, p95 %v, mean %v", r.P50, r.P95, r.Mean)
	}
	for _, l := range p.Lines {
		if l.Name == promql.LineRequests {
			last := l.Points[len(l.Points)-1]
			if !last.At.Equal(end) || last.Value == nil || !about(*last.Value, 2.2) {
				t.Errorf("the line ends with %v at %s, want 2.2 a second at %s", last.Value, last.At, end)
			}
		}
	}
}

// What the end of a time that is over is compared with lies before it: the payment
// gateway failed through all of this half hour.
func TestTheBaselineOfAPastTime(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	from, end := noon.Add(time.Hour), noon.Add(90*time.Minute)
	for at := noon; !at.After(end); at = at.Add(promtest.Every) {
		refused := max(0, int(at.Sub(from)/promtest.Every)) * 10
		past.Scrape("a", at, served("/payments/authorize", "200", int(at.Sub(noon)/promtest.Every)*30, 0), served("/payments/authorize", "409", refused, 0))
	}
	b := askPast(t, &past, from, end).HTTP.Baseline
	if !about(b.Authorize, 7200) || b.AuthorizeRefuse > 1 {
		t.Errorf("%+v, want the hour before: 7200 and none refused", b)
	}
}

// What was not scraped, what was scraped and is no number, and what has too few
// calls are three things, and none of them is zero.
func TestWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := noon.Add(time.Hour)
	b := promtest.Closed("pg-auth-api")
	few, nan, known := b, b, b
	few.FailureRate, nan.FailureRate, known.FailureRate = -1, math.NaN(), 20
	m := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	past.Scrapes("a", m(0), m(10), few.String())
	past.Scrapes("a", m(10).Add(promtest.Every), m(20), nan.String())
	past.Scrapes("a", m(20).Add(promtest.Every), m(30), known.String())
	// no scrape for ten minutes, then ten minutes of scrapes that fail
	past.Fails("a", m(40), m(50))
	past.Scrapes("a", m(50).Add(promtest.Every), end, known.String())
	p := askPast(t, &past, noon, end)

	gaps := p.Instances[0].Gaps
	if len(gaps) != 1 || !gaps[0].From.Equal(m(30)) || !gaps[0].To.Equal(m(50).Add(promtest.Every)) || gaps[0].Failed != 41 {
		t.Errorf("gaps %+v, want one from %s to %s in which 41 scrapes failed", gaps, m(30), m(50))
	}
	if got := walk(t, p, "pg-auth-api"); got != "CLOSED 1h0m0s" {
		t.Errorf("stays: %s", got)
	}
	n := slices.IndexFunc(p.Lines, func(l promql.Line) bool { return l.Name == promql.LineFailureRate })
	if n < 0 {
		t.Fatalf("no line of the failure rate in %+v", p.Lines)
	}
	l := p.Lines[n]
	missing, values := 0, 0
	for _, at := range l.Points {
		if at.Value == nil {
			missing++
		} else if values++; *at.Value != 20 {
			t.Errorf("%v at %s, want 20", *at.Value, at.At)
		}
	}
	if l.TooFew < 8 || l.TooFew > 11 || l.NaN < 8 || l.NaN > 11 || values < 18 || values > 21 || missing < 38 || missing > 42 {
		t.Errorf("%d points with too few calls, %d no number, %d known, %d without a value", l.TooFew, l.NaN, values, missing)
	}
}

func TestStartsAndFailuresOfATime(t *testing.T) {
	t.Parallel()
	var past promtest.Past
	end := noon.Add(time.Hour)
	restart := noon.Add(30*time.Minute + 7*time.Second)
	for at := noon; !at.After(end); at = at.Add(promtest.Every) {
		b, started := promtest.Closed("kafka-publisher"), noon.Add(-24*time.Hour)
		b.FailedTotal = float64(at.Sub(noon) / (10 * time.Minute)) // one every ten minutes
		if at.After(restart) {
			started, b.FailedTotal = restart, 0
			b = b.In("half_open")
		}
		past.Scrape("a", at, b.String(), promtest.Started(started),
			`spring_kafka_template_seconds_count{result="failure",exception="TopicAuthorizationException"} `+fmt.Sprint(int(at.Sub(noon).Seconds())),
			"hikaricp_connections_active{pool=\"HikariPool-2\"} 20\nhikaricp_connections_max{pool=\"HikariPool-2\"} 20\nhikaricp_connections_pending{pool=\"HikariPool-2\"} 7\n",
			fmt.Sprintf("hikaricp_connections_timeout_total{pool=\"HikariPool-2\"} %d\n", int(at.Sub(noon)/(30*time.Second))))
	}
	p := askPast(t, &past, noon, end)
	if len(p.Starts) != 1 || !p.Starts[0].At.Equal(restart) || p.Starts[0].Job != "ingest-service" {
		t.Errorf("starts %+v, want one at %s", p.Starts, restart)
	}
	if len(p.Instances) != 1 || !p.Instances[0].Started.Equal(restart) {
		t.Errorf("the instance started %s, want %s", p.Instances[0].Started, restart)
	}
	b := p.Instances[0].Breakers[0]
	if len(b.Failures) != 3 || b.Failures[0].N != 1 || !b.Failures[0].At.Equal(noon.Add(10*time.Minute)) {
		t.Errorf("calls failed at %v, want every ten minutes and not at the restart", b.Failures)
	}
	if len(p.Errors) != 1 || p.Errors[0].Kind != promql.TemplateErrors || p.Errors[0].Exception != "TopicAuthorizationException" || !about(p.Errors[0].Count, 3600) || !about(p.Errors[0].Recent, 1) {
		t.Errorf("errors %+v", p.Errors)
	}
	if pool := p.Pools[0]; pool.MostPending == nil || *pool.MostPending != 7 || pool.TimeoutsOver == nil || !about(*pool.TimeoutsOver, 120) {
		t.Errorf("over the time: %v waited, %v gave up", pool.MostPending, pool.TimeoutsOver)
	}
	if len(p.Pools) != 1 || *p.Pools[0].AlwaysPending != 7 || *p.Pools[0].Active != *p.Pools[0].Max {
		t.Errorf("pools %+v", p.Pools)
	}
}

// Of refusals that have ceased it is asked when the last one was, and what was sent since.
func TestRefusalsThatCeased(t *testing.T) {
	t.Parallel()
	end := noon.Add(time.Hour)
	last := end.Add(-20 * time.Minute)
	for name, c := range map[string]struct {
		sent func(at time.Time) int
		want float64
	}{
		"nothing was sent since":     {func(time.Time) int { return 40 }, 0},
		"what was sent came through": {func(at time.Time) int { return 40 + max(0, int(at.Sub(last).Minutes())/10) }, 2},
		"nothing was ever sent":      {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var past promtest.Past
			for at := noon; !at.After(end); at = at.Add(promtest.Every) {
				page := []string{promtest.Closed("kafka-publisher").String(), promtest.Started(noon.Add(-time.Hour))}
				if refused := min(3, int(at.Add(30*time.Minute).Sub(last).Minutes())/10); refused > 0 {
					page = append(page, fmt.Sprintf(`spring_kafka_template_seconds_count{result="failure",exception="TopicAuthorizationException"} %d`, refused))
				}
				if c.sent != nil {
					page = append(page, fmt.Sprintf(`spring_kafka_template_seconds_count{result="success",exception="none"} %d`, c.sent(at)))
				}
				past.Scrape("a", at, page...)
			}
			p := client(t, promtest.Start(t, &past).URL, promql.Options{}).Past(t.Context(), promql.Span{Since: noon, Until: end, Live: true, Interval: promtest.Every})
			if len(p.Errors) != 1 || p.Errors[0].Last.Sub(last).Abs() > promtest.Every || p.Errors[0].SentSince != c.want {
				t.Errorf("%+v %v, want the last at %s and %v sent since", p.Errors, p.Source.Err, last, c.want)
			}
		})
	}
}

// A counter of failures by exception is not there before the first of them. What it
// begins with has failed in the time, if the instance was scraped before, or was not
// yet running; if it was not scraped, nobody knows when.
func TestACounterThatBegins(t *testing.T) {
	t.Parallel()
	end := noon.Add(time.Hour)
	const failures = `spring_kafka_template_seconds_count{result="failure",exception="TopicAuthorizationException"} 57`
	for name, c := range map[string]struct {
		scraped, started, from time.Time // first scraped, its start, the first failures
		window                 time.Duration
		count, recent          float64
	}{
		"while it is scraped":               {noon, noon.Add(-time.Hour), end.Add(-20 * time.Second), 30 * time.Minute, 57, 57. / 60},
		"earlier in the time":               {noon, noon.Add(-time.Hour), end.Add(-20 * time.Minute), 30 * time.Minute, 57, 0},
		"before the time":                   {noon, noon.Add(-time.Hour), end.Add(-40 * time.Minute), 30 * time.Minute, 0, 0},
		"with a new instance":               {end.Add(-20 * time.Second), end.Add(-30 * time.Second), noon, 30 * time.Minute, 57, 57. / 60},
		"with an old one, newly scraped":    {end.Add(-20 * time.Second), noon.Add(-time.Hour), noon, 30 * time.Minute, 0, 0},
		"with a new one, earlier, and over": {end.Add(-10 * time.Minute), end.Add(-11 * time.Minute), noon, 30 * time.Minute, 57, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var past promtest.Past
			for at := noon; !at.After(end); at = at.Add(promtest.Every) {
				if at.Before(c.scraped) {
					continue
				}
				page := []string{promtest.Closed("kafka-publisher").String(), promtest.Started(c.started)}
				if !at.Before(c.from) {
					page = append(page, failures)
				}
				past.Scrape("a", at, page...)
			}
			p := askPast(t, &past, end.Add(-c.window), end)
			var got promql.ErrorCount
			for _, e := range p.Errors {
				got = e
			}
			if got.Count != c.count || math.Abs(got.Recent-c.recent) > 0.001 {
				t.Errorf("%v failed, %v a second now, want %v and %v", got.Count, got.Recent, c.count, c.recent)
			}
		})
	}
}

// The first requests that are answered with a status begin its series: where they all
// came between two scrapes, nothing was counted. What an instance has served since its
// start, before anybody scraped it, is no burst.
func TestAStatusThatBegins(t *testing.T) {
	t.Parallel()
	end := noon.Add(time.Hour)
	before := func(minutes int) time.Time { return end.Add(-time.Duration(minutes) * time.Minute) }
	long := noon.Add(-time.Hour)
	for name, c := range map[string]struct {
		scraped, started time.Time // first scraped, its start
		restarted        time.Time // where it was; then it has not failed since
		failed           time.Time // from when on there are the failures
		served           float64   // in the half hour
		count, now       float64   // that failed in it, and in its last five minutes
	}{
		"while it is scraped":              {noon, long, end, before(20), 3600, 300, 0},
		"while it is scraped, just now":    {noon, long, end, before(2), 3600, 300, 300},
		"before the time":                  {noon, long, end, before(40), 3600, 0, 0},
		"with an old one, newly scraped":   {before(10), long, end, long, 1200, 0, 0},
		"with an old one, just scraped":    {before(2), long, end, long, 250, 0, 0},
		"with a new instance":              {before(10), before(10).Add(-20 * time.Second), end, noon, 1210, 300, 0},
		"before a restart":                 {noon, long, before(10), before(20), 3600, 300, 0},
		"before a restart, both just now":  {noon, long, before(2), before(3), 3600, 300, 300},
		"restarted, and it never happened": {noon, long, before(2), end.Add(time.Hour), 3600, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var past promtest.Past
			for at := c.scraped; !at.After(end); at = at.Add(promtest.Every) {
				started, n := c.started, 1_000_000
				if at.After(c.restarted) {
					started, n = c.restarted, 0
				} else if !started.Equal(long) {
					n = 0
				}
				page := []string{promtest.Started(started), served("/payments/authorize", "200", n+int(at.Sub(started).Seconds())*2, 0)}
				if !at.Before(c.failed) && !at.After(c.restarted) {
					page = append(page, served("/payments/authorize", "500", 300, 0))
				}
				past.Scrape("a", at, page...)
			}
			p := askPast(t, &past, before(30), end)
			if len(p.HTTP.Routes) != 1 {
				t.Fatalf("%+v", p.HTTP.Routes)
			}
			if got := p.HTTP.Routes[0].Status; !about(got["200"], c.served) || !about(got["500"], c.count) {
				t.Errorf("%.0f served and %.0f failed, want %.0f and %.0f", got["200"], got["500"], c.served, c.count)
			}
			if got := p.HTTP.FiveMinutes.S5xx; !about(got, c.now) {
				t.Errorf("%.0f failed in five minutes, want %.0f", got, c.now)
			}
			if got := sumOf(p, promql.Line5xx); !about(got, c.count) {
				t.Errorf("%.0f failed by the line, want %.0f", got, c.count)
			}
		})
	}
}

// sumOf is what a line of rates comes to over its time.
func sumOf(p promql.Past, name promql.LineName) (sum float64) {
	for _, l := range p.Lines {
		for _, x := range l.Points {
			if l.Name == name && x.Value != nil {
				sum += *x.Value * p.Step.Seconds()
			}
		}
	}
	return sum
}
