package broker

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
)

// packed is a batch of records as a producer sends it.
func packed(t *testing.T, version int8, by compress.Compression, records ...protocol.Record) []byte {
	t.Helper()
	set := protocol.RecordSet{Version: version, Attributes: protocol.Attributes(by), Records: protocol.NewRecordReader(records...)}
	var b bytes.Buffer
	if _, err := set.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[4:] // without its size
}

func value(text string) protocol.Record {
	return protocol.Record{
		Time: time.UnixMilli(1_700_000_000_000), Key: protocol.NewBytes([]byte("key")), Value: protocol.NewBytes([]byte(text)),
		Headers: []protocol.Header{{Key: eventHeader, Value: []byte("7")}},
	}
}

func readAll(set []byte, left int64) (all []raw, next int64, err error) {
	q := &recordReader{left: left, batch: readOfBatch, whole: wholeValue, until: math.MaxInt64, got: func(r raw) { all = append(all, r) }}
	next, err = q.read(set)
	return all, next, err
}

func TestRecordsOfEveryFormat(t *testing.T) {
	for name, set := range map[string][]byte{
		"plain":      packed(t, 2, compress.None, value("one"), value("two")),
		"gzip":       packed(t, 2, compress.Gzip, value("one"), value("two")),
		"snappy":     packed(t, 2, compress.Snappy, value("one"), value("two")),
		"lz4":        packed(t, 2, compress.Lz4, value("one"), value("two")),
		"zstd":       packed(t, 2, compress.Zstd, value("one"), value("two")),
		"before0.11": packed(t, 1, compress.None, value("one"), value("two")),
	} {
		all, next, err := readAll(set, readInAll)
		if err != nil || len(all) != 2 || next != 2 {
			t.Errorf("%s: %d records up to %d (%v), want 2 up to 2", name, len(all), next, err)
			continue
		}
		two := all[1]
		if string(two.value) != "two" || two.size != 3 || two.null || two.offset != 1 || string(two.key) != "key" || two.at.UnixMilli() != 1_700_000_000_000 {
			t.Errorf("%s: %+v", name, two)
		}
		if name != "before0.11" && two.headers[eventHeader] != "7" {
			t.Errorf("%s: headers %v", name, two.headers)
		}
	}
}

// A record of a few kilobytes that is a gigabyte when it is unpacked is shown with
// what there may be of it, and hides none of those behind it.
func TestACompressionBomb(t *testing.T) {
	zeros := bytes.Repeat([]byte("0"), 256<<20)
	for _, by := range []compress.Compression{compress.Gzip, compress.Lz4, compress.Zstd} {
		set := packed(t, 2, by, protocol.Record{Value: protocol.NewBytes(zeros)})
		if len(set) > 4<<20 {
			t.Fatalf("the bomb is no bomb: %d bytes", len(set))
		}
		set = append(set, packed(t, 2, compress.None, value("behind it"))...)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all, _, err := readAll(set, readInAll)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, errEnough) || len(all) != 2 {
			t.Fatalf("%s: %d records, %v", by, len(all), err)
		}
		if all[0].size != 256<<20 || int64(len(all[0].value)) != keptOfValue || string(all[1].value) != "behind it" {
			t.Errorf("%s: %d bytes of %d kept, then %q", by, len(all[0].value), all[0].size, all[1].value)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 2*readOfBatch {
			t.Errorf("%s: took %d MB of memory", by, used>>20)
		}
	}
}

// Any bytes are taken, and none of them for more than they are.
func TestRecordsThatAreNone(t *testing.T) {
	good := packed(t, 2, compress.None, value("one"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-3]++
	for name, set := range map[string][]byte{
		"nothing":         {},
		"cut off":         good[:len(good)-1],
		"zeros":           make([]byte, 500),
		"all ones":        []byte(strings.Repeat("\xff", 500)),
		"another content": flipped,
	} {
		if all, _, _ := readAll(set, readInAll); len(all) > 0 {
			t.Errorf("%s: %+v", name, all)
		}
	}
	for n := range good {
		for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			set := bytes.Clone(good)
			set[n] = b
			_, _, _ = readAll(set, readInAll) // must come back
		}
	}
}
