package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// seen collects what consumers were given.
type seen struct {
	mu     sync.Mutex
	values []string
}

func (s *seen) add(v string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = append(s.values, v)
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.values)
}

// broker starts Kafka and makes a topic for a test.
func broker(t *testing.T, topic string, partitions int) []string {
	t.Helper()
	s := stacktest.Start(t, stack.PartKafka)
	if err := s.Kafka.CreateTopics(t.Context(), stack.KafkaTopic{Name: topic, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
	return strings.Split(s.KafkaBootstrap(), ",")
}

func send(t *testing.T, brokers []string, messages ...bus.Message) {
	t.Helper()
	p := bus.NewProducer(brokers, bus.Login{}, 10*time.Second)
	defer func() { _ = p.Close() }()
	if err := errors.Join(p.Send(t.Context(), messages...)...); err != nil {
		t.Fatal(err)
	}
}

// run runs a consumer until the function that it returns is called.
func run(t *testing.T, c *bus.Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// A record whose work fails is tried again, poison goes to the dead letters,
// and what is behind them is worked on in the order of each key.
func TestConsume(t *testing.T) {
	brokers := broker(t, "consume", 2)
	var messages []bus.Message
	for i := range 40 {
		messages = append(messages, bus.Message{Topic: "consume", Key: fmt.Sprintf("k%d", i%4), Value: fmt.Appendf(nil, "k%d/%d", i%4, i/4)})
	}
	messages[9].Value = []byte("poison")
	send(t, brokers, messages...)

	var done, dead seen
	failures := 3
	var mu sync.Mutex
	c := bus.NewConsumer(bus.Config{
		Brokers: brokers, Group: t.Name(), Topics: []string{"consume"}, Lanes: 4,
		Handle: func(_ context.Context, r bus.Record) error {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case string(r.Value) == "poison":
				return &bus.Poison{Err: errors.New("not to be understood")}
			case string(r.Value) == "k2/3" && failures > 0:
				failures--
				return errors.New("the database is away")
			}
			done.add(string(r.Value))
			return nil
		},
		Dead: func(_ context.Context, r bus.Record, why error) error {
			dead.add(string(r.Value) + ": " + why.Error())
			return nil
		},
	})
	stop := run(t, c)
	stacktest.Eventually(t, "all records", func() bool { return len(done.all()) == 39 })
	for k := range 4 {
		var got []string
		for _, v := range done.all() {
			if strings.HasPrefix(v, fmt.Sprintf("k%d/", k)) {
				got = append(got, v)
			}
		}
		if !slices.IsSorted(got) {
			t.Errorf("not in order: %v", got)
		}
	}
	if got := dead.all(); len(got) != 1 || got[0] != "poison: not to be understood" {
		t.Errorf("dead letters %q", got)
	}
	stacktest.Eventually(t, "the lag to be nothing", func() bool {
		lag := c.Lag()
		return len(lag) > 0 && lag[bus.Partition{Topic: "consume", ID: 0}]+lag[bus.Partition{Topic: "consume", ID: 1}] == 0
	})
	if h := c.Handled(); h.Successes != 39 || h.Failures != 4 {
		t.Errorf("%+v, want 39 successes and 4 failures", h)
	}

	// What was committed does not come again, also after a pause.
	stop()
	var again seen
	next := bus.NewConsumer(bus.Config{
		Brokers: brokers, Group: t.Name(), Topics: []string{"consume"}, Lanes: 1,
		Handle: func(_ context.Context, r bus.Record) error { again.add(string(r.Value)); return nil },
	})
	next.Pause(true)
	run(t, next)
	send(t, brokers, bus.Message{Topic: "consume", Key: "k", Value: []byte("new")})
	next.Pause(false)
	stacktest.Eventually(t, "the new record", func() bool { return len(again.all()) > 0 })
	if got := again.all(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("after the pause %q, want the new record alone", got)
	}
}

// A consumer that ends before a record's work is done leaves it to the next.
func TestUnfinishedWorkComesAgain(t *testing.T) {
	brokers := broker(t, "unfinished", 1)
	send(t, brokers, bus.Message{Topic: "unfinished", Key: "k", Value: []byte("work")})
	started := make(chan struct{})
	stop := run(t, bus.NewConsumer(bus.Config{
		Brokers: brokers, Group: t.Name(), Topics: []string{"unfinished"}, Lanes: 1,
		Handle: func(ctx context.Context, _ bus.Record) error {
			close(started)
			<-ctx.Done()
			return ctx.Err()
		},
	}))
	<-started
	stop()
	var done seen
	run(t, bus.NewConsumer(bus.Config{
		Brokers: brokers, Group: t.Name(), Topics: []string{"unfinished"}, Lanes: 1,
		Handle: func(_ context.Context, r bus.Record) error { done.add(string(r.Value)); return nil },
	}))
	stacktest.Eventually(t, "the record to come again", func() bool { return len(done.all()) == 1 })
}

func TestGiveUp(t *testing.T) {
	brokers := broker(t, "give-up", 1)
	send(t, brokers, bus.Message{Topic: "give-up", Key: "k", Value: []byte("bad")}, bus.Message{Topic: "give-up", Key: "k", Value: []byte("good")})
	var tried seen
	run(t, bus.NewConsumer(bus.Config{
		Brokers: brokers, Group: t.Name(), Topics: []string{"give-up"}, Lanes: 1, GiveUp: func() int { return 3 },
		Handle: func(_ context.Context, r bus.Record) error {
			tried.add(string(r.Value))
			if string(r.Value) == "bad" {
				return errors.New("never")
			}
			return nil
		},
	}))
	stacktest.Eventually(t, "the record behind", func() bool { return slices.Contains(tried.all(), "good") })
	if got := tried.all(); !slices.Equal(got, []string{"bad", "bad", "bad", "good"}) {
		t.Errorf("tried %q, want three times the bad one, then the good one", got)
	}
}

func TestSendErrors(t *testing.T) {
	brokers := broker(t, "send", 1)
	p := bus.NewProducer(brokers, bus.Login{}, 5*time.Second)
	t.Cleanup(func() { _ = p.Close() })
	errs := p.Send(t.Context(),
		bus.Message{Topic: "send", Key: "k", Value: []byte("small")},
		bus.Message{Topic: "send", Key: "k", Value: make([]byte, 2<<20)})
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], kafka.MessageSizeTooLarge) {
		t.Errorf("%v, want a refusal of the large one alone", errs)
	}
	gone := bus.NewProducer([]string{"127.0.0.1:1"}, bus.Login{}, 3*time.Second)
	t.Cleanup(func() { _ = gone.Close() })
	if errs := gone.Send(t.Context(), bus.Message{Topic: "send", Value: []byte("x")}); !errors.Is(errs[0], bus.ErrUnreachable) {
		t.Errorf("%v, want ErrUnreachable", errs[0])
	}
	if s := gone.Sent()["send"]; s.Errors != 1 || s.Records != 0 {
		t.Errorf("%+v, want one error", s)
	}
}
