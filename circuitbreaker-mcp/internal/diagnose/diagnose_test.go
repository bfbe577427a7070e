package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/report"
)

// now is Prometheus' clock in the tests.
var now = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

const scrape = 15 * time.Second

// live is a reading of the API that Prometheus agrees with.
func live(breaker, instance, state string) Reading {
	r := scrapedReading(breaker, instance, state)
	r.Live, r.Configured, r.API = true, true, &ingest.Breaker{State: state}
	return r
}

// scrapedReading is a reading of Prometheus alone, of a breaker that has seen no calls.
func scrapedReading(breaker, instance, state string) Reading {
	return Reading{Breaker: breaker, Instance: instance, Label: instance, State: state, Age: 7 * time.Second, Every: scrape,
		Prom: &promql.Breaker{State: state, At: now.Add(-7 * time.Second), Successful: new(0), Failed: new(0), FailedPerSecond: new(0.0)}}
}

// with changes what Prometheus has of a reading.
func (r Reading) with(change func(*promql.Breaker)) Reading {
	p := *r.Prom
	change(&p)
	r.Prom = &p
	return r
}

func rated(failure, slow float64) func(*promql.Breaker) {
	return func(b *promql.Breaker) { b.FailureRate, b.SlowCallRate = &failure, &slow }
}

func status(readings ...Reading) Status {
	return Status{Prom: promql.Facts{At: now}, Readings: readings, Expected: []string{KafkaPublisher, PGAuthAPI}}
}

// expect checks the claims of what a judge found; each want is what one claim
// must hold.
func expect(t *testing.T, found []report.Finding, code catalog.Code, want ...string) {
	t.Helper()
	if len(found) != len(want) {
		t.Fatalf("found %d, want %d: %+v", len(found), len(want), found)
	}
	for i, f := range found {
		if f.Code != code || !strings.Contains(f.Claim, want[i]) {
			t.Errorf("found %s %q, want %s with %q", f.Code, f.Claim, code, want[i])
		}
		if len(f.Evidence) == 0 {
			t.Errorf("%s has no evidence", f.Code)
		}
		if f.Kind != catalog.Source && (len(f.Next) == 0 || f.Confirm == "") {
			t.Errorf("%s says neither what to do nor how to be sure: %+v", f.Code, f)
		}
	}
}

func TestOpen(t *testing.T) {
	full := live(KafkaPublisher, "a", "OPEN")
	full.API = &ingest.Breaker{State: "OPEN", Buffered: 5, Failed: 5, FailureRate: new(100.0), SlowCallRate: new(0.0)}
	for name, x := range map[string]struct {
		readings []Reading
		want     []string
	}{
		"closed":                    {[]Reading{live(KafkaPublisher, "a", "CLOSED")}, nil},
		"half open":                 {[]Reading{live(KafkaPublisher, "a", "HALF_OPEN")}, nil},
		"forced open":               {[]Reading{live(KafkaPublisher, "a", "FORCED_OPEN")}, nil},
		"the payment gateway's":     {[]Reading{scrapedReading(PGAuthAPI, "a", "OPEN")}, nil},
		"not known":                 {[]Reading{{Breaker: KafkaPublisher, Instance: "a"}}, nil},
		"on all":                    {[]Reading{full, live(KafkaPublisher, "b", "OPEN")}, []string{"kafka-publisher is OPEN on 2 of 2 instances, failure rate 100%, slow-call rate 0%"}},
		"on one":                    {[]Reading{full, live(KafkaPublisher, "b", "CLOSED")}, []string{"kafka-publisher is OPEN on 1 of 2 instances (a)"}},
		"on one alone":              {[]Reading{full}, []string{"on 1 of 1 instance,"}},
		"as scraped":                {[]Reading{scrapedReading(KafkaPublisher, "a", "OPEN")}, []string{"kafka-publisher is OPEN on 1 of 1 instance"}},
		"another breaker":           {[]Reading{scrapedReading("stock", "a", "OPEN"), scrapedReading("x\ny", "a", "OPEN")}, []string{"stock is OPEN", `"x\ny" is OPEN`}},
		"perhaps the same instance": {[]Reading{full, scrapedReading(KafkaPublisher, "b", "OPEN"), scrapedReading(KafkaPublisher, "c", "CLOSED")}, []string{"on 1 of 1 API address and on 1 of 2 Prometheus instances (b)"}},
	} {
		t.Run(name, func(t *testing.T) { expect(t, open(status(x.readings...)), catalog.CBOpen, x.want...) })
	}
	f := open(status(full))[0]
	if f.Evidence[0].Value != "kafka-publisher OPEN, 5 of 5 calls failed, 0 slow, 0 turned away, failure rate 100%, slow-call rate 0%" || f.Confirm != "check_kafka_health" {
		t.Errorf("%+v", f)
	}
}

func TestForcedOpen(t *testing.T) {
	for name, x := range map[string]struct {
		readings []Reading
		want     []string
		hurts    string
	}{
		"open by itself":     {[]Reading{live(KafkaPublisher, "a", "OPEN")}, nil, ""},
		"around Kafka":       {[]Reading{live(KafkaPublisher, "a", "FORCED_OPEN"), live(KafkaPublisher, "b", "CLOSED")}, []string{"kafka-publisher is FORCED_OPEN on 1 of 2 instances (a)"}, "go on being sent"},
		"around the gateway": {[]Reading{scrapedReading(PGAuthAPI, "a", "FORCED_OPEN")}, []string{"pg-auth-api is FORCED_OPEN"}, "409"},
	} {
		t.Run(name, func(t *testing.T) {
			found := forcedOpen(status(x.readings...))
			expect(t, found, catalog.CBForcedOpen, x.want...)
			if len(found) > 0 && !strings.Contains(found[0].Blast, x.hurts) {
				t.Errorf("hurts %q", found[0].Blast)
			}
		})
	}
}

func TestDisabled(t *testing.T) {
	for name, x := range map[string]struct {
		readings []Reading
		want     []string
	}{
		"closed":       {[]Reading{live(KafkaPublisher, "a", "CLOSED")}, nil},
		"disabled":     {[]Reading{live(KafkaPublisher, "a", "DISABLED")}, []string{"kafka-publisher is DISABLED on 1 of 1 instance"}},
		"metrics only": {[]Reading{scrapedReading(PGAuthAPI, "a", "METRICS_ONLY")}, []string{"pg-auth-api is METRICS_ONLY"}},
	} {
		t.Run(name, func(t *testing.T) { expect(t, disabled(status(x.readings...)), catalog.CBDisabled, x.want...) })
	}
}

// sinceIts has the scraped state last for some time.
func sinceIts(d time.Duration) func(*promql.Breaker) {
	return func(b *promql.Breaker) { b.History.Since = b.At.Add(-d) }
}

func TestFlapping(t *testing.T) {
	swings := func(n, reopened int) func(*promql.Breaker) {
		return func(b *promql.Breaker) { b.History.Swings, b.History.Reopened = n, reopened }
	}
	old := scrapedReading(KafkaPublisher, "a", "").with(swings(6, 3))
	old.Old = true
	for name, x := range map[string]struct {
		reading Reading
		want    []string
	}{
		"first trial":       {live(KafkaPublisher, "a", "HALF_OPEN").with(swings(1, 0)), nil},
		"steady":            {live(KafkaPublisher, "a", "OPEN"), nil},
		"trial in between":  {live(KafkaPublisher, "a", "HALF_OPEN").with(swings(6, 3)), []string{"between OPEN and HALF_OPEN on 1 of 1 instance, 6 times in the last hour"}},
		"rests since":       {live(KafkaPublisher, "a", "HALF_OPEN").with(swings(6, 3)).with(sinceIts(30 * time.Minute)), nil},
		"just tried again":  {live(KafkaPublisher, "a", "HALF_OPEN").with(swings(6, 3)).with(sinceIts(2 * time.Minute)), []string{"6 times"}},
		"open for long":     {live(KafkaPublisher, "a", "OPEN").with(swings(6, 3)).with(sinceIts(30 * time.Minute)), []string{"6 times"}},
		"open in between":   {live(KafkaPublisher, "a", "OPEN").with(swings(2, 1)), []string{"2 times"}},
		"recovered since":   {live(KafkaPublisher, "a", "CLOSED").with(swings(6, 3)), nil},
		"no longer scraped": {old, nil},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, flapping(status(x.reading)), catalog.CBHalfOpenFlapping, x.want...)
		})
	}
}

func TestDivergence(t *testing.T) {
	since := func(ago time.Duration) func(*promql.Breaker) {
		return func(b *promql.Breaker) { b.History.Since = now.Add(-ago) }
	}
	at := func(ago time.Duration) func(*promql.Breaker) {
		return func(b *promql.Breaker) { b.At = now.Add(-ago) }
	}
	mixed := live(KafkaPublisher, "gateway", "OPEN")
	mixed.Mixed, mixed.Prom = true, nil
	unanswered := Reading{Breaker: KafkaPublisher, Instance: "c", Configured: true}
	behind := live(KafkaPublisher, "a", "CLOSED").with(func(b *promql.Breaker) { b.State = "OPEN" })
	ahead := live(KafkaPublisher, "b", "OPEN").with(func(b *promql.Breaker) { b.State = "CLOSED" })
	restarted := live(KafkaPublisher, "a", "CLOSED").with(since(time.Minute))
	restarted.Started = now.Add(-61 * time.Second)
	tried := func(b *promql.Breaker) { b.History.Swings = 2 }
	for name, x := range map[string]struct {
		readings []Reading
		want     []string
	}{
		"agree":                                {[]Reading{live(KafkaPublisher, "a", "OPEN"), live(KafkaPublisher, "b", "OPEN")}, nil},
		"one alone":                            {[]Reading{live(KafkaPublisher, "a", "OPEN")}, nil},
		"disagree":                             {[]Reading{live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "OPEN")}, []string{"kafka-publisher differs between instances: a CLOSED, b OPEN"}},
		"two phases of one trouble":            {[]Reading{live(KafkaPublisher, "a", "HALF_OPEN"), live(KafkaPublisher, "b", "OPEN")}, nil},
		"two breakers":                         {[]Reading{live(KafkaPublisher, "a", "CLOSED"), scrapedReading(PGAuthAPI, "a", "OPEN")}, nil},
		"one does not answer":                  {[]Reading{live(KafkaPublisher, "a", "CLOSED"), unanswered}, nil},
		"the gateway chose one":                {[]Reading{mixed, scrapedReading(KafkaPublisher, "a", "CLOSED"), scrapedReading(KafkaPublisher, "b", "CLOSED")}, nil},
		"as scraped":                           {[]Reading{scrapedReading(PGAuthAPI, "a", "CLOSED"), scrapedReading(PGAuthAPI, "b", "OPEN").with(since(time.Minute))}, []string{"pg-auth-api differs"}},
		"scraped before and after":             {[]Reading{scrapedReading(PGAuthAPI, "a", "CLOSED").with(at(14 * time.Second)), scrapedReading(PGAuthAPI, "b", "OPEN").with(at(2 * time.Second)).with(since(2 * time.Second))}, nil},
		"Prometheus is behind":                 {[]Reading{behind, live(KafkaPublisher, "b", "CLOSED")}, nil},
		"answer of one, scrape of another":     {[]Reading{live(KafkaPublisher, "a", "CLOSED"), scrapedReading(KafkaPublisher, "b", "OPEN").with(since(time.Minute))}, []string{"a CLOSED, b OPEN"}},
		"the other may be about to open":       {[]Reading{live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "OPEN").with(since(10 * time.Second))}, nil},
		"opened since the last scrape":         {[]Reading{live(KafkaPublisher, "a", "CLOSED"), ahead}, nil},
		"the other did not open":               {[]Reading{live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "OPEN").with(since(time.Minute))}, []string{"a CLOSED, b OPEN"}},
		"opened again after a trial":           {[]Reading{live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "OPEN").with(since(10 * time.Second)).with(tried)}, []string{"a CLOSED, b OPEN"}},
		"the other may be about to close":      {[]Reading{live(KafkaPublisher, "a", "CLOSED").with(since(time.Minute)), live(KafkaPublisher, "b", "HALF_OPEN").with(since(50 * time.Second))}, nil},
		"the other did not close":              {[]Reading{live(KafkaPublisher, "a", "CLOSED").with(since(3 * time.Minute)), live(KafkaPublisher, "b", "HALF_OPEN").with(since(time.Minute))}, []string{"a CLOSED, b HALF_OPEN"}},
		"closed because it began anew":         {[]Reading{restarted, live(KafkaPublisher, "b", "OPEN").with(since(time.Minute))}, []string{"a CLOSED, b OPEN"}},
		"answer and scrape, the latter behind": {[]Reading{behind, scrapedReading(KafkaPublisher, "b", "OPEN").with(since(time.Minute))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, divergence(status(x.readings...)), catalog.CBInstanceDivergence, x.want...)
		})
	}
}

// The sends of a Kafka that takes nothing fail after two minutes, at one instance sooner
// than at another: where the other has begun to count failures they do not differ yet.
func TestAnInstanceThatIsAboutToFollow(t *testing.T) {
	left := func(state string, ago time.Duration) Reading {
		return live(KafkaPublisher, "b", state).with(func(b *promql.Breaker) {
			b.History.Since, b.History.Left, b.History.Swings = now.Add(-20*time.Second), now.Add(-ago), 1
		})
	}
	closed := func(failed int) Reading {
		r := live(KafkaPublisher, "a", "CLOSED")
		r.API.Failed = failed
		return r
	}
	for name, x := range map[string]struct {
		readings []Reading
		found    bool
	}{
		"it has begun to fail":      {[]Reading{closed(2), left("HALF_OPEN", 50*time.Second)}, false},
		"open again":                {[]Reading{closed(4), left("OPEN", 100*time.Second)}, false},
		"nothing fails there":       {[]Reading{closed(0), left("HALF_OPEN", 50*time.Second)}, true},
		"it failed, long ago":       {[]Reading{closed(2), left("HALF_OPEN", 130*time.Second)}, true},
		"it was never seen to open": {[]Reading{closed(2), live(KafkaPublisher, "b", "OPEN")}, true},
	} {
		s := status(append(x.readings, scrapedReading(PGAuthAPI, "a", "CLOSED"))...)
		found, ran := Breakers(s)
		if got := slices.Contains(codesOf(found), catalog.CBInstanceDivergence); got != x.found || slices.Contains(ran, catalog.CBInstanceDivergence) != x.found {
			t.Errorf("%s: found %v, ran %v", name, codesOf(found), ran)
		}
	}
}

// In an outage of Kafka that instances differ is no second cause, and neither is it where
// one of them waits in HALF_OPEN for calls that are counted.
func TestWhatKafkaExplainsIsNoDifference(t *testing.T) {
	open := []Reading{live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "OPEN"), scrapedReading(PGAuthAPI, "a", "CLOSED")}
	long := func(b *promql.Breaker) { b.History.Since = now.Add(-5 * time.Minute) }
	starved := []Reading{live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "HALF_OPEN").with(long), scrapedReading(PGAuthAPI, "a", "CLOSED")}
	one := func(code catalog.Code) []report.Finding { return []report.Finding{report.NewFinding(code, "it is so")} }
	for name, x := range map[string]struct {
		v     Versus
		found bool
	}{
		"Kafka is gone":          {Versus{Status: status(open...), Kafka: one(catalog.KafkaBrokersUnreachable), Asked: true}, false},
		"Kafka is well":          {Versus{Status: status(open...), Asked: true}, true},
		"Kafka was not asked":    {Versus{Status: status(starved...)}, true},
		"what opens no breaker":  {Versus{Status: status(open...), Kafka: one(catalog.KafkaTopicMissing), Asked: true}, true},
		"starved":                {Versus{Status: status(starved...), Asked: true}, false},
		"starved, and one open":  {Versus{Status: status(append(starved, live(KafkaPublisher, "c", "OPEN"))...), Asked: true}, true},
		"the gateway's, besides": {Versus{Status: status(live(KafkaPublisher, "a", "OPEN"), scrapedReading(PGAuthAPI, "a", "CLOSED"), scrapedReading(PGAuthAPI, "b", "OPEN").with(long)), Kafka: one(catalog.KafkaBrokersUnreachable), Asked: true}, true},
	} {
		found, ran := Breakers(x.v.Explained())
		if got := slices.Contains(codesOf(found), catalog.CBInstanceDivergence); got != x.found || slices.Contains(ran, catalog.CBInstanceDivergence) != x.found {
			t.Errorf("%s: found %v, ran %v", name, codesOf(found), ran)
		}
	}
}

// While one may be about to follow another nothing is found, and nothing ruled out.
func TestDivergenceIsNotRuledOutTooSoon(t *testing.T) {
	opened := live(KafkaPublisher, "b", "OPEN").with(func(b *promql.Breaker) { b.History.Since = now.Add(-10 * time.Second) })
	for want, s := range map[bool]Status{
		true:  status(live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", "CLOSED"), scrapedReading(PGAuthAPI, "a", "CLOSED")),
		false: status(live(KafkaPublisher, "a", "CLOSED"), opened, scrapedReading(PGAuthAPI, "a", "CLOSED")),
	} {
		if _, ran := Breakers(s); slices.Contains(ran, catalog.CBInstanceDivergence) != want {
			t.Errorf("ran %v, with divergence: want %t", ran, want)
		}
	}
}

func TestDivergenceHurts(t *testing.T) {
	for state, want := range map[string]string{"OPEN": "the traffic of", "FORCED_OPEN": "the traffic of", "DISABLED": "no protection", "METRICS_ONLY": "no protection"} {
		found := divergence(status(live(KafkaPublisher, "a", "CLOSED"), live(KafkaPublisher, "b", state)))
		if len(found) != 1 || !strings.Contains(found[0].Blast, want) {
			t.Errorf("%s: %+v, want it to hurt %q", state, found, want)
		}
	}
}

func TestPGAuthOpen(t *testing.T) {
	away := func(v float64) func(*promql.Breaker) {
		return func(b *promql.Breaker) { b.NotPermittedPerSecond = &v }
	}
	for name, x := range map[string]struct {
		readings []Reading
		want     []string
	}{
		"closed":               {[]Reading{scrapedReading(PGAuthAPI, "a", "CLOSED")}, nil},
		"Kafka's is open":      {[]Reading{live(KafkaPublisher, "a", "OPEN")}, nil},
		"open":                 {[]Reading{scrapedReading(PGAuthAPI, "a", "OPEN").with(rated(100, 0)).with(away(40)), scrapedReading(PGAuthAPI, "b", "OPEN").with(rated(60, 0)).with(away(2.5))}, []string{"pg-auth-api is OPEN on 2 of 2 instances, failure rate 100%, slow-call rate 0%, 42.5 calls/s turned away"}},
		"open without traffic": {[]Reading{scrapedReading(PGAuthAPI, "a", "OPEN"), scrapedReading(PGAuthAPI, "b", "CLOSED")}, []string{"pg-auth-api is OPEN on 1 of 2 instances (a): the payment gateway is not asked"}},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, pgAuthOpen(status(x.readings...)), catalog.PGAuthBreakerOpen, x.want...)
		})
	}
}

func TestPGAuthSlow(t *testing.T) {
	for name, x := range map[string]struct {
		reading Reading
		want    []string
	}{
		"fast":            {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(2, 49.9)), nil},
		"no rates":        {scrapedReading(PGAuthAPI, "a", "CLOSED"), nil},
		"slow":            {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(2, 68)), []string{"slow on 1 of 1 instance: 68% of its calls take longer than 2 s (the repository's limit), 2% fail"}},
		"open by it":      {scrapedReading(PGAuthAPI, "a", "OPEN").with(rated(0, 50)), []string{"50%"}},
		"slow by failing": {scrapedReading(PGAuthAPI, "a", "OPEN").with(rated(50, 90)), nil},
		"Kafka's":         {scrapedReading(KafkaPublisher, "a", "CLOSED").with(rated(0, 90)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, pgAuthSlow(status(x.reading)), catalog.PGAuthDegradedSlow, x.want...)
		})
	}
}

// With nine calls buffered and eight of them failed the gateway's codes were ruled out,
// and so they were while HALF_OPEN, in which nobody knows yet.
func TestPGAuthIsNotRuledOutWithoutARate(t *testing.T) {
	counted := func(failed, successful int, perSecond float64) Reading {
		return scrapedReading(PGAuthAPI, "a", "CLOSED").with(func(b *promql.Breaker) {
			b.Failed, b.Successful, b.FailedPerSecond = &failed, &successful, &perSecond
		})
	}
	for name, x := range map[string]struct {
		reading  Reading
		ruledOut bool
		doubt    string
	}{
		"idle":                       {counted(0, 0, 0), true, ""},
		"few calls, all well":        {counted(0, 8, 0), true, ""},
		"one failed":                 {counted(1, 3, 0.003), false, ""},
		"most fail":                  {counted(8, 1, 0.03), false, "8 of the last 9 calls to the payment gateway failed on 1 of 1 instance"},
		"all failed, no call since":  {counted(4, 0, 0), false, "4 of the last 4 calls"},
		"failed long ago":            {counted(3, 5, 0), false, ""},
		"a rate that is well":        {counted(3, 97, 0.01).with(rated(3, 0)), true, ""},
		"half open":                  {scrapedReading(PGAuthAPI, "a", "HALF_OPEN"), false, "which a timer sets"},
		"forced open counts nothing": {scrapedReading(PGAuthAPI, "a", "FORCED_OPEN"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := status(x.reading, live(KafkaPublisher, "a", "CLOSED"))
			_, ran := Breakers(s)
			for _, code := range []catalog.Code{catalog.PGAuthBreakerOpen, catalog.PGAuthFailures, catalog.PGAuthDegradedSlow} {
				if slices.Contains(ran, code) != x.ruledOut {
					t.Errorf("%s among those judged: %v", code, !x.ruledOut)
				}
			}
			got := strings.Join(Doubts(s), "; ")
			if (got == "") != (x.doubt == "") || !strings.Contains(got, x.doubt) {
				t.Errorf("doubts %q, want %q", got, x.doubt)
			}
		})
	}
}

// A rate that is missing, or NaN, is none that is well: without the number of calls
// beside it, what it would tell was ruled out.
func TestPGAuthIsNotRuledOutWithoutNumbers(t *testing.T) {
	without := func(perSecond float64, more ...func(*promql.Breaker)) Reading {
		r := scrapedReading(PGAuthAPI, "a", "CLOSED").with(func(b *promql.Breaker) { b.Successful, b.Failed, b.SuccessfulPerSecond = nil, nil, &perSecond })
		for _, m := range more {
			r = r.with(m)
		}
		return r
	}
	counts := func(b *promql.Breaker) { b.Successful, b.Failed = new(100), new(0) }
	failed := func(b *promql.Breaker) { b.FailureRate = new(0.0) }
	const untold = "how many calls to the payment gateway fail is not known on 1 of 1 instance: Prometheus has no number of it; " +
		"how many calls to the payment gateway are slow is not known on 1 of 1 instance: Prometheus has no number of it"
	for name, x := range map[string]struct {
		reading        Reading
		failures, slow bool // ruled out
		doubt          string
	}{
		"rates and counts":   {without(10, counts, rated(0, 0)), true, true, ""},
		"rates alone":        {without(10, rated(0, 0)), true, true, ""},
		"neither":            {without(10), false, false, untold},
		"neither, no calls":  {without(0), false, false, ""},
		"counts, NaN rates":  {without(10, counts), true, false, strings.SplitAfter(untold, "; ")[1]},
		"NaN, none is slow":  {without(10, counts, func(b *promql.Breaker) { b.SlowSuccessful, b.SlowFailed = new(0), new(0) }), true, true, ""},
		"NaN, some are slow": {without(10, counts, func(b *promql.Breaker) { b.SlowSuccessful, b.SlowFailed = new(60), new(0) }), true, false, strings.SplitAfter(untold, "; ")[1]},
		"no slow-call rate":  {without(10, failed), true, false, strings.SplitAfter(untold, "; ")[1]},
		"forced, so no rate": {scrapedReading(PGAuthAPI, "a", "FORCED_OPEN").with(func(b *promql.Breaker) { b.Successful, b.Failed = nil, nil }), true, true, ""},
	} {
		s := status(x.reading, live(KafkaPublisher, "a", "CLOSED"))
		_, ran := Breakers(s)
		if slices.Contains(ran, catalog.PGAuthFailures) != x.failures || slices.Contains(ran, catalog.PGAuthDegradedSlow) != x.slow {
			t.Errorf("%s: judged %v", name, ran)
		}
		if got := strings.Join(Doubts(s), "; "); got != x.doubt {
			t.Errorf("%s: doubts %q, want %q", name, got, x.doubt)
		}
	}
}

// What is slow takes over 2 s: with one call in twenty of them p95 is over 2 s, and the
// code was ruled out up to half of them.
func TestPGAuthSlowForSome(t *testing.T) {
	of := func(buffered int, slow, perSecond float64) Reading {
		return scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(1, slow)).with(func(b *promql.Breaker) {
			b.Successful, b.Failed, b.SuccessfulPerSecond = &buffered, new(0), &perSecond
		})
	}
	for name, x := range map[string]struct {
		reading  Reading
		ruledOut bool
		doubt    string
	}{
		"quick":               {of(100, 0, 10), true, ""},
		"one in twenty":       {of(100, 5, 10), true, ""},
		"one in eight":        {of(100, 12, 10), false, "12% of the last 100 calls to the payment gateway took longer than 2 s on 1 of 1 instance"},
		"too few calls":       {of(12, 8.3, 10), false, ""},
		"no calls come":       {of(100, 12, 0), false, ""},
		"calls of hours":      {of(100, 12, 0.02), false, ""},
		"half of them":        {of(100, 50, 10), false, "at which the repository's settings open it"},
		"not known how many":  {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(1, 12)), false, ""},
		"Kafka's may be slow": {scrapedReading(PGAuthAPI, "a", "CLOSED"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := status(x.reading, live(KafkaPublisher, "a", "CLOSED").with(rated(0, 20)))
			found, ran := Breakers(s)
			if slices.Contains(ran, catalog.PGAuthDegradedSlow) != x.ruledOut || !slices.Contains(ran, catalog.PGAuthFailures) {
				t.Errorf("ran %v", ran)
			}
			got := strings.Join(Doubts(s), "; ")
			if (got == "") != (x.doubt == "") || !strings.Contains(got, x.doubt) {
				t.Errorf("doubts %q, want %q; found %v", got, x.doubt, codesOf(found))
			}
		})
	}
}

func TestPGAuthFailures(t *testing.T) {
	failing := func(v float64) func(*promql.Breaker) { return func(b *promql.Breaker) { b.FailedPerSecond = &v } }
	for name, x := range map[string]struct {
		reading Reading
		want    []string
	}{
		"few":                   {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(9.9, 0)).with(failing(3)), nil},
		"many":                  {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(22, 0)).with(failing(3)), []string{"failure rate 22%, 900 failures in 5 min"}},
		"one of ten":            {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(10, 0)).with(failing(1.1 / 300)), nil},
		"three of ten":          {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(30, 0)).with(failing(3.0 / 300)), []string{"3 failures in 5 min"}},
		"of another time":       {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(22, 0)).with(failing(0)), nil},
		"of no one knows when":  {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(22, 0)).with(func(b *promql.Breaker) { b.FailedPerSecond = nil }), nil},
		"set to open later":     {scrapedReading(PGAuthAPI, "a", "CLOSED").with(rated(70, 0)).with(failing(3)), []string{"failure rate 70%, 900 failures in 5 min; the breaker is closed all the same"}},
		"so many that it opens": {scrapedReading(PGAuthAPI, "a", "OPEN").with(rated(50, 0)).with(failing(3)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, pgAuthFailures(status(x.reading)), catalog.PGAuthFailures, x.want...)
		})
	}
}

// instance is one of Prometheus whose last scrape was a time ago.
func instance(label string, up bool, ago time.Duration) promql.Instance {
	return withName(promql.Instance{Up: up, UpAt: now.Add(-ago), Interval: scrape}, label)
}

func failed(class fault.Class) fault.Source {
	return fault.Source{Asked: "GET /x", Err: &fault.Failure{Class: class, Said: "so it said"}}
}

func TestIngestDown(t *testing.T) {
	silent := ingest.Instance{Name: "10.0.0.1:8080", Address: "10.0.0.1:8080", Source: failed(fault.Unreachable)}
	gateway := ingest.Instance{Name: "gw:80", Address: "gw:80", Source: failed(fault.BadGateway)}
	other := ingest.Instance{Name: "10.0.0.2:8080", Address: "10.0.0.2:8080"}
	lost := ingest.Instance{Name: "10.0.0.1:8080", Address: "10.0.0.1:8080", Source: failed(fault.MissingPath)}
	up := instance("10.0.0.1:8080", true, 3*time.Second)
	upToo := instance("10.0.0.2:8080", true, 3*time.Second)
	notUp := instance("10.0.0.1:8080", false, 3*time.Second)
	left := instance("10.0.0.1:8080", true, 2*time.Minute)
	for name, x := range map[string]struct {
		api      []ingest.Instance
		prom     promql.Facts
		want     []string
		severity catalog.Severity
	}{
		"answers":                          {[]ingest.Instance{other}, promql.Facts{}, nil, ""},
		"silent and scraped":               {[]ingest.Instance{silent}, promql.Facts{Instances: []promql.Instance{up}}, nil, ""},
		"gateway without instances":        {[]ingest.Instance{gateway}, promql.Facts{LastSeen: now.Add(-time.Hour)}, []string{"the ingest service is down: no API address answers (bad_gateway), and Prometheus scrapes none"}, catalog.Critical},
		"scrapes fail":                     {[]ingest.Instance{silent}, promql.Facts{Instances: []promql.Instance{notUp}}, []string{"no scrape of it works"}, catalog.Critical},
		"no longer scraped":                {[]ingest.Instance{silent}, promql.Facts{Instances: []promql.Instance{left}}, []string{"no scrape of it works"}, catalog.Critical},
		"never scraped: perhaps misguided": {[]ingest.Instance{silent}, promql.Facts{}, []string{"the ingest service is down"}, catalog.Low},
		"Prometheus is silent too":         {[]ingest.Instance{silent}, promql.Facts{Source: failed(fault.Unreachable)}, nil, ""},
		"something answers":                {[]ingest.Instance{lost}, promql.Facts{Instances: []promql.Instance{notUp}}, nil, ""},
		"one of two":                       {[]ingest.Instance{silent, other}, promql.Facts{Instances: []promql.Instance{notUp, upToo}}, []string{"ingest instance 10.0.0.1:8080 is down"}, catalog.High},
		"one of two, under another name":   {[]ingest.Instance{silent, other}, promql.Facts{Instances: []promql.Instance{instance("eureka:1", false, 3*time.Second), upToo}}, nil, ""},
		"both":                             {[]ingest.Instance{silent, gateway}, promql.Facts{Instances: []promql.Instance{notUp}}, []string{"(unreachable, bad_gateway)"}, catalog.Critical},
	} {
		t.Run(name, func(t *testing.T) {
			x.prom.At = now
			found := ingestDown(Status{API: x.api, Prom: x.prom})
			expect(t, found, catalog.IngestDown, x.want...)
			if len(found) > 0 && found[0].Severity != x.severity {
				t.Errorf("severity %s, want %s", found[0].Severity, x.severity)
			}
		})
	}
	// Of a service whose other instances were not looked at, nothing is known.
	asked := Status{API: []ingest.Instance{silent}, Prom: promql.Facts{At: now, Instances: []promql.Instance{notUp}}}.Select("", silent.Name)
	expect(t, ingestDown(asked), catalog.IngestDown, "ingest instance 10.0.0.1:8080 is down")
}

// A service that is down fails every source with one message, which the answer
// does not repeat for each finding and instance.
func TestIngestDownIsToldOnce(t *testing.T) {
	var s Status
	s.Prom = promql.Facts{At: now}
	for _, name := range []string{"a:1", "b:1", "c:1"} {
		s.API = append(s.API, ingest.Instance{Name: name, Address: name, Source: failed(fault.Unreachable)})
		i := instance(name, false, time.Second)
		set(&i.ScrapeError, "connection refused by "+name)
		s.Prom.Instances = append(s.Prom.Instances, i)
	}
	found, _ := Breakers(s)
	var all strings.Builder
	codes := 0
	for _, f := range found {
		codes++
		for _, e := range f.Evidence {
			all.WriteString(e.Value + "\n")
		}
	}
	if codes != 3 {
		t.Errorf("found %+v, want INGEST_DOWN, SRC_API_UNREACHABLE and SRC_PROM_STALE", found)
	}
	if n := strings.Count(all.String(), "connection refused by a:1"); n != 1 {
		t.Errorf("the error of the scrape is told %d times:\n%s", n, all.String())
	}
}

func TestAPIFailures(t *testing.T) {
	for class, code := range map[fault.Class]catalog.Code{
		fault.Unreachable: catalog.SrcAPIUnreachable, fault.Disconnected: catalog.SrcAPIUnreachable, fault.Timeout: catalog.SrcAPITimeout,
		fault.BadGateway: catalog.SrcAPIBadGateway, fault.MissingPath: catalog.SrcAPINotFound, fault.NotJSON: catalog.SrcAPINotJSON,
		fault.Schema: catalog.SrcAPISchema, fault.Auth: catalog.SrcPartialResult, fault.Permission: catalog.SrcPartialResult, fault.BadStatus: catalog.SrcPartialResult,
	} {
		found := apiFailures(Status{API: []ingest.Instance{{Name: "a"}, {Name: "b", Source: failed(class)}}})
		expect(t, found, code, "1 of 2 API addresses did not tell the state: "+string(class)+" (b)")
		if e := found[0].Evidence[0]; e.Asked != "GET /x" || e.Value != string(class)+`: "so it said"` {
			t.Errorf("%+v", e)
		}
	}
	several := apiFailures(Status{API: []ingest.Instance{{Name: "a", Source: failed(fault.Timeout)}, {Name: "b", Source: failed(fault.Timeout)}}})
	expect(t, several, catalog.SrcAPITimeout, "2 of 2 API addresses did not tell the state: timeout (a, b)")

	// Found elsewhere: to be told, and no reason to doubt.
	found := apiFailures(Status{API: []ingest.Instance{{Name: "gw", Base: "http://gw", Path: "/api/circuit-breaker/status", Missing: []string{"http://gw/circuit-breaker/status"}}}})
	expect(t, found, catalog.SrcAPINotFound, "http://gw/circuit-breaker/status is not found; http://gw/api/circuit-breaker/status answered: the gateway")
	if found[0].Verdict != catalog.OK || found[0].Severity != catalog.Info {
		t.Errorf("%+v", found[0])
	}
}

func TestPromFailures(t *testing.T) {
	both := []promql.Breaker{withBreaker(KafkaPublisher, now), withBreaker(PGAuthAPI, now)}
	up := instance("a", true, time.Second)
	up.Breakers = both
	oneShort := instance("b", true, time.Second)
	oneShort.Breakers = both[:1]
	ended := instance("b", true, time.Second)
	ended.Breakers = []promql.Breaker{both[0], withBreaker(PGAuthAPI, now.Add(-10*time.Minute))}
	notUp := instance("b", false, time.Second)
	notUp.Breakers = []promql.Breaker{withBreaker(KafkaPublisher, now.Add(-10*time.Minute))}
	left := instance("b", true, 4*time.Minute)
	for name, x := range map[string]struct {
		prom promql.Facts
		code catalog.Code
		want []string
	}{
		"refused":                        {promql.Facts{Source: failed(fault.Unreachable)}, catalog.SrcPromUnreachable, []string{"did not tell (unreachable)"}},
		"hangs":                          {promql.Facts{Source: failed(fault.Timeout)}, catalog.SrcPromUnreachable, []string{"did not tell (timeout)"}},
		"its own error":                  {promql.Facts{Source: failed(fault.BadStatus)}, catalog.SrcPromError, []string{"did not tell (bad_status)"}},
		"a login page":                   {promql.Facts{Source: failed(fault.NotJSON)}, catalog.SrcPromError, []string{"did not tell (not_json)"}},
		"nothing":                        {promql.Facts{}, catalog.SrcPromNoData, []string{`no series of job "ingest-service"`}},
		"all of it":                      {promql.Facts{Instances: []promql.Instance{up}}, "", nil},
		"one breaker of one not":         {promql.Facts{Instances: []promql.Instance{up, oneShort}}, catalog.SrcPromNoData, []string{"no state of pg-auth-api of b"}},
		"one breaker of one no more":     {promql.Facts{Instances: []promql.Instance{up, ended}}, catalog.SrcPromNoData, []string{"no state of pg-auth-api of b"}},
		"one scrape fails":               {promql.Facts{Instances: []promql.Instance{up, notUp}}, catalog.SrcPromStale, []string{"nothing of now of 1 of 2 instances"}},
		"one is dropped by the registry": {promql.Facts{Instances: []promql.Instance{up, left}}, "", nil},
		"all scraping has stopped":       {promql.Facts{Instances: []promql.Instance{left}}, catalog.SrcPromStale, []string{"nothing of now of 1 of 1 instances"}},
	} {
		t.Run(name, func(t *testing.T) {
			x.prom.At = now
			expect(t, promFailures(Join(nil, x.prom, time.UTC)), x.code, x.want...)
		})
	}
	f := promFailures(Join(nil, promql.Facts{At: now, Instances: []promql.Instance{notUp}}, time.UTC))[0]
	if last := f.Evidence[len(f.Evidence)-1]; last.Value != "newest sample 10m old, up 0" || !last.At.Equal(now.Add(-10*time.Minute)) {
		t.Errorf("%+v", last)
	}
}

func TestRuledOutOnlyWhatWasLookedAt(t *testing.T) {
	long := func(b *promql.Breaker) { b.History.From = now.Add(-2 * time.Hour) }
	healthy := status(live(KafkaPublisher, "a", "CLOSED").with(long), scrapedReading(PGAuthAPI, "a", "CLOSED").with(long))
	healthy.API = []ingest.Instance{{Name: "a"}}
	healthy.Prom.Instances = []promql.Instance{{Breakers: []promql.Breaker{withBreaker(KafkaPublisher, now), withBreaker(PGAuthAPI, now)}}}
	found, ran := Breakers(healthy)
	if len(found) != 0 || len(ran) != len(rules) {
		t.Errorf("healthy: found %+v, ran %v", found, ran)
	}

	noProm := status(live(KafkaPublisher, "a", "CLOSED"))
	noProm.API, noProm.Prom.Source = healthy.API, failed(fault.Unreachable)
	if _, ran := Breakers(noProm); !slices.Equal(ran, []catalog.Code{catalog.IngestDown}) {
		t.Errorf("without Prometheus ran %v", ran)
	}

	noAPI := healthy
	noAPI.Readings = append([]Reading{{Breaker: KafkaPublisher, Instance: "b", Configured: true}}, healthy.Readings...)
	if _, ran := Breakers(noAPI); slices.Contains(ran, catalog.CBOpen) || !slices.Contains(ran, catalog.PGAuthBreakerOpen) {
		t.Errorf("with an unknown state ran %v", ran)
	}
}

// A breaker was OPEN, and a Prometheus that had lost its past saw it for ten seconds: that
// it goes to and fro was ruled out.
func TestFlappingIsNotRuledOutWithoutHistory(t *testing.T) {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, x := range map[string]struct {
		from, started time.Time
		want          bool
	}{
		"none":                          {time.Time{}, ago(30 * time.Hour), false},
		"of ten seconds":                {ago(10 * time.Second), ago(30 * time.Hour), false},
		"of ten seconds, start unknown": {ago(10 * time.Second), time.Time{}, false},
		"of half an hour":               {ago(30 * time.Minute), ago(30 * time.Hour), false},
		"shorter than its process":      {ago(10 * time.Second), ago(20 * time.Minute), false},
		"as long as its process":        {ago(10 * time.Second), ago(20 * time.Second), true},
		"of an hour":                    {ago(time.Hour), ago(30 * time.Hour), true},
	} {
		for _, state := range []string{"OPEN", "CLOSED"} {
			r := scrapedReading(KafkaPublisher, "a", state).with(func(b *promql.Breaker) { b.History.From = x.from })
			r.Started = x.started
			s := status(r)
			s.Expected = []string{KafkaPublisher}
			if _, ran := Breakers(s); slices.Contains(ran, catalog.CBHalfOpenFlapping) != x.want {
				t.Errorf("%s, %s: ran %v", name, state, ran)
			}
			if doubts := Doubts(s); len(doubts) > 0 {
				t.Errorf("%s, %s: doubted %v", name, state, doubts)
			}
		}
	}
}
