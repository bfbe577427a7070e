package promql_test

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

// ask asks a server as the tools do.
func ask(t *testing.T, p *promtest.Prometheus) promql.Facts {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := promql.New(promql.Options{URL: u}).Breakers(t.Context())
	if !f.Source.OK() {
		t.Fatalf("asked %s: %v", f.Source.Asked, f.Source.Err)
	}
	return f
}

func breaker(t *testing.T, f promql.Facts, instance, name string) promql.Breaker {
	t.Helper()
	for _, i := range f.Instances {
		for _, b := range i.Breakers {
			if string(i.Name) == instance && string(b.Name) == name {
				return b
			}
		}
	}
	t.Fatalf("no %s of %s in %+v", name, instance, f.Instances)
	return promql.Breaker{}
}

func number(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func TestBreakersAsTheyAreScraped(t *testing.T) {
	t.Parallel() // starting Prometheus is waiting
	started := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	pg := promtest.Breaker{Name: "pg-auth-api", States: []string{"closed"}, FailureRate: 22, SlowCallRate: 3.5, Successful: 78, Failed: 22, Slow: 3}
	odd := promtest.Closed("odd").In("open", "closed")
	odd.FailureRate = math.NaN()
	// The label is one of the service registry: the address is not in it.
	a := promtest.NewInstance(t, "host:ingest-service:8080", promtest.Closed("kafka-publisher").String(), pg.String(), odd.String(), promtest.Started(started))
	b := promtest.NewInstance(t, "", promtest.Closed("kafka-publisher").In("open").String(), promtest.Closed("none").In().String(), promtest.Closed("new").In("half_closed").String())
	p := promtest.Start(t, nil, a, b)
	f := ask(t, p)

	if len(f.Instances) != 2 || !f.Local || !f.Targets || time.Since(f.At).Abs() > time.Minute {
		t.Fatalf("%+v", f)
	}
	i := f.Instances[slices.IndexFunc(f.Instances, func(i promql.Instance) bool { return string(i.Name) == a.Label })]
	if i.Address != a.Addr() || !i.Up || i.Interval != promtest.Interval || !i.Started.Equal(started) || f.At.Sub(i.UpAt) > time.Minute {
		t.Errorf("instance %+v", i)
	}
	got := breaker(t, f, a.Label, "pg-auth-api")
	if got.State != "CLOSED" || number(got.FailureRate) != 22 || number(got.SlowCallRate) != 3.5 || *got.Successful != 78 || *got.Failed != 22 || *got.SlowSuccessful != 3 {
		t.Errorf("pg-auth-api %+v", got)
	}
	if age := f.At.Sub(got.At); age < 0 || age > time.Minute {
		t.Errorf("its sample is %s old", age)
	}
	if k := breaker(t, f, a.Label, "kafka-publisher"); k.FailureRate != nil || k.SlowCallRate != nil {
		t.Errorf("-1 became a rate: %+v", k)
	}
	if o := breaker(t, f, a.Label, "odd"); o.State != "" || !slices.Equal(slices.Sorted(slices.Values(o.Ones)), []string{"CLOSED", "OPEN"}) || o.FailureRate != nil {
		t.Errorf("two states at once became %+v", o)
	}
	if o := breaker(t, f, b.Addr(), "none"); o.State != "" || len(o.Ones) != 0 {
		t.Errorf("no state became %+v", o)
	}
	if k := breaker(t, f, b.Addr(), "kafka-publisher"); k.State != "OPEN" {
		t.Errorf("kafka-publisher of the second instance: %+v", k)
	}
}

func TestCallsASecond(t *testing.T) {
	now := time.Now()
	pg := promtest.Closed("pg-auth-api")
	var past promtest.Past
	for at := now.Add(-6 * time.Minute); at.Before(now); at = at.Add(promtest.Every) {
		pg.FailedTotal += 45
		pg.TurnedAwayAll += 600
		past.Scrape("a", at, pg.String(), fmt.Sprintf("resilience4j_circuitbreaker_calls_seconds_count{name=\"pg-auth-api\",kind=\"successful\"} %v\n", 2*pg.FailedTotal))
	}
	got := breaker(t, ask(t, promtest.Start(t, &past)), "a", "pg-auth-api")
	if failed, away := number(got.FailedPerSecond), number(got.NotPermittedPerSecond); math.Abs(failed-3) > 0.1 || math.Abs(away-40) > 1 {
		t.Errorf("%v calls/s failed, %v turned away, want 3 and 40", failed, away)
	}
	if succeeded := number(got.SuccessfulPerSecond); math.Abs(succeeded-6) > 0.2 {
		t.Errorf("%v calls/s succeeded, want 6", succeeded)
	}
}

// near reports whether two times are within a scrape of each other.
func near(a, b time.Time) bool { return a.Sub(b).Abs() <= promtest.Every }

func TestHistory(t *testing.T) {
	now := time.Now()
	const instance = "a"
	var toAndFro []promtest.Stay
	for range 8 {
		toAndFro = append(toAndFro, promtest.Stay{State: "open", For: 30 * time.Second}, promtest.Stay{State: "half_open", For: 2 * time.Minute})
	}
	closed := func(d time.Duration) promtest.Stay { return promtest.Stay{State: "closed", For: d} }
	open := func(d time.Duration) promtest.Stay { return promtest.Stay{State: "open", For: d} }
	var past promtest.Past
	past.Stays(instance, "steady", now, closed(20*time.Hour)).
		Stays(instance, "lately", now, closed(5*time.Hour), open(10*time.Minute)).
		Stays(instance, "earlier", now, open(time.Hour), closed(9*time.Hour)).
		Stays(instance, "flapping", now, append([]promtest.Stay{closed(3 * time.Hour)}, toAndFro...)...).
		Stays(instance, "recovered", now, append(toAndFro, closed(2*time.Minute), open(time.Minute))...).
		Stays(instance, "new", now, closed(promtest.Every)).
		// A change that falls into a time without scrapes is as uncertain as that is long.
		Stays(instance, "gap", now.Add(-40*time.Minute), open(10*time.Minute)).Stays(instance, "gap", now, closed(time.Minute))
	f := ask(t, promtest.Start(t, &past))

	for name, want := range map[string]struct {
		state            string
		since            time.Duration // before now; 0 for no change
		uncertain        time.Duration
		from             time.Duration
		swings, reopened int
	}{
		"steady":    {"CLOSED", 0, 0, 20 * time.Hour, 0, 0},
		"lately":    {"OPEN", 10 * time.Minute, promtest.Every, 5*time.Hour + 10*time.Minute, 0, 0},
		"earlier":   {"CLOSED", 9 * time.Hour, promtest.Every, 10 * time.Hour, 0, 0},
		"flapping":  {"HALF_OPEN", 2 * time.Minute, promtest.Every, 3*time.Hour + 20*time.Minute, 15, 7},
		"recovered": {"OPEN", time.Minute, promtest.Every, 23 * time.Minute, 0, 0},
		"new":       {"CLOSED", 0, 0, 0, 0, 0},
		"gap":       {"CLOSED", time.Minute, 39*time.Minute + promtest.Every, 50 * time.Minute, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := breaker(t, f, instance, name)
			h := b.History
			if b.State != want.state {
				t.Errorf("%s, want %s", b.State, want.state)
			}
			if want.since == 0 && !h.Since.IsZero() {
				t.Errorf("since %s, want no change", h.Since)
			}
			if want.since != 0 && (!near(h.Since, now.Add(-want.since)) || h.Since.Sub(h.Before) != want.uncertain) {
				t.Errorf("since %s, not yet at %s, want %s within %s", h.Since, h.Before, now.Add(-want.since), want.uncertain)
			}
			if from := now.Add(-want.from); h.From.Before(from.Add(-time.Minute)) || h.From.After(from.Add(6*time.Minute)) {
				t.Errorf("history begins %s, want about %s", h.From, from)
			}
			if left := map[string]time.Duration{"lately": 10 * time.Minute, "flapping": 20 * time.Minute, "recovered": time.Minute}[name]; left == 0 && !h.Left.IsZero() || left != 0 && !near(h.Left, now.Add(-left)) {
				t.Errorf("left CLOSED at %s, want %s", h.Left, now.Add(-left))
			}
			if h.Swings != want.swings || h.Reopened != want.reopened {
				t.Errorf("%d swings, %d reopened, want %d, %d", h.Swings, h.Reopened, want.swings, want.reopened)
			}
		})
	}
}

func TestInstancesThatAreNotScrapedNow(t *testing.T) {
	t.Parallel() // starting Prometheus is waiting
	a, b := promtest.NewInstance(t, "a", promtest.Healthy()), promtest.NewInstance(t, "b", promtest.Closed("kafka-publisher").In("open").String())
	p := promtest.Start(t, nil, a, b)
	b.Break(true)
	p.AwaitScrapes(t, b)
	f := ask(t, p)
	down := f.Instances[1]
	if string(down.Name) != "b" || down.Up || down.UpAt.Before(f.At.Add(-time.Minute)) || down.ScrapeError == "" {
		t.Errorf("an instance that fails its scrapes: %+v", down)
	}
	// The series have ended; what was seen last is told with its time.
	if last := breaker(t, f, "b", "kafka-publisher"); last.State != "OPEN" || !last.At.Before(down.UpAt) {
		t.Errorf("what was seen last: %+v, and the failed scrape was at %s", last, down.UpAt)
	}

	p.Scrape(t, a)
	p.Await(t, `up{instance="b"}`, false)
	f = ask(t, p)
	if gone := f.Instances[1]; string(gone.Name) != "b" || !gone.UpAt.Before(f.At) {
		t.Errorf("an instance that is no longer scraped: %+v", gone)
	}
}

func TestNoData(t *testing.T) {
	now := time.Now()
	last := now.Add(-30 * time.Minute)
	var past promtest.Past
	past.Scrapes("a", now.Add(-time.Hour), last, promtest.Healthy())
	f := ask(t, promtest.Start(t, &past))
	if len(f.Instances) != 0 || f.LastSeen.Sub(last).Abs() > 5*time.Minute {
		t.Errorf("%+v, last seen %s, want %s", f.Instances, f.LastSeen, last)
	}
	if f := ask(t, promtest.Start(t, nil)); len(f.Instances) != 0 || !f.LastSeen.IsZero() || f.At.IsZero() {
		t.Errorf("%+v", f)
	}
}

// Names come from outside, and some are asked about further: they must stay
// names inside of the query.
func TestNamesWithMeaningToPromQL(t *testing.T) {
	now := time.Now()
	const instance, name = `a"} or up{x=~".*`, `b\|.+`
	var past promtest.Past
	past.Stays(instance, name, now, promtest.Stay{State: "closed", For: 5 * time.Minute}, promtest.Stay{State: "open", For: time.Minute}).
		Stays("other", "b", now, promtest.Stay{State: "closed", For: 5 * time.Minute})
	if b := breaker(t, ask(t, promtest.Start(t, &past)), instance, name); b.State != "OPEN" || b.History.Since.IsZero() {
		t.Errorf("%+v", b)
	}
}
