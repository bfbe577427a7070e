package diagnose

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/fault"
)

// seen is how an instance was scraped in the hour from two on.
type seen struct {
	first, started float64 // minutes; a start of 0 was before
	gaps           []float64
}

func TestWindowDoubts(t *testing.T) {
	t.Parallel()
	whole := seen{}
	for name, x := range map[string]struct {
		of   []seen
		want string // nothing is doubted where it is empty
	}{
		"seen throughout":                    {[]seen{whole, whole}, ""},
		"Prometheus was down":                {[]seen{{gaps: []float64{10, 50}}}, "no instance was scraped 14:10:00-14:50:00 (40m of 60m)"},
		"down, of two instances":             {[]seen{{gaps: []float64{10, 50}}, {gaps: []float64{12, 51}}}, "no instance was scraped 14:12:00-14:50:00 (38m of 60m)"},
		"one of two was not seen":            {[]seen{{gaps: []float64{10, 50}}, whole}, ""},
		"a restart":                          {[]seen{{gaps: []float64{10, 11.5}}}, ""},
		"two short ones":                     {[]seen{{gaps: []float64{10, 11.5, 20, 21.5}}}, ""},
		"less than one in twenty":            {[]seen{{gaps: []float64{10, 12.9}}}, ""},
		"a young Prometheus":                 {[]seen{{first: 50}}, "no instance was scraped 14:00:00-14:50:00 (50m of 60m)"},
		"a young Prometheus, of two":         {[]seen{{first: 50}, {first: 50.1, started: 49}}, "no instance was scraped 14:00:00-14:50:00"},
		"all is young":                       {[]seen{{first: 50.2, started: 50}, {first: 50.1, started: 49}}, ""},
		"young, and scraped late":            {[]seen{{first: 50, started: 20}}, "no instance was scraped 14:20:00-14:50:00 (30m of 60m)"},
		"one followed the other":             {[]seen{{gaps: []float64{30, 60}}, {first: 30, started: 29}}, ""},
		"one followed the other much later":  {[]seen{{gaps: []float64{30, 60}}, {first: 40, started: 39}}, "no instance was scraped 14:30:00-14:40:00 (10m of 60m)"},
		"began with scrapes that all failed": {[]seen{{first: 0.1, gaps: []float64{0, 20}}}, "no instance was scraped 14:00:00-14:20:00 (20m of 60m)"},
	} {
		t.Run(name, func(t *testing.T) {
			p := promql.Past{Span: promql.Span{Since: two, Until: minute(60), Interval: 15 * time.Second}}
			for _, s := range x.of {
				i := promql.PastInstance{Interval: 15 * time.Second, Scrapes: 200, First: minute(s.first), Last: minute(59.75)}
				if s.started > 0 {
					i.Started = minute(s.started)
				}
				for n := 0; n < len(s.gaps); n += 2 {
					i.Gaps = append(i.Gaps, promql.Gap{From: minute(s.gaps[n]), To: minute(s.gaps[n+1])})
				}
				p.Instances = append(p.Instances, i)
			}
			got := strings.Join(WindowDoubts(p), "; ")
			if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
				t.Errorf("got %q, want %q", got, x.want)
			}
			p.HTTP.Routes = []promql.Route{{URI: "/payments/authorize"}}
			if _, ran := InWindow(p); (len(ran) == 0) != (x.want != "") {
				t.Errorf("ruled out: %v", ran)
			}
			p.Live = true // then the end of it is judged
			if _, ran := InWindow(p); len(ran) == 0 || ran[0] != catalog.KafkaProduceUnauthorized {
				t.Errorf("live, ruled out: %v", ran)
			}
		})
	}
	if got := WindowDoubts(promql.Past{Source: fault.Source{Err: &fault.Failure{}}, Instances: []promql.PastInstance{{Scrapes: 1, First: minute(30)}}}); got != nil {
		t.Errorf("%v: that Prometheus did not answer is said elsewhere", got)
	}
}

// One of two instances could not be scraped for forty minutes, and the hour was called ok.
func TestAnInstanceThatCouldNotBeScraped(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		gaps  []promql.Gap
		want  string // nothing is doubted where it is empty
		now   bool   // also when the time ends now
		isNew bool   // the first scrape was made in the gap
	}{
		"hung":                         {[]promql.Gap{{From: minute(10), To: minute(50), Failed: 160}}, "ingest b:2 could not be scraped 14:10:00-14:50:00 (160 scrapes failed): down, or it hung", true, false},
		"hung at the beginning":        {[]promql.Gap{{From: minute(0), To: minute(40), Failed: 160}}, "ingest b:2 could not be scraped 14:00:00-14:40:00 (160 scrapes failed): down, or it hung", true, false},
		"new, and slow to begin":       {[]promql.Gap{{From: minute(0), To: minute(40), Failed: 20}}, "", false, true},
		"hangs at the end":             {[]promql.Gap{{From: minute(50), To: minute(60), Failed: 40}}, "ingest b:2 could not be scraped 14:50:00-15:00:00 (40 scrapes failed): down, or it hung", false, false},
		"taken away":                   {[]promql.Gap{{From: minute(10), To: minute(50)}}, "", false, false},
		"a restart":                    {[]promql.Gap{{From: minute(10), To: minute(11.5), Failed: 6}}, "", false, false},
		"stopped, and then taken away": {[]promql.Gap{{From: minute(10), To: minute(60), Failed: 6}}, "", false, false},
	} {
		p := hourOf(KafkaPublisher, stays("CLOSED", 60.0), stays("CLOSED", 60.0))
		if x.isNew {
			p.Instances[1].First = minute(35)
		}
		p.Live, p.Instances[1].Gaps = false, x.gaps
		got := strings.Join(WindowDoubts(p), "; ")
		if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
		if _, ran := InWindow(p); (len(ran) == 0) != (x.want != "") {
			t.Errorf("%s: ruled out %v", name, ran)
		}
		p.Live = true
		if now := strings.Join(WindowDoubts(p), "; "); (now != "") != x.now || x.now && now != got || HasHoles(p) != x.now {
			t.Errorf("%s, and the time ends now: %q, want that %v", name, now, x.now)
		}
		if _, ran := InWindow(p); len(ran) == 0 {
			t.Errorf("%s, and the time ends now: what is judged at its end is not ruled out", name)
		}
	}
}
