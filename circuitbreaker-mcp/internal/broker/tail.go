package broker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"payops-mcp/shared/fault"
)

// Bounds of what is read of topics, however much they hold.
const (
	// perPartition is how many records of each partition are read, the newest.
	perPartition = 200
	// readAtOnce is how much a leader may send at a time, and of one partition.
	// A single record that is larger comes whole all the same.
	readAtOnce, readOfPartition = 8 << 20, 1 << 20
	// readInAll bounds the values that are read for one answer, in bytes.
	readInAll = 48 << 20
	// readOfBatch bounds what one batch may be unpacked to: what is sent in one is
	// no larger unless somebody wants it to be.
	readOfBatch = 20 << 20
	// keptOfValue is how much of a value is kept after it was read, in bytes.
	keptOfValue = 1000
)

// TailAsk is which records to read.
type TailAsk struct {
	Topics []string
	Since  time.Time     // none older; zero for any
	Look   time.Duration // how long it may take
	Window time.Duration // over which records are counted as new
	Clock  Clock         // by which they are
}

// Tail is the newest records of some topics.
type Tail struct {
	Cluster
	Topics []DeadTopic
	Silent []fault.Source
	// Refused are the topics that we may see and not read.
	Refused []string
	Letters []Letter // newest first
	Clock   Clock    // by which they are old or new
	// Cut is whether there were more records than were read, in the time asked
	// for: what is counted of them is a lower bound.
	Cut bool
	// From is since when all of them were read, where there were more in a partition
	// than are read; zero where there were not.
	From time.Time
	// Unread are the topics of which a partition was not read to its end, or a part of
	// it could not be taken apart: what else is in it is not known.
	Unread []string
}

// record is one record as it was read, with a head of its value.
type record struct {
	topic     string
	partition int32
	offset    int64
	at        time.Time
	size      int // of the value, in bytes
	null      bool
	value     []byte // whole up to wholeValue, else its head
}

// wholeValue is up to what size a value is taken apart, in bytes.
const wholeValue = 16 << 20

// DeadLetters reads the newest records of dead-letter topics.
func (c *Client) DeadLetters(ctx context.Context, ask TailAsk) Tail {
	ctx, cancel := context.WithTimeout(ctx, ask.Look)
	defer cancel()
	s, told := c.open(ctx, ask.Topics)
	defer s.close()
	told.At = told.At.Add(ask.Clock.Ahead)
	t := Tail{Cluster: told, Clock: ask.Clock}
	if !told.Source.OK() {
		return t
	}
	h := Health{Cluster: told}
	since := map[partitionOf]time.Time{}
	for _, topic := range ask.Topics {
		for id := range s.leader[topic] {
			since[partitionOf{topic, id}] = told.At.Add(-ask.Window)
		}
	}
	logs := s.extents(ctx, since)
	h.dead(Ask{DeadLetters: ask.Topics, Window: ask.Window}, logs)
	t.Topics = h.DeadLetters
	if !ask.Since.IsZero() { // another question to the same leaders
		for p := range since {
			since[p] = ask.Since
		}
		logs = retold(logs, s.extents(ctx, since))
	}
	var records []record
	r := s.tails(readInAll, wholeValue)
	r.kept = func(p partitionOf, rec raw) {
		records = append(records, record{topic: p.topic, partition: p.id, offset: rec.offset, at: rec.at, null: rec.null, size: int(rec.size), value: rec.value})
	}
	for p, e := range logs {
		if !e.told {
			continue
		}
		from := e.first
		if !ask.Since.IsZero() && e.at >= 0 {
			from = max(from, e.at)
		}
		r.newest(p, from, e.last)
	}
	r.all(ctx)
	t.From = r.begins(ask.Topics...)
	for topic := range r.refused {
		t.Refused = append(t.Refused, topic)
	}
	slices.Sort(t.Refused)
	for _, p := range r.unread() {
		t.Unread = append(t.Unread, p.topic)
	}
	slices.Sort(t.Unread)
	t.Unread = slices.Compact(t.Unread)
	t.Cut = len(r.cut) > 0 || len(t.Unread) > 0
	for _, rec := range records {
		if ask.Since.IsZero() || !rec.at.Before(ask.Since) {
			t.Letters = append(t.Letters, letterOf(rec))
		}
	}
	slices.SortStableFunc(t.Letters, NewerFirst)
	t.Silent = s.silentBrokers()
	return t
}

// retold is what leaders said when they were asked again, by another time. Of a partition
// that one did not tell of again the answer before stands: it is read from, and is unread
// where nothing is handed out.
func retold(before, again map[partitionOf]extent) map[partitionOf]extent {
	for p, e := range again {
		if was := before[p]; !e.told && was.told {
			was.at, was.atTold = -1, false
			again[p] = was
		}
	}
	return again
}

// NewerFirst orders letters: the newest first, and those of one moment by topic,
// partition, and their offset from the highest.
func NewerFirst(a, b Letter) int {
	return cmp.Or(
		cmp.Compare(b.At.UnixMilli(), a.At.UnixMilli()), cmp.Compare(a.Topic, b.Topic),
		cmp.Compare(a.Partition, b.Partition), cmp.Compare(b.Offset, a.Offset))
}

// tailReader reads partitions from an offset up to an end.
type tailReader struct {
	s       *session
	at, end map[partitionOf]int64 // what is still to be read; a partition that is done is not in at
	left    int64                 // bytes that may still be unpacked
	whole   int64                 // up to which size values are kept whole
	refused map[string]bool
	cut     map[partitionOf]time.Time // which have more than was asked for: when the first record of what was read is of
	broken  []partitionOf             // which was not handed out, or whose records could not be taken apart or come to too much
	kept    func(partitionOf, raw)    // is given each record
}

func (s *session) tails(left, whole int64) *tailReader {
	return &tailReader{s: s, left: left, whole: whole, refused: map[string]bool{}, cut: map[partitionOf]time.Time{}, at: map[partitionOf]int64{}, end: map[partitionOf]int64{}}
}

// newest asks for the newest records of a partition, from an offset on at the earliest.
func (r *tailReader) newest(p partitionOf, from, last int64) {
	if last-from > perPartition {
		from, r.cut[p] = last-perPartition, time.Time{}
	}
	if from < last {
		r.at[p], r.end[p] = from, last
	}
}

// keep hands out a record, and notes when what was read of a partition begins.
func (r *tailReader) keep(p partitionOf, rec raw) {
	if at, cut := r.cut[p]; cut && at.IsZero() {
		r.cut[p] = rec.at
	}
	r.kept(p, rec)
}

// begins is since when all records of some topics were read; zero where no partition of
// them has more than were.
func (r *tailReader) begins(topics ...string) (since time.Time) {
	for p, at := range r.cut {
		if slices.Contains(topics, p.topic) && at.After(since) {
			since = at
		}
	}
	return since
}

// all reads until every partition is at its end, nothing more comes, or the bounds
// are met.
func (r *tailReader) all(ctx context.Context) {
	for len(r.at) > 0 && r.left > 0 && ctx.Err() == nil {
		before := len(r.at)
		progress := r.once(ctx)
		if !progress && len(r.at) == before {
			return
		}
	}
}

// once asks every leader one time, and reports whether that brought anything.
func (r *tailReader) once(ctx context.Context) (progress bool) {
	questions := map[int32][]protocol.Message{}
	by := map[int32]*fetchRecords{}
	for p, from := range r.at {
		leader, ok := r.s.leader[p.topic][p.id]
		if !ok || leader < 0 {
			continue
		}
		q := by[leader]
		if q == nil {
			q = &fetchRecords{fetch.Request{ReplicaID: -1, MaxWaitTime: 100, MinBytes: 1, MaxBytes: readAtOnce, SessionEpoch: -1}}
			by[leader] = q
		}
		i := slices.IndexFunc(q.Topics, func(t fetch.RequestTopic) bool { return t.Topic == p.topic })
		if i < 0 {
			i = len(q.Topics)
			q.Topics = append(q.Topics, fetch.RequestTopic{Topic: p.topic})
		}
		q.Topics[i].Partitions = append(q.Topics[i].Partitions, fetch.RequestPartition{
			Partition: p.id, CurrentLeaderEpoch: -1, FetchOffset: from, LogStartOffset: -1, PartitionMaxBytes: readOfPartition,
		})
	}
	for leader, q := range by {
		questions[leader] = []protocol.Message{q}
	}
	r.s.each(ctx, "Fetch", questions, func(_ int32, answers []protocol.Message) {
		for _, p := range answers[0].(*fetchedRecords).partitions {
			if r.take(p) {
				progress = true
			}
		}
	})
	return progress
}

// take reads the records of one partition's answer. Brokers send whole batches:
// what lies before the offset asked for is passed over. What cannot be taken apart
// stays unread.
func (r *tailReader) take(p fetched) bool {
	from, ours := r.at[p.partitionOf]
	if !ours {
		return false
	}
	if p.code != 0 {
		if p.code == kafka.TopicAuthorizationFailed {
			r.refused[p.topic] = true
		} else {
			r.broken = append(r.broken, p.partitionOf)
		}
		delete(r.at, p.partitionOf)
		return false
	}
	q := &recordReader{left: r.left, batch: readOfBatch, whole: r.whole, from: from, until: r.end[p.partitionOf], got: func(rec raw) { r.keep(p.partitionOf, rec) }}
	next, err := q.read(p.set)
	r.left = q.left
	if err != nil {
		r.broken = append(r.broken, p.partitionOf)
	}
	r.at[p.partitionOf] = next
	if next >= q.until {
		delete(r.at, p.partitionOf)
		return true
	}
	return next > from
}
