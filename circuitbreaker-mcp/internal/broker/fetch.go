package broker

import (
	"bytes"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchRecords asks a leader for records. The library would take all of them apart
// at once, and unpack whatever they come to, before it lets go of the first; here
// they stay as they came until somebody wants them.
type fetchRecords struct{ fetch.Request }

// fetchedRecords is the answer.
type fetchedRecords struct{ partitions []fetched }

// fetched is what came of one partition.
type fetched struct {
	partitionOf
	code kafka.Error
	set  []byte
}

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*fetchedRecords) ApiKey() protocol.ApiKey { return protocol.Fetch }

func (f *fetchRecords) encode(version int16, id int32) []byte {
	var b bytes.Buffer
	_ = protocol.WriteRequest(&b, version, id, clientID, &f.Request) // a buffer takes it
	return b.Bytes()
}

func (*fetchRecords) decode(body []byte, version int16) (protocol.Message, error) {
	r := &reader{b: body}
	r.int32() // throttled for
	if version >= 7 {
		r.int16() // of the session, which we have none of
		r.int32()
	}
	var m fetchedRecords
	for topics := r.int32(); topics > 0 && r.err == nil; topics-- {
		topic := r.text()
		for n := r.int32(); n > 0 && r.err == nil; n-- {
			f := fetched{partitionOf: partitionOf{topic, r.int32()}, code: kafka.Error(r.int16())}
			r.take(8 + 8) // the high watermark, the last stable offset
			if version >= 5 {
				r.take(8) // where the log begins
			}
			for aborted := r.int32(); aborted > 0 && r.err == nil; aborted-- {
				r.take(8 + 8)
			}
			if version >= 11 {
				r.int32() // a replica that is nearer
			}
			f.set = r.take(uint64(max(r.int32(), 0)))
			if r.err == nil {
				m.partitions = append(m.partitions, f)
			}
		}
	}
	return &m, r.err
}
