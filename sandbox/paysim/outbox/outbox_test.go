package outbox_test

import (
	"context"
	"database/sql"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim/breaker"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/outbox"
	"payops-mcp/sandbox/paysim/paydb"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

func cluster(t *testing.T, s *stack.Stack) *paydb.Cluster {
	t.Helper()
	c, err := paydb.Open([]string{s.Shards[0].DSN(stack.AppUser), s.Shards[1].DSN(stack.AppUser)}, paydb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestLock(t *testing.T) {
	c := cluster(t, stacktest.Start(t, stack.PartMariaDB|stack.PartKafka))
	lock := func(owner string, atMost, atLeast time.Duration) *outbox.Lock {
		return &outbox.Lock{Pool: c.Shard(1), Name: t.Name(), Owner: owner, AtMost: atMost, AtLeast: atLeast}
	}
	try := func(l *outbox.Lock, want bool) {
		t.Helper()
		if got, err := l.Try(t.Context()); err != nil || got != want {
			t.Fatalf("%s: taken %t (%v), want %t", l.Owner, got, err, want)
		}
	}
	release := func(l *outbox.Lock) {
		t.Helper()
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a, b := lock("a", time.Minute, 0), lock("b", time.Minute, 0)
	try(a, true)
	try(b, false)
	try(a, false)
	release(b) // not b's to give
	try(b, false)
	release(a)
	try(b, true)
	release(b)

	short := lock("a", 100*time.Millisecond, 0)
	try(short, true)
	stacktest.Eventually(t, "the lock of a dead owner to be free", func() bool {
		taken, err := b.Try(t.Context())
		return err == nil && taken
	})
	release(b)

	kept := lock("a", time.Minute, 300*time.Millisecond)
	try(kept, true)
	release(kept)
	try(b, false)
	stacktest.Eventually(t, "the lock to be free after the least time", func() bool {
		taken, err := b.Try(t.Context())
		return err == nil && taken
	})
}

func TestTopicOf(t *testing.T) {
	for kind, want := range map[string]string{
		outbox.Authorized: bus.Authorized, outbox.CaptureRequested: bus.CaptureRequested, outbox.Captured: bus.Captured,
		outbox.RefundRequested: bus.RefundRequested, outbox.Refunded: bus.Refunded, "PAYMENT_SETTLED": bus.Unknown,
	} {
		if got := outbox.TopicOf(kind); got != want {
			t.Errorf("%s goes to %s, want %s", kind, got, want)
		}
	}
}

// events writes so many events and returns the payment they are about.
func events(t *testing.T, pool *paydb.Pool, n int) int64 {
	t.Helper()
	payment := time.Now().UnixNano() // there is no foreign key
	err := pool.Tx(t.Context(), func(tx *sql.Tx) error {
		for i := range n {
			if err := outbox.Append(t.Context(), tx, outbox.Event{Type: outbox.Captured, PaymentID: payment, Payload: map[string]any{"n": i}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return payment
}

// state counts a payment's events: published, waiting, and retries in all.
func state(t *testing.T, pool *paydb.Pool, payment int64) (published, waiting, retries int) {
	t.Helper()
	err := pool.Do(t.Context(), func(conn *sql.Conn) error {
		return conn.QueryRowContext(t.Context(), "SELECT COALESCE(SUM(published AND published_at IS NOT NULL),0), COALESCE(SUM(NOT published AND published_at IS NULL),0), COALESCE(SUM(retry_count),0) FROM outbox_event WHERE aggregate_id=?", payment).
			Scan(&published, &waiting, &retries)
	})
	if err != nil {
		t.Fatal(err)
	}
	return published, waiting, retries
}

// TestPoller goes through what can happen to events: they are published in
// order and once, held back by an open breaker, and they wait, without being
// counted as retries, while Kafka is away.
func TestPoller(t *testing.T) {
	s := stacktest.Start(t, stack.PartMariaDB|stack.PartKafka)
	if err := s.Kafka.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	c := cluster(t, s)
	brokers := strings.Split(s.KafkaBootstrap(), ",")
	producer := bus.NewProducer(brokers, bus.Login{}, 3*time.Second)
	config := breaker.KafkaPublisher
	config.WaitOpen = time.Second
	b := breaker.New(wire.KafkaPublisher, config)
	t.Cleanup(b.Close)
	p := outbox.NewPoller(c, &outbox.Publisher{Producer: producer, Breaker: b, Defects: &defect.Set{}},
		outbox.Config{LockAtLeast: 10 * time.Millisecond, Batch: 50}, 1, "test", slog.New(slog.DiscardHandler))
	run, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(run) }()
	t.Cleanup(func() { stop(); <-done; _ = producer.Close() })
	publishes := func(pool *paydb.Pool, payment int64, n int) {
		t.Helper()
		stacktest.Eventually(t, "the events to be published", func() bool {
			published, waiting, retries := state(t, pool, payment)
			return published == n && waiting == 0 && retries == 0
		})
	}

	// More than a batch, on both shards.
	first, second := events(t, c.Shard(1), 120), events(t, c.Shard(2), 3)
	publishes(c.Shard(1), first, 120)
	publishes(c.Shard(2), second, 3)
	records := read(t, brokers, first)
	if len(records) != 120 {
		t.Fatalf("%d records for 120 events", len(records))
	}
	for i, r := range records {
		if !strings.Contains(string(r.Value), `"n": `+strconv.Itoa(i)) && !strings.Contains(string(r.Value), `"n":`+strconv.Itoa(i)) {
			t.Fatalf("record %d is %s: not in order", i, r.Value)
		}
		if len(r.Headers) != 1 || r.Headers[0].Key != "eventId" {
			t.Fatalf("headers %v, want eventId", r.Headers)
		}
	}

	b.TransitionTo(wire.ForcedOpen)
	held := events(t, c.Shard(1), 2)
	before := p.Published()
	if published, waiting, _ := state(t, c.Shard(1), held); published != 0 || waiting != 2 {
		t.Errorf("%d published, %d waiting while forced open", published, waiting)
	}
	b.TransitionTo(wire.Closed)
	publishes(c.Shard(1), held, 2)
	if n := p.Published() - before; n != 2 {
		t.Errorf("%d published, want the 2 that were held back", n)
	}

	p.Pause(true)
	if err := s.Kafka.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	during := events(t, c.Shard(2), 20)
	p.Pause(false)
	stacktest.Eventually(t, "the breaker to open", func() bool { return b.State() == wire.Open })
	if published, waiting, retries := state(t, c.Shard(2), during); published != 0 || waiting != 20 || retries != 0 {
		t.Errorf("%d published, %d waiting, %d retries without Kafka", published, waiting, retries)
	}
	stacktest.Eventually(t, "the breaker to be half open by itself", func() bool { return b.State() == wire.HalfOpen })
	if err := s.Kafka.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	publishes(c.Shard(2), during, 20)
	stacktest.Eventually(t, "the breaker to close", func() bool { return b.State() == wire.Closed })

	// An event that Kafka will never take does not stop the others, and gives
	// up.
	err := c.Shard(1).Tx(t.Context(), func(tx *sql.Tx) error {
		return outbox.Append(t.Context(), tx, outbox.Event{Type: outbox.Captured, PaymentID: 7, Payload: map[string]any{"note": strings.Repeat("x", 2<<20)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	after := events(t, c.Shard(1), 1)
	publishes(c.Shard(1), after, 1)
	stacktest.Eventually(t, "a retry to be counted", func() bool {
		_, waiting, retries := state(t, c.Shard(1), 7)
		return waiting == 1 && retries >= 1
	})
}

// A backlog that takes many times as long as the lock may be held gets smaller
// with every poll, and the end of a poll's time is no failure of Kafka.
func TestBacklog(t *testing.T) {
	s := stacktest.Start(t, stack.PartMariaDB|stack.PartKafka)
	if err := s.Kafka.CreateTopics(t.Context(), stack.PaymentTopics(1)...); err != nil {
		t.Fatal(err)
	}
	c := cluster(t, s)
	producer := bus.NewProducer(strings.Split(s.KafkaBootstrap(), ","), bus.Login{}, 10*time.Second)
	b := breaker.New(wire.KafkaPublisher, breaker.KafkaPublisher)
	t.Cleanup(b.Close)
	backlog := events(t, c.Shard(2), 2500)
	p := outbox.NewPoller(c, &outbox.Publisher{Producer: producer, Breaker: b, Defects: &defect.Set{}},
		outbox.Config{Interval: time.Millisecond, LockAtMost: 20 * time.Millisecond, LockAtLeast: time.Millisecond}, 1, "test", slog.New(slog.DiscardHandler))
	run, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(run) }()
	t.Cleanup(func() { stop(); <-done; _ = producer.Close() })
	stacktest.Eventually(t, "the backlog to be published", func() bool {
		published, _, _ := state(t, c.Shard(2), backlog)
		return published == 2500
	})
	// A broker that has just begun may refuse a send or two; the ends of some
	// hundred polls would be many more.
	if got := b.Tell(); got.FailedCalls.Count > 5 || got.State != wire.Closed {
		t.Errorf("the breaker is %s and has heard of %d failures", got.State, got.FailedCalls.Count)
	}
}

// read returns a payment's records, in order.
func read(t *testing.T, brokers []string, payment int64) []kafka.Message {
	t.Helper()
	key := strconv.FormatInt(payment, 10)
	conn, err := kafka.DialContext(t.Context(), "tcp", brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	partitions, err := conn.ReadPartitions(bus.Captured)
	if err != nil {
		t.Fatal(err)
	}
	var found []kafka.Message
	for _, p := range partitions {
		leader, err := kafka.DialLeader(t.Context(), "tcp", brokers[0], bus.Captured, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		end, err := leader.ReadLastOffset()
		_ = leader.Close()
		if err != nil {
			t.Fatal(err)
		}
		if end == 0 {
			continue
		}
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: bus.Captured, Partition: p.ID, MaxWait: 100 * time.Millisecond})
		for {
			m, err := r.ReadMessage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Key) == key {
				found = append(found, m)
			}
			if m.Offset == end-1 {
				break
			}
		}
		_ = r.Close()
	}
	return found
}
