package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/api"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/paysim/meter"
	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/paysim/payments"
	"payops-mcp/sandbox/paysim/quota"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// instance is an ingest service without its poller, so that payments stay as
// they are.
type instance struct {
	url       string
	cluster   *paydb.Cluster
	redis     *redis.Client
	gateway   *gateway.Server
	publisher *breaker.Breaker
	pg        *breaker.Breaker
	unwell    error
}

func start(t *testing.T, limits map[string]quota.Limit) *instance {
	t.Helper()
	s := stacktest.Start(t, stack.PartMariaDB|stack.PartRedis)
	i := &instance{redis: s.Redis.Admin()}
	var err error
	if i.cluster, err = paydb.Open([]string{s.Shards[0].DSN(stack.AppUser), s.Shards[1].DSN(stack.AppUser)}, paydb.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.cluster.Close() })
	if i.gateway, err = gateway.New(gateway.Behaviour{}); err != nil {
		t.Fatal(err)
	}
	pg := httptest.NewServer(i.gateway.Handler())
	t.Cleanup(pg.Close)
	i.publisher, i.pg = breaker.New(wire.KafkaPublisher, breaker.KafkaPublisher), breaker.New(wire.PGAuthAPI, breaker.PGAuthAPI)
	t.Cleanup(i.publisher.Close)
	t.Cleanup(i.pg.Close)
	m := meter.New("ingest-service")
	m.Breakers(i.publisher, i.pg)
	m.Pools("HikariPool-", i.cluster)
	log := slog.New(slog.DiscardHandler)
	defects := &defect.Set{}
	a := &api.API{
		Payments: &payments.Service{
			Cluster: i.cluster, Redis: i.redis, Gateway: gateway.NewClient(pg.URL, time.Second), Breaker: i.pg,
			Limiter: &quota.Limiter{Redis: i.redis, Limits: limits, Defects: defects}, Defects: defects, Log: log, IdemTTL: time.Minute,
		},
		Publisher: i.publisher, Meter: m, Monitoring: true, Log: log,
		Healthy: func(context.Context) error { return i.unwell },
	}
	web := httptest.NewServer(a.Handler())
	t.Cleanup(web.Close)
	i.url = web.URL
	return i
}

// reply is an answer, with every field that any of them has.
type reply struct {
	status    int
	text      string
	PaymentID *int64 `json:"paymentId"`
	Status    any    `json:"status"`
	Code      string `json:"code"`
}

func (i *instance) ask(t *testing.T, method, path, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, i.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, text: string(text)}
	if bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (i *instance) want(t *testing.T, path, body string, status int, code string) reply {
	t.Helper()
	r := i.ask(t, http.MethodPost, path, body)
	if r.status != status || r.Code != code {
		t.Errorf("%s %s: %d %s, want %d %s", path, body, r.status, r.text, status, code)
	}
	return r
}

func TestPayment(t *testing.T) {
	i := start(t, quota.Defaults())
	const order = `{"merchantId":"M-7","amount":1200,"currency":"KRW","idempotencyKey":"p1"}`
	first := i.want(t, "/payments/authorize", order, 200, "")
	if first.Status != "CAPTURE_REQUESTED" || first.PaymentID == nil {
		t.Fatalf("answered %s", first.text)
	}
	again := i.want(t, "/payments/authorize", order, 409, "DUPLICATE_REQUEST")
	if again.PaymentID == nil || *again.PaymentID != *first.PaymentID {
		t.Errorf("sent again: %s, want payment %d", again.text, *first.PaymentID)
	}
	// The database remembers what Redis has forgotten.
	if n := i.redis.Del(t.Context(), "idem:authorize:M-7:p1").Val(); n != 1 {
		t.Errorf("%d answers in Redis, want 1", n)
	}
	i.want(t, "/payments/authorize", order, 409, "DUPLICATE_REQUEST")

	id := `/` + jsonNumber(*first.PaymentID)
	i.want(t, "/payments/refund"+id, `{"merchantId":"M-7","reason":"too early"}`, 409, "REFUND_CONFLICT")
	i.want(t, "/payments/capture"+id, `{"merchantId":"M-9"}`, 404, "NOT_FOUND")
	if r := i.want(t, "/payments/capture"+id, `{"merchantId":"M-7"}`, 200, ""); r.Status != "CAPTURED" {
		t.Errorf("captured: %s", r.text)
	}
	i.want(t, "/payments/capture"+id, `{"merchantId":"M-7"}`, 409, "CAPTURE_CONFLICT")
	if r := i.want(t, "/payments/refund"+id, `{"merchantId":"M-7","reason":"wrong size"}`, 200, ""); r.Status != "REFUND_REQUESTED" {
		t.Errorf("refunded: %s", r.text)
	}
	i.want(t, "/payments/refund"+id, `{"merchantId":"M-7","reason":"twice"}`, 409, "REFUND_CONFLICT")

	for path, body := range map[string]string{
		"/payments/authorize":  `{"merchantId":"M-7","amount":0,"currency":"KRW","idempotencyKey":"p2"}`,
		"/payments/capture/x":  `{"merchantId":"M-7"}`,
		"/payments/refund/1":   `{}`,
		"/payments/authorize?": `no JSON`,
	} {
		i.want(t, path, body, 400, "")
	}
}

func jsonNumber(n int64) string { text, _ := json.Marshal(n); return string(text) }

// Of many requests with one key, at one moment, one makes a payment, and all
// others name it.
func TestSameKeySideBySide(t *testing.T) {
	i := start(t, quota.Defaults())
	var mu sync.Mutex
	made, ids := 0, map[int64]int{}
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			r := i.ask(t, http.MethodPost, "/payments/authorize", `{"merchantId":"M-8","amount":5,"currency":"KRW","idempotencyKey":"race"}`)
			mu.Lock()
			defer mu.Unlock()
			if r.status == 200 {
				made++
			}
			if r.PaymentID != nil {
				ids[*r.PaymentID]++
			}
		})
	}
	all.Wait()
	if made != 1 || len(ids) != 1 {
		t.Errorf("%d payments made, answers name %v", made, ids)
	}
}

func TestRateLimit(t *testing.T) {
	i := start(t, map[string]quota.Limit{"capture": {Capacity: 2, Window: time.Minute}})
	for range 2 {
		i.want(t, "/payments/capture/99999999", `{"merchantId":"M-10"}`, 404, "NOT_FOUND")
	}
	r := i.want(t, "/payments/capture/99999999", `{"merchantId":"M-10"}`, 429, "RATE_LIMIT_EXCEEDED")
	if r.PaymentID != nil || !strings.Contains(r.text, `"paymentId":null`) {
		t.Errorf("answered %s, want a paymentId of null", r.text)
	}
}

func TestGatewayThatFails(t *testing.T) {
	i := start(t, quota.Defaults())
	if err := i.gateway.SetBehaviour(gateway.Behaviour{FailureRate: 1}); err != nil {
		t.Fatal(err)
	}
	const order = `{"merchantId":"M-12","amount":5,"currency":"KRW","idempotencyKey":"fails"}`
	for range breaker.PGAuthAPI.MinimumCalls {
		i.want(t, "/payments/authorize", order, 502, "PG_ERROR")
	}
	i.want(t, "/payments/authorize", order, 503, "PG_UNAVAILABLE")
	if err := i.gateway.SetBehaviour(gateway.Behaviour{}); err != nil {
		t.Fatal(err)
	}
	i.pg.TransitionTo(wire.Closed)
	i.want(t, "/payments/authorize", order, 200, "")
}

func TestBreakersAndHealth(t *testing.T) {
	i := start(t, quota.Defaults())
	const closed = `{"state":"CLOSED","numberOfSuccessfulCalls":0,"numberOfFailedCalls":0,"numberOfSlowCalls":0,"numberOfSlowSuccessfulCalls":0,"numberOfSlowFailedCalls":0,"numberOfBufferedCalls":0,"numberOfNotPermittedCalls":0,"failureRate":"-1.00%","slowCallRate":"-1.00%"}`
	get := func(path, want string, status int) {
		t.Helper()
		if r := i.ask(t, http.MethodGet, path, ""); r.status != status || strings.TrimSpace(r.text) != want {
			t.Errorf("%s: %d %s, want %d %s", path, r.status, r.text, status, want)
		}
	}
	get("/circuit-breaker/kafka-publisher", closed, 200)
	get("/circuit-breaker/status", `{"kafka-publisher":`+closed+`}`, 200)
	get("/actuator/health", `{"status":"UP"}`, 200)
	i.unwell = errors.New("a shard is away")
	get("/actuator/health", `{"status":"DOWN"}`, 503)
	if r := i.ask(t, http.MethodGet, "/actuator/circuitbreakers", ""); r.status != 404 {
		t.Errorf("an endpoint that is not exposed: %d", r.status)
	}

	for range 4 {
		i.publisher.OnSuccess(time.Millisecond)
	}
	for range 4 {
		i.publisher.OnError(time.Millisecond)
	}
	for path, part := range map[string]string{
		"/circuit-breaker/status":              `"state":"OPEN","numberOfSuccessfulCalls":4,"numberOfFailedCalls":4,`,
		"/monitoring/circuit-breaker/status":   `"failureRate":"50.00%","slowCallRate":"0.00%","analysis":{"status":"Critical"`,
		"/monitoring/circuit-breaker/health":   `"status":"UNHEALTHY"`,
		"/monitoring/circuit-breaker/diagnose": `"healthStatus":"UNHEALTHY"`,
	} {
		if r := i.ask(t, http.MethodGet, path, ""); r.status != 200 || !strings.Contains(r.text, part) {
			t.Errorf("%s: %d %s, want %s in it", path, r.status, r.text, part)
		}
	}
}

func TestMetrics(t *testing.T) {
	i := start(t, quota.Defaults())
	i.want(t, "/payments/authorize", `{"merchantId":"M-14","amount":5,"currency":"KRW","idempotencyKey":"metrics"}`, 200, "")
	i.want(t, "/payments/capture/99999999", `{"merchantId":"M-14"}`, 404, "NOT_FOUND")
	i.publisher.TransitionTo(wire.ForcedOpen)
	text := i.ask(t, http.MethodGet, "/actuator/prometheus", "").text
	for _, line := range []string{
		`resilience4j_circuitbreaker_state{application="ingest-service",name="kafka-publisher",state="forced_open"} 1`,
		`resilience4j_circuitbreaker_state{application="ingest-service",name="kafka-publisher",state="closed"} 0`,
		`resilience4j_circuitbreaker_state{application="ingest-service",name="pg-auth-api",state="closed"} 1`,
		`resilience4j_circuitbreaker_failure_rate{application="ingest-service",name="pg-auth-api"} -1`,
		`resilience4j_circuitbreaker_calls_seconds_count{application="ingest-service",kind="successful",name="pg-auth-api"} 1`,
		`resilience4j_circuitbreaker_not_permitted_calls_total{application="ingest-service",kind="not_permitted",name="pg-auth-api"} 0`,
		`http_server_requests_seconds_count{application="ingest-service",error="none",exception="none",method="POST",outcome="SUCCESS",status="200",uri="/payments/authorize"} 1`,
		`http_server_requests_seconds_count{application="ingest-service",error="IllegalArgumentException",exception="IllegalArgumentException",method="POST",outcome="CLIENT_ERROR",status="404",uri="/payments/capture/{paymentId}"} 1`,
		`hikaricp_connections_max{application="ingest-service",pool="HikariPool-1"} 20`,
		`hikaricp_connections_timeout_total{application="ingest-service",pool="HikariPool-2"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if n := strings.Count(text, "\nresilience4j_circuitbreaker_state{"); n != 12 {
		t.Errorf("%d series of state, want six for each of two breakers", n)
	}
}
