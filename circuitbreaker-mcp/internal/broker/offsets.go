package broker

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// extent is what the leader of a partition says of its log.
type extent struct {
	first, last int64
	at          int64 // the first offset not older than what was asked; -1 when not asked or not known
	code        kafka.Error
	told        bool
	atTold      bool // whether the leader answered what was asked by time
}

// partitionOf names a partition.
type partitionOf struct {
	topic string
	id    int32
}

// extents asks the leaders for the first and the last offset of partitions, and,
// where since has a time, for the first offset that is not older: one request a
// leader and question, however many partitions it leads. A broker refuses a
// request that names a partition twice.
func (s *session) extents(ctx context.Context, since map[partitionOf]time.Time) map[partitionOf]extent {
	all := map[partitionOf]extent{}
	led := map[int32][]partitionOf{}
	for p := range since {
		leader, ok := s.leader[p.topic][p.id]
		if !ok || leader < 0 {
			all[p] = extent{code: kafka.LeaderNotAvailable, at: -1}
			continue
		}
		all[p] = extent{at: -1}
		led[leader] = append(led[leader], p)
	}
	questions := map[int32][]protocol.Message{}
	for leader, list := range led {
		questions[leader] = []protocol.Message{
			offsetsRequest(list, func(partitionOf) int64 { return kafka.FirstOffset }),
			offsetsRequest(list, func(partitionOf) int64 { return kafka.LastOffset }),
		}
		var timed []partitionOf
		for _, p := range list {
			if !since[p].IsZero() {
				timed = append(timed, p)
			}
		}
		if len(timed) > 0 {
			questions[leader] = append(questions[leader], offsetsRequest(timed, func(p partitionOf) int64 { return since[p].UnixMilli() }))
		}
	}
	s.each(ctx, "ListOffsets", questions, func(_ int32, answers []protocol.Message) {
		for which, m := range answers {
			for _, t := range m.(*listoffsets.Response).Topics {
				for _, p := range t.Partitions {
					key := partitionOf{t.Topic, p.Partition}
					all[key] = all[key].with(which, p)
				}
			}
		}
	})
	return all
}

// with takes in the answer to one of the three questions.
func (e extent) with(which int, p listoffsets.ResponsePartition) extent {
	if p.ErrorCode != 0 {
		if which < 2 {
			e.code = kafka.Error(p.ErrorCode)
		}
		return e
	}
	switch which {
	case 0:
		e.first = p.Offset
	case 1:
		e.last, e.told = p.Offset, e.code == 0
	default:
		e.atTold = true
		// -1 says that no record is that young: the next one would be the first.
		if e.at = p.Offset; p.Offset < 0 && e.told {
			e.at = e.last
		}
	}
	return e
}

func offsetsRequest(list []partitionOf, at func(partitionOf) int64) *listoffsets.Request {
	q := &listoffsets.Request{ReplicaID: -1}
	index := map[string]int{}
	for _, p := range list {
		i, ok := index[p.topic]
		if !ok {
			i = len(q.Topics)
			index[p.topic] = i
			q.Topics = append(q.Topics, listoffsets.RequestTopic{Topic: p.topic})
		}
		q.Topics[i].Partitions = append(q.Topics[i].Partitions, listoffsets.RequestPartition{Partition: p.id, CurrentLeaderEpoch: -1, Timestamp: at(p)})
	}
	return q
}

// why says in words why the leader did not tell; empty when it did.
func (e extent) why() string {
	switch {
	case e.told:
		return ""
	case e.code == kafka.LeaderNotAvailable:
		return "no leader"
	case e.code != 0:
		return e.code.Title()
	}
	return "its leader did not answer"
}
