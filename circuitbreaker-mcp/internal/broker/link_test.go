package broker

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"payops-mcp/shared/fault"
)

// after answers a connection with bytes as soon as it is asked something.
func after(answer func(request []byte) []byte) func(net.Conn) {
	return func(c net.Conn) {
		go func() {
			defer c.Close()
			for {
				var head [4]byte
				if _, err := io.ReadFull(c, head[:]); err != nil {
					return
				}
				request := make([]byte, binary.BigEndian.Uint32(head[:])&0xffff)
				if _, err := io.ReadFull(c, request); err != nil {
					return
				}
				if _, err := c.Write(answer(request)); err != nil {
					return
				}
			}
		}()
	}
}

// frame is an answer to a request with a body.
func frame(request, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	b = append(b, request[4:8]...) // the number of the question
	return append(b, body...)
}

// What is no Kafka, or a Kafka out of its mind, is a failure of that source, told
// at once, and takes neither the server nor its memory with it.
func TestWhatIsNoKafka(t *testing.T) {
	for name, answer := range map[string]func([]byte) []byte{
		"a web server":         func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") },
		"a TLS alert":          func([]byte) []byte { return []byte{21, 3, 3, 0, 2, 2, 70} },
		"a frame of 2 GB":      func([]byte) []byte { return []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0} },
		"a frame of nothing":   func([]byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, 0} },
		"another question":     func(r []byte) []byte { return []byte{0, 0, 0, 8, 9, 9, 9, 9, 0, 0, 0, 0} },
		"a list without end":   func(r []byte) []byte { return frame(r, []byte{0, 0, 0x7f, 0xff, 0xff, 0xff}) },
		"a list below nothing": func(r []byte) []byte { return frame(r, []byte{0, 0, 0xff, 0xff, 0xff, 0xfe}) },
		"half an answer":       func(r []byte) []byte { return append([]byte{0, 0, 1, 0}, r[4:8]...)[:6] },
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, after(answer))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			c := New(Options{Bootstrap: []string{addr}})
			got := c.Cluster(ctx, nil)
			if got.Source.OK() || len(got.Tried) != 1 || got.Tried[0].Err.Next == "" {
				t.Fatalf("%+v", got)
			}
			switch got.Source.Err.Class {
			case fault.Disconnected, fault.Timeout, fault.BadStatus:
			default:
				t.Errorf("class %s: %v", got.Source.Err.Class, got.Source.Err)
			}
		})
	}
}

// A password is not told whatever happens to it.
func TestThePasswordIsNotTold(t *testing.T) {
	addr := listen(t, after(func(request []byte) []byte { return frame(request, request) }))
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		got := New(Options{Bootstrap: []string{addr}, Mechanism: mechanism, Username: "u", Password: "hunter2"}).Cluster(ctx, nil)
		cancel()
		if got.Source.OK() || strings.Contains(got.Source.Err.Error(), "hunter2") {
			t.Errorf("%s: %v", mechanism, got.Source.Err)
		}
	}
}

// Whatever bytes an answer is made of, decoding ends, with an error or without.
func TestOwnDecodersTakeAnyBytes(t *testing.T) {
	group := []byte{0, 0, 0, 0, 0, 0, 0, 2, 2, 'g', 1, 7, 'S', 't', 'a', 'b', 'l', 'e', 8, 'c', 'l', 'a', 's', 's', 'i', 'c', 0, 0}
	// How many bytes stand before the first list.
	for r, before := range map[ownRequest]int{&listGroups{}: 7, &describeConsumerGroups{}: 5, &describeQuorum{}: 3} {
		if _, err := r.decode(nil, 5); err == nil {
			t.Errorf("%T takes nothing for an answer", r)
		}
		for n := range len(group) {
			_, _ = r.decode(group[:n], 5)
			broken := append([]byte{}, group...)
			for _, b := range []byte{0xff, 0x7f, 0x80, 0} {
				broken[n] = b
				_, _ = r.decode(broken, 5)
			}
		}
		huge := binary.AppendUvarint(make([]byte, before), 1<<60)
		if _, err := r.decode(huge, 5); err == nil {
			t.Errorf("%T takes a list of 2^60", r)
		}
	}
	m, err := (&listGroups{}).decode(group, 5)
	if err != nil {
		t.Fatal(err)
	}
	if g := m.(*listGroups).Groups; len(g) != 1 || g[0] != (listedGroup{"g", "", "Stable", "classic"}) {
		t.Errorf("%+v", g)
	}
	if got := topicPartitions([]byte{0, 1, 0, 0, 0, 2, 0, 1, 'a', 0, 0, 0, 0, 9}, true); got != nil {
		t.Errorf("what does not fit is told in part: %v", got)
	}
	for _, blob := range [][]byte{nil, {0}, {0, 1, 0xff, 0xff, 0xff, 0xff}, {0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 1, 'a', 0x7f, 0xff, 0xff, 0xff}} {
		if got := topicPartitions(blob, true); len(got) != 0 {
			t.Errorf("%v: %v", blob, got)
		}
	}
}

func TestVersionsThatBothSpeak(t *testing.T) {
	v := versions{protocol.Metadata: {0, 12}, protocol.ListGroups: {0, 2}, protocol.Fetch: {12, 17}, protocol.ListOffsets: {1, 3}}
	for key, want := range map[protocol.ApiKey]int16{protocol.Metadata: 8, protocol.ListOffsets: 3, protocol.ListGroups: -1, protocol.Fetch: -1, protocol.OffsetFetch: -1} {
		got, ok := v.of(key)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}

func TestLetterOf(t *testing.T) {
	for value, want := range map[string]Letter{
		`{"errorType":5,"errorMessage":null,"partition":"x"}`:               {ErrorType: "5", OriginPartition: "x"},
		`{"payload":{"paymentId":7,"amount":100},"errorMessage":"m"}`:       {ErrorMessage: "m", PaymentID: "7", Amount: "100"},
		`{"refundRequestId":1,"refundAmount":99,"retryCount":10}`:           {Amount: "99", Retries: "10"},
		`{"paymentId":12345678901234567890,"pgResponseCode":"PG_DECLINED"}`: {PaymentID: "12345678901234567890", Code: "PG_DECLINED"},
	} {
		got := letterOf(record{value: []byte(value), size: len(value)})
		got.Payload, got.Size = "", 0
		if got != want {
			t.Errorf("%s: %+v, want %+v", value, got, want)
		}
	}
}
