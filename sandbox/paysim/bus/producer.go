package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
)

// Message is one record to send.
type Message struct {
	Topic string
	Key   string // "" lets the producer choose the partition
	Value []byte
	// EventID goes into the header eventId; 0 leaves it out.
	EventID int64
}

// JSON is a message whose value is a payload as JSON.
func JSON(topic, key string, payload map[string]any) (Message, error) {
	value, err := json.Marshal(payload)
	if err != nil {
		return Message{}, fmt.Errorf("message for %s: %w", topic, err)
	}
	return Message{Topic: topic, Key: key, Value: value}, nil
}

// ErrUnreachable says that no broker could be asked at all, so that a message
// did not get as far as being refused.
var ErrUnreachable = errors.New("kafka cannot be reached")

// Sent counts what became of messages.
type Sent struct{ Records, Errors int64 }

// Sends counts messages by how sending them ended: by the class in Java of what
// was thrown, "none" for those that arrived.
type Sends map[string]Timed

// Timed is how often something was done, and how long that took in all.
type Timed struct {
	Count   int64
	Seconds float64
}

// Producer sends messages. Its methods may be called side by side.
type Producer struct {
	writer   *kafka.Writer
	delivery time.Duration

	mu   sync.Mutex
	sent map[string]Sent
	ends Sends
}

// Login is an account of Kafka's; the zero value is none.
type Login struct{ User, Password string }

func (l Login) mechanism() sasl.Mechanism {
	if l.User == "" {
		return nil
	}
	return plain.Mechanism{Username: l.User, Password: l.Password}
}

// NewProducer makes a producer that gives each message so long to be
// acknowledged. It does not dial. Close it in the end.
func NewProducer(brokers []string, login Login, delivery time.Duration) *Producer {
	return &Producer{
		delivery: delivery,
		sent:     map[string]Sent{},
		ends:     Sends{},
		writer: &kafka.Writer{
			Addr: kafka.TCP(brokers...),
			// The partition that the Java client would choose for the key.
			Balancer:     kafka.Murmur2Balancer{},
			RequiredAcks: kafka.RequireAll,
			BatchSize:    1000,
			BatchBytes:   maxBatch,
			BatchTimeout: 2 * time.Millisecond,
			MaxAttempts:  3,
			WriteTimeout: delivery,
			ReadTimeout:  delivery,
			Transport: &kafka.Transport{
				DialTimeout: min(delivery, 3*time.Second),
				MetadataTTL: 2 * time.Second,
				SASL:        login.mechanism(),
			},
		},
	}
}

// Send sends messages and waits until each was acknowledged or has failed. It
// returns one error a message, nil for those that arrived. A message whose
// acknowledgement did not come in time may have arrived all the same.
func (p *Producer) Send(ctx context.Context, messages ...Message) []error {
	errs := make([]error, len(messages))
	var records []kafka.Message
	var index []int
	for i, m := range messages {
		// One that is too large would have the client refuse all of them.
		if len(m.Key)+len(m.Value) > maxMessage {
			errs[i] = kafka.MessageSizeTooLarge
			continue
		}
		records, index = append(records, record(m)), append(index, i)
	}
	ctx, cancel := context.WithTimeout(ctx, p.delivery)
	defer cancel()
	begin := time.Now()
	err := p.writer.WriteMessages(ctx, records...)
	each, some := errors.AsType[kafka.WriteErrors](err)
	for n, i := range index {
		if some && n < len(each) {
			errs[i] = classify(each[n])
		} else {
			errs[i] = classify(err)
		}
	}
	p.count(messages, errs, time.Since(begin))
	return errs
}

// maxMessage is the largest that fits into what the client sends at once, and
// into what a broker takes by default, with room for headers.
const (
	maxBatch   = 1 << 20
	maxMessage = maxBatch - 1<<10
)

func record(m Message) kafka.Message {
	r := kafka.Message{Topic: m.Topic, Value: m.Value}
	if m.Key != "" {
		r.Key = []byte(m.Key)
	}
	if m.EventID != 0 {
		r.Headers = []kafka.Header{{Key: "eventId", Value: strconv.AppendInt(nil, m.EventID, 10)}}
	}
	return r
}

// classify tells a cluster that is away from one that refused. A timeout while
// waiting for the acknowledgement is neither.
func classify(err error) error {
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if _, refused := errors.AsType[kafka.Error](err); refused {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (p *Producer) count(messages []Message, errs []error, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range messages {
		s := p.sent[m.Topic]
		if errs[i] == nil {
			s.Records++
		} else {
			s.Errors++
		}
		p.sent[m.Topic] = s
		end := p.ends[thrown(errs[i])]
		p.ends[thrown(errs[i])] = Timed{end.Count + 1, end.Seconds + took.Seconds()}
	}
}

// thrown is the class of the exception that the real service would have got.
func thrown(err error) string {
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return "TopicAuthorizationException"
	case errors.Is(err, kafka.MessageSizeTooLarge):
		return "RecordTooLargeException"
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		return "UnknownTopicOrPartitionException"
	}
	return "TimeoutException"
}

// Sends is how sending messages ended so far.
func (p *Producer) Sends() Sends {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.ends)
}

// Sent is what became of messages so far, by topic.
func (p *Producer) Sent() map[string]Sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.sent)
}

// Close ends the connections.
func (p *Producer) Close() error { return p.writer.Close() }
