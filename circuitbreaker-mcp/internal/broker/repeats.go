package broker

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// eventHeader is the header in which the outbox's poller names the event; records
// that somebody else wrote do not have it.
const eventHeader = "eventId"

const (
	// readOfEvents bounds what is read to find repeated events, in bytes.
	readOfEvents = 8 << 20
	// keptOfEvent is up to what size the values of two records are compared whole.
	keptOfEvent = 64 << 10
)

// Repeats is how often events of the outbox are among the newest records of a
// topic.
type Repeats struct {
	Topic   string
	Window  time.Duration // how old the records are at most
	Cut     bool          // whether there are more of them than were read
	Reach   time.Duration // how old those are, where it is cut, up to which all were read
	Records int           // with an event's id
	Events  int           // how many different ones they are
	Later   int           // records after the last one whose event had been there before
	Example string        // the id of an event that is there most often; its writer's, so foreign
	Times   int           // how often it is there
	Unread  string        // why they could not be read; the rest is then a lower bound
}

// event is what makes a record the same as another. Two shards count their events
// each for itself, so an id alone does not.
type event struct {
	id, key string
	value   uint64 // a hash
}

// repeats reads the newest records of topics and counts how often each event is
// there. A poller that is well sends an event once.
func (s *session) repeats(ctx context.Context, topics []string, logs map[partitionOf]extent, now time.Time, window time.Duration) (all []Repeats) {
	since := now.Add(-window)
	seen := map[string]map[event]int{}
	times, last := map[string][]time.Time{}, map[string]time.Time{} // of all records, of the last that repeats one
	r := s.tails(readOfEvents, keptOfEvent)
	r.kept = func(p partitionOf, rec raw) {
		id := rec.headers[eventHeader]
		if id == "" || rec.at.Before(since) {
			return
		}
		e := event{head([]byte(id)), string(rec.key), sum(rec.value)}
		if seen[p.topic][e]++; seen[p.topic][e] > 1 && rec.at.After(last[p.topic]) {
			last[p.topic] = rec.at
		}
		times[p.topic] = append(times[p.topic], rec.at)
	}
	silent := map[string]bool{}
	for _, topic := range topics {
		seen[topic] = map[event]int{}
		for id := range s.leader[topic] {
			p := partitionOf{topic, id}
			e := logs[p]
			silent[topic] = silent[topic] || !e.told
			if e.told {
				r.newest(p, e.first, e.last)
			}
		}
	}
	r.all(ctx)
	for _, topic := range topics {
		of := Repeats{Topic: topic, Window: window}
		for e, n := range seen[topic] {
			of.Records, of.Events = of.Records+n, of.Events+1
			if n > of.Times {
				of.Example, of.Times = e.id, n
			}
		}
		for _, at := range times[topic] {
			if at.After(last[topic]) {
				of.Later++
			}
		}
		if from := r.begins(topic); from.After(since) {
			of.Cut, of.Reach = true, max(0, now.Sub(from))
		}
		switch {
		case r.refused[topic]:
			of.Unread = "we may not read it"
		case silent[topic], r.left <= 0, slices.ContainsFunc(r.unread(), func(p partitionOf) bool { return p.topic == topic }):
			of.Unread = "not all of it was told"
		}
		all = append(all, of)
	}
	return all
}

func sum(value []byte) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write(value)
	return hash.Sum64()
}

// unread are the partitions that were not read to their end, or of whose newest offsets
// none holds a record.
func (r *tailReader) unread() []partitionOf {
	all := append(slices.Collect(maps.Keys(r.at)), r.broken...)
	for p, begins := range r.cut {
		if begins.IsZero() && !r.refused[p.topic] {
			all = append(all, p)
		}
	}
	return all
}
