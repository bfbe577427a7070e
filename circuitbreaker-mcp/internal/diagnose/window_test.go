package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
)

var two = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

func minute(m float64) time.Time { return two.Add(time.Duration(m * float64(time.Minute))) }

// stays are runs of states, each as long as the minutes say.
func stays(parts ...any) (all []promql.Stay) {
	at := 0.0
	for n := 0; n < len(parts); n += 2 {
		length := parts[n+1].(float64)
		all = append(all, promql.Stay{State: parts[n].(string), First: minute(at), Last: minute(at + length - 0.25)})
		at += length
	}
	return all
}

// hourOf is an hour of instances whose breaker went through some stays.
func hourOf(breaker string, of ...[]promql.Stay) promql.Past {
	p := promql.Past{Span: promql.Span{Since: two, Until: minute(60), Live: true, Interval: 15 * time.Second}, At: minute(60), Step: time.Minute}
	for n, s := range of {
		p.Instances = append(p.Instances, promql.PastInstance{
			Name: foreign.Text([]string{"a:1", "b:2", "c:3"}[n]), Interval: 15 * time.Second, Scrapes: 240, First: two, Last: minute(59.75),
			Breakers: []promql.PastBreaker{{Name: foreign.Text(breaker), Samples: 240, Stays: s}},
		})
	}
	return p
}

func TestEpisodes(t *testing.T) {
	t.Parallel()
	p := hourOf(KafkaPublisher, stays("CLOSED", 10.0, "OPEN", 0.5, "HALF_OPEN", 2.0, "OPEN", 0.5, "CLOSED", 20.0, "FORCED_OPEN", 27.0))
	all := Episodes(p)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	if e := all[0]; !e.From.Equal(minute(10)) || !e.To.Equal(minute(13)) || e.Open != time.Minute || e.Opened != 2 || e.Worst != "OPEN" || e.Lasts || e.Begun {
		t.Errorf("the first: %+v", e)
	}
	if e := all[1]; e.Worst != "FORCED_OPEN" || !e.Lasts || e.Opened != 1 {
		t.Errorf("the second: %+v", e)
	}
	if all := Transitions(p); len(all) != 5 || all[0].From != "CLOSED" || all[0].To != "OPEN" || !all[0].At.Equal(minute(10)) || !all[0].After.Equal(minute(9.75)) || all[0].Unscraped {
		t.Errorf("transitions %+v", all)
	}
	p.Instances[0].Breakers[0].Stays = stays("OPEN", 5.0, "CLOSED", 55.0)
	if e := Episodes(p); len(e) != 1 || !e[0].Begun {
		t.Errorf("%+v: it was open before the time began", e)
	}
}

// Asked about 14:00, a breaker that opened two minutes later and never closed was told
// as CLOSED, and ruled out.
func TestABreakerThatOpenedAfterTheMoment(t *testing.T) {
	t.Parallel()
	p := hourOf(KafkaPublisher, stays("CLOSED", 28.0, "OPEN", 3.0, "CLOSED", 29.0))
	p.Live = false
	later := promql.PastBreaker{Name: PGAuthAPI, Samples: 240, Stays: stays("CLOSED", 32.0, "OPEN", 28.0)}
	p.Instances[0].Breakers = append(p.Instances[0].Breakers, later)
	at := func(kafka, gateway string) Status {
		return Status{Readings: []Reading{{Breaker: KafkaPublisher, Instance: "a:1", Label: "a:1", State: kafka}, {Breaker: PGAuthAPI, Instance: "a:1", Label: "a:1", State: gateway}}}
	}
	found := WasOpenAround(p, at("OPEN", "CLOSED"))
	if !slices.Equal(codesOf(found), []catalog.Code{catalog.CBOpen, catalog.PGAuthBreakerOpen}) ||
		!strings.Contains(found[0].Claim, "14:28:00-14:31:00 (OPEN for 3m); it is over") || !strings.Contains(found[1].Claim, "a:1 14:32:00 on, still at the end (OPEN for 27m)") || strings.Contains(found[1].Claim, "over") {
		t.Errorf("%+v", found)
	}
	// At a moment at which it was open already it is judged as of then.
	if got := codesOf(WasOpenAround(p, at("CLOSED", "OPEN"))); !slices.Equal(got, []catalog.Code{catalog.CBOpen}) {
		t.Errorf("open at the moment: %v", got)
	}
	// What took its place must not leave out the instance that was open at the moment.
	p.Instances = append(p.Instances, promql.PastInstance{Name: "b:2", Interval: 15 * time.Second, Scrapes: 240, First: two, Last: minute(59.75), Breakers: []promql.PastBreaker{{Name: PGAuthAPI, Samples: 240, Stays: stays("CLOSED", 40.0, "OPEN", 20.0)}}})
	if found := WasOpenAround(p, at("CLOSED", "OPEN")); len(found) != 2 || !strings.Contains(found[1].Claim, "a:1 14:32:00 on") || !strings.Contains(found[1].Claim, "b:2 14:40:00 on") {
		t.Errorf("on two instances: %+v", found)
	}
	if got := codesOf(WasOpen(p)); !slices.Equal(got, []catalog.Code{catalog.CBOpen}) {
		t.Errorf("judged at the end: %v", got)
	}
}

// What a person opened is not told as what opened by itself: events went on being sent.
func TestABreakerThatWasForcedOpen(t *testing.T) {
	t.Parallel()
	p := hourOf(KafkaPublisher, stays("CLOSED", 10.0, "OPEN", 1.0, "CLOSED", 17.0, "FORCED_OPEN", 3.0, "CLOSED", 29.0))
	p.Live = false
	found := WasOpen(p)
	if !slices.Equal(codesOf(found), []catalog.Code{catalog.CBOpen, catalog.CBForcedOpen}) ||
		!strings.Contains(found[0].Claim, "was OPEN: a:1 14:10:00-14:11:00 (OPEN for 60s); it is over") ||
		!strings.Contains(found[1].Claim, "was FORCED_OPEN: a:1 14:28:00-14:31:00 (FORCED_OPEN for 3m); it is over") || !strings.Contains(found[1].Blast, "went on being sent") {
		t.Errorf("%+v", found)
	}
	p.Instances[0].Breakers[0] = promql.PastBreaker{Name: PGAuthAPI, Samples: 240, Stays: stays("CLOSED", 28.0, "FORCED_OPEN", 3.0, "CLOSED", 29.0)}
	if found := WasOpen(p); !slices.Equal(codesOf(found), []catalog.Code{catalog.CBForcedOpen}) || !strings.Contains(found[0].Blast, "409") {
		t.Errorf("of the gateway: %+v", found)
	}
	// Open by itself, then by hand to the end: the first is over, the second is judged at the end.
	p.Instances[0].Breakers[0] = promql.PastBreaker{Name: KafkaPublisher, Samples: 240, Stays: stays("CLOSED", 10.0, "OPEN", 10.0, "FORCED_OPEN", 40.0)}
	if found := WasOpen(p); !slices.Equal(codesOf(found), []catalog.Code{catalog.CBOpen}) || !strings.Contains(found[0].Claim, "(OPEN for 10m); it is over") {
		t.Errorf("forced after it opened: %+v", found)
	}
	open := Status{Readings: []Reading{{Breaker: KafkaPublisher, Instance: "a:1", Label: "a:1", State: "OPEN"}}}
	if found := WasOpenAround(p, open); !slices.Equal(codesOf(found), []catalog.Code{catalog.CBOpen, catalog.CBForcedOpen}) || !strings.Contains(found[1].Claim, "on, still at the end (FORCED_OPEN for 39m") {
		t.Errorf("around the moment before it was forced: %+v", found)
	}
	// Another breaker that was forced does not take the place of the one that still is.
	p.Instances[0].Breakers = []promql.PastBreaker{
		{Name: KafkaPublisher, Samples: 240, Stays: stays("CLOSED", 30.0, "FORCED_OPEN", 30.0)},
		{Name: PGAuthAPI, Samples: 240, Stays: stays("CLOSED", 5.0, "FORCED_OPEN", 5.0, "CLOSED", 50.0)},
	}
	forced := Status{Readings: []Reading{{Breaker: KafkaPublisher, Instance: "a:1", Label: "a:1", State: "FORCED_OPEN"}, {Breaker: PGAuthAPI, Instance: "a:1", Label: "a:1", State: "CLOSED"}}}
	if found := WasOpenAround(p, forced); len(found) != 2 || !strings.Contains(found[0].Claim+found[1].Claim, "kafka-publisher was FORCED_OPEN: a:1 14:30:00 on, still at the end") {
		t.Errorf("two of them: %+v", found)
	}
}

// What let every call through for a while is no breaker that was all right.
func TestABreakerThatWasDisabled(t *testing.T) {
	t.Parallel()
	p := hourOf(KafkaPublisher, stays("CLOSED", 28.0, "DISABLED", 3.0, "CLOSED", 29.0))
	if found := WasOpen(p); len(found) > 0 {
		t.Errorf("it is judged by what it is now: %+v", found)
	}
	p.Live = false
	if found := WasOpen(p); !slices.Equal(codesOf(found), []catalog.Code{catalog.CBDisabled}) || !strings.Contains(found[0].Claim, "was DISABLED: a:1 14:28:00-14:31:00; it is over") {
		t.Errorf("%+v", found)
	}
	p.Instances[0].Breakers[0].Stays = stays("CLOSED", 28.0, "DISABLED", 32.0)
	if found := WasOpen(p); len(found) > 0 {
		t.Errorf("it is judged as of the end: %+v", found)
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	flap := []any{"CLOSED", 10.0}
	for range 5 {
		flap = append(flap, "OPEN", 0.5, "HALF_OPEN", 2.0)
	}
	p := hourOf(KafkaPublisher, stays(append(flap, "CLOSED", 37.5)...), stays(append(flap, "CLOSED", 37.5)...))
	p.Starts = []promql.Start{{Job: "ingest-service", Instance: "b:2", At: minute(5.5)}, {Job: "ingest-service", Instance: "a:1", At: minute(5)}}
	p.Instances[0].Gaps = []promql.Gap{{From: minute(40), To: minute(45), Failed: 20}}
	p.Instances[1].Gaps = []promql.Gap{{From: minute(40.25), To: minute(44), Failed: 15}}
	var got []string
	for _, e := range Timeline(p) {
		got = append(got, e.At.Format("15:04:05 ")+e.What)
	}
	want := []string{
		"14:05:00 ingest-service started: 2 instances",
		"14:10:00 kafka-publisher CLOSED -> OPEN on 2 instances",
		"14:10:30 kafka-publisher OPEN <-> HALF_OPEN, 9 changes until 14:20:30, on 2 instances",
		"14:22:30 kafka-publisher HALF_OPEN -> CLOSED on 2 instances",
		"14:40:00 until 14:45:00: scrapes failed of 2 instances",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	if kept, left := Nearest(Timeline(p), minute(10), 2); left != 3 || kept[0].Kind != StateEvent || kept[1].Kind != StateEvent {
		t.Errorf("kept %+v, left %d", kept, left)
	}
}

// trafficOf is a time that ends now with some traffic at its end.
func trafficOf(five, recent, before promql.Traffic) promql.Past {
	p := hourOf(KafkaPublisher, stays("CLOSED", 60.0))
	p.HTTP = promql.HTTP{FiveMinutes: five, Recent: recent, Baseline: before, RecentFor: time.Minute,
		Routes: []promql.Route{{URI: "/payments/authorize", Status: map[string]float64{"200": five.All}}}}
	return p
}

func TestTrafficRules(t *testing.T) {
	t.Parallel()
	well := promql.Traffic{All: 1000, Authorize: 900}
	for name, x := range map[string]struct {
		past promql.Past
		want []catalog.Code
	}{
		"well":                       {trafficOf(well, well, well), nil},
		"one of twenty fails":        {trafficOf(promql.Traffic{All: 1000, S5xx: 50}, promql.Traffic{All: 200, S5xx: 10}, well), []catalog.Code{catalog.Ingest5xxSpike}},
		"fewer fail":                 {trafficOf(promql.Traffic{All: 1000, S5xx: 49}, promql.Traffic{All: 200, S5xx: 10}, well), nil},
		"too few to tell":            {trafficOf(promql.Traffic{All: 19, S5xx: 19}, promql.Traffic{All: 4, S5xx: 4}, well), nil},
		"they failed and it is over": {trafficOf(promql.Traffic{All: 1000, S5xx: 400}, promql.Traffic{All: 200}, well), nil},
		"409 as ever":                {trafficOf(promql.Traffic{All: 1000, Authorize: 1000, AuthorizeRefuse: 100}, promql.Traffic{All: 200, Authorize: 200, AuthorizeRefuse: 20}, promql.Traffic{Authorize: 9000, AuthorizeRefuse: 800}), nil},
		"409 five times as often":    {trafficOf(promql.Traffic{All: 1000, Authorize: 1000, AuthorizeRefuse: 100}, promql.Traffic{All: 200, Authorize: 200, AuthorizeRefuse: 20}, promql.Traffic{Authorize: 9000, AuthorizeRefuse: 90}), []catalog.Code{catalog.Ingest409Spike}},
		"409, and nothing before":    {trafficOf(promql.Traffic{All: 1000, Authorize: 1000, AuthorizeRefuse: 100}, promql.Traffic{All: 200, Authorize: 200, AuthorizeRefuse: 20}, promql.Traffic{}), nil},
		"many 409, nothing before":   {trafficOf(promql.Traffic{All: 1000, Authorize: 1000, AuthorizeRefuse: 300}, promql.Traffic{All: 200, Authorize: 200, AuthorizeRefuse: 60}, promql.Traffic{}), []catalog.Code{catalog.Ingest409Spike}},
		"two of few are duplicates":  {trafficOf(promql.Traffic{All: 25, Authorize: 25, AuthorizeRefuse: 2}, promql.Traffic{All: 25, Authorize: 25, AuthorizeRefuse: 2}, promql.Traffic{Authorize: 300}), nil},
		"three of few are a spike":   {trafficOf(promql.Traffic{All: 25, Authorize: 25, AuthorizeRefuse: 3}, promql.Traffic{All: 25, Authorize: 25, AuthorizeRefuse: 3}, promql.Traffic{Authorize: 300}), []catalog.Code{catalog.Ingest409Spike}},
		"429":                        {trafficOf(promql.Traffic{All: 1000, S429: 100}, promql.Traffic{All: 200, S429: 20}, well), []catalog.Code{catalog.Ingest429Spike}},
		"no traffic":                 {trafficOf(promql.Traffic{}, promql.Traffic{}, promql.Traffic{}), []catalog.Code{catalog.IngestNoTraffic}},
	} {
		t.Run(name, func(t *testing.T) {
			found, _ := InWindow(x.past)
			if got := codesOf(found); !slices.Equal(got, x.want) {
				t.Errorf("got %v, want %v", got, x.want)
			}
		})
	}
}

// lined is a line with a point a minute.
func lined(name promql.LineName, values ...float64) promql.Line {
	l := promql.Line{Name: name}
	for n, v := range values {
		l.Points = append(l.Points, promql.Point{At: minute(float64(n)), Value: &v})
	}
	return l
}

// Fifteen of fifteen requests failed, and the answer was ok, with the spike ruled out.
func TestFewRequestsThatFail(t *testing.T) {
	t.Parallel()
	few := func(all, failed float64) promql.Traffic { return promql.Traffic{All: all, S5xx: failed} }
	for name, x := range map[string]struct {
		five, recent promql.Traffic
		want         string // no doubt where it is empty
	}{
		"idle":                      {few(0, 0), few(0, 0), ""},
		"few, and well":             {few(15, 0), few(3, 0), ""},
		"all fail":                  {few(15.2, 15.2), few(3, 3), "15 of 15 payment requests in 5m were answered 5xx: too few for a share"},
		"half of them fail":         {few(6, 3), few(1, 1), "3 of 6 payment requests"},
		"fewer than half":           {few(7, 3), few(1, 1), ""},
		"two are chance":            {few(2, 2), few(0, 0), ""},
		"they failed, over":         {few(15, 9), few(4, 0), ""},
		"enough for a finding":      {few(20, 20), few(4, 4), ""},
		"enough, and they fail not": {few(20, 0), few(4, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := trafficOf(x.five, x.recent, promql.Traffic{})
			got := strings.Join(TrafficDoubts(p), "; ")
			if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
				t.Errorf("got %q, want %q", got, x.want)
			}
			if _, ran := InWindow(p); slices.Contains(ran, catalog.Ingest5xxSpike) != (x.want == "") {
				t.Errorf("judged: %v", ran)
			}
		})
	}
	p := trafficOf(few(0, 0), few(0, 0), promql.Traffic{})
	p.Live = false
	p.Lines = []promql.Line{lined(promql.LineRequests, 0, 0, 0, 0.05, 0.1, 0, 0), lined(promql.Line5xx, 0, 0, 0, 0.05, 0.1, 0, 0)}
	if got := TrafficDoubts(p); len(got) != 1 || !strings.Contains(got[0], "9 of 9 payment requests in 5m until 14:04:00") {
		t.Errorf("of a time that is over: %v", got)
	}
	if _, ran := InWindow(p); slices.Contains(ran, catalog.Ingest5xxSpike) {
		t.Errorf("judged: %v", ran)
	}
}

// The 409s of authorize were divided by all payment requests: where captures are most of
// them, a spike was none.
func TestARefusalIsOfAuthorize(t *testing.T) {
	t.Parallel()
	p := trafficOf(promql.Traffic{All: 100}, promql.Traffic{}, promql.Traffic{Authorize: 5000, AuthorizeRefuse: 50})
	p.Live = false
	p.Lines = []promql.Line{lined(promql.LineRequests, 10, 10, 10, 10, 10), lined(promql.LineAuthorize, 1, 1, 1, 1, 1), lined(promql.Line409, 0.4, 0.4, 0.4, 0.4, 0.4)}
	found, _ := InWindow(p)
	if !slices.Equal(codesOf(found), []catalog.Code{catalog.Ingest409Spike}) || !strings.Contains(found[0].Claim, "40% (120 of 300 requests in 5m) of authorize") {
		t.Errorf("%+v", found)
	}
}

// An outage of some minutes made five times its share of the hour more than there is: the
// next one within the hour was no spike, nor was the same one after twelve minutes.
func TestRefusalsOfAnOutageAreNotUsual(t *testing.T) {
	t.Parallel()
	const none, all = 0.0, 1.0
	minutes := func(refused, after int) []float64 {
		return slices.Concat(slices.Repeat([]float64{none}, 40-refused-after), slices.Repeat([]float64{all}, refused), slices.Repeat([]float64{none}, after))
	}
	for name, x := range map[string]struct {
		refused []float64
		want    bool
		says    string
	}{
		"the second within the hour": {slices.Concat(minutes(8, 5), slices.Repeat([]float64{all}, 5)), true, "in half of the time before at most 0%"},
		"for a quarter of an hour":   {slices.Concat(minutes(10, 0), slices.Repeat([]float64{all}, 5)), true, "at most 0%"},
		"always":                     {slices.Repeat([]float64{all}, 45), false, ""},
		"a burst each ten minutes":   {slices.Repeat([]float64{none, none, none, all, none, none, none, none, none, none}, 5), false, ""},
		"too little to tell":         {slices.Repeat([]float64{none, all}, 4), false, ""},
	} {
		n, part, hour := len(x.refused), 0.0, 0.0
		for i, share := range x.refused {
			if hour += share; i >= n-5 {
				part += share
			}
		}
		p := trafficOf(promql.Traffic{Authorize: 300, AuthorizeRefuse: 60 * part}, promql.Traffic{Authorize: 60, AuthorizeRefuse: 60 * x.refused[n-1]}, promql.Traffic{Authorize: 60 * float64(n), AuthorizeRefuse: 60 * hour})
		p.Lines = []promql.Line{lined(promql.LineAuthorize, slices.Repeat([]float64{1}, n)...), lined(promql.Line409, x.refused...)}
		p.Until = p.Lines[0].Points[n-1].At
		found := spike409(p)
		if len(found) > 0 != x.want || x.want && !strings.Contains(found[0].Claim, x.says) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func codesOf(found []report.Finding) (all []catalog.Code) {
	for _, f := range found {
		all = append(all, f.Code)
	}
	return all
}

// At night one slow authorization is all there is of a minute, and no p95.
func TestLatencyOfATimeThatIsOver(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		perSecond, p95 []float64
		want           string
	}{
		"one at night":           {[]float64{0.017, 0.017}, []float64{1.4, 1.4}, ""},
		"slow by day":            {[]float64{10, 10}, []float64{0.3, 1.4}, "p95 1.4s over 60s"},
		"slow at night, and day": {[]float64{10, 0.017}, []float64{1.2, 9}, "p95 1.2s over 60s"},
		"quick":                  {[]float64{10, 10}, []float64{0.3, 0.3}, ""},
	} {
		p := trafficOf(promql.Traffic{All: 100, Authorize: 100}, promql.Traffic{}, promql.Traffic{})
		p.Live, p.HTTP.AuthorizeP95 = false, new(5.0) // of its end alone
		p.Lines = []promql.Line{lined(promql.LineRequests, x.perSecond...), lined(promql.LineP95, x.p95...)}
		found := latencyHigh(p)
		if (len(found) > 0) != (x.want != "") || len(found) > 0 && (!strings.Contains(found[0].Claim, x.want) || !strings.Contains(found[0].Evidence[0].Asked, "sum by (le)") || !strings.Contains(found[0].Evidence[0].Asked, "[60s]")) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		five, recent *float64
		want         bool
	}{
		"quick":         {new(0.9), new(0.9), false},
		"slow":          {new(1.1), new(1.2), true},
		"was slow":      {new(1.1), new(0.3), false},
		"not known":     {nil, nil, false},
		"slow, no news": {new(2.0), nil, true},
	} {
		p := trafficOf(promql.Traffic{All: 100, Authorize: 100}, promql.Traffic{}, promql.Traffic{})
		p.HTTP.AuthorizeP95, p.HTTP.AuthorizeP95Recent = x.five, x.recent
		if got := len(latencyHigh(p)) > 0; got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Of a time that is over, what its end shows says nothing of the rest.
func TestPoolsOfATimeThatIsOver(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		pool       promql.Pool
		found, ran bool
	}{
		"nobody waited":             {promql.Pool{MostPending: new(0.0), TimeoutsOver: new(0.0)}, false, true},
		"some gave up":              {promql.Pool{MostPending: new(9.0), TimeoutsOver: new(40.2)}, true, false},
		"some waited, none gave up": {promql.Pool{MostPending: new(9.0), TimeoutsOver: new(0.0)}, false, false},
		"full at the end alone":     {promql.Pool{Active: new(20.0), Max: new(20.0), Pending: new(3.0), AlwaysPending: new(3.0), MostPending: new(3.0), TimeoutsOver: new(0.0)}, false, false},
		"the end alone is known":    {promql.Pool{Active: new(1.0), Max: new(20.0), AlwaysPending: new(0.0), Timeouts: new(0.0)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := trafficOf(promql.Traffic{All: 100}, promql.Traffic{All: 20}, promql.Traffic{})
			p.Live, p.Pools = false, []promql.Pool{x.pool}
			found, ran := InWindow(p)
			if got := slices.Contains(codesOf(found), catalog.DBPoolExhausted); got != x.found {
				t.Errorf("found %v, want %v", found, x.found)
			}
			if got := slices.Contains(ran, catalog.DBPoolExhausted) && !x.found; got != x.ran {
				t.Errorf("ruled out %v, want %v", got, x.ran)
			}
			if x.found && !strings.Contains(found[0].Claim, "was exhausted on \"\": 40 waits timed out in 60m, up to 9 threads waited") {
				t.Errorf("claim %q", found[0].Claim)
			}
		})
	}
}

func TestPools(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		pool promql.Pool
		want string
	}{
		"free":               {promql.Pool{Name: "HikariPool-1", Active: new(3.0), Max: new(20.0), Pending: new(0.0), AlwaysPending: new(0.0)}, ""},
		"full, nobody waits": {promql.Pool{Name: "HikariPool-1", Active: new(20.0), Max: new(20.0), Pending: new(0.0), AlwaysPending: new(0.0)}, ""},
		"waited once":        {promql.Pool{Name: "HikariPool-1", Active: new(20.0), Max: new(20.0), Pending: new(4.0), AlwaysPending: new(0.0)}, ""},
		"waits":              {promql.Pool{Name: "HikariPool-2", Active: new(20.0), Max: new(20.0), Pending: new(9.0), AlwaysPending: new(4.0)}, "shard2"},
		"times out":          {promql.Pool{Name: "HikariPool-Shard1", Timeouts: new(3.0), RecentTimeouts: new(1.0)}, "shard1"},
		"timed out before":   {promql.Pool{Name: "HikariPool-1", Timeouts: new(3.0), RecentTimeouts: new(0.0)}, ""},
	} {
		p := hourOf(KafkaPublisher)
		p.Pools, p.HTTP.RecentFor = []promql.Pool{x.pool}, time.Minute
		found := poolExhausted(p)
		if (len(found) > 0) != (x.want != "") || len(found) > 0 && !strings.Contains(found[0].Blast, x.want) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	p := hourOf(KafkaPublisher, stays("CLOSED", 60.0))
	p.Errors = []promql.ErrorCount{
		{Job: "ingest-service", Kind: promql.TemplateErrors, Exception: "TopicAuthorizationException", Count: 40, Recent: 2},
		{Job: "ingest-service", Kind: promql.TemplateErrors, Exception: "TimeoutException", Count: 40, Recent: 2},
		{Job: "worker", Kind: promql.TemplateErrors, Exception: "TopicAuthorizationException", Count: 40}, // over
	}
	if found := produceUnauthorized(p); len(found) != 1 || !strings.Contains(found[0].Claim, "ingest-service may not write") {
		t.Errorf("%+v", found)
	}
}

// Between two sends at night nothing is refused: that was called ok, and ruled out.
func TestARefusalAfterWhichNothingWasSent(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		e    promql.ErrorCount
		want string // no doubt where it is empty
	}{
		"none since":       {promql.ErrorCount{Job: "ingest-service", Count: 3, Last: minute(52)}, "3 sends of ingest-service were refused by Kafka (TopicAuthorizationException) until 14:52:00, none was sent since"},
		"sent since":       {promql.ErrorCount{Job: "ingest-service", Count: 3, Last: minute(52), SentSince: 1}, ""},
		"a worker's":       {promql.ErrorCount{Job: "worker", Count: 3, Last: minute(52)}, ""},
		"not in the time":  {promql.ErrorCount{Job: "ingest-service", Last: minute(52)}, ""},
		"refused just now": {promql.ErrorCount{Job: "ingest-service", Count: 3, Recent: 0.02}, ""},
	} {
		p := hourOf(KafkaPublisher, stays("CLOSED", 60.0))
		x.e.Kind, x.e.Exception = promql.TemplateErrors, "TopicAuthorizationException"
		p.Errors = []promql.ErrorCount{x.e}
		got := strings.Join(TrafficDoubts(p), "; ")
		if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
		if _, ran := InWindow(p); slices.Contains(ran, catalog.KafkaProduceUnauthorized) != (x.want == "") {
			t.Errorf("%s, judged: %v", name, ran)
		}
	}
}

// What Kafka refuses a worker says nothing of the breaker around what ingest sends: it
// was called blind, and the worker's account the cause.
func TestARefusalOfAWorker(t *testing.T) {
	t.Parallel()
	p := hourOf(KafkaPublisher, stays("CLOSED", 20.0, "OPEN", 40.0))
	p.Errors = []promql.ErrorCount{
		{Job: "settlement-worker", Kind: promql.TemplateErrors, Exception: "TopicAuthorizationException", Count: 40, Recent: 2},
		{Job: "settlement-worker", Kind: promql.ProducerErrors, Count: 40, Recent: 2},
	}
	if found := produceUnauthorized(p); len(found) != 1 {
		t.Errorf("it is not told of: %+v", found)
	}
	if found := IngestRefused(p); len(found) > 0 {
		t.Errorf("it is told as ingest's: %+v", found)
	}
	c, _ := CaseOf(Status{}, p, "")
	for _, x := range Causes(c) {
		t.Errorf("told as a cause: %+v", x)
	}
	p.Errors[0].Job = "ingest-service"
	if found := IngestRefused(p); len(found) != 1 {
		t.Errorf("a refusal of ingest: %+v", found)
	}
}

// versus is a status with one reading of the breaker around Kafka.
func versus(r Reading, kafka ...catalog.Code) Versus {
	r.Breaker, r.Instance = KafkaPublisher, "a:1"
	v := Versus{Status: Status{Readings: []Reading{r}, Expected: []string{KafkaPublisher}, Prom: promql.Facts{At: minute(60)}}, Asked: true}
	for _, c := range kafka {
		v.Kafka = append(v.Kafka, report.NewFinding(c, "it is so"))
	}
	return v
}

func TestBreakerVersusKafka(t *testing.T) {
	t.Parallel()
	scattered, burst := 40*time.Minute, 20*time.Second
	five, none := 5, 0
	open := promql.Breaker{State: "OPEN", Failed: &five, Successful: &none}
	half := func(history promql.History) Reading {
		return Reading{State: "HALF_OPEN", Prom: &promql.Breaker{State: "HALF_OPEN", At: minute(60), History: history}}
	}
	long := promql.History{From: two, Since: minute(35), Before: minute(34.75)}
	flapping := long
	flapping.Swings, flapping.Reopened = 6, 3
	calmed := flapping
	flapping.Since = minute(57)
	short := long
	short.Since = minute(59)
	since := half(short)
	since.Live, since.Prom.State = true, "OPEN"
	for name, x := range map[string]struct {
		v    Versus
		want []catalog.Code
	}{
		"closed, Kafka well":         {versus(Reading{State: "CLOSED"}), nil},
		"closed, Kafka gone":         {versus(Reading{State: "CLOSED"}, catalog.KafkaBrokersUnreachable), []catalog.Code{catalog.CBBlind}},
		"closed, may not write":      {versus(Reading{State: "CLOSED"}, catalog.KafkaProduceUnauthorized), []catalog.Code{catalog.CBBlind}},
		"closed, too few replicas":   {versus(Reading{State: "CLOSED"}, catalog.KafkaBelowMinISR), nil},
		"closed, a group is empty":   {versus(Reading{State: "CLOSED"}, catalog.ConsumerGroupEmpty), nil},
		"open, Kafka gone":           {versus(Reading{State: "OPEN", Prom: &open, FailedOver: &scattered}, catalog.KafkaBrokersUnreachable), nil},
		"open, scattered failures":   {versus(Reading{State: "OPEN", Prom: &open, FailedOver: &scattered}), []catalog.Code{catalog.CBFalseTrip}},
		"open, one burst":            {versus(Reading{State: "OPEN", Prom: &open, FailedOver: &burst}), nil},
		"open, not looked at":        {versus(Reading{State: "OPEN", Prom: &open}), nil},
		"half open for long":         {versus(half(long)), []catalog.Code{catalog.CBHalfOpenStarved}},
		"half open for a minute":     {versus(half(short)), nil},
		"half open since a moment":   {versus(since), nil},
		"half open and open again":   {versus(half(flapping)), nil},
		"half open, as last of many": {versus(half(calmed)), []catalog.Code{catalog.CBHalfOpenStarved}},
		"half open, Kafka gone":      {versus(half(long), catalog.KafkaBrokersUnreachable), nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, ran := BreakerVersusKafka(x.v)
			if got := codesOf(found); !slices.Equal(got, x.want) {
				t.Errorf("got %v, want %v", got, x.want)
			}
			if slices.Contains(ran, catalog.CBFalseTrip) == (name == "open, not looked at") {
				t.Errorf("ran %v", ran)
			}
		})
	}
	if found, ran := BreakerVersusKafka(Versus{Status: versus(Reading{State: "CLOSED"}).Status}); found != nil || ran != nil {
		t.Errorf("Kafka was not asked, and %v is found, %v ruled out", found, ran)
	}
}

// That kafka-publisher is starved explains why it is HALF_OPEN, and says nothing of the
// payment gateway's breaker, nor of another instance's.
func TestAStarvedBreakerSilencesItsOwnDoubtAlone(t *testing.T) {
	t.Parallel()
	long := promql.Breaker{State: "HALF_OPEN", At: minute(60), History: promql.History{From: two, Since: minute(35), Before: minute(34.75)}}
	short := long
	short.History.Since = minute(59.5)
	v := versus(Reading{State: "HALF_OPEN", Prom: &long})
	if d := v.Doubts(); len(d) > 0 {
		t.Errorf("starved alone: %q", d)
	}
	v.Readings = append(v.Readings, Reading{Breaker: KafkaPublisher, Instance: "b:1", State: "HALF_OPEN", Prom: &short}, Reading{Breaker: PGAuthAPI, Instance: "a:1", State: "HALF_OPEN", Prom: &short})
	if d := strings.Join(v.Doubts(), "; "); !strings.Contains(d, "pg-auth-api is HALF_OPEN") || !strings.Contains(d, "kafka-publisher is HALF_OPEN on 1 of 2 instances (b:1)") {
		t.Errorf("beside others: %q", d)
	}
	v.Asked = false
	if d := strings.Join(v.Doubts(), "; "); !strings.Contains(d, "kafka-publisher is HALF_OPEN on 2 of 2") {
		t.Errorf("Kafka was not asked: %q", d)
	}
	// An address of the API may be what Prometheus knows under another name; two are not.
	v = versus(Reading{State: "HALF_OPEN", Label: "a:1", Prom: &long})
	address := Reading{Breaker: KafkaPublisher, Instance: "127.0.0.1:8080", Configured: true, Live: true, State: "HALF_OPEN"}
	v.Readings = append(v.Readings, address)
	if d := v.Doubts(); len(d) > 0 {
		t.Errorf("by another name: %q", d)
	}
	address.Instance = "127.0.0.1:8081"
	v.Readings = append(v.Readings, address)
	if d := v.Doubts(); len(d) != 1 {
		t.Errorf("one more than Prometheus knows: %q", d)
	}
}

// The first opening of the time was judged, and what had failed before the breaker was
// closed the last time: an outage was called a false trip by scattered failures of before.
func TestSpread(t *testing.T) {
	t.Parallel()
	failures := func(at ...float64) (all []promql.Failures) {
		for _, m := range at {
			all = append(all, promql.Failures{At: minute(m), N: 1})
		}
		return all
	}
	scatter := failures(1, 6, 11, 16, 20)
	twice := stays("CLOSED", 20.0, "OPEN", 1.0, "CLOSED", 24.0, "OPEN", 15.0)
	for name, x := range map[string]struct {
		stays    []promql.Stay
		failures []promql.Failures
		begun    time.Time
		started  time.Time
		want     time.Duration // 0 for nil
	}{
		"scattered":                         {stays("CLOSED", 20.0, "OPEN", 40.0), scatter, time.Time{}, time.Time{}, 19 * time.Minute},
		"scattered, then an outage":         {twice, append(scatter, failures(44, 44.25, 44.5, 44.75, 45)...), time.Time{}, time.Time{}, time.Minute},
		"the one that is asked about":       {twice, append(scatter, failures(44, 44.25, 44.5, 44.75, 45)...), minute(20), time.Time{}, 19 * time.Minute},
		"two since it was closed":           {stays("CLOSED", 20.0, "OPEN", 1.0, "CLOSED", 4.0, "OPEN", 35.0), append(scatter, failures(24, 25)...), time.Time{}, time.Time{}, 0},
		"begins before the time":            {stays("CLOSED", 15.0, "OPEN", 45.0), failures(8, 15), time.Time{}, time.Time{}, 15 * time.Minute},
		"begins before the time, too late":  {stays("CLOSED", 5.0, "OPEN", 55.0), failures(4, 5), time.Time{}, time.Time{}, 0},
		"five of them, soon after it began": {stays("CLOSED", 5.0, "OPEN", 55.0), failures(4, 4.25, 4.5, 4.75, 5), time.Time{}, time.Time{}, time.Minute},
		"failed before it was started anew": {stays("CLOSED", 20.0, "OPEN", 40.0), scatter, time.Time{}, minute(10), 0},
		"tried already at the first scrape": {stays("CLOSED", 20.0, "HALF_OPEN", 1.0, "OPEN", 39.0), scatter, time.Time{}, time.Time{}, 19 * time.Minute},
		"never seen to open":                {stays("OPEN", 60.0), scatter, time.Time{}, time.Time{}, 0},
	} {
		p := hourOf(KafkaPublisher, x.stays)
		p.Instances[0].Breakers[0].Failures, p.Instances[0].Started = x.failures, x.started
		spread, _ := Spread(p, KafkaPublisher, x.begun)
		if (spread == nil) != (x.want == 0) || spread != nil && *spread != x.want {
			t.Errorf("%s: %v, want %s", name, spread, x.want)
		}
	}
}

func TestCauses(t *testing.T) {
	t.Parallel()
	outage := hourOf(KafkaPublisher, stays("CLOSED", 20.0, "OPEN", 0.5, "HALF_OPEN", 2.0, "OPEN", 0.5, "HALF_OPEN", 2.0, "CLOSED", 35.0), stays("CLOSED", 20.0, "OPEN", 0.5, "HALF_OPEN", 2.0, "OPEN", 0.5, "HALF_OPEN", 2.0, "CLOSED", 35.0))
	outage.Live = false
	outage.Errors = []promql.ErrorCount{{Job: "ingest-service", Kind: promql.TemplateErrors, Exception: "TimeoutException", Count: 300}}
	outage.Starts = []promql.Start{{Job: "ingest-service", Instance: "a:1", At: minute(17)}}
	acl := hourOf(KafkaPublisher, stays("CLOSED", 20.0, "OPEN", 40.0))
	acl.Errors = []promql.ErrorCount{{Job: "ingest-service", Kind: promql.TemplateErrors, Exception: "TopicAuthorizationException", Count: 90, Recent: 1}}
	one := hourOf(KafkaPublisher, stays("CLOSED", 20.0, "OPEN", 40.0), stays("CLOSED", 60.0))
	gateway := hourOf(PGAuthAPI, stays("CLOSED", 20.0, "OPEN", 40.0), stays("CLOSED", 20.0, "OPEN", 40.0))
	gateway.Instances[0].Breakers[0].FailureRate, gateway.Instances[0].Breakers[0].SlowCallRate = new(100.0), new(3.0)
	slow := hourOf(PGAuthAPI, stays("CLOSED", 20.0, "OPEN", 40.0))
	slow.Instances[0].Breakers[0].FailureRate, slow.Instances[0].Breakers[0].SlowCallRate = new(2.0), new(68.0)
	forced := hourOf(KafkaPublisher, stays("CLOSED", 20.0, "FORCED_OPEN", 40.0))
	for name, x := range map[string]struct {
		past promql.Past
		want string
	}{
		"an outage":        {outage, "Kafka did not take events"},
		"an ACL":           {acl, "Kafka refuses the sender (ACL)"},
		"one instance":     {one, "the way of one instance"},
		"the gateway":      {gateway, "the payment gateway fails"},
		"the slow gateway": {slow, "the payment gateway is slow"},
		"a person":         {forced, "a person set it by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := CaseOf(Status{Prom: promql.Facts{Source: fault.Source{}}}, x.past, "")
			if !ok || !c.Begun.Equal(minute(20)) {
				t.Fatalf("%v, begun %s", ok, c.Begun)
			}
			all := Causes(c)
			if len(all) == 0 || all[0].What != x.want || len(all[0].For) == 0 || all[0].Probe == "" {
				t.Errorf("%+v", all)
			}
		})
	}
	if _, ok := CaseOf(Status{}, hourOf(KafkaPublisher, stays("CLOSED", 60.0)), ""); ok {
		t.Error("there is nothing to explain")
	}
}
