package broker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

// raw is a record as it was written.
type raw struct {
	offset  int64
	at      time.Time
	key     []byte // a head of it
	value   []byte // a head of it, unless it was wanted whole
	size    int64  // of the value, in bytes
	null    bool   // no value
	headers map[string]string
}

// errEnough is what reading ends with when what was unpacked comes to more than may
// be read: a megabyte can be a packed gigabyte.
var errEnough = errors.New("more than may be read")

// errFormat is what is said of records that are in no format that we read.
var errFormat = errors.New("not in a format of records that is known")

// recordReader reads records out of what brokers send.
type recordReader struct {
	left  int64 // bytes that may still be unpacked, and of them, of one batch
	batch int64
	whole int64 // up to which size values are kept whole
	from  int64 // records before this offset are passed over
	until int64 // and those from this one on
	got   func(raw)
}

// read takes apart what came of one partition. next is the offset behind the last
// batch. One that cannot be read, or comes to too much, is passed over and told as
// the error; one that was cut off at the end is none: it comes again.
func (q *recordReader) read(set []byte) (next int64, err error) {
	next = q.from
	for len(set) > 17 && next < q.until {
		size := 12 + int64(int32(binary.BigEndian.Uint32(set[8:])))
		if size < 17 || size > int64(len(set)) {
			break
		}
		base, batch := int64(binary.BigEndian.Uint64(set)), set[12:size]
		set = set[size:]
		last := base
		may := min(q.left, q.batch)
		in := &recordBatch{recordReader: q, base: base, left: may}
		var failed error
		if magic := batch[4]; magic < 2 {
			failed = in.old(batch)
		} else {
			last, failed = in.read(batch)
		}
		q.left -= may - in.left
		err = errors.Join(err, failed)
		next = max(next, last+1)
	}
	return next, err
}

// recordBatch is a batch that is read.
type recordBatch struct {
	*recordReader
	base int64 // the first offset
	left int64 // bytes that may still be unpacked of it
}

// Bits of a batch's attributes.
const (
	packedBy = 0x07
	control  = 0x20
)

// read takes apart a batch in the format that Kafka writes since 0.11, and returns
// its last offset.
func (q *recordBatch) read(b []byte) (last int64, err error) {
	const head = 49
	if len(b) < head || b[4] != 2 {
		return q.base, errFormat
	}
	last = q.base + int64(int32(binary.BigEndian.Uint32(b[11:])))
	if crc32.Checksum(b[9:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[5:]) {
		return last, fmt.Errorf("%w: the checksum is another", errFormat)
	}
	attributes := binary.BigEndian.Uint16(b[9:])
	first := int64(binary.BigEndian.Uint64(b[15:]))
	count := int32(binary.BigEndian.Uint32(b[45:]))
	if last < q.from || attributes&control != 0 {
		return last, nil
	}
	var in io.Reader = bytes.NewReader(b[head:])
	if by := attributes & packedBy; by != 0 {
		codec := compress.Compression(by).Codec()
		if codec == nil {
			return last, fmt.Errorf("%w: packed in way %d", errFormat, by)
		}
		unpacked := codec.NewReader(in)
		defer unpacked.Close()
		in = unpacked
	}
	r := &fields{in: bufio.NewReader(&counted{in, &q.left})}
	for ; count > 0 && r.err == nil; count-- {
		q.record(r, first)
	}
	return last, r.err
}

// record reads one record of a batch.
func (q *recordBatch) record(r *fields, first int64) {
	r.varint() // its length
	r.skip(1)  // its attributes
	rec := raw{at: time.UnixMilli(first + r.varint())}
	rec.offset = q.base + r.varint()
	wanted := rec.offset >= q.from && rec.offset < q.until
	keep := int64(0)
	if wanted {
		keep = keptOfValue
	}
	rec.key = r.bytes(r.varint(), keep)
	rec.size = r.varint()
	if rec.null = rec.size < 0; rec.null {
		rec.size = 0
	}
	if wanted && rec.size <= q.whole {
		keep = rec.size
	}
	rec.value = r.bytes(rec.size, keep)
	if wanted && errors.Is(r.err, errEnough) && len(rec.value) > 0 {
		q.got(rec) // what there is of it
		return
	}
	for n := r.varint(); n > 0 && r.err == nil; n-- {
		name, value := r.bytes(r.varint(), keptOfValue), r.bytes(r.varint(), keptOfValue)
		if wanted && len(rec.headers) < maxHeaders {
			if rec.headers == nil {
				rec.headers = map[string]string{}
			}
			rec.headers[string(name)] = string(value)
		}
	}
	if wanted && r.err == nil {
		q.got(rec)
	}
}

// maxHeaders is how many headers of a record are kept.
const maxHeaders = 50

// old reads a record in one of the formats before 0.11, unless it is packed: Kafka
// has not written those since.
func (q *recordBatch) old(b []byte) error {
	r := &fields{in: bufio.NewReader(&counted{bytes.NewReader(b[6:]), &q.left})}
	if b[5]&packedBy != 0 {
		return fmt.Errorf("%w: packed in the old way", errFormat)
	}
	rec := raw{offset: q.base}
	if b[4] == 1 {
		rec.at = time.UnixMilli(r.int64())
	}
	rec.key = r.bytes(int64(r.int32()), keptOfValue)
	rec.size = int64(r.int32())
	if rec.null = rec.size < 0; rec.null {
		rec.size = 0
	}
	keep := int64(keptOfValue)
	if rec.size <= q.whole {
		keep = rec.size
	}
	rec.value = r.bytes(rec.size, keep)
	if r.err == nil && rec.offset >= q.from && rec.offset < q.until {
		q.got(rec)
	}
	return r.err
}

// counted lets so many bytes through.
type counted struct {
	in   io.Reader
	left *int64
}

func (c *counted) Read(b []byte) (int, error) {
	if *c.left <= 0 {
		return 0, errEnough
	}
	if int64(len(b)) > *c.left {
		b = b[:*c.left]
	}
	n, err := c.in.Read(b)
	*c.left -= int64(n)
	return n, err
}

// fields reads the parts of records. The first error stays, and all that follows is
// empty.
type fields struct {
	in  *bufio.Reader
	err error
}

func (r *fields) varint() int64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(r.in)
	r.fail(err)
	return v
}

func (r *fields) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			r.err = fmt.Errorf("%w: it ends too early", errFormat)
		}
	}
}

func (r *fields) skip(n int64) {
	if r.err == nil && n > 0 {
		_, err := io.CopyN(io.Discard, r.in, n)
		r.fail(err)
	}
}

// bytes reads n bytes and keeps the first of them. No more is taken from memory
// than is there: how many there are to be is only said.
func (r *fields) bytes(n, keep int64) []byte {
	if r.err != nil || n <= 0 {
		return nil
	}
	var kept bytes.Buffer
	_, err := io.CopyN(&kept, r.in, min(n, keep))
	r.fail(err)
	r.skip(n - keep)
	return kept.Bytes()
}

func (r *fields) int32() int32 {
	if b := r.bytes(4, 4); len(b) == 4 {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *fields) int64() int64 {
	if b := r.bytes(8, 8); len(b) == 8 {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}
