package promql

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// What is asked of a time. $W is its length, $R a short while at its end, $K one
// that is no shorter than a breaker holds back what fails; $V, $r and $k are these
// in seconds. $S is the step of a line and $Q the longer of it and four scrapes,
// below which a rate is chance. Each is executed by a real Prometheus in the tests.
const (
	// madeQuery gives every scrape of the instances, and whether it worked.
	madeQuery = `up{job="ingest-service"}[$W]`

	// breakersQuery gives, by fact, what each breaker came to in the time.
	breakersQuery = `
label_replace(sum by (instance, name) (changes(resilience4j_circuitbreaker_state{job="ingest-service"}[$W])), "fact", "changes", "", "")
or label_replace(max by (instance, name, state) (max_over_time(resilience4j_circuitbreaker_state{job="ingest-service"}[$W])) == 1, "fact", "ever", "", "")
or label_replace(max by (instance, name) (count_over_time(resilience4j_circuitbreaker_state{job="ingest-service", state="closed"}[$W])), "fact", "samples", "", "")
or label_replace(sum by (instance, name, kind) (increase({__name__=~"resilience4j_circuitbreaker_(calls_seconds_count|not_permitted_calls_total)", job="ingest-service"}[$W])), "fact", "calls", "", "")
or label_replace(sum by (instance, name) (increase(resilience4j_circuitbreaker_calls_seconds_sum{job="ingest-service"}[$W])) / sum by (instance, name) (increase(resilience4j_circuitbreaker_calls_seconds_count{job="ingest-service"}[$W])), "fact", "mean", "", "")
or label_replace(max by (instance, name) (max_over_time(resilience4j_circuitbreaker_failure_rate{job="ingest-service"}[$W])) >= 0, "fact", "failure_rate", "", "")
or label_replace(max by (instance, name) (max_over_time(resilience4j_circuitbreaker_slow_call_rate{job="ingest-service"}[$W])) >= 0, "fact", "slow_rate", "", "")
or label_replace(max by (job, instance) (last_over_time(process_start_time_seconds[$W])) > time() - $V, "fact", "start", "", "")`

	// callsBeforeQuery compares with the time before.
	callsBeforeQuery = `
label_replace(sum by (instance, name) (increase(resilience4j_circuitbreaker_calls_seconds_count{job="ingest-service", kind="failed"}[$W] offset $W)), "fact", "failed_before", "", "")
or label_replace(sum by (uri, status) (increase(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[$W] offset $W)), "fact", "http_before", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W] offset $W))), "fact", "p95_before", "", "")
or label_replace(sum by (job) (increase(kafka_producer_record_error_total[$W] offset $W)) > 0, "fact", "producer_before", "", "")
or label_replace(sum by (job, exception) (increase(spring_kafka_template_seconds_count{result="failure"}[$W] offset $W)) > 0, "fact", "send_before", "", "")
or label_replace(sum by (job, exception) (increase(spring_kafka_listener_seconds_count{result="failure"}[$W] offset $W)) > 0, "fact", "listener_before", "", "")`

	// trafficQuery gives the traffic of the time and of its end.
	trafficQuery = `
label_replace(sum by (uri, status) (increase(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[$W])), "fact", "http", "", "")
or label_replace(sum by (uri, status) (increase(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[5m])), "fact", "http_5m", "", "")
or label_replace(sum by (uri, status) (increase(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[$R])), "fact", "http_recent", "", "")
or label_replace(sum by (uri, status) (increase(http_server_requests_seconds_count{job="ingest-service", uri="/payments/authorize"}[1h] offset 5m)), "fact", "http_baseline", "", "")
or label_replace(histogram_quantile(0.5, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W]))), "fact", "p50", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W]))), "fact", "p95", "", "")
or label_replace(histogram_quantile(0.99, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W]))), "fact", "p99", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri="/payments/authorize"}[5m]))), "fact", "p95_5m", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri="/payments/authorize"}[$R]))), "fact", "p95_recent", "", "")
or label_replace(sum by (uri) (increase(http_server_requests_seconds_sum{job="ingest-service", uri=~"/payments/.*"}[$W])) / sum by (uri) (increase(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[$W])), "fact", "mean", "", "")`

	// poolsOverQuery adds what database pools came to in a time that is over.
	poolsOverQuery = `
or label_replace(max by (instance, pool) (max_over_time(hikaricp_connections_pending[$W])), "fact", "most_pending", "", "")
or label_replace(max by (instance, pool) (increase(hikaricp_connections_timeout_total[$W])), "fact", "timeouts_over", "", "")`

	// linesQuery gives the lines. A gauge's is its highest value in the step, so
	// that what was short is not lost between two points.
	linesQuery = `
label_replace(sum (rate(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[$Q])), "fact", "requests", "", "")
or label_replace(sum (rate(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*", status=~"5.."}[$Q])), "fact", "5xx", "", "")
or label_replace(sum (rate(http_server_requests_seconds_count{job="ingest-service", uri="/payments/authorize", status="409"}[$Q])), "fact", "409", "", "")
or label_replace(sum (rate(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*", status="429"}[$Q])), "fact", "429", "", "")
or label_replace(histogram_quantile(0.95, sum by (le) (rate(http_server_requests_seconds_bucket{job="ingest-service", uri="/payments/authorize"}[$Q]))), "fact", "authorize_p95", "", "")
or label_replace(max by (name) (max_over_time(resilience4j_circuitbreaker_failure_rate{job="ingest-service"}[$S])), "fact", "failure_rate", "", "")
or label_replace(max by (name) (max_over_time(resilience4j_circuitbreaker_slow_call_rate{job="ingest-service"}[$S])), "fact", "slow_rate", "", "")
or label_replace(sum by (name) (rate(resilience4j_circuitbreaker_not_permitted_calls_total{job="ingest-service"}[$Q])), "fact", "not_permitted", "", "")`

	// statesQuery gives every scrape of the states that breakers had, of those
	// that had more than one.
	statesQuery = `resilience4j_circuitbreaker_state{job="ingest-service", instance=~%s, name=~%s, state=~%s}[$W]`

	// failedQuery gives every scrape of how many calls failed.
	failedQuery = `resilience4j_circuitbreaker_calls_seconds_count{job="ingest-service", kind="failed", instance=~%s, name=~%s}[$W]`
)

// clientsQuery gives database pools and what failed at Kafka.
var clientsQuery = `
label_replace(max by (instance, pool) (hikaricp_connections_active), "fact", "active", "", "")
or label_replace(max by (instance, pool) (hikaricp_connections_max), "fact", "max", "", "")
or label_replace(max by (instance, pool) (hikaricp_connections_pending), "fact", "pending", "", "")
or label_replace(min by (instance, pool) (min_over_time(hikaricp_connections_pending[$R])), "fact", "always_pending", "", "")
or label_replace(max by (instance, pool) (increase(hikaricp_connections_timeout_total[5m])), "fact", "timeouts", "", "")
or label_replace(max by (instance, pool) (increase(hikaricp_connections_timeout_total[$R])), "fact", "timeouts_recent", "", "")
or label_replace(sum by (job) (increase(kafka_producer_record_error_total[$W])) > 0, "fact", "producer", "", "")
or label_replace(sum by (job) (rate(kafka_producer_record_error_total[$K])) > 0, "fact", "producer_recent", "", "")
or label_replace(sum by (job, exception) (` + counted(sendFailures, "$W", "$V") + `) > 0, "fact", "send", "", "")
or label_replace(sum by (job, exception) (` + counted(sendFailures, "$K", "$k") + `) / $k > 0, "fact", "send_recent", "", "")
or label_replace(sum by (job, exception) (` + counted(listenerFailures, "$W", "$V") + `) > 0, "fact", "listener", "", "")
or label_replace(sum by (job, exception) (` + counted(listenerFailures, "$R", "$r") + `) / $r > 0, "fact", "listener_recent", "", "")`

const (
	sendFailures     = `spring_kafka_template_seconds_count{result="failure"}`
	listenerFailures = `spring_kafka_listener_seconds_count{result="failure"}`
)

// counted is how much a counter of failures by exception grew in a time. Such a series
// begins with the first failure, so that increase() misses what it begins with: all of
// it, where the failures open a breaker and then end. Where an instance was scraped
// before or was not yet running, the series that begins has counted from zero.
func counted(counter, over, seconds string) string {
	return strings.NewReplacer("COUNTER", counter, "OVER", over, "SECONDS", seconds).Replace(
		`((last_over_time(COUNTER[OVER]) unless COUNTER offset OVER) and on (job, instance) (up offset OVER == 1 or process_start_time_seconds > time() - SECONDS)) or increase(COUNTER[OVER])`)
}

const (
	linePoints = 100
	// minRecent is the shortest while at the end of a time that says that what
	// was found in it still goes on.
	minRecent = 10 * time.Second
	// minSending is the shortest while in which something is sent to Kafka, also
	// when the breaker is open: it tries again after 30 s.
	minSending = time.Minute
	// maxStarts is how many starts of processes are kept, the newest.
	maxStarts = 20
)

// steps are the lengths that a step of a line may have.
var steps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour}

// step is the shortest step that gives no more points than wanted and takes in
// two scrapes.
func (s Span) step() time.Duration {
	points := cmp.Or(s.Points, linePoints)
	for _, step := range steps {
		if s.Until.Sub(s.Since) <= time.Duration(points)*step && step >= 2*s.Interval {
			return step
		}
	}
	return 12 * time.Hour
}

// RateWindow is how long the time is that each point of a line of rates tells of: a
// step, or more where a step has too few scrapes.
func (s Span) RateWindow() time.Duration { return max(s.step(), 4*s.Interval) }

// recent is the while at the end of the time that Traffic.Recent is of.
func (s Span) recent() time.Duration {
	return max(minRecent, 4*s.Interval).Round(time.Second)
}

// fill puts the lengths of a time into a query.
func (s Span) fill(expr string) string {
	w, step := s.Until.Sub(s.Since).Round(time.Millisecond), s.step()
	sending := max(minSending, s.recent())
	return strings.NewReplacer(
		"$W", promDuration(w), "$V", promSeconds(w), "$R", promDuration(s.recent()), "$r", promSeconds(s.recent()),
		"$K", promDuration(sending), "$k", promSeconds(sending),
		"$S", promDuration(step), "$Q", promDuration(s.RateWindow())).Replace(expr)
}

// promSeconds writes a length as a number of seconds.
func promSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// promDuration writes a length as PromQL takes it.
func promDuration(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

// pastAnswers is what came back, as it came.
type pastAnswers struct {
	answers
	made, breakers, before, traffic, clients, lines []series
}

// Past asks for a time. It returns when all is answered or ctx ends; what was not
// answered is in the Source.
func (c *Client) Past(ctx context.Context, s Span) Past {
	start := time.Now()
	a := pastAnswers{}
	clients := clientsQuery
	if !s.Live {
		clients += poolsOverQuery
	}
	a.asked = c.asked(s.fill(madeQuery))
	vector := func(into *[]series, expr string) func() {
		return func() { *into = c.samples(ctx, &a.answers, s.fill(expr), s.Until) }
	}
	asks := []func(){
		func() { a.made = c.scrapes(ctx, &a.answers, s.fill(madeQuery), s.Until) },
		vector(&a.breakers, breakersQuery),
		vector(&a.traffic, trafficQuery),
		vector(&a.clients, clients),
		func() { a.lines = c.lines(ctx, &a, s) },
	}
	if s.Before {
		asks = append(asks, vector(&a.before, callsBeforeQuery))
	}
	fault.Together(asks...)

	p := Past{Span: s, At: s.Until, Step: s.step()}
	instances := a.pastInstances(s)
	c.recallAll(ctx, &a, s, instances)
	for _, name := range slices.Sorted(maps.Keys(instances)) {
		p.Instances = append(p.Instances, instances[name].facts())
	}
	p.HTTP, p.Errors = a.http(s), a.errors()
	p.Pools, p.Starts = a.pools(), a.starts()
	p.Lines = linesOf(a.lines, s)
	p.Source = fault.Source{Name: c.name, Asked: a.asked, Took: time.Since(start), Err: a.failure}
	return p
}

// lines asks for the lines, each point of which tells of the step before it.
func (c *Client) lines(ctx context.Context, a *pastAnswers, s Span) []series {
	step := s.step()
	n := int(s.Until.Sub(s.Since) / step)
	if n == 0 {
		return nil
	}
	expr := s.fill(linesQuery)
	all, err := c.ranged(ctx, expr, s.Until.Add(-time.Duration(n-1)*step), s.Until, step)
	if err != nil {
		a.fail(err, c.asked(expr))
	}
	return all
}

// pastInstance gathers what the answers say of one instance.
type pastInstance struct {
	PastInstance
	breakers map[string]*pastBreaker
}

type pastBreaker struct {
	PastBreaker
	changes float64
	ever    []string // states
}

func (a *pastAnswers) pastInstances(s Span) map[string]*pastInstance {
	all := map[string]*pastInstance{}
	of := func(name string) *pastInstance {
		i := all[name]
		if i == nil {
			i = &pastInstance{PastInstance: PastInstance{Name: foreign.Text(name)}, breakers: map[string]*pastBreaker{}}
			all[name] = i
		}
		return i
	}
	for _, made := range a.made {
		of(made.get("instance")).scraped(made.points, s)
	}
	for _, x := range a.breakers {
		if x.get(factLabel) != "start" {
			of(x.get("instance")).fact(x)
		} else if i := all[x.get("instance")]; i != nil && x.get("job") == job {
			i.Started = seconds(x.value())
		}
	}
	for _, x := range a.before {
		if x.get(factLabel) == "failed_before" {
			of(x.get("instance")).fact(x)
		}
	}
	return all
}

// scraped takes the scrapes of an instance, of which some may be missing.
func (i *pastInstance) scraped(points []point, s Span) {
	if len(points) == 0 {
		return
	}
	i.Interval = gap(points)
	i.Scrapes, i.First, i.Last = len(points), points[0].time(), points[len(points)-1].time()
	longest := cmp.Or(i.Interval, s.Interval)*5/2 + time.Second
	good, failed := s.Since, 0
	for n, p := range points {
		// The time begins at any moment between two scrapes, so before the first
		// of them nothing is missing yet.
		if p.value == 1 {
			if failed > 0 || p.time().Sub(good) > longest && n > 0 {
				i.Gaps = append(i.Gaps, Gap{good, p.time(), failed})
			}
			good, failed = p.time(), 0
			continue
		}
		i.Failed++
		failed++
	}
	if failed > 0 || s.Until.Sub(good) > longest {
		i.Gaps = append(i.Gaps, Gap{good, s.Until, failed})
	}
}

func (i *pastInstance) fact(x series) {
	name, v := x.get("name"), x.value()
	if name == "" {
		return
	}
	b := i.breakers[name]
	if b == nil {
		b = &pastBreaker{PastBreaker: PastBreaker{Name: foreign.Text(name)}}
		i.breakers[name] = b
	}
	switch fact, kind := x.get(factLabel), x.get("kind"); {
	case fact == "changes":
		b.changes = v
	case fact == "ever":
		b.ever = append(b.ever, strings.ToUpper(x.get("state")))
	case fact == "samples":
		b.Samples = int(v)
	case fact == "calls" && kind == "successful":
		b.Successful = finite(v)
	case fact == "calls" && kind == "failed":
		b.Failed = finite(v)
	case fact == "calls" && kind == "not_permitted":
		b.NotPermitted = finite(v)
	case fact == "mean":
		b.MeanCall = finite(v)
	case fact == "failure_rate":
		b.FailureRate = rate(v)
	case fact == "slow_rate":
		b.SlowCallRate = rate(v)
	case fact == "failed_before":
		b.FailedBefore = finite(v)
	}
}

func (i *pastInstance) facts() PastInstance {
	for _, name := range slices.Sorted(maps.Keys(i.breakers)) {
		if b := i.breakers[name]; b.Samples > 0 || len(b.ever) > 0 {
			i.Breakers = append(i.Breakers, b.PastBreaker)
		}
	}
	return i.PastInstance
}

// recallAll finds out how breakers went from state to state. Those that had but
// one state all the time are known already: a day of samples is much to read.
func (c *Client) recallAll(ctx context.Context, a *pastAnswers, s Span, instances map[string]*pastInstance) {
	var names, breakers, had []string
	changed := map[key]*pastBreaker{}
	for label, i := range instances {
		for name, b := range i.breakers {
			if b.changes == 0 && len(b.ever) == 1 {
				b.Stays = []Stay{{State: b.ever[0], First: i.First, Last: lastGood(i, s)}}
				continue
			}
			changed[key{label, name}] = b
			names, breakers = append(names, label), append(breakers, name)
			for _, state := range b.ever {
				had = append(had, strings.ToLower(state))
			}
		}
	}
	if len(changed) == 0 || len(had) == 0 || a.failure != nil {
		return
	}
	var states, failed []series
	fault.Together(
		func() {
			states = c.scrapes(ctx, &a.answers, s.fill(fmt.Sprintf(statesQuery, anyOf(names), anyOf(breakers), anyOf(had))), s.Until)
		},
		func() {
			failed = c.scrapes(ctx, &a.answers, s.fill(fmt.Sprintf(failedQuery, anyOf(names), anyOf(breakers))), s.Until)
		},
	)
	for k, stays := range staysOf(states) {
		if b := changed[k]; b != nil {
			for _, st := range stays {
				b.Stays = append(b.Stays, Stay{st.state, st.first, st.last})
			}
		}
	}
	for _, x := range failed {
		b := changed[keyOf(x)]
		if b == nil {
			continue
		}
		for n := 1; n < len(x.points); n++ {
			if more := x.points[n].value - x.points[n-1].value; more > 0 { // less is a restart
				b.Failures = append(b.Failures, Failures{x.points[n].time(), more})
			}
		}
	}
}

// lastGood is the last scrape of an instance that worked.
func lastGood(i *pastInstance, s Span) time.Time {
	if n := len(i.Gaps); n > 0 && i.Gaps[n-1].To.Equal(s.Until) {
		return i.Gaps[n-1].From
	}
	return i.Last
}

func (a *pastAnswers) http(s Span) HTTP {
	h := HTTP{RecentFor: s.recent()}
	routes := map[string]*Route{}
	of := func(x series) *Route {
		uri := x.get("uri")
		r := routes[uri]
		if r == nil {
			r = &Route{URI: foreign.Text(uri), Status: map[string]float64{}}
			routes[uri] = r
		}
		return r
	}
	for _, x := range slices.Concat(a.traffic, a.before) {
		v := x.value()
		switch x.get(factLabel) {
		case "http":
			of(x).Status[x.get("status")] += v
		case "http_before":
			r := of(x)
			if r.Before == nil {
				r.Before = map[string]float64{}
			}
			r.Before[x.get("status")] += v
		case "http_5m":
			h.FiveMinutes.add(x)
		case "http_recent":
			h.Recent.add(x)
		case "http_baseline":
			h.Baseline.add(x)
		case "p50":
			of(x).P50 = finite(v)
		case "p95":
			of(x).P95 = finite(v)
		case "p99":
			of(x).P99 = finite(v)
		case "p95_before":
			of(x).P95Before = finite(v)
		case "mean":
			of(x).Mean = finite(v)
		case "p95_5m":
			h.AuthorizeP95 = finite(v)
		case "p95_recent":
			h.AuthorizeP95Recent = finite(v)
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(routes)) {
		h.Routes = append(h.Routes, *routes[uri])
	}
	return h
}

// authorizeURI is the route by which payments are begun.
const authorizeURI = "/payments/authorize"

func (t *Traffic) add(x series) {
	v, status := x.value(), x.get("status")
	t.All += v
	switch {
	case strings.HasPrefix(status, "5"):
		t.S5xx += v
	case status == "429":
		t.S429 += v
	}
	if x.get("uri") == authorizeURI {
		t.Authorize += v
		if status == "409" {
			t.AuthorizeRefuse += v
		}
	}
}

func (a *pastAnswers) pools() []Pool {
	all := map[[2]string]*Pool{}
	for _, x := range a.clients {
		k := [2]string{x.get("instance"), x.get("pool")}
		if k[1] == "" {
			continue
		}
		p := all[k]
		if p == nil {
			p = &Pool{Instance: foreign.Text(k[0]), Name: foreign.Text(k[1])}
			all[k] = p
		}
		v := finite(x.value())
		switch x.get(factLabel) {
		case "active":
			p.Active = v
		case "max":
			p.Max = v
		case "pending":
			p.Pending = v
		case "always_pending":
			p.AlwaysPending = v
		case "timeouts":
			p.Timeouts = v
		case "timeouts_recent":
			p.RecentTimeouts = v
		case "most_pending":
			p.MostPending = v
		case "timeouts_over":
			p.TimeoutsOver = v
		}
	}
	var pools []Pool
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		pools = append(pools, *all[k])
	}
	return pools
}

func (a *pastAnswers) errors() []ErrorCount {
	type what struct {
		job, kind, exception string
	}
	all := map[what]*ErrorCount{}
	for _, x := range slices.Concat(a.clients, a.before) {
		fact := x.get(factLabel)
		kind, _, _ := strings.Cut(fact, "_")
		switch ErrorKind(kind) {
		case ProducerErrors, TemplateErrors, ListenerErrors:
		default:
			continue
		}
		k := what{x.get("job"), kind, x.get("exception")}
		e := all[k]
		if e == nil {
			e = &ErrorCount{Job: foreign.Text(k.job), Kind: ErrorKind(kind), Exception: foreign.Text(k.exception)}
			all[k] = e
		}
		switch {
		case strings.HasSuffix(fact, "_before"):
			e.Before = x.value()
		case strings.HasSuffix(fact, "_recent"):
			e.Recent = x.value()
		default:
			e.Count = x.value()
		}
	}
	var list []ErrorCount
	for _, e := range all {
		if e.Count > 0 || e.Recent > 0 {
			list = append(list, *e)
		}
	}
	slices.SortFunc(list, func(a, b ErrorCount) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Exception, b.Exception))
	})
	return list
}

func (a *pastAnswers) starts() []Start {
	var all []Start
	for _, x := range a.breakers {
		if x.get(factLabel) == "start" {
			all = append(all, Start{foreign.Text(x.get("job")), foreign.Text(x.get("instance")), seconds(x.value())})
		}
	}
	slices.SortFunc(all, func(a, b Start) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance))
	})
	return all[:min(len(all), maxStarts)]
}

// linesOf puts every line on the same points: what is missing between is nil.
func linesOf(all []series, s Span) []Line {
	var lines []Line
	for _, x := range all {
		l := Line{Name: LineName(x.get(factLabel)), Breaker: foreign.Text(x.get("name"))}
		rate := l.Name == LineFailureRate || l.Name == LineSlowRate
		for i, p := range x.points {
			switch {
			case finite(p.value) == nil:
				l.NaN++
			case p.value < 0 && rate:
				l.TooFew++
				x.points[i].value = math.NaN()
			}
		}
		l.Points = onGrid(x.points, s)
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Breaker, b.Breaker))
	})
	return lines
}
