package promql

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// What is asked. Each is executed by a real Prometheus in the tests. Only the
// labels that matter come back, for what is not sent need not be read.
const (
	// nowQuery gives the present states, of the six series of 0 or 1 that a
	// breaker has those that are 1, and the numbers; and, as the fact "at", when
	// the state was scraped (any one of its six series tells). Series of an
	// instance that could not be scraped end at once.
	nowQuery = `
max by (__name__, instance, name, kind, state) (
  {__name__=~"process_start_time_seconds|resilience4j_circuitbreaker_(failure_rate|slow_call_rate|buffered_calls|slow_calls)", job="ingest-service"}
  or resilience4j_circuitbreaker_state{job="ingest-service"} == 1
)
or label_replace(max by (instance, name) (timestamp(resilience4j_circuitbreaker_state{job="ingest-service", state="closed"})), "fact", "at", "", "")`

	// pastQuery gives, told apart by the label fact: Prometheus' clock; whether
	// the last scrape of the last five minutes worked, and when it was; how often
	// a state changed in a day, if it did; since when there are samples; calls a
	// second.
	pastQuery = `
label_replace(vector(time()), "fact", "clock", "", "")
or label_replace(max by (instance) (last_over_time(up{job="ingest-service"}[5m])), "fact", "up", "", "")
or label_replace(max by (instance) (timestamp(up{job="ingest-service"}) or max_over_time(timestamp(up{job="ingest-service"})[5m:10s])), "fact", "up_at", "", "")
or label_replace(sum by (instance, name) (changes(resilience4j_circuitbreaker_state{job="ingest-service"}[24h])) > 0, "fact", "changes", "", "")
or label_replace(min by (instance, name) (min_over_time(timestamp(resilience4j_circuitbreaker_state{job="ingest-service", state="closed"})[24h:5m])
  or min_over_time(timestamp(resilience4j_circuitbreaker_state{job="ingest-service", state="closed"})[5m:10s])), "fact", "first", "", "")
or label_replace(sum by (instance, name, kind) (rate({__name__=~"resilience4j_circuitbreaker_(calls_seconds_count|not_permitted_calls_total)", kind=~"successful|failed|not_permitted", job="ingest-service"}[5m])), "fact", "per_second", "", "")`

	// scrapesQuery gives each scrape of the last five minutes, where the list of
	// targets does not tell how often there is one.
	scrapesQuery = `up{job="ingest-service"}[5m]`
)

// Breakers asks for every breaker of every instance. It returns when all is
// answered or ctx ends; what was not answered is in the Source.
func (c *Client) Breakers(ctx context.Context) Facts { return c.BreakersAt(ctx, time.Time{}) }

// BreakersAt is Breakers as they would have been told at a time; the zero time is
// Prometheus' own present.
func (c *Client) BreakersAt(ctx context.Context, at time.Time) Facts {
	start := time.Now()
	a := answers{asked: c.asked(nowQuery), at: at}
	fault.Together(
		func() { a.now = c.samples(ctx, &a, nowQuery, at) },
		func() { a.past = c.samples(ctx, &a, pastQuery, at) },
		func() { a.targets, a.listed = c.targets(ctx) },
	)

	facts := Facts{Local: c.local, Targets: a.listed, At: a.clock()}
	instances := a.instances()
	c.intervals(ctx, &a, instances)
	c.trace(ctx, &a, instances)
	if a.failure == nil && len(instances) == 0 {
		facts.LastSeen = c.lastSeen(ctx, &a)
	}
	for _, name := range slices.Sorted(maps.Keys(instances)) {
		facts.Instances = append(facts.Instances, instances[name].facts())
	}
	facts.Source = fault.Source{Name: c.name, Asked: a.asked, Took: time.Since(start), Err: a.failure}
	return facts
}

// answers is what came back, as it came.
type answers struct {
	at        time.Time // the time asked about; zero for now
	now, past []series
	targets   []activeTarget
	listed    bool // the targets were listed

	mu      sync.Mutex
	failure *fault.Failure // the first one
	asked   string         // what it was asked with
}

func (a *answers) fail(err error, asked string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure == nil {
		a.failure, a.asked = fault.FailureOf(err, fault.Unexpected), asked
		if a.failure.Class != fault.BadStatus {
			// It is not this query that it did not answer.
			a.asked, _, _ = strings.Cut(asked, " query=")
		}
	}
}

// samples asks for a vector and keeps the failure.
func (c *Client) samples(ctx context.Context, a *answers, expr string, at time.Time) []series {
	all, err := c.vector(ctx, expr, at)
	if err != nil {
		a.fail(err, c.asked(expr))
	}
	return all
}

// scrapes asks for every sample that a range selector takes in, and keeps the
// failure.
func (c *Client) scrapes(ctx context.Context, a *answers, expr string, at time.Time) []series {
	all, err := c.matrix(ctx, expr, at)
	if err != nil {
		a.fail(err, c.asked(expr))
	}
	return all
}

// clock is the time at which Prometheus evaluated the queries.
func (a *answers) clock() time.Time {
	switch {
	case len(a.past) > 0:
		return a.past[0].time()
	case len(a.now) > 0:
		return a.now[0].time()
	}
	return time.Time{}
}

// instance gathers what the answers say of one instance.
type instance struct {
	Instance
	breakers map[string]*breaker
}

// breaker gathers what the answers say of one breaker.
type breaker struct {
	Breaker
	ones    []string
	changes float64
	stays   []stay
}

func (i *instance) breaker(name string) *breaker {
	b := i.breakers[name]
	if b == nil {
		b = &breaker{Breaker: Breaker{Name: foreign.Text(name)}}
		i.breakers[name] = b
	}
	return b
}

// instances sorts the answers by instance and breaker.
func (a *answers) instances() map[string]*instance {
	all := map[string]*instance{}
	of := func(s series) *instance {
		name := s.get("instance")
		i := all[name]
		if i == nil {
			i = &instance{Instance: Instance{Name: foreign.Text(name)}, breakers: map[string]*breaker{}}
			all[name] = i
		}
		return i
	}
	for _, s := range a.now {
		of(s).number(s)
	}
	for _, s := range a.past {
		switch s.get(factLabel) {
		case "up":
			of(s).Up = s.value() == 1
		case "up_at":
			of(s).UpAt = seconds(s.value())
		}
	}
	for _, s := range a.past {
		// The past of a breaker alone does not make an instance: it may be gone since.
		if i := all[s.get("instance")]; i != nil && s.get("name") != "" {
			i.pastFact(s)
		}
	}
	for _, t := range a.targets {
		if i := all[t.Labels["instance"]]; i != nil {
			i.target(t)
		}
	}
	return all
}

// intervals finds out how long it is from one scrape to the next where that is
// not known yet.
func (c *Client) intervals(ctx context.Context, a *answers, instances map[string]*instance) {
	unknown := false
	for _, i := range instances {
		unknown = unknown || i.Interval == 0
	}
	if !unknown || a.failure != nil {
		return
	}
	for _, s := range c.scrapes(ctx, a, scrapesQuery, a.at) {
		if i := instances[s.get("instance")]; i != nil && i.Interval == 0 {
			i.Interval = gap(s.points)
		}
	}
}

// gap is the median time between samples, for a target may have been away.
func gap(values []point) time.Duration {
	var gaps []time.Duration
	for n := 1; n < len(values); n++ {
		gaps = append(gaps, values[n].time().Sub(values[n-1].time()))
	}
	if len(gaps) == 0 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2].Round(10 * time.Millisecond)
}

// number takes one sample of nowQuery.
func (i *instance) number(s series) {
	v, kind := s.value(), s.get("kind")
	if s.get("__name__") == "process_start_time_seconds" {
		i.Started = seconds(v)
		return
	}
	b := i.breaker(s.get("name"))
	if s.get(factLabel) == "at" {
		b.At = seconds(v)
		return
	}
	switch metric := strings.TrimPrefix(s.get("__name__"), "resilience4j_circuitbreaker_"); {
	case metric == "state":
		b.ones = append(b.ones, strings.ToUpper(s.get("state")))
	case metric == "failure_rate":
		b.FailureRate = rate(v)
	case metric == "slow_call_rate":
		b.SlowCallRate = rate(v)
	case metric == "buffered_calls" && kind == "successful":
		b.Successful = count(v)
	case metric == "buffered_calls" && kind == "failed":
		b.Failed = count(v)
	case metric == "slow_calls" && kind == "successful":
		b.SlowSuccessful = count(v)
	case metric == "slow_calls" && kind == "failed":
		b.SlowFailed = count(v)
	}
}

// pastFact takes one sample of pastQuery about a breaker.
func (i *instance) pastFact(s series) {
	b, v := i.breaker(s.get("name")), s.value()
	switch fact, kind := s.get(factLabel), s.get("kind"); {
	case fact == "changes":
		b.changes = v
	case fact == "first":
		b.History.From = seconds(v)
	case fact == "per_second" && kind == "successful":
		b.SuccessfulPerSecond = finite(v)
	case fact == "per_second" && kind == "failed":
		b.FailedPerSecond = finite(v)
	case fact == "per_second" && kind == "not_permitted":
		b.NotPermittedPerSecond = finite(v)
	}
}

// facts are what the answers came to for the instance.
func (i *instance) facts() Instance {
	for _, name := range slices.Sorted(maps.Keys(i.breakers)) {
		b := i.breakers[name]
		if len(b.ones) == 1 && slices.Contains(states, b.ones[0]) {
			b.State = b.ones[0]
		} else {
			b.Ones = b.ones
		}
		b.recall()
		if b.At.IsZero() {
			continue // numbers without a state, or a past of more than an hour ago: nothing to tell of
		}
		i.Breakers = append(i.Breakers, b.Breaker)
	}
	return i.Instance
}

// rate is a percentage; Micrometer gives NaN where there is no value, and
// Resilience4j -1 while there are too few calls.
func rate(v float64) *float64 {
	if !(v >= 0) {
		return nil
	}
	return finite(v)
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func count(v float64) *int {
	if !(v >= 0 && v < math.MaxInt32) {
		return nil
	}
	n := int(v)
	return &n
}

func seconds(v float64) time.Time {
	if finite(v) == nil || v <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(v * 1000))).UTC()
}
