package promql

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// What is asked of a time. $W is its length, $R a short while at its end, $K one
// that is no shorter than a breaker holds back what fails; $V, $r and $k are these
// in seconds. $B is how long before its end the time began that the end is compared
// with: of a time that is over, before all of it. $S is the step of a line and $Q the longer of it and four scrapes,
// below which a rate is chance; $q is that in seconds. $E is how far an extreme reaches back from each
// point, and $I the time between scrapes. Each is executed by a real Prometheus in the tests.
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

	// poolsOverQuery adds what database pools came to in a time that is over.
	poolsOverQuery = `
or label_replace(max by (instance, pool) (max_over_time(hikaricp_connections_pending[$W])), "fact", "most_pending", "", "")
or label_replace(max by (instance, pool) (increase(hikaricp_connections_timeout_total[$W])), "fact", "timeouts_over", "", "")`

	// statesQuery gives every scrape of the states that breakers had, of those
	// that had more than one.
	statesQuery = `resilience4j_circuitbreaker_state{job="ingest-service", instance=~%s, name=~%s, state=~%s}[$W]`

	// failedQuery gives every scrape of how many calls failed.
	failedQuery = `resilience4j_circuitbreaker_calls_seconds_count{job="ingest-service", kind="failed", instance=~%s, name=~%s}[$W]`
)

// trafficQuery gives the traffic of the time and of its end.
var trafficQuery = `
label_replace(sum by (uri, status) (` + countedWith(httpCount, httpFailed, "$W", "$V") + `), "fact", "http", "", "")
or label_replace(sum by (uri, status) (` + countedWith(httpCount, httpFailed, "5m", "300") + `), "fact", "http_5m", "", "")
or label_replace(sum by (uri, status) (` + countedWith(httpCount, httpFailed, "$R", "$r") + `), "fact", "http_recent", "", "")
or label_replace(sum by (uri, status) (` + countedWith(httpCount, httpFailed, "$K", "$k") + `), "fact", "http_route_recent", "", "")
or label_replace(sum by (uri, status) (increase(http_server_requests_seconds_count{job="ingest-service", uri="/payments/authorize"}[1h] offset $B)), "fact", "http_baseline", "", "")
or label_replace(histogram_quantile(0.5, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W]))), "fact", "p50", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W]))), "fact", "p95", "", "")
or label_replace(histogram_quantile(0.99, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri=~"/payments/.*"}[$W]))), "fact", "p99", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri="/payments/authorize"}[5m]))), "fact", "p95_5m", "", "")
or label_replace(histogram_quantile(0.95, sum by (uri, le) (increase(http_server_requests_seconds_bucket{job="ingest-service", uri="/payments/authorize"}[$R]))), "fact", "p95_recent", "", "")
or label_replace(sum by (uri) (increase(http_server_requests_seconds_sum{job="ingest-service", uri=~"/payments/.*"}[$W])) / sum by (uri) (increase(http_server_requests_seconds_count{job="ingest-service", uri=~"/payments/.*"}[$W])), "fact", "mean", "", "")`

// linesQuery gives the lines. A gauge's is its highest value in the step, so
// that what was short is not lost between two points.
var linesQuery = `
label_replace(sum (` + countedWith(httpCount, httpFailed, "$Q", "$q") + `) / $q, "fact", "requests", "", "")
or label_replace(sum (` + countedWith(authorizeCount, authorizeFailed, "$Q", "$q") + `) / $q, "fact", "authorize", "", "")
or label_replace(sum (` + counted(http5xx, "$Q", "$q") + `) / $q, "fact", "5xx", "", "")
or label_replace(sum (` + counted(authorize409, "$Q", "$q") + `) / $q, "fact", "409", "", "")
or label_replace(sum (` + counted(http429, "$Q", "$q") + `) / $q, "fact", "429", "", "")
or label_replace(histogram_quantile(0.95, sum by (le) (rate(http_server_requests_seconds_bucket{job="ingest-service", uri="/payments/authorize"}[$Q]))), "fact", "authorize_p95", "", "")
or label_replace(max by (name) (max_over_time(resilience4j_circuitbreaker_failure_rate{job="ingest-service"}[$S])), "fact", "failure_rate", "", "")
or label_replace(max by (name) (max_over_time(resilience4j_circuitbreaker_slow_call_rate{job="ingest-service"}[$S])), "fact", "slow_rate", "", "")
or label_replace(sum by (name) (rate(resilience4j_circuitbreaker_not_permitted_calls_total{job="ingest-service"}[$Q])), "fact", "not_permitted", "", "")`

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

// The counters of which a series begins with the first call that it counts.
const (
	sendFailures     = `spring_kafka_template_seconds_count{result="failure"}`
	listenerFailures = `spring_kafka_listener_seconds_count{result="failure"}`
	httpCount        = httpSeries + `count{job="ingest-service", uri=~"/payments/.*"}`
	httpFailed       = httpSeries + `count{job="ingest-service", uri=~"/payments/.*", status=~"5..|409|429"}`
	http5xx          = httpSeries + `count{job="ingest-service", uri=~"/payments/.*", status=~"5.."}`
	http429          = httpSeries + `count{job="ingest-service", uri=~"/payments/.*", status="429"}`
	authorizeCount   = httpSeries + `count{job="ingest-service", uri="/payments/authorize"}`
	authorizeFailed  = httpSeries + `count{job="ingest-service", uri="/payments/authorize", status=~"5..|409|429"}`
	authorize409     = httpSeries + `count{job="ingest-service", uri="/payments/authorize", status="409"}`
)

// counted is how much a counter by exception or by status grew in a time; it is to be
// summed. Such a series begins with the first call of its kind, so that increase() misses
// what it begins with: all of it, where calls fail for seconds and no more. Where an
// instance was scraped before or was not yet running, the series that begins has counted
// from zero; where it was not scraped, nobody knows when. Its least value is what it
// began with, or less where it began again after a restart.
func counted(counter, over, seconds string) string {
	return countedWith(counter, counter, over, seconds)
}

// countedWith is counted of a counter of which some series alone are looked at for what
// they began with: that takes as long again as the rest.
func countedWith(counter, some, over, seconds string) string {
	return strings.NewReplacer("COUNTER", counter, "SOME", some, "OVER", over, "SECONDS", seconds).Replace(
		`(increase(COUNTER[OVER]) or label_replace((min_over_time(SOME[OVER]) unless SOME offset OVER) and on (job, instance) (up offset OVER == 1 or process_start_time_seconds > time() - SECONDS), "began", "here", "", ""))`)
}

const (
	linePoints = 100
	// minRecent is the shortest while at the end of a time that says that what
	// was found in it still goes on.
	minRecent = 10 * time.Second
	// spike is the while at the end of a time that ends now by which it is judged.
	spike = 5 * time.Minute
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

// points is how many points of a step there are.
func (s Span) points() int { return int(s.Until.Sub(s.Since) / s.step()) }

// reach is how far back from each point extremes are looked for: a step and what is left
// of the time beside whole steps, so that all of it is looked at and nothing before it.
func (s Span) reach() time.Duration {
	return (s.Until.Sub(s.Since) - time.Duration(max(0, s.points()-1))*s.step()).Round(time.Millisecond)
}

// interval is the time between scrapes, a usual one where it is not known.
func (s Span) interval() time.Duration { return cmp.Or(s.Interval, 15*time.Second) }

// recent is the while at the end of the time that Traffic.Recent is of.
func (s Span) recent() time.Duration {
	return max(minRecent, 4*s.Interval).Round(time.Second)
}

// fill puts the lengths of a time into a query.
func (s Span) fill(expr string) string {
	w, step := s.Until.Sub(s.Since).Round(time.Millisecond), s.step()
	sending := max(minSending, s.recent())
	before := w
	if s.Live {
		before = spike
	}
	return strings.NewReplacer(
		"$W", promDuration(w), "$V", promSeconds(w), "$B", promDuration(before), "$R", promDuration(s.recent()), "$r", promSeconds(s.recent()),
		"$K", promDuration(sending), "$k", promSeconds(sending),
		"$S", promDuration(step), "$Q", promDuration(s.RateWindow()), "$q", promSeconds(s.RateWindow()),
		"$E", promDuration(s.reach()), "$I", promDuration(s.interval())).Replace(expr)
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
