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
