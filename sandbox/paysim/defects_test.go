package paysim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/seed"
	"payops-mcp/sandbox/stack/stacktest"
)

// orders gives each order of the tests a key of its own.
var orders atomic.Int64

// reply is what the API answered.
type reply struct {
	status    int
	PaymentID int64  `json:"paymentId"`
	Code      string `json:"code"`
}

// post sends one request to the first ingest instance.
func (s *system) post(ctx context.Context, path string, body map[string]any) (reply, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.fleet.Member("ingest-1").URL()+path, bytes.NewReader(text))
	if err != nil {
		return reply{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	r := reply{status: resp.StatusCode}
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

func (s *system) authorize(t *testing.T, merchant string) reply {
	t.Helper()
	r, err := s.post(t.Context(), "/payments/authorize", order(merchant))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func order(merchant string) map[string]any {
	return map[string]any{"merchantId": merchant, "amount": 1000, "currency": "KRW", "idempotencyKey": fmt.Sprintf("order-%d", orders.Add(1))}
}

// pay authorizes and returns the payment's id.
func (s *system) pay(t *testing.T, merchant string) int64 {
	t.Helper()
	r := s.authorize(t, merchant)
	if r.status != http.StatusOK {
		t.Fatalf("authorize: %+v", r)
	}
	return r.PaymentID
}

// number is the answer to a question about a merchant's shard.
func (s *system) number(t *testing.T, merchant, query string, args ...any) int {
	t.Helper()
	var n int
	if err := s.proof.Shards[seed.ShardOf(merchant)-1].QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// become waits until a payment has a status.
func (s *system) become(t *testing.T, merchant string, id int64, status string) {
	t.Helper()
	stacktest.Eventually(t, fmt.Sprintf("payment %d of %s to become %s", id, merchant, status), func() bool {
		return s.number(t, merchant, "SELECT COUNT(*) FROM payment WHERE payment_id=? AND status=?", id, status) == 1
	})
}

// postings waits until a payment has so many postings.
func (s *system) postings(t *testing.T, merchant string, id int64, n int) {
	t.Helper()
	stacktest.Eventually(t, fmt.Sprintf("%d postings for payment %d of %s", n, id, merchant), func() bool {
		return s.number(t, merchant, "SELECT COUNT(*) FROM ledger_entry WHERE payment_id=?", id) == n
	})
}

// with has all processes have these defects, until the test ends.
func (s *system) with(t *testing.T, names ...defect.Name) {
	t.Helper()
	s.defects(t.Context(), t, names)
	t.Cleanup(func() { s.defects(context.Background(), t, []defect.Name{}) })
}

func (s *system) defects(ctx context.Context, t *testing.T, names []defect.Name) {
	t.Helper()
	text, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.fleet.Members() {
		if m.Name() != "gateway" {
			s.control(ctx, t, http.MethodPut, m.ControlURL()+"/defects", string(text))
		}
	}
}

func (s *system) control(ctx context.Context, t *testing.T, method, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %s: %s", url, resp.Status, text)
	}
}

// gatewayIs changes the gateway's behaviour, until the test ends.
func (s *system) gatewayIs(t *testing.T, b gateway.Behaviour) {
	t.Helper()
	pg := gateway.NewClient(s.fleet.Member("gateway").URL(), 5*time.Second)
	set := func(ctx context.Context, b gateway.Behaviour) {
		if err := pg.SetBehaviour(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	set(t.Context(), b)
	t.Cleanup(func() { set(context.Background(), gateway.Behaviour{}) })
}

// metric is the value of a series of an ingest instance, found by its name and
// what its labels contain; -1 without one.
func (s *system) metric(t *testing.T, member, series string) float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.fleet.Member(member).URL()+"/actuator/prometheus", nil)
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
	found := regexp.MustCompile(`(?m)^` + series + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return -1
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// open says whether the kafka-publisher breaker of any instance is open.
func (s *system) open(t *testing.T) bool {
	for _, m := range []string{"ingest-1", "ingest-2"} {
		if s.metric(t, m, `resilience4j_circuitbreaker_state\{.*name="kafka-publisher",state="open"\}`) == 1 {
			return true
		}
	}
	return false
}

// send puts a record into a topic.
func (s *system) send(t *testing.T, topic, key, value string) {
	t.Helper()
	p := bus.NewProducer(s.proof.Kafka, bus.Login{}, 10*time.Second)
	defer func() { _ = p.Close() }()
	if err := p.Send(t.Context(), bus.Message{Topic: topic, Key: key, Value: []byte(value)})[0]; err != nil {
		t.Fatal(err)
	}
}

// records is how many records a topic has had.
func (s *system) records(t *testing.T, topic string) int64 {
	t.Helper()
	conn, err := kafka.DialContext(t.Context(), "tcp", s.proof.Kafka[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	partitions, err := conn.ReadPartitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, p := range partitions {
		leader, err := kafka.DialLeader(t.Context(), "tcp", s.proof.Kafka[0], topic, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		end, err := leader.ReadLastOffset()
		_ = leader.Close()
		if err != nil {
			t.Fatal(err)
		}
		sum += end
	}
	return sum
}

const even, odd = "MERCHANT-2002", "MERCHANT-2001" // of shard 1 and shard 2

// Each defect shows in the data as it does in the real system, and without it
// the same events leave no trace.
func TestDefects(t *testing.T) {
	s := start(t, map[string]string{
		"PAYSIM_GATEWAY_LATENCY": "1ms", "PAYSIM_GATEWAY_JITTER": "1ms", "PAYSIM_RETRY_AFTER": "500ms",
		"PAYSIM_KAFKA_DELIVERY_TIMEOUT": "2s", "PAYSIM_DB_MAX_CONNS": "8", "PAYSIM_KAFKA_BREAKER_WAIT": "2s", "OUTBOX_LOCK_AT_LEAST": "50ms",
	})

	t.Run("no-dedupe", func(t *testing.T) {
		id := s.pay(t, odd)
		s.postings(t, odd, id, 1)
		event := fmt.Sprintf(`{"paymentId":%d,"merchantId":%q,"status":"CAPTURED","amount":1000}`, id, odd)
		s.send(t, bus.Captured, strconv.FormatInt(id, 10), event)
		// The record behind it was worked on after it.
		next := s.pay(t, odd)
		s.postings(t, odd, next, 1)
		s.postings(t, odd, id, 1)
		s.with(t, defect.NoDedupe)
		s.send(t, bus.Captured, strconv.FormatInt(id, 10), event)
		s.postings(t, odd, id, 2)
	})

	t.Run("no-merchant", func(t *testing.T) {
		s.with(t, defect.NoMerchant)
		// Far from the ids of shard 1, where there is no such payment.
		if _, err := s.proof.Shards[1].ExecContext(t.Context(), "ALTER TABLE payment AUTO_INCREMENT=1000000"); err != nil {
			t.Fatal(err)
		}
		before := s.records(t, bus.PaymentDLQ)
		id := s.pay(t, odd)
		s.become(t, odd, id, "CAPTURED")
		stacktest.Eventually(t, "a dead letter", func() bool { return s.records(t, bus.PaymentDLQ) == before+1 })
		s.postings(t, odd, id, 0)
		id = s.pay(t, even)
		s.postings(t, even, id, 1)
	})

	t.Run("retry-starved", func(t *testing.T) {
		s.gatewayIs(t, gateway.Behaviour{FailureRate: 1, Only: gateway.Capture})
		s.with(t, defect.RetryStarved)
		id := s.pay(t, odd)
		s.become(t, odd, id, "CAPTURE_FAILED")
		s.gatewayIs(t, gateway.Behaviour{})
		// What was tried again before is done meanwhile.
		other := s.pay(t, odd)
		s.become(t, odd, other, "CAPTURED")
		if n := s.number(t, odd, "SELECT COUNT(*) FROM settlement_request WHERE payment_id=? AND status='FAILED' AND retry_count=0 AND last_retry_at IS NULL", id); n != 1 {
			t.Errorf("%d starved requests, want 1", n)
		}
		s.with(t)
		s.postings(t, odd, id, 1)
	})

	t.Run("silent-refund-retry", func(t *testing.T) {
		for _, c := range []struct {
			defects  []defect.Name
			postings int
		}{{[]defect.Name{defect.SilentRefundRetry}, 1}, {nil, 2}} {
			s.with(t, c.defects...)
			id := s.pay(t, even)
			s.postings(t, even, id, 1)
			s.gatewayIs(t, gateway.Behaviour{FailureRate: 1, Only: gateway.Refund})
			if r, err := s.post(t.Context(), fmt.Sprintf("/payments/refund/%d", id), map[string]any{"merchantId": even, "reason": "test"}); err != nil || r.status != http.StatusOK {
				t.Fatalf("refund: %+v (%v)", r, err)
			}
			s.become(t, even, id, "REFUND_FAILED")
			s.gatewayIs(t, gateway.Behaviour{})
			s.become(t, even, id, "REFUNDED")
			s.postings(t, even, id, c.postings)
		}
	})

	t.Run("parity-filter", func(t *testing.T) {
		s.with(t, defect.ParityFilter)
		for _, c := range []struct {
			merchant string
			lost     int64
		}{{even, 1}, {odd, 0}} {
			waiting := 0
			for range 4 {
				if id := s.pay(t, c.merchant); id%2 == c.lost {
					waiting++
				} else {
					s.become(t, c.merchant, id, "CAPTURED")
				}
			}
			if n := s.number(t, c.merchant, "SELECT COUNT(*) FROM outbox_event WHERE published=0 AND aggregate_id%2=?", c.lost); n != 2*waiting || n == 0 {
				t.Errorf("%s: %d events wait, want %d", c.merchant, n, 2*waiting)
			}
		}
		s.with(t)
		stacktest.Eventually(t, "the events to be published", func() bool {
			return s.number(t, even, "SELECT COUNT(*) FROM outbox_event WHERE published=0")+s.number(t, odd, "SELECT COUNT(*) FROM outbox_event WHERE published=0") == 0
		})
	})

	t.Run("drop-records", func(t *testing.T) {
		const poison = `{"paymentId":987654321,"merchantId":"MERCHANT-2","amount":1}`
		before := s.records(t, bus.SettlementDLQ)
		s.send(t, bus.CaptureRequested, "1", poison)
		stacktest.Eventually(t, "a dead letter", func() bool { return s.records(t, bus.SettlementDLQ) == before+1 })
		s.with(t, defect.DropRecords)
		s.send(t, bus.CaptureRequested, "1", poison)
		id := s.pay(t, even)
		s.postings(t, even, id, 1) // it was behind the poison
		if n := s.records(t, bus.SettlementDLQ); n != before+1 {
			t.Errorf("%d dead letters more, want none", n-before-1)
		}
	})

	t.Run("failures-as-409", func(t *testing.T) {
		s.gatewayIs(t, gateway.Behaviour{FailureRate: 1, Only: gateway.Authorize})
		if r := s.authorize(t, even); r.status != http.StatusBadGateway || r.Code != "PG_ERROR" {
			t.Errorf("a failure is answered %+v", r)
		}
		s.with(t, defect.FailuresAs409)
		if r := s.authorize(t, even); r.status != http.StatusConflict || r.Code != "DUPLICATE_REQUEST" || r.PaymentID != 0 {
			t.Errorf("with the defect a failure is answered %+v", r)
		}
		ctl := s.fleet.Member("ingest-1").ControlURL() + "/breakers/pg-auth-api/"
		s.control(t.Context(), t, http.MethodPost, ctl+"OPEN", "")
		t.Cleanup(func() { s.control(context.Background(), t, http.MethodPost, ctl+"CLOSED", "") })
		if r := s.authorize(t, even); r.status != http.StatusConflict || r.PaymentID != 0 {
			t.Errorf("with the defect an open breaker is answered %+v", r)
		}
		s.with(t)
		if r := s.authorize(t, even); r.status != http.StatusServiceUnavailable {
			t.Errorf("an open breaker is answered %+v", r)
		}
	})

	t.Run("early-idem-cache", func(t *testing.T) {
		refuse := func(on bool) {
			statement := "DROP TRIGGER IF EXISTS paydb.refuse"
			if on {
				statement = "CREATE TRIGGER paydb.refuse BEFORE INSERT ON outbox_event FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='refused'"
			}
			if _, err := s.proof.Shards[0].ExecContext(context.Background(), statement); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { refuse(false) })
		for _, c := range []struct {
			defects []defect.Name
			want    int
		}{{nil, http.StatusOK}, {[]defect.Name{defect.EarlyIdemCache}, http.StatusConflict}} {
			s.with(t, c.defects...)
			o := order(even)
			refuse(true)
			if r, err := s.post(t.Context(), "/payments/authorize", o); err != nil || r.status != http.StatusInternalServerError {
				t.Fatalf("authorize: %+v (%v)", r, err)
			}
			refuse(false)
			r, err := s.post(t.Context(), "/payments/authorize", o)
			if err != nil || r.status != c.want {
				t.Errorf("%v: sent again it is answered %+v (%v), want %d", c.defects, r, err, c.want)
			}
			exists := s.number(t, even, "SELECT COUNT(*) FROM payment WHERE payment_id=?", r.PaymentID) == 1
			if exists != (c.want == http.StatusOK) {
				t.Errorf("%v: payment %d exists: %t", c.defects, r.PaymentID, exists)
			}
		}
	})

	t.Run("gateway-in-transaction", func(t *testing.T) {
		for _, c := range []struct {
			defects []defect.Name
			full    bool
		}{{nil, false}, {[]defect.Name{defect.GatewayInTx}, true}} {
			s.with(t, c.defects...)
			s.gatewayIs(t, gateway.Behaviour{Latency: 1500 * time.Millisecond, Only: gateway.Authorize})
			var all sync.WaitGroup
			for range 24 {
				all.Go(func() { _, _ = s.post(t.Context(), "/payments/authorize", order(even)) })
			}
			// For a moment every pool is used up; the question is whether it
			// stays so while the gateway thinks.
			samples, full := 0, 0
			over := make(chan struct{})
			go func() { all.Wait(); close(over) }()
			for tick, running := time.NewTicker(50*time.Millisecond), true; running; {
				select {
				case <-over:
					tick.Stop()
					running = false
				case <-tick.C:
					samples++
					if s.metric(t, "ingest-1", `hikaricp_connections_pending\{.*pool="HikariPool-1"\}`) > 0 {
						full++
					}
				}
			}
			if got := 3*full > samples; got != c.full {
				t.Errorf("%v: pool used up in %d of %d samples, want mostly: %t", c.defects, full, samples, c.full)
			}
		}
	})

	t.Run("publish-twice", func(t *testing.T) {
		stacktest.Eventually(t, "everything to be published", func() bool {
			return s.number(t, even, "SELECT COUNT(*) FROM outbox_event WHERE published=0") == 0
		})
		before := s.records(t, bus.Authorized)
		id := s.pay(t, even)
		s.postings(t, even, id, 1)
		if n := s.records(t, bus.Authorized) - before; n != 1 {
			t.Errorf("%d records for one event", n)
		}
		s.with(t, defect.PublishTwice)
		id = s.pay(t, even)
		stacktest.Eventually(t, "the second record", func() bool { return s.records(t, bus.Authorized)-before == 3 })
		s.become(t, even, id, "CAPTURED")
		s.postings(t, even, id, 1) // consumers bear it
	})

	t.Run("blind-breaker", func(t *testing.T) {
		retries := func() int {
			return s.number(t, even, "SELECT COALESCE(MAX(retry_count),0) FROM outbox_event WHERE published=0")
		}
		kafkaIs := func(up bool) {
			do := s.stack.Kafka.Kill
			if up {
				do = s.stack.Kafka.Start
			}
			if err := do(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { kafkaIs(true) })
		s.with(t, defect.BlindBreaker)
		kafkaIs(false)
		ids := []int64{s.pay(t, even), s.pay(t, even), s.pay(t, even)}
		stacktest.Eventually(t, "retries to be counted", func() bool { return retries() >= 2 })
		if s.open(t) {
			t.Error("the breaker opened")
		}
		s.with(t)
		before := retries()
		stacktest.Eventually(t, "the breaker to open", func() bool { return s.open(t) })
		if got := retries(); got > before+1 {
			t.Errorf("retry_count rose from %d to %d without the defect", before, got)
		}
		kafkaIs(true)
		for _, id := range ids {
			s.postings(t, even, id, 1) // the timer and three good calls close it again
		}
	})

	t.Run("late-recording", func(t *testing.T) {
		state := func(state string) {
			for _, m := range []string{"ingest-1", "ingest-2"} {
				s.control(context.Background(), t, http.MethodPost, s.fleet.Member(m).ControlURL()+"/breakers/kafka-publisher/"+state, "")
			}
		}
		state("CLOSED")
		s.with(t, defect.LateRecording)
		for range 8 {
			s.postings(t, even, s.pay(t, even), 1)
		}
		for _, m := range []string{"ingest-1", "ingest-2"} {
			if n := s.metric(t, m, `resilience4j_circuitbreaker_buffered_calls\{.*kind="successful",name="kafka-publisher"\}`); n != 0 {
				t.Errorf("%s recorded %v successes while CLOSED", m, n)
			}
		}
		state("FORCED_OPEN")
		t.Cleanup(func() { state("CLOSED") })
		s.postings(t, even, s.pay(t, even), 1) // it holds nothing back
		s.with(t)
		id := s.pay(t, even)
		stacktest.Eventually(t, "a poll after the payment", func() bool {
			return s.number(t, even, "SELECT COUNT(*) FROM shedlock WHERE locked_at>(SELECT requested_at+INTERVAL 100000 MICROSECOND FROM payment WHERE payment_id=?)", id) == 1
		})
		if n := s.number(t, even, "SELECT COUNT(*) FROM outbox_event WHERE aggregate_id=? AND published=0 AND retry_count=0", id); n != 2 {
			t.Errorf("%d events are held back, want 2", n)
		}
		state("CLOSED")
		s.postings(t, even, id, 1)
		if s.metric(t, "ingest-1", `resilience4j_circuitbreaker_buffered_calls\{.*kind="successful",name="kafka-publisher"\}`)+
			s.metric(t, "ingest-2", `resilience4j_circuitbreaker_buffered_calls\{.*kind="successful",name="kafka-publisher"\}`) <= 0 {
			t.Error("no success was recorded without the defect")
		}
	})
}
