package bus

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// Record is one message that was read.
type Record struct {
	Topic     string
	Partition int
	Offset    int64
	Key       string
	Value     []byte
}

// Poison is an error that no second attempt can mend; the record goes where
// such records go, and the consumer goes on.
type Poison struct{ Err error }

func (p *Poison) Error() string { return "poison: " + p.Err.Error() }

// Unwrap is what is wrong with the record.
func (p *Poison) Unwrap() error { return p.Err }

// Config says what a consumer reads and what it does with it.
type Config struct {
	Brokers []string
	Login   Login
	Group   string
	Topics  []string
	// Lanes is how many records are worked on side by side. Records with
	// equal keys are worked on one after the other.
	Lanes int
	// Handle does the work for one record. It may be called again for a
	// record whose work was done, after a crash or a rebalance. On an error
	// other than [Poison] it is called again until it succeeds.
	Handle func(context.Context, Record) error
	// Dead gets the records that are poison. On an error it is called again.
	Dead func(context.Context, Record, error) error
	// GiveUp is after how many attempts a record is dropped without a trace;
	// 0, and a nil func, mean never.
	GiveUp func() int
	// OneByOne says whether each record is worked on and committed before the
	// next is taken; a nil func means no.
	OneByOne func() bool
	Log      *slog.Logger
}

// Handled counts calls of Config.Handle by how they ended.
type Handled struct {
	Successes, Failures      int64
	SuccessSecs, FailureSecs float64
	SuccessMax, FailureMax   float64
}

// Consumer reads topics as a member of a group.
type Consumer struct {
	config  Config
	paused  atomic.Bool
	changed chan struct{}

	mu      sync.Mutex
	lag     map[Partition]int64
	handled Handled
	commits int64
	fetched time.Time // when a batch was last done with
}

// Partition is one partition of a topic.
type Partition struct {
	Topic string
	ID    int
}

// NewConsumer makes a consumer; Run starts it.
func NewConsumer(c Config) *Consumer {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Consumer{config: c, changed: make(chan struct{}, 1), lag: map[Partition]int64{}}
}

// Name is the group.
func (c *Consumer) Name() string { return c.config.Group }

// Pause has the consumer leave its group, or join it again. It takes effect
// after the records that it is working on.
func (c *Consumer) Pause(paused bool) {
	c.paused.Store(paused)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Paused says whether it is to stay out of its group.
func (c *Consumer) Paused() bool { return c.paused.Load() }

// Run reads until the context ends.
func (c *Consumer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if c.paused.Load() {
			select {
			case <-c.changed:
			case <-ctx.Done():
			}
			continue
		}
		session, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.session(session)
		}()
		for running := true; running; {
			select {
			case <-c.changed:
				running = !c.paused.Load()
			case <-done:
				running = false
			}
		}
		cancel()
		<-done
	}
}

// batch bounds how many records are fetched before they are worked on and
// committed together, and how long a batch waits for more.
const (
	batch   = 256
	gather  = 5 * time.Millisecond
	backoff = 50 * time.Millisecond
)

// session is one membership of the group.
func (c *Consumer) session(ctx context.Context) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: c.config.Brokers, GroupID: c.config.Group, GroupTopics: c.config.Topics,
		Dialer:      &kafka.Dialer{Timeout: 3 * time.Second, SASLMechanism: c.config.Login.mechanism()},
		StartOffset: kafka.FirstOffset,
		MinBytes:    1, MaxBytes: 4 << 20, MaxWait: 250 * time.Millisecond,
		// A member that was killed is missed after this.
		SessionTimeout: 6 * time.Second, HeartbeatInterval: time.Second, RebalanceTimeout: 6 * time.Second,
		JoinGroupBackoff: 500 * time.Millisecond,
		ReadBackoffMin:   50 * time.Millisecond, ReadBackoffMax: 500 * time.Millisecond,
		WatchPartitionChanges: true, PartitionWatchInterval: 5 * time.Second,
		MaxAttempts: 1 << 30,
	})
	defer func() { _ = reader.Close() }()
	for ctx.Err() == nil {
		most := batch
		if c.config.OneByOne != nil && c.config.OneByOne() {
			most = 1
		}
		records, err := fetch(ctx, reader, most)
		if err != nil {
			if ctx.Err() == nil {
				c.config.Log.WarnContext(ctx, "fetch failed", "group", c.config.Group, "error", err)
				sleep(ctx, backoff)
			}
			continue
		}
		if !c.work(ctx, records) {
			return
		}
		// What is not committed comes again, which the work must bear.
		if err := reader.CommitMessages(ctx, records...); err != nil && ctx.Err() == nil {
			c.config.Log.WarnContext(ctx, "commit failed", "group", c.config.Group, "error", err)
		}
		c.note(records)
	}
}

// fetch waits for one record and takes what else is there, so many at most.
func fetch(ctx context.Context, reader *kafka.Reader, most int) ([]kafka.Message, error) {
	first, err := reader.FetchMessage(ctx)
	if err != nil {
		return nil, err
	}
	records := []kafka.Message{first}
	more, cancel := context.WithTimeout(ctx, gather)
	defer cancel()
	for len(records) < most {
		m, err := reader.FetchMessage(more)
		if err != nil {
			break
		}
		records = append(records, m)
	}
	return records, nil
}

// work handles records side by side and returns when all of them are done;
// false when the context ended before.
func (c *Consumer) work(ctx context.Context, records []kafka.Message) bool {
	lanes := make([][]kafka.Message, max(1, c.config.Lanes))
	for _, m := range records {
		lane := maphash.Bytes(laneSeed, m.Key) % uint64(len(lanes))
		lanes[lane] = append(lanes[lane], m)
	}
	var all sync.WaitGroup
	var cut atomic.Bool
	for _, lane := range lanes {
		if len(lane) == 0 {
			continue
		}
		all.Go(func() {
			for _, m := range lane {
				if !c.one(ctx, Record{m.Topic, m.Partition, m.Offset, string(m.Key), m.Value}) {
					cut.Store(true)
					return
				}
			}
		})
	}
	all.Wait()
	return !cut.Load()
}

var laneSeed = maphash.MakeSeed()

// one handles a record until it is done; false when the context ended before.
func (c *Consumer) one(ctx context.Context, r Record) bool {
	for attempt, wait := 1, backoff; ; attempt, wait = attempt+1, min(2*wait, time.Second) {
		begin := time.Now()
		err := c.config.Handle(ctx, r)
		c.count(time.Since(begin), err)
		if poison, ok := errors.AsType[*Poison](err); ok {
			if err = c.config.Dead(ctx, r, poison.Err); err != nil {
				err = fmt.Errorf("dead-letter the record: %w", err)
			}
		}
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.config.Log.WarnContext(ctx, "record failed", "group", c.config.Group, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "attempt", attempt, "error", err)
		if c.config.GiveUp != nil {
			if most := c.config.GiveUp(); most > 0 {
				if attempt >= most {
					return true
				}
				continue
			}
		}
		sleep(ctx, wait)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *Consumer) count(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.handled
	if err == nil {
		h.Successes++
		h.SuccessSecs += took.Seconds()
		h.SuccessMax = max(h.SuccessMax, took.Seconds())
		return
	}
	h.Failures++
	h.FailureSecs += took.Seconds()
	h.FailureMax = max(h.FailureMax, took.Seconds())
}

// note remembers how far behind each partition was when last looked at.
func (c *Consumer) note(records []kafka.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commits++
	c.fetched = time.Now()
	for _, m := range records {
		c.lag[Partition{m.Topic, m.Partition}] = max(0, m.HighWaterMark-m.Offset-1)
	}
}

// Idle is for how long no record has come.
func (c *Consumer) Idle() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.fetched)
}

// Lag is how many records are waiting, by partition, as of the last batch that
// had some of the partition.
func (c *Consumer) Lag() map[Partition]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.lag)
}

// Handled is how the work went so far.
func (c *Consumer) Handled() Handled {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handled
}

// Commits is how many batches were finished.
func (c *Consumer) Commits() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commits
}
