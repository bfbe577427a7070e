package promql

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Known is a metric that can be asked for in words.
type Known struct {
	Name  string
	Means string
	Unit  string
	expr  string // $F stands for further labels, with a comma before them; a gauge is between $[ and $]
	// words are the groups of words of which one each must be said; the first of
	// a group is what it is called in a list.
	words [][]string
	// or are groups that do in their place: together they mean what alone means another.
	or [][]string
	// more are words that may be said besides and choose nothing.
	more []string
	// rate is set where -1 says that there is none; states where there is a series for
	// each state that there could be, most of which never are.
	rate, states bool
	// extremes are those of "min" and "max" that are of every scrape of a gauge, and not
	// of one a point: they count, however short they were.
	extremes []string
	// takes are the labels that a question may narrow it by.
	takes []string
}

const (
	breakerSeries = `resilience4j_circuitbreaker_`
	httpSeries    = `http_server_requests_seconds_`
)

// httpCountOf is the counter of payment requests with further labels, and those that a
// question narrows it by.
func httpCountOf(more string) string {
	return httpSeries + `count{job="ingest-service", uri=~"/payments/.*"` + more + `$F}`
}

// The groups of words that several metrics share.
var (
	breakerWords = []string{"breaker", "breakers", "circuit", "브레이커", "서킷", "차단기"}
	failWords    = []string{"failure", "failures", "failed", "failing", "error", "errors", "fail", "실패", "오류", "에러"}
	rateWords    = []string{"rate", "percentage", "percent", "ratio", "share", "율", "비율"}
	slowWords    = []string{"slow", "느린", "지연율"}
	requestWords = []string{"requests", "request", "traffic", "http", "요청", "트래픽"}
	latencyWords = []string{"latency", "latencies", "duration", "slow", "slowness", "response", "p95", "지연", "응답시간", "응답"}
	poolWords    = []string{"pool", "pools", "hikari", "connection", "connections", "커넥션", "풀", "연결"}
	kafkaWords   = []string{"kafka", "producer", "카프카", "프로듀서"}
)

// Metrics are the metrics that can be asked for in words, in the order in which
// they are listed. Each is executed by a real Prometheus in the tests. A series of
// failures begins with the first failure: where it is not there and what it is a
// part of is, the answer is 0.
var Metrics = []Known{
	{Name: "breaker_state", Means: "1 for the state that each breaker is in, 0 for another that it was in", states: true, extremes: []string{"min", "max"}, expr: `max by (instance, name, state) ($[` + breakerSeries + `state{job="ingest-service"$F}$])`,
		words: [][]string{breakerWords, {"state", "states", "status", "open", "opened", "closed", "상태", "열린", "열렸"}}, takes: []string{"name"}},
	{Name: "breaker_failure_rate", Means: "failure rate of each breaker's window, where it has enough calls", Unit: "%", rate: true, extremes: []string{"max"}, expr: `max by (instance, name) ($[` + breakerSeries + `failure_rate{job="ingest-service"$F}$])`,
		words: [][]string{breakerWords, failWords, rateWords}, takes: []string{"name"}},
	{Name: "breaker_slow_call_rate", Means: "slow-call rate of each breaker's window, where it has enough calls", Unit: "%", rate: true, extremes: []string{"max"}, expr: `max by (instance, name) ($[` + breakerSeries + `slow_call_rate{job="ingest-service"$F}$])`,
		words: [][]string{breakerWords, slowWords, {"rate", "call", "calls", "비율", "율", "지연율"}}, more: []string{"rate", "call", "calls"}, takes: []string{"name"}},
	{Name: "breaker_failed_calls", Means: "calls that failed, a second", Unit: "/s", expr: `sum by (name) (rate(` + breakerSeries + `calls_seconds_count{job="ingest-service", kind="failed"$F}[$Q]))`,
		words: [][]string{breakerWords, failWords, {"calls", "call", "호출"}}, takes: []string{"name"}},
	{Name: "breaker_not_permitted", Means: "calls that a breaker turned away, a second", Unit: "/s", expr: `sum by (name) (rate(` + breakerSeries + `not_permitted_calls_total{job="ingest-service"$F}[$Q]))`,
		words: [][]string{{"not_permitted", "permitted", "rejected", "turned", "denied", "거부", "차단된"}}, more: []string{"not", "away", "calls", "breaker"}, takes: []string{"name"}},
	{Name: "requests", Means: "payment requests a second, by route", Unit: "/s", expr: `sum by (uri) (rate(` + httpSeries + `count{job="ingest-service", uri=~"/payments/.*"$F}[$Q]))`,
		words: [][]string{requestWords}, more: append([]string{"per", "second", "rate", "rps", "초당"}, rateWords...), takes: []string{"uri", "status"}},
	{Name: "http_status_mix", Means: "payment requests a second, by HTTP status", Unit: "/s", expr: `sum by (status) (rate(` + httpSeries + `count{job="ingest-service", uri=~"/payments/.*"$F}[$Q]))`,
		words: [][]string{requestWords, {"status", "statuses", "codes", "code", "mix", "상태코드"}}, takes: []string{"uri"}},
	{Name: "http_error_ratio", Means: "share of payment requests answered 5xx", Unit: "ratio", expr: `(sum(` + counted(httpCountOf(`, status=~"5.."`), "$Q", "$q") + `) or 0 * sum(` + httpCountOf(``) + `)) / sum(` + countedWith(httpCountOf(``), httpCountOf(`, status=~"5.."`), "$Q", "$q") + `)`,
		words: [][]string{requestWords, append([]string{"5xx", "500"}, failWords...)}, more: rateWords, takes: []string{"uri"}},
	{Name: "http_latency", Means: "latency of payment requests by route, p95 unless another was asked for", Unit: "s", expr: `histogram_quantile($P, sum by (uri, le) (rate(` + httpSeries + `bucket{job="ingest-service", uri=~"/payments/.*"$F}[$Q])))`,
		words: [][]string{latencyWords}, more: append([]string{"time", "p50", "p99", "median", "percentile"}, requestWords...), takes: []string{"uri", "quantile"}},
	{Name: "pool_connections", Means: "database connections in use, by pool", extremes: []string{"max"}, expr: `max by (instance, pool) ($[hikaricp_connections_active$])`,
		words: [][]string{poolWords}, more: []string{"active", "used", "use", "in", "usage", "database", "db", "사용"}},
	{Name: "pool_waiting", Means: "threads that wait for a database connection, by pool", extremes: []string{"max"}, expr: `max by (instance, pool) ($[hikaricp_connections_pending$])`,
		words: [][]string{poolWords, {"waiting", "pending", "wait", "queue", "threads", "대기"}}, more: []string{"database", "db"}},
	{Name: "pool_timeouts", Means: "waits for a database connection that timed out, a second", Unit: "/s", expr: `sum by (instance, pool) (rate(hikaricp_connections_timeout_total[$Q]))`,
		words: [][]string{poolWords, {"timeout", "timeouts", "타임아웃"}}, more: []string{"database", "db"}},
	{Name: "kafka_producer_errors", Means: "records that Kafka clients gave up, a second", Unit: "/s", expr: `sum by (job) (rate(kafka_producer_record_error_total[$Q]))`,
		words: [][]string{kafkaWords, failWords}, more: append([]string{"record", "records"}, rateWords...)},
	{Name: "kafka_producer_sends", Means: "records sent to Kafka, a second", Unit: "/s", expr: `sum by (job) (rate(kafka_producer_record_send_total[$Q]))`,
		words: [][]string{kafkaWords, {"sends", "send", "sent", "throughput", "published", "전송", "발행"}}, more: append([]string{"record", "records", "events"}, rateWords...)},
	{Name: "kafka_send_failures", Means: "sends that failed, a second, by exception", Unit: "/s", expr: `sum by (job, exception) (rate(spring_kafka_template_seconds_count{result="failure"}[$Q])) or on () 0 * sum by (job) (rate(spring_kafka_template_seconds_count[$Q]))`,
		words: [][]string{{"sends", "send", "template", "전송"}, failWords}, more: append([]string{"kafka", "exception", "exceptions", "카프카"}, rateWords...)},
	{Name: "kafka_listener_failures", Means: "records that consumers failed to handle, a second, by exception", Unit: "/s", expr: `sum by (job, exception) (rate(spring_kafka_listener_seconds_count{result="failure"}[$Q])) or on () 0 * sum by (job) (rate(spring_kafka_listener_seconds_count[$Q]))`,
		words: [][]string{{"listener", "listeners", "consumer", "consumers", "리스너", "컨슈머"}, failWords}, more: append([]string{"kafka", "exception", "exceptions", "카프카"}, rateWords...)},
	{Name: "consumer_lag", Means: "greatest lag that a consumer sees; NaN while it fetches nothing. Of the workers only consumer-worker exports it", Unit: "records", extremes: []string{"max"}, expr: `max by (job, client_id) ($[kafka_consumer_fetch_manager_records_lag_max$])`,
		words: [][]string{{"lag", "backlog", "지연량", "랙"}}, or: [][]string{{"지연"}, {"consumer", "consumers", "kafka", "컨슈머", "카프카"}}, more: []string{"consumer", "kafka", "max", "컨슈머", "카프카"}},
	{Name: "consumer_rebalances", Means: "rebalances of consumers, an hour", Unit: "/h", expr: `sum by (job) (increase(kafka_consumer_coordinator_rebalance_total[1h]))`,
		words: [][]string{{"rebalances", "rebalance", "rebalancing", "리밸런스", "리밸런싱"}}, more: []string{"consumer", "kafka", "consumers", "group", "컨슈머", "카프카"}},
	{Name: "heap", Means: "JVM heap in use, of what it may take", Unit: "ratio", extremes: []string{"max"}, expr: `$[(sum by (job, instance) (jvm_memory_used_bytes{area="heap"}) / sum by (job, instance) (jvm_memory_max_bytes{area="heap"} > 0))$]`,
		words: [][]string{{"heap", "memory", "jvm", "메모리", "힙"}}, more: append([]string{"used", "usage", "use", "jvm", "memory", "heap", "사용", "사용량"}, rateWords...)},
	{Name: "gc_pauses", Means: "share of time that the JVM stands still to collect garbage", Unit: "ratio", expr: `sum by (job, instance) (rate(jvm_gc_pause_seconds_sum[$Q]))`,
		words: [][]string{{"gc", "garbage"}}, more: append([]string{"pause", "pauses", "time", "collection", "jvm"}, rateWords...)},
	{Name: "cpu", Means: "CPU that each process uses, of all the host's", Unit: "ratio", extremes: []string{"max"}, expr: `max by (job, instance) ($[process_cpu_usage$])`,
		words: [][]string{{"cpu", "processor"}}, more: append([]string{"usage", "use", "load", "사용량", "사용"}, rateWords...)},
	{Name: "targets_up", Means: "1 where the last scrape worked", extremes: []string{"min", "max"}, expr: `max by (job, instance) ($[up$])`,
		words: [][]string{{"up", "targets", "target", "scrapes", "scrape", "alive", "down"}}, more: []string{"down", "instances", "which", "services", "state", "status", "상태"}},
	{Name: "uptime", Means: "age of each process", Unit: "s", expr: `time() - max by (job, instance) (process_start_time_seconds)`,
		words: [][]string{{"uptime", "restart", "restarts", "restarted", "started", "start", "재시작", "가동"}}, more: []string{"process", "time", "when", "last"}},
}

// fillers are words that say nothing of what is asked, or what each answer tells.
var fillers = []string{"a", "an", "the", "of", "for", "in", "on", "by", "at", "is", "are", "was", "were", "what", "whats", "how", "many", "much", "show", "me", "give", "get", "current", "now", "over", "time",
	"service", "ingest", "payment", "payments", "and", "to", "last", "please", "metric", "metrics", "graph", "history", "does", "do", "did", "there", "any", "each", "per",
	"second", "max", "which", "services", "instances", "process", "초당",
	"의", "은", "는", "이", "가", "를", "을", "보여줘", "알려줘", "얼마", "얼마나", "현재", "지금", "결제", "추이", "몇"}

// between reports whether a character stands between words.
func between(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("_./-", r)
}

// Match is what a question in words came to.
type Match struct {
	Metric Known
	Apart  []string // words of which each narrows it otherwise: then there is no Text
	Text   string   // PromQL
	Whole  string   // the same, and by the label fact the extremes of every scrape; Text where it has none
}

// ReadQuestion finds the metric that a question asks for. unknown are the words that
// mean nothing here; several are the metrics that fit equally well, or, where the best
// leaves a word out that others know, all of these: what was meant by it would be missing.
func ReadQuestion(text string, s Span) (m Match, several []Known, unknown []string) {
	said := strings.FieldsFunc(strings.ToLower(text), between)
	filters, rest := filtersOf(said)
	type fit struct {
		k     Known
		score int
		left  []string // words that it leaves out
	}
	var best []fit
	for _, k := range Metrics {
		groups := k.said(rest)
		if groups == nil {
			continue
		}
		score := len(groups)
		var left []string
		for _, w := range rest {
			switch {
			case inGroups(w, groups):
				score += 2
			case says(w, k.more):
				score++
			case !slices.Contains(fillers, w):
				score -= 2
				left = append(left, w)
			}
		}
		for _, f := range filters {
			if !slices.Contains(k.takes, f.name) {
				score -= 3
			}
		}
		best = append(best, fit{k, score, left})
	}
	slices.SortStableFunc(best, func(a, b fit) int { return cmp.Compare(b.score, a.score) })
	for _, w := range rest {
		if !slices.Contains(fillers, w) && !slices.ContainsFunc(Metrics, func(k Known) bool { return k.knows(w) }) {
			unknown = append(unknown, w)
		}
	}
	if len(best) == 0 || len(unknown) > 0 {
		return m, nil, unknown
	}
	if len(best) > 1 && best[0].score == best[1].score {
		for _, f := range best {
			if f.score == best[0].score {
				several = append(several, f.k)
			}
		}
		return m, several, nil
	}
	for _, f := range filters {
		if !slices.Contains(best[0].k.takes, f.name) {
			return m, nil, []string{f.said}
		}
	}
	if left := best[0].left; len(left) > 0 {
		several = []Known{best[0].k}
		for _, k := range Metrics {
			if k.Name != best[0].k.Name && slices.ContainsFunc(left, k.knows) {
				several = append(several, k)
			}
		}
		return m, several, nil
	}
	if m.Apart = apart(filters); len(m.Apart) > 0 {
		return m, nil, nil
	}
	return best[0].k.with(filters, s), nil, nil
}

// said are the groups of words of a metric of which all are said; nil when they are not.
func (k Known) said(rest []string) [][]string {
	for _, groups := range [][][]string{k.words, k.or} {
		missing := func(group []string) bool {
			return !slices.ContainsFunc(rest, func(w string) bool { return says(w, group) })
		}
		if len(groups) > 0 && !slices.ContainsFunc(groups, missing) {
			return groups
		}
	}
	return nil
}

// knows reports whether a word has a meaning for a metric.
func (k Known) knows(w string) bool {
	return says(w, k.more) || inGroups(w, k.words) || inGroups(w, k.or)
}

func inGroups(w string, groups [][]string) bool {
	return slices.ContainsFunc(groups, func(group []string) bool { return says(w, group) })
}

// apart are words that narrow a metric by one label in two ways: nothing is both.
func apart(filters []filter) (words []string) {
	for _, f := range filters {
		if slices.ContainsFunc(filters, func(o filter) bool { return o.name == f.name && o.value != f.value }) {
			words = append(words, f.said)
		}
	}
	return words
}

// says reports whether a word is one of a group. Words of Korean carry particles at
// their end.
func says(w string, group []string) bool {
	return slices.ContainsFunc(group, func(g string) bool {
		return w == g || g[0] >= 0x80 && strings.HasPrefix(w, g) && len(w)-len(g) <= 6
	})
}

// filter narrows a metric by a label.
type filter struct{ name, value, said string }

// filtersOf takes the words that narrow a metric out of a question.
func filtersOf(said []string) (filters []filter, rest []string) {
	for _, w := range said {
		switch w {
		case "kafka-publisher", "pg-auth-api":
			filters = append(filters, filter{"name", `name="` + w + `"`, w})
			if !slices.Contains(rest, "breaker") {
				rest = append(rest, "breaker") // they are breakers
			}
		case "authorize", "authorization", "authorizations", "승인":
			filters = append(filters, filter{"uri", `uri="/payments/authorize"`, w})
		case "capture", "captures", "refund", "refunds", "환불":
			route := map[string]string{"환불": "refund"}[w]
			filters = append(filters, filter{"uri", `uri="/payments/` + strings.TrimSuffix(cmp.Or(route, w), "s") + `/{paymentId}"`, w})
		case "409", "429", "404", "200":
			filters = append(filters, filter{"status", `status="` + w + `"`, w})
		case "p50", "median", "p95", "p99":
			filters = append(filters, filter{"quantile", map[string]string{"p50": "0.5", "median": "0.5", "p95": "0.95", "p99": "0.99"}[w], w})
			rest = append(rest, "latency")
		default:
			rest = append(rest, w)
		}
	}
	return filters, rest
}

// with is the metric, narrowed, as it is asked over a time.
func (k Known) with(filters []filter, s Span) Match {
	more, quantile := "", "0.95"
	for _, f := range filters {
		if f.name == "quantile" {
			quantile = f.value
			continue
		}
		more += ", " + f.value
	}
	narrow := strings.NewReplacer("$F", more, "$P", quantile)
	m := Match{Metric: k, Text: narrow.Replace(s.fill(gaugeItself.Replace(k.expr)))}
	m.Whole = m.Text
	for _, extreme := range k.extremes {
		m.Whole += fmt.Sprintf(` or label_replace(%s, %q, %q, "", "")`, narrow.Replace(s.fill(gaugeOver(extreme).Replace(k.expr))), factLabel, extreme)
	}
	return m
}

// gaugeItself makes a gauge's expression that of its value at a point.
var gaugeItself = strings.NewReplacer("$[", "", "$]", "")

// gaugeOver makes a gauge's expression that of an extreme since the point before. What
// is put together of several series is looked at as often as there are scrapes.
func gaugeOver(extreme string) *strings.Replacer {
	return strings.NewReplacer("$[", extreme+"_over_time(", ")$]", ")[$E:$I])", "$]", "[$E])")
}

// Asked is the metric as it is asked over a time.
func (k Known) Asked(s Span) Match { return k.with(nil, s) }

// EachPoint reports whether each point of the metric is of all the time since the one
// before.
func (k Known) EachPoint() bool { return strings.Contains(k.expr, "$Q") }

// Extremes are those of "min" and "max" that are of every scrape.
func (k Known) Extremes() []string { return k.extremes }
