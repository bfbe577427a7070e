package broker

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"github.com/segmentio/kafka-go/protocol"
)

// The library does not have all requests that are needed here, or only versions
// of them that leave out what is, or its general decoder takes most of the time of
// an answer. These are coded here.

// ownRequest is a request that is coded here.
type ownRequest interface {
	protocol.Message
	encode(version int16, id int32) []byte
	decode(body []byte, version int16) (protocol.Message, error)
}

// writer puts a request together; its first four bytes are left for the size.
type writer struct{ b []byte }

func newWriter(key protocol.ApiKey, version int16, id int32) *writer {
	w := &writer{make([]byte, 4, 64)}
	w.int16(int16(key))
	w.int16(version)
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(id))
	w.int16(int16(len(clientID)))
	w.b = append(w.b, clientID...)
	w.tags()
	return w
}

func (w *writer) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }

func (w *writer) tags() { w.b = append(w.b, 0) }

func (w *writer) strings(list []string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(list)+1))
	for _, s := range list {
		w.b = binary.AppendUvarint(w.b, uint64(len(s)+1))
		w.b = append(w.b, s...)
	}
}

func (w *writer) done() []byte {
	binary.BigEndian.PutUint32(w.b, uint32(len(w.b)-4))
	return w.b
}

// reader takes an answer apart. The first thing that does not fit ends it: all
// that follows is empty, and err says what.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.b)) {
		r.err = fmt.Errorf("%w: %d bytes wanted, %d there", errNotKafka, n, len(r.b))
	}
	if r.err != nil {
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.take(uint64(len(r.b)) + 1)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// string reads a compact string; null is empty.
func (r *reader) string() string {
	if n := r.uvarint(); n > 1 {
		return string(r.take(n - 1))
	}
	return ""
}

// text reads a string of the older form, with its length before it; null is empty.
func (r *reader) text() string {
	if n := r.int16(); n > 0 {
		return string(r.take(uint64(n)))
	}
	return ""
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// each reads a compact list, one item a call of item. A list cannot hold more
// items than there are bytes.
func (r *reader) each(item func()) {
	n := r.uvarint()
	if n > uint64(len(r.b))+1 {
		r.take(n)
	}
	for i := uint64(1); i < n && r.err == nil; i++ {
		item()
	}
}

// tags skips the fields that a newer broker may have added.
func (r *reader) tags() {
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		r.uvarint()
		r.take(r.uvarint())
	}
}

// apiVersions asks which versions of each request a broker takes, and is the
// answer. It is the first that is said to an address that may not be a broker's:
// the library's decoder would allocate whatever it is told to.
type apiVersions struct {
	code  int16
	takes versions
}

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*apiVersions) ApiKey() protocol.ApiKey { return protocol.ApiVersions }

func (*apiVersions) encode(version int16, id int32) []byte {
	w := newWriter(protocol.ApiVersions, version, id)
	w.b = w.b[:len(w.b)-1] // its first version has no tags
	return w.done()
}

func (*apiVersions) decode(body []byte, _ int16) (protocol.Message, error) {
	r := &reader{b: body}
	m := apiVersions{code: r.int16(), takes: versions{}}
	for n := r.int32(); n > 0 && r.err == nil; n-- {
		key, low, high := r.int16(), r.int16(), r.int16()
		m.takes[protocol.ApiKey(key)] = [2]int16{low, high}
	}
	if r.err == nil && m.code == 0 && len(m.takes) == 0 {
		r.err = fmt.Errorf("%w: it takes no request at all", errNotKafka)
	}
	return &m, r.err
}

// listGroups asks a broker for the groups that it coordinates, and is the answer.
// A broker that is still loading its groups answers with a code, and none of them.
type listGroups struct {
	Groups []listedGroup
	code   int16
}

// listedGroup is a group as the broker that coordinates it lists it. Brokers
// before 2.6 tell no state, and those before 3.8 no type.
type listedGroup struct{ name, protocol, state, kind string }

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*listGroups) ApiKey() protocol.ApiKey { return protocol.ListGroups }

func (*listGroups) encode(version int16, id int32) []byte {
	w := newWriter(protocol.ListGroups, version, id)
	for v := int16(4); v <= min(version, 5); v++ {
		w.strings(nil) // of every state; of every type
	}
	w.tags()
	return w.done()
}

func (*listGroups) decode(body []byte, version int16) (protocol.Message, error) {
	r := &reader{b: body}
	r.tags() // of the head
	r.int32()
	m := listGroups{code: r.int16()}
	r.each(func() {
		g := listedGroup{name: r.string(), protocol: r.string()}
		if version >= 4 {
			g.state = r.string()
		}
		if version >= 5 {
			g.kind = r.string()
		}
		r.tags()
		m.Groups = append(m.Groups, g)
	})
	return &m, r.err
}

// fetchOffsets asks for all that a group has committed, and is the answer.
type fetchOffsets struct {
	group     string
	code      int16
	committed map[string]map[int32]int64
}

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*fetchOffsets) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

func (f *fetchOffsets) encode(version int16, id int32) []byte {
	w := newWriter(protocol.OffsetFetch, version, id)
	w.b = w.b[:len(w.b)-1] // no tags in this version
	w.int16(int16(len(f.group)))
	w.b = append(w.b, f.group...)
	w.b = binary.BigEndian.AppendUint32(w.b, 0xffffffff) // of all topics
	return w.done()
}

func (*fetchOffsets) decode(body []byte, _ int16) (protocol.Message, error) {
	r := &reader{b: body}
	r.int32()
	m := fetchOffsets{committed: map[string]map[int32]int64{}}
	for topics := r.int32(); topics > 0 && r.err == nil; topics-- {
		by := map[int32]int64{}
		m.committed[r.text()] = by
		for n := r.int32(); n > 0 && r.err == nil; n-- {
			id, offset := r.int32(), r.int64()
			r.int32() // the leader's epoch
			r.take(uint64(max(r.int16(), 0)))
			if code := r.int16(); code == 0 && offset >= 0 {
				by[id] = offset
			}
		}
	}
	m.code = r.int16()
	return &m, r.err
}

// consumerGroupDescribe is the request for groups of KIP-848, which DescribeGroups
// calls dead.
const consumerGroupDescribe protocol.ApiKey = 69

// describeConsumerGroups asks for groups by name.
type describeConsumerGroups struct{ names []string }

// describedConsumerGroups is the answer.
type describedConsumerGroups struct{ groups []describedGroup }

type describedGroup struct {
	code        int16
	said        string
	name, state string
	members     []Member
	subscribed  []string
}

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*describeConsumerGroups) ApiKey() protocol.ApiKey { return consumerGroupDescribe }

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*describedConsumerGroups) ApiKey() protocol.ApiKey { return consumerGroupDescribe }

func (d *describeConsumerGroups) encode(version int16, id int32) []byte {
	w := newWriter(consumerGroupDescribe, version, id)
	w.strings(d.names)
	w.b = append(w.b, 0) // what we may do with them is not asked
	w.tags()
	return w.done()
}

func (*describeConsumerGroups) decode(body []byte, _ int16) (protocol.Message, error) {
	r := &reader{b: body}
	r.tags()
	r.int32()
	var m describedConsumerGroups
	r.each(func() {
		g := describedGroup{code: r.int16(), said: r.string(), name: r.string(), state: r.string()}
		r.int32() // the group's epoch, and that of the assignment
		r.int32()
		r.string() // the assignor
		r.each(func() { g.members = append(g.members, r.member(&g)) })
		r.int32() // what we may do with it
		r.tags()
		m.groups = append(m.groups, g)
	})
	return &m, r.err
}

func (r *reader) member(g *describedGroup) Member {
	m := Member{ID: r.string(), Assigned: map[string][]int32{}}
	r.string() // instance
	r.string() // rack
	r.int32()  // epoch
	m.ClientID, m.Host = r.string(), r.string()
	r.each(func() { g.subscribed = append(g.subscribed, r.string()) })
	r.string() // the pattern it subscribes to
	r.assignment(m.Assigned)
	r.assignment(map[string][]int32{}) // what it is to have
	r.tags()
	return m
}

func (r *reader) assignment(to map[string][]int32) {
	r.each(func() {
		r.take(16) // the topic's id
		topic := r.string()
		r.each(func() { to[topic] = append(to[topic], r.int32()) })
		r.tags()
	})
	r.tags()
}

// describeQuorumKey is the request for who leads the controllers.
const describeQuorumKey protocol.ApiKey = 55

// describeQuorum asks a cluster without ZooKeeper who leads it: in its metadata
// any broker stands for the controller. It is the answer, too.
type describeQuorum struct {
	code   int16
	leader int32
}

// ApiKey is the request's number.
//
//nolint:revive // the name is kafka-go's
func (*describeQuorum) ApiKey() protocol.ApiKey { return describeQuorumKey }

func (*describeQuorum) encode(version int16, id int32) []byte {
	w := newWriter(describeQuorumKey, version, id)
	w.b = append(w.b, 2) // one topic
	w.b = append(w.b, byte(len(metadataTopic)+1))
	w.b = append(w.b, metadataTopic...)
	w.b = append(w.b, 2, 0, 0, 0, 0, 0) // one partition, 0
	w.tags()
	w.tags()
	return w.done()
}

// metadataTopic is the log in which the controllers keep the cluster's metadata.
const metadataTopic = "__cluster_metadata"

func (*describeQuorum) decode(body []byte, _ int16) (protocol.Message, error) {
	r := &reader{b: body}
	r.tags()
	m := describeQuorum{code: r.int16(), leader: -1}
	r.each(func() {
		r.string()
		r.each(func() {
			r.int32()
			code := r.int16()
			m.code = cmp.Or(m.code, code)
			m.leader = r.int32()
			r.int32() // the leader's epoch, and how far the log is
			r.take(8)
			r.replicas() // voters
			r.replicas() // observers
			r.tags()
		})
		r.tags()
	})
	return &m, r.err
}

func (r *reader) replicas() {
	r.each(func() {
		r.take(4 + 8)
		r.tags()
	})
}
