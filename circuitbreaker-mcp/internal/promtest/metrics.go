package promtest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Breaker is what an instance exports of one circuit breaker. Numbers that are
// NaN are left to the reader to make sense of, as Micrometer does.
type Breaker struct {
	Name                       string
	States                     []string // whose series are 1, in lower case
	FailureRate, SlowCallRate  float64
	Successful, Failed, Slow   int // in the window; the slow ones were successful
	FailedTotal, TurnedAwayAll float64
}

var states = []string{"closed", "open", "half_open", "forced_open", "disabled", "metrics_only"}

// String writes the breaker in Prometheus' text form.
func (b Breaker) String() string {
	var s strings.Builder
	line := func(metric, labels string, v float64) {
		value := strconv.FormatFloat(v, 'g', -1, 64)
		if math.IsNaN(v) {
			value = "NaN"
		}
		fmt.Fprintf(&s, "resilience4j_circuitbreaker_%s{name=%q%s,application=\"ingest-service\"} %s\n", metric, b.Name, labels, value)
	}
	for _, state := range states {
		v := 0.0
		for _, on := range b.States {
			if on == state {
				v = 1
			}
		}
		line("state", fmt.Sprintf(",state=%q", state), v)
	}
	line("failure_rate", "", b.FailureRate)
	line("slow_call_rate", "", b.SlowCallRate)
	line("buffered_calls", `,kind="successful"`, float64(b.Successful))
	line("buffered_calls", `,kind="failed"`, float64(b.Failed))
	line("slow_calls", `,kind="successful"`, float64(b.Slow))
	line("slow_calls", `,kind="failed"`, 0)
	line("calls_seconds_count", `,kind="failed"`, b.FailedTotal)
	line("not_permitted_calls_total", `,kind="not_permitted"`, b.TurnedAwayAll)
	return s.String()
}

// Closed is the breaker as it is when all is well and it has seen no calls.
func Closed(name string) Breaker {
	return Breaker{Name: name, States: []string{"closed"}, FailureRate: -1, SlowCallRate: -1}
}

// In is the breaker in another state.
func (b Breaker) In(states ...string) Breaker {
	b.States = states
	return b
}

// Healthy is what a healthy instance exports.
func Healthy() string { return Closed("kafka-publisher").String() + Closed("pg-auth-api").String() }

// Started is the start of the process, as an instance exports it.
func Started(at time.Time) string {
	return fmt.Sprintf("process_start_time_seconds %.3f\n", float64(at.UnixMilli())/1000)
}

// Every is the time between the scrapes of a past.
const Every = 15 * time.Second

// Past is what Prometheus has stored, as promtool takes it.
type Past struct{ lines []string }

// Scrape adds one scrape of an instance at a time: that it worked, and what it
// gave.
func (p *Past) Scrape(instance string, at time.Time, metrics ...string) *Past {
	p.up(instance, at, 1)
	for _, text := range metrics {
		for line := range strings.Lines(text) {
			p.add(instance, at, strings.TrimSpace(line))
		}
	}
	return p
}

// Scrapes adds scrapes that all gave the same, from one time to another.
func (p *Past) Scrapes(instance string, from, to time.Time, metrics ...string) *Past {
	for at := from; !at.After(to); at = at.Add(Every) {
		p.Scrape(instance, at, metrics...)
	}
	return p
}

// Fails adds scrapes that did not work.
func (p *Past) Fails(instance string, from, to time.Time) *Past {
	for at := from; !at.After(to); at = at.Add(Every) {
		p.up(instance, at, 0)
	}
	return p
}

// Stay is a time that a breaker spends in a state.
type Stay struct {
	State string // in lower case
	For   time.Duration
}

// Stays adds the state of a breaker while it went through some stays, of which
// the last ends with the scrape at a time.
func (p *Past) Stays(instance, breaker string, end time.Time, stays ...Stay) *Past {
	at := end
	for _, s := range stays {
		at = at.Add(-s.For)
	}
	// The first scrape of a stay comes with its beginning.
	for _, s := range stays {
		for until := at.Add(s.For); at.Before(until); {
			at = at.Add(Every)
			for _, state := range states {
				on := 0
				if state == s.State {
					on = 1
				}
				p.add(instance, at, fmt.Sprintf("resilience4j_circuitbreaker_state{name=%q,state=%q} %d", breaker, state, on))
			}
		}
	}
	return p
}

func (p *Past) up(instance string, at time.Time, v int) {
	p.lines = append(p.lines, stored("up{", instance, at, fmt.Sprint(v)))
}

// add stores one line of the text form, with the labels that scraping adds.
func (p *Past) add(instance string, at time.Time, line string) {
	space := strings.LastIndexByte(line, ' ')
	metric, value := line[:space], line[space+1:]
	if head, found := strings.CutSuffix(metric, "}"); found {
		metric = strings.Replace(head, "application=", "exported_application=", 1) + ","
	} else {
		metric += "{"
	}
	p.lines = append(p.lines, stored(metric, instance, at, value))
}

func stored(metric, instance string, at time.Time, value string) string {
	return fmt.Sprintf("%sjob=\"ingest-service\",application=\"INGEST-SERVICE\",instance=%q} %s %.3f\n", metric, instance, value, float64(at.UnixMilli())/1000)
}

// String writes the past with the samples of a metric together, as the form asks.
func (p *Past) String() string {
	lines := slices.Clone(p.lines)
	slices.SortStableFunc(lines, func(a, b string) int {
		return strings.Compare(a[:strings.IndexByte(a, '{')], b[:strings.IndexByte(b, '{')])
	})
	return strings.Join(lines, "") + "# EOF\n"
}
