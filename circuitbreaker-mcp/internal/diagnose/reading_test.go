package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/fault"
)

// set gives a field of the sources its text.
func set[T ~string](field *T, text string) { *field = T(text) }

func withName(i promql.Instance, label string) promql.Instance {
	set(&i.Name, label)
	return i
}

func withBreaker(name string, at time.Time) promql.Breaker {
	b := promql.Breaker{State: "CLOSED", At: at}
	set(&b.Name, name)
	return b
}

func told(state string) []ingest.Breaker {
	return []ingest.Breaker{{Name: KafkaPublisher, State: state}}
}

func TestJoinMatchesByAddressAlone(t *testing.T) {
	for name, x := range map[string]struct {
		api, path     string
		label, scrape string
		local         bool
		same          bool
	}{
		"the label is the address":       {"ing1:8080", "", "ing1:8080", "", false, true},
		"the target is the address":      {"ing1:8080", "", "host:ingest-service:8080", "ing1:8080", false, true},
		"the registry's id has it":       {"ing1:8080", "", "ing1:ingest-service:8080", "10.0.0.7:9000", false, true},
		"id of another application":      {"ing1:8080", "", "ing1:gateway:8080", "", false, false},
		"id without a port":              {"ing1:8080", "", "ing1:ingest-service:b7f3", "", false, false},
		"no port":                        {"ing1:80", "", "ing1", "", false, false},
		"a name that begins like one":    {"127.evil.example:8080", "", "localhost:8080", "", true, false},
		"another port":                   {"ing1:8080", "", "ing1:8081", "ing1:8081", false, false},
		"another name":                   {"ing1:8080", "", "10.0.0.7:8080", "", false, false},
		"upper case":                     {"ING1:8080", "", "ing1:8080", "", false, true},
		"this machine twice":             {"localhost:8080", "", "127.0.0.1:8080", "", true, true},
		"this machine in IPv6":           {"[::1]:8080", "", "x", "localhost:8080", true, true},
		"loopback of another machine":    {"localhost:8080", "", "localhost:8080", "", false, false},
		"the gateway chooses":            {"ing1:8080", "/api/circuit-breaker/status", "ing1:8080", "", false, false},
		"the monitoring service chooses": {"ing1:8080", "/monitoring/circuit-breaker/status", "ing1:8080", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := promql.Instance{Address: x.scrape, Up: true, UpAt: now, Interval: scrape, Breakers: []promql.Breaker{withBreaker(KafkaPublisher, now), withBreaker(PGAuthAPI, now)}}
			s := Join([]ingest.Instance{{Name: x.api, Address: x.api, Path: x.path, Breakers: told("CLOSED")}},
				promql.Facts{At: now, Local: x.local, Instances: []promql.Instance{withName(p, x.label)}}, time.UTC)
			want := []string{KafkaPublisher, PGAuthAPI}
			if !x.same {
				want = []string{KafkaPublisher, KafkaPublisher, PGAuthAPI}
			}
			var got []string
			for _, r := range s.Readings {
				got = append(got, r.Breaker)
			}
			if !slices.Equal(got, want) {
				t.Errorf("readings of %v, want %v: %+v", got, want, s.Readings)
			}
		})
	}
}

func TestJoinStates(t *testing.T) {
	const addr = "ing1:8080"
	prom := func(state string, ones []string, at time.Time, up bool) promql.Facts {
		b := promql.Breaker{Name: KafkaPublisher, State: state, Ones: ones, At: at}
		return promql.Facts{At: now, Instances: []promql.Instance{withName(promql.Instance{Up: up, UpAt: now.Add(-2 * time.Second), Interval: scrape, Breakers: []promql.Breaker{b}}, addr)}}
	}
	answered := ingest.Instance{Name: addr, Address: addr, Breakers: told("OPEN")}
	silent := ingest.Instance{Name: addr, Address: addr, Source: failed(fault.Unreachable)}
	fresh, old := now.Add(-2*time.Second), now.Add(-10*time.Minute)
	for name, x := range map[string]struct {
		api            ingest.Instance
		prom           promql.Facts
		state, unknown string
		live           bool
		disagrees      string
	}{
		"both agree":                   {answered, prom("OPEN", nil, fresh, true), "OPEN", "", true, ""},
		"the API is newer":             {answered, prom("CLOSED", nil, fresh, true), "OPEN", "", true, "CLOSED 2s before"},
		"Prometheus is in between":     {answered, prom("", []string{"OPEN", "CLOSED"}, fresh, true), "OPEN", "", true, "no single state 2s before"},
		"Prometheus is old":            {answered, prom("CLOSED", nil, old, true), "OPEN", "", true, ""},
		"Prometheus alone":             {silent, prom("OPEN", nil, fresh, true), "OPEN", "", false, ""},
		"Prometheus alone, old":        {silent, prom("OPEN", nil, old, true), "", "the API did not answer (unreachable); Prometheus saw OPEN last, 10m ago", false, ""},
		"Prometheus alone, down":       {silent, prom("OPEN", nil, fresh, false), "", "the API did not answer (unreachable); Prometheus saw OPEN last, 2s ago", false, ""},
		"Prometheus alone, two states": {silent, prom("", []string{"OPEN", "CLOSED"}, fresh, true), "", "Prometheus shows not one known state as 1, but OPEN and CLOSED", false, ""},
		"Prometheus alone, no state":   {silent, prom("", nil, fresh, true), "", "Prometheus shows all of its states as 0", false, ""},
		"none":                         {silent, promql.Facts{Source: failed(fault.Timeout)}, "", "the API did not answer (unreachable); Prometheus did not answer (timeout)", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := Join([]ingest.Instance{x.api}, x.prom, time.UTC).Readings[0]
			if r.State != x.state || !strings.HasSuffix(r.Unknown, x.unknown) || r.Unknown == "" != (x.unknown == "") || r.Live != x.live || r.Disagrees() != x.disagrees {
				t.Errorf("%+v, disagrees %q", r, r.Disagrees())
			}
			if at, note := r.Since(); at.IsZero() && note == "" {
				t.Error("neither since when nor why that is not known")
			}
		})
	}
}

// A deployment replaces instances: those that are gone must not cast doubt on
// those that are there, and must be told.
func TestJoinTellsWhatIsGone(t *testing.T) {
	here, gone := instance("here:1", true, time.Second), instance("gone:1", true, 4*time.Minute)
	here.Breakers, gone.Breakers = []promql.Breaker{withBreaker(PGAuthAPI, now)}, []promql.Breaker{withBreaker(PGAuthAPI, now.Add(-4*time.Minute))}
	s := Join(nil, promql.Facts{At: now, Instances: []promql.Instance{gone, here}}, time.UTC)
	if len(s.Readings) != 1 || s.Readings[0].Instance != "here:1" || len(s.Gone) != 1 || string(s.Gone[0].Name) != "gone:1" {
		t.Errorf("%+v", s)
	}
	// When all are, it is Prometheus that has stopped.
	s = Join(nil, promql.Facts{At: now, Instances: []promql.Instance{gone}}, time.UTC)
	if len(s.Readings) != 1 || s.Readings[0].State != "" || len(s.Gone) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestJoinShowsTimesInTheZone(t *testing.T) {
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	p := instance("a", true, 0)
	p.Breakers = []promql.Breaker{withBreaker(PGAuthAPI, now)}
	p.Breakers[0].History = promql.History{From: now.Add(-time.Hour)}
	s := Join(nil, promql.Facts{At: now, Instances: []promql.Instance{p}}, seoul)
	if _, note := s.Readings[0].Since(); note != "unchanged since 2026-11-20T22:00:00+09:00 or before" {
		t.Errorf("%q", note)
	}
}

func TestSince(t *testing.T) {
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	changed := promql.History{From: at(time.Hour), Since: at(5 * time.Minute), Before: at(5*time.Minute + scrape)}
	for name, x := range map[string]struct {
		reading Reading
		history promql.History
		started time.Time
		since   time.Time
		note    string
	}{
		"a change":                {Reading{}, changed, time.Time{}, at(5 * time.Minute), "±15s"},
		"a change by restart":     {Reading{}, changed, at(5*time.Minute + 3*time.Second), at(5*time.Minute + 3*time.Second), "process start"},
		"a change long after":     {Reading{}, changed, at(50 * time.Minute), at(5 * time.Minute), "±15s"},
		"none":                    {Reading{}, promql.History{From: at(time.Hour)}, at(30 * time.Hour), time.Time{}, "unchanged since 2026-11-20T13:00:00Z or before"},
		"none since it started":   {Reading{}, promql.History{From: at(time.Hour)}, at(61 * time.Minute), at(61 * time.Minute), "process start, unchanged"},
		"no history":              {Reading{}, promql.History{}, time.Time{}, time.Time{}, "no history in Prometheus"},
		"history not answered":    {Reading{PromSilent: true}, promql.History{}, time.Time{}, time.Time{}, "Prometheus did not answer that"},
		"a change not yet seen":   {Reading{Live: true, State: "OPEN"}, changed, time.Time{}, time.Time{}, "after 2026-11-20T13:59:53Z"},
		"behind the gateway":      {Reading{Live: true, State: "OPEN", Mixed: true}, promql.History{}, time.Time{}, time.Time{}, "not told which instance this is"},
		"unmatched":               {Reading{Live: true, State: "OPEN"}, promql.History{}, time.Time{}, time.Time{}, "no series in Prometheus matched"},
		"Prometheus is silent":    {Reading{Live: true, State: "OPEN", PromSilent: true}, promql.History{}, time.Time{}, time.Time{}, "Prometheus did not answer"},
		"the state is not known":  {Reading{}, promql.History{}, time.Time{}, time.Time{}, "state not known"},
		"Prometheus has old ones": {Reading{Live: true, State: "OPEN", Old: true}, changed, time.Time{}, time.Time{}, "Prometheus has nothing of now"},
	} {
		t.Run(name, func(t *testing.T) {
			r := x.reading
			r.Every, r.Started = scrape, x.started
			if r.State == "" && name != "the state is not known" {
				r.State = "CLOSED"
			}
			if name != "unmatched" && name != "Prometheus is silent" && name != "behind the gateway" && name != "the state is not known" {
				r.Prom = &promql.Breaker{State: "CLOSED", At: at(7 * time.Second), History: x.history}
			}
			if since, note := r.Since(); !since.Equal(x.since) || note != x.note {
				t.Errorf("since %s (%s), want %s (%s)", since, note, x.since, x.note)
			}
		})
	}
}

func TestRateNote(t *testing.T) {
	for name, x := range map[string]struct {
		breaker, state string
		buffered       int
		rate           *float64
		want           string
	}{
		"too few":              {KafkaPublisher, "CLOSED", 4, nil, "4 of the 5 calls it takes"},
		"too few while trying": {KafkaPublisher, "HALF_OPEN", 1, nil, "1 of the 3 calls it takes"},
		"enough":               {KafkaPublisher, "CLOSED", 5, new(0.0), ""},
		"enough, and none":     {KafkaPublisher, "CLOSED", 7, nil, "the breaker gives none"},
		"switched off":         {KafkaPublisher, "DISABLED", 0, nil, "not measured while DISABLED"},
		"forced":               {PGAuthAPI, "FORCED_OPEN", 0, nil, "not measured while FORCED_OPEN"},
		"unknown settings":     {"stock", "CLOSED", 3, nil, "the breaker gives none"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Reading{Breaker: x.breaker, State: x.state, Live: true, API: &ingest.Breaker{Buffered: x.buffered, FailureRate: x.rate}}
			if got := r.RateNote(); got != x.want {
				t.Errorf("%q, want %q", got, x.want)
			}
		})
	}
}

func TestDoubts(t *testing.T) {
	healthy := []Reading{live(KafkaPublisher, "a", "CLOSED"), scrapedReading(PGAuthAPI, "a", "CLOSED")}
	failing := func(r Reading, calls int, rate float64) Reading {
		r.API.Buffered, r.API.FailureRate = calls, &rate
		return r
	}
	for name, x := range map[string]struct {
		readings []Reading
		want     []string
	}{
		"none":              {healthy, nil},
		"half open":         {append([]Reading{live(KafkaPublisher, "b", "HALF_OPEN")}, healthy...), []string{"kafka-publisher is HALF_OPEN on 1 of 2 instances (b), which a timer sets"}},
		"state not known":   {[]Reading{healthy[0], {Breaker: PGAuthAPI, Instance: "a", Unknown: "so"}}, []string{"state of pg-auth-api not known on 1 of 1 instance"}},
		"closed over limit": {[]Reading{failing(live(KafkaPublisher, "a", "CLOSED"), 100, 100), healthy[1]}, []string{"kafka-publisher is CLOSED on 1 of 1 instance, failure rate 100%, at which the repository's settings open it"}},
		"too few for that":  {[]Reading{failing(live(KafkaPublisher, "a", "CLOSED"), 3, 100), healthy[1]}, nil},
		"open over limit":   {[]Reading{failing(live(KafkaPublisher, "a", "OPEN"), 100, 100), healthy[1]}, nil},
		"contradicted":      {[]Reading{live(KafkaPublisher, "a", "CLOSED").with(func(b *promql.Breaker) { b.State = "OPEN" }), healthy[1]}, []string{"kafka-publisher says CLOSED on 1 of 1 instance, where Prometheus saw OPEN 7s before"}},
		"open meanwhile":    {[]Reading{live(KafkaPublisher, "a", "OPEN").with(func(b *promql.Breaker) { b.State = "CLOSED" }), healthy[1]}, nil},
		"one is not shown":  {healthy[:1], []string{"nothing shows pg-auth-api"}},
		"none is shown":     {nil, []string{"nothing shows kafka-publisher", "nothing shows pg-auth-api"}},
		"more than to read": {[]Reading{{Breaker: "x", Instance: "1"}, {Breaker: "y", Instance: "1"}, {Breaker: "z", Instance: "1"}}, []string{"x not known", "y not known", "z not known", "2 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Doubts(status(x.readings...))
			if len(got) != len(x.want) {
				t.Fatalf("%q, want %q", got, x.want)
			}
			for i := range got {
				if !strings.Contains(got[i], x.want[i]) {
					t.Errorf("%q, want %q", got[i], x.want[i])
				}
			}
		})
	}
}

func TestSelect(t *testing.T) {
	a := ingest.Instance{Name: "ing1:8080", Address: "ing1:8080", Breakers: told("CLOSED")}
	b := ingest.Instance{Name: "ing2:8080", Address: "ing2:8080", Breakers: told("OPEN")}
	one := promql.Instance{Address: "ing1:8080", Up: true, UpAt: now, Interval: scrape, Breakers: []promql.Breaker{withBreaker(KafkaPublisher, now), withBreaker(PGAuthAPI, now)}}
	two := instance("elsewhere:1", true, 0)
	two.Breakers = one.Breakers
	all := Join([]ingest.Instance{a, b}, promql.Facts{At: now, Instances: []promql.Instance{withName(one, "eureka:1"), two}}, time.UTC)
	if want := []string{"elsewhere:1", "eureka:1", "ing1:8080", "ing2:8080"}; !slices.Equal(all.Instances(), want) {
		t.Errorf("instances %v, want %v", all.Instances(), want)
	}
	for name, x := range map[string]struct {
		breaker, instance string
		readings          int
		api, prom         int
	}{
		"all":                {"", "", 5, 2, 2},
		"a breaker":          {PGAuthAPI, "", 2, 2, 2},
		"an address":         {"", "ing1:8080", 2, 1, 1},
		"its other name":     {"", "eureka:1", 2, 1, 1},
		"one without series": {"", "ing2:8080", 1, 1, 0},
		"one without API":    {"", "elsewhere:1", 2, 0, 1},
		"both":               {KafkaPublisher, "eureka:1", 1, 1, 1},
		"what does not go":   {PGAuthAPI, "ing2:8080", 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := all.Select(x.breaker, x.instance)
			if len(s.Readings) != x.readings || len(s.API) != x.api || len(s.Prom.Instances) != x.prom {
				t.Errorf("%d readings, %d of the API, %d of Prometheus: %+v", len(s.Readings), len(s.API), len(s.Prom.Instances), s)
			}
		})
	}
}
