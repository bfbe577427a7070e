package tools

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/broker"
	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
	"payops-mcp/shared/env"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tooltest"
)

type diagnoseSaid struct {
	Moment string
	States []struct{ Breaker, State, On, Since string }
	Kafka  string `json:"kafka_now"`
	Causes []struct{ Cause, For, Against, Probe string }

	Timeline []struct {
		At         time.Time
		Kind, What string
	}
	Around []struct {
		What, Before string
		In           string `json:"in_the_time"`
	}
}

func diagnosed(t *testing.T, c *tooltest.Client, args string) (tooltest.Answer[diagnoseSaid], string) {
	t.Helper()
	r := c.Call(t, "diagnose_circuit_breaker", args)
	if os.Getenv("SHOW_ANSWERS") != "" {
		t.Logf("%d bytes\n%s", len(r.Text), r.Text)
	}
	if len(r.Text) > maxBytes {
		t.Errorf("%d bytes", len(r.Text))
	}
	return tooltest.Decode[diagnoseSaid](t, r), r.Text
}

// realKafka are the brokers of the payment system that the tests are given.
func realKafka(t *testing.T) []string {
	t.Helper()
	list := os.Getenv("KAFKA_BOOTSTRAP_SERVERS")
	switch {
	case list == "" && os.Getenv("CI") == "true":
		t.Fatal("KAFKA_BOOTSTRAP_SERVERS is not set, and in CI nothing is skipped")
	case list == "":
		t.Skip("KAFKA_BOOTSTRAP_SERVERS is not set: no broker to ask")
	}
	return strings.Split(list, ",")
}

// whole is a server that asks Kafka too.
func wholeServer(t *testing.T, limit time.Duration, prometheus string, kafka []string, apis ...string) *tooltest.Client {
	t.Helper()
	var o ingest.Options
	for _, a := range apis {
		o.BaseURLs = append(o.BaseURLs, parse(t, a))
	}
	app := serve.App{Name: "test", Common: &env.Common{CallTimeout: limit, MaxResultBytes: 60000}}
	return tooltest.Connect(t, app, All(Sources{
		Ingest: ingest.New(o), Prometheus: promql.New(promql.Options{URL: parse(t, prometheus)}), Zone: time.UTC,
		Kafka: Kafka{Client: broker.New(broker.Options{Bootstrap: kafka}), Topics: []string{"payment.captured"}},
	})...)
}

func noKafka(t *testing.T) []string { return []string{host(refused(t))} }

const theInstance = "10.0.0.1:ingest-service:8080"

// one is two hours of one instance: what it exports at a moment, by the minutes
// that are left to the end.
func one(end time.Time, exports func(left float64) string) *promtest.Past {
	var past promtest.Past
	for at := end.Add(-2 * time.Hour); !at.After(end); at = at.Add(promtest.Every) {
		past.Scrape(theInstance, at, exports(end.Sub(at).Minutes()))
	}
	return &past
}

// CB-01: the breaker is OPEN, and Kafka does not answer.
func TestKafkaIsDownAndTheBreakerOpen(t *testing.T) {
	t.Parallel()
	p := promtest.Start(t, one(time.Now(), func(left float64) string {
		b := promtest.Closed("kafka-publisher")
		if left < 5 {
			b = b.In("open")
			b.FailureRate, b.Failed, b.FailedTotal = 100, 5, 5
		}
		return b.String() + promtest.Closed("pg-auth-api").String() + traffic(3600-int(left*60), map[string]float64{"200": 10}, 0.2)
	}))
	a, text := diagnosed(t, wholeServer(t, 30*time.Second, p.URL, noKafka(t), api(t, status(body("OPEN", 0, 5, "100.00%")))), `{}`)
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"KAFKA_BROKERS_UNREACHABLE", "CB_OPEN"}) {
		t.Errorf("%s %v", a.Verdict, a.Codes())
	}
	if !strings.HasPrefix(a.Summary, "OPEN now - kafka-publisher") || !strings.HasSuffix(a.Summary, "Cause: KAFKA_BROKERS_UNREACHABLE") {
		t.Errorf("summary %s", a.Summary)
	}
	if len(a.Data.Causes) == 0 || a.Data.Causes[0].Cause != "Kafka did not take events" {
		t.Errorf("causes %+v", a.Data.Causes)
	}
	if !strings.Contains(text, "connection refused") || !strings.Contains(text, "5 of 5") {
		t.Errorf("evidence is missing:\n%s", text)
	}
}

// Kafka is down and the breaker has not noticed.
func TestKafkaIsDownAndTheBreakerBlind(t *testing.T) {
	t.Parallel()
	p := promtest.Start(t, healthyPast(theInstance))
	a, _ := diagnosed(t, wholeServer(t, 30*time.Second, p.URL, noKafka(t), api(t, status(closed))), `{}`)
	if a.Verdict != "critical" || !slices.Equal(a.Codes()[:2], []string{"KAFKA_BROKERS_UNREACHABLE", "CB_BLIND"}) {
		t.Errorf("%s %v", a.Verdict, a.Codes())
	}
}

func TestNothingIsWrong(t *testing.T) {
	t.Parallel()
	kafka := realKafka(t)
	p := promtest.Start(t, one(time.Now(), func(left float64) string {
		return promtest.Healthy() + traffic(3600-int(left*60), map[string]float64{"200": 10}, 0.2)
	}))
	a, _ := diagnosed(t, wholeServer(t, 30*time.Second, p.URL, kafka, api(t, status(closed))), `{}`)
	if a.Verdict != "ok" || len(a.Findings) > 0 || len(a.Data.Causes) > 0 {
		t.Errorf("%s %v (%s)", a.Verdict, a.Codes(), a.Because)
	}
}

// Five failures of an hour have opened it, and Kafka is well.
func TestAFalseTrip(t *testing.T) {
	t.Parallel()
	kafka := realKafka(t)
	p := promtest.Start(t, one(time.Now(), func(left float64) string {
		b := promtest.Closed("kafka-publisher")
		b.FailedTotal = float64(min(5, max(0, int(6-left/10)))) // one every ten minutes, the fifth ten minutes ago
		b.Failed = int(b.FailedTotal)
		if left <= 10 {
			b = b.In("open")
			b.FailureRate = 100
		}
		return b.String() + promtest.Closed("pg-auth-api").String()
	}))
	a, _ := diagnosed(t, wholeServer(t, 30*time.Second, p.URL, kafka, api(t, status(body("OPEN", 0, 5, "100.00%")))), `{}`)
	if a.Verdict != "attention" || !slices.Equal(a.Codes(), []string{"CB_FALSE_TRIP", "CB_OPEN", "INGEST_NO_TRAFFIC"}) {
		t.Errorf("%s %v", a.Verdict, a.Codes())
	}
	if len(a.Data.Causes) == 0 || !strings.HasPrefix(a.Data.Causes[0].Cause, "a few scattered failures") {
		t.Errorf("causes %+v", a.Data.Causes)
	}
}

// CB-03: HALF_OPEN for want of calls, while Kafka is well: nothing need be done.
func TestStarvedInHalfOpen(t *testing.T) {
	t.Parallel()
	kafka := realKafka(t)
	p := promtest.Start(t, one(time.Now(), func(left float64) string {
		b := promtest.Closed("kafka-publisher")
		switch {
		case left < 25:
			b = b.In("half_open")
			b.Successful = 1
		case left < 25.5:
			b = b.In("open")
		}
		return b.String() + promtest.Closed("pg-auth-api").String()
	}))
	a, _ := diagnosed(t, wholeServer(t, 30*time.Second, p.URL, kafka, api(t, status(body("HALF_OPEN", 1, 0, "-1.00%")))), `{}`)
	if a.Verdict != "ok" || !slices.Equal(a.Codes(), []string{"CB_HALF_OPEN_STARVED", "INGEST_NO_TRAFFIC"}) {
		t.Errorf("%s %v (%s)", a.Verdict, a.Codes(), a.Because)
	}
}

// "Why did the breaker open at 2 pm?": it is asked of a time that is over.
func TestWhyDidItOpenThen(t *testing.T) {
	t.Parallel()
	end := time.Now()
	p := promtest.Start(t, one(end, func(left float64) string {
		b := promtest.Closed("kafka-publisher")
		errors := 0
		switch in := 75 - left; { // minutes since the outage began
		case in < 0:
		case in < 20:
			if b = b.In("half_open"); int(in*60)%150 < 30 {
				b = b.In("open")
				b.FailureRate, b.Failed = 100, 5
			}
			errors = int(in * 20)
		default:
			errors = 400
		}
		b.FailedTotal = float64(errors)
		started := end.Add(-48 * time.Hour)
		if left < 78 {
			started = end.Add(-78 * time.Minute)
		}
		return b.String() + promtest.Closed("pg-auth-api").String() + promtest.Started(started) +
			fmt.Sprintf("spring_kafka_template_seconds_count{result=\"failure\",exception=\"TimeoutException\"} %d\n", errors) +
			traffic(7200-int(left*60), map[string]float64{"200": 10}, 0.2)
	}))
	c := wholeServer(t, 30*time.Second, p.URL, noKafka(t), refused(t))
	a, _ := diagnosed(t, c, fmt.Sprintf(`{"at":%q}`, end.Add(-70*time.Minute).Format(time.RFC3339)))
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"CB_HALF_OPEN_FLAPPING", "CB_OPEN"}) {
		t.Errorf("%s %v: what Kafka and the instances say now is not of then", a.Verdict, a.Codes())
	}
	if want := "OPEN at " + a.AsOf.Format(time.TimeOnly) + " - "; !strings.HasPrefix(a.Summary, want) {
		t.Errorf("%s: at the end it was CLOSED, want %q", a.Summary, want)
	}
	if len(a.Data.Causes) < 2 || a.Data.Causes[0].Cause != "Kafka did not take events" || !strings.Contains(a.Data.Causes[0].For, "TimeoutException") ||
		!slices.ContainsFunc(a.Data.Causes, func(x struct{ Cause, For, Against, Probe string }) bool {
			return x.Cause == "a restart or a deploy"
		}) {
		t.Errorf("causes %+v", a.Data.Causes)
	}
	if !slices.ContainsFunc(a.Data.Timeline, func(e struct {
		At         time.Time
		Kind, What string
	}) bool {
		return e.Kind == "state" && strings.Contains(e.What, "CLOSED -> OPEN") && e.At.Sub(end.Add(-75*time.Minute)).Abs() <= promtest.Every+time.Second
	}) {
		t.Errorf("timeline %+v", a.Data.Timeline)
	}
	if !strings.Contains(a.Data.Kafka, "at present") || a.AsOf.After(end.Add(-30*time.Minute)) {
		t.Errorf("kafka %q, as of %s", a.Data.Kafka, a.AsOf)
	}
	// What was judged at the worst moment says nothing of the rest of the time.
	if slices.Contains(a.RuledOut, "PG_AUTH_FAILURES") || slices.Contains(a.RuledOut, "CB_INSTANCE_DIVERGENCE") || !slices.Contains(a.RuledOut, "PG_AUTH_BREAKER_OPEN") {
		t.Errorf("ruled out of a time that is over: %v", a.RuledOut)
	}
	// Of a quiet moment there is nothing to tell.
	a, _ = diagnosed(t, c, `{"time_range":"20m"}`)
	if len(a.Data.Causes) > 0 {
		t.Errorf("causes of nothing: %+v", a.Data.Causes)
	}
}

// kafka-publisher was open at the moment; the payment gateway's breaker opened two minutes
// after it and is open at the end of the time: both are told, and asked about one breaker
// the other decides nothing.
func TestABreakerOpensAfterTheMoment(t *testing.T) {
	t.Parallel()
	end := time.Now()
	p := promtest.Start(t, one(end, func(left float64) string {
		kafka, gateway := promtest.Closed("kafka-publisher"), promtest.Closed("pg-auth-api")
		if left < 62 && left > 59 {
			kafka = kafka.In("open")
		}
		if left < 58 {
			gateway = gateway.In("open")
		}
		return kafka.String() + gateway.String() + traffic(7200-int(left*60), map[string]float64{"200": 10}, 0.2)
	}))
	c := wholeServer(t, 30*time.Second, p.URL, noKafka(t), refused(t))
	at := end.Add(-60 * time.Minute).Format(time.RFC3339)
	a, text := diagnosed(t, c, fmt.Sprintf(`{"at":%q}`, at))
	if codes := a.Codes(); !slices.Contains(codes, "CB_OPEN") || !slices.Contains(codes, "PG_AUTH_BREAKER_OPEN") || !strings.Contains(text, "still at the end") {
		t.Errorf("%v:\n%s", codes, text)
	}
	a, text = diagnosed(t, c, fmt.Sprintf(`{"at":%q,"breaker":"pg-auth-api"}`, at))
	if codes := a.Codes(); !slices.Contains(codes, "PG_AUTH_BREAKER_OPEN") || slices.Contains(codes, "CB_OPEN") || !strings.HasPrefix(a.Summary, "OPEN") {
		t.Errorf("%v:\n%s", codes, text)
	}
}

// One system hangs: the others are told of within the time that a system may take.
func TestDiagnoseWhilePrometheusHangs(t *testing.T) {
	t.Parallel()
	c := wholeServer(t, 2*time.Second, hanging(t), noKafka(t), api(t, status(body("OPEN", 0, 5, "100.00%"))))
	a, _ := diagnosed(t, c, `{}`)
	if a.Verdict != "critical" || !slices.Equal(a.Codes(), []string{"KAFKA_BROKERS_UNREACHABLE", "CB_OPEN", "SRC_PROM_UNREACHABLE"}) {
		t.Errorf("%s %v", a.Verdict, a.Codes())
	}
}

func TestDiagnoseArguments(t *testing.T) {
	t.Parallel()
	p := promtest.Start(t, healthyPast(theInstance))
	c := wholeServer(t, 30*time.Second, p.URL, noKafka(t), api(t, status(closed)))
	for args, want := range map[string]string{
		`{"at":"14:00","time_range":"1h"}`: "give one of them",
		`{"at":"when it broke"}`:           "It can be said as",
		`{"time_range":"30d"}`:             "too long",
		`{"breaker":"kafka"}`:              "there is no breaker",
	} {
		if r := c.Call(t, "diagnose_circuit_breaker", args); !r.IsError || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %s, want %q", args, r.Text, want)
		}
	}
	for _, args := range []string{`{"at":"14:00"}`, `{"at":"yesterday 2pm","breaker":"kafka-publisher"}`, `{"time_range":"3h"}`} {
		if r := c.Call(t, "diagnose_circuit_breaker", args); r.IsError {
			t.Errorf("%s: %s", args, r.Text)
		}
	}
}
