package broker

import (
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
)

// A partition whose leader has just changed was dropped without a word, and what is in
// it was ruled out.
func TestAPartitionThatIsNotHandedOutIsUnread(t *testing.T) {
	p := partitionOf{"payment.dlq", 1}
	for name, c := range map[string]struct {
		code   kafka.Error
		unread bool
	}{
		"another leader":        {kafka.NotLeaderForPartition, true},
		"begins further on":     {kafka.OffsetOutOfRange, true},
		"we may not read it":    {kafka.TopicAuthorizationFailed, false},
		"nothing is left of it": {0, false},
	} {
		r := (&session{}).tails(readInAll, wholeValue)
		r.kept = func(partitionOf, raw) {}
		r.at[p], r.end[p] = 0, 5
		if c.code == 0 {
			r.end[p] = 0
		}
		r.take(fetched{partitionOf: p, code: c.code})
		if got := slices.Contains(r.unread(), p); got != c.unread {
			t.Errorf("%s: unread %v, want %v", name, got, c.unread)
		}
		if got := r.refused[p.topic]; got != (c.code == kafka.TopicAuthorizationFailed) {
			t.Errorf("%s: refused %v", name, got)
		}
	}
}

// A partition that its leader did not tell of again, when it was asked by time, was
// passed over without a word.
func TestAPartitionThatIsNotToldOfAgain(t *testing.T) {
	p := partitionOf{"payment.dlq", 1}
	first := extent{first: 2, last: 12, at: 9, told: true, atTold: true}
	for name, x := range map[string]struct {
		before, again extent
		want          extent
	}{
		"told again":      {first, extent{first: 2, last: 13, at: 5, told: true, atTold: true}, extent{first: 2, last: 13, at: 5, told: true, atTold: true}},
		"not again":       {first, extent{at: -1, code: kafka.NotLeaderForPartition}, extent{first: 2, last: 12, at: -1, told: true}},
		"neither time":    {extent{at: -1}, extent{at: -1}, extent{at: -1}},
		"only then":       {extent{at: -1}, first, first},
		"all but by time": {first, extent{first: 2, last: 13, at: -1, told: true}, extent{first: 2, last: 13, at: -1, told: true}},
	} {
		got := retold(map[partitionOf]extent{p: x.before}, map[partitionOf]extent{p: x.again})[p]
		if got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
		r := (&session{}).tails(readInAll, wholeValue)
		if got.told {
			r.newest(p, got.first, got.last)
		}
		// Nobody hands anything out here.
		if unread := slices.Contains(r.unread(), p); unread != x.want.told {
			t.Errorf("%s: unread %v", name, unread)
		}
	}
}
