package broker

import (
	"testing"

	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// What a leader says only in part is counted as not known: with the question by time
// unanswered a growing topic read as one without news.
func TestDeadLettersOfWhichTheTimeWasNotTold(t *testing.T) {
	t.Parallel()
	answered := extent{at: -1}.with(0, listoffsets.ResponsePartition{Offset: 2}).with(1, listoffsets.ResponsePartition{Offset: 12})
	for name, x := range map[string]struct {
		e                      extent
		depth, recent, unknown int64
	}{
		"all was told":         {answered.with(2, listoffsets.ResponsePartition{Offset: 9}), 10, 3, 0},
		"none is that young":   {answered.with(2, listoffsets.ResponsePartition{Offset: -1}), 10, 0, 0},
		"no answer by time":    {answered, 10, 0, 1},
		"an error by time":     {answered.with(2, listoffsets.ResponsePartition{ErrorCode: 7}), 10, 0, 1},
		"nothing but the time": {extent{at: -1}.with(2, listoffsets.ResponsePartition{Offset: 9}), 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := Health{Cluster: Cluster{Topics: []Topic{{Name: "payment.dlq", Partitions: []Partition{{ID: 0}}}}}}
			h.dead(Ask{DeadLetters: []string{"payment.dlq"}}, map[partitionOf]extent{{"payment.dlq", 0}: x.e})
			if d := h.DeadLetters[0]; d.Depth != x.depth || d.Recent != x.recent || int64(d.Unknown) != x.unknown {
				t.Errorf("%+v, want depth %d, recent %d, unknown %d", d, x.depth, x.recent, x.unknown)
			}
		})
	}
}
