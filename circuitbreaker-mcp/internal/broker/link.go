package broker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
)

// maxFrame bounds one answer of a broker, in bytes: more is refused before it is
// read. One record of the largest size that is usual (10 MB) fits.
const maxFrame = 64 << 20

const clientID = "payops-mcp"

// wanted are the versions of the requests that are sent, which every broker from
// 2.4 to 4.x takes. To one that takes only older ones its newest is sent.
var wanted = map[protocol.ApiKey]int16{
	protocol.Metadata: 8, protocol.ListOffsets: 5, protocol.OffsetFetch: 5, protocol.FindCoordinator: 2,
	protocol.DescribeGroups: 5, protocol.DescribeConfigs: 1, protocol.Fetch: 11,
	protocol.ListGroups: 5, consumerGroupDescribe: 0, describeQuorumKey: 0,
}

// least are the lowest versions that we speak, where that is not 0 or known to
// the library.
var least = map[protocol.ApiKey]int16{protocol.ListGroups: 3, protocol.Metadata: 5, protocol.ListOffsets: 1, protocol.Fetch: 4, protocol.OffsetFetch: 5}

// versions are the lowest and the highest version that a broker takes of each
// request.
type versions map[protocol.ApiKey][2]int16

// of is the version to send, or false when the broker takes none that we speak.
func (v versions) of(key protocol.ApiKey) (int16, bool) {
	takes, ok := v[key]
	version := min(wanted[key], takes[1])
	return version, ok && version >= max(takes[0], least[key])
}

// link is a connection to one broker, of our own: the library's transport
// remembers metadata and answers from memory after the broker has died, merges
// errors away, and asks for one partition at a time.
type link struct {
	addr  string // as it was dialled
	conn  net.Conn
	read  *bufio.Reader
	takes versions
	id    int32
}

// dial connects and logs in, within the context's deadline.
func (c *Client) dial(ctx context.Context, addr string) (*link, error) {
	mechanism, err := c.mechanism()
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &link{addr: addr, conn: conn}
	if c.options.TLS {
		host, _, _ := net.SplitHostPort(addr)
		l.conn = tls.Client(conn, &tls.Config{RootCAs: c.options.RootCAs, ServerName: host})
	}
	l.read = bufio.NewReader(l.conn)
	if mechanism == nil {
		return l, nil
	}
	stop := l.until(ctx)
	defer stop()
	if err := l.login(ctx, mechanism.Name(), func() (authenticator, []byte, error) { return mechanism.Start(ctx) }); err != nil {
		_ = conn.Close()
		return nil, joined(ctx, err)
	}
	return l, nil
}

// authenticator is the library's side of a login.
type authenticator interface {
	Next(ctx context.Context, challenge []byte) (bool, []byte, error)
}

func (l *link) login(ctx context.Context, mechanism string, begin func() (authenticator, []byte, error)) error {
	m, err := l.ask1(&saslhandshake.Request{Mechanism: mechanism}, 1)
	if err != nil {
		return err
	}
	if code := m.(*saslhandshake.Response).ErrorCode; code != 0 {
		return kafka.Error(code)
	}
	session, say, err := begin()
	if err != nil {
		return err
	}
	for done := false; !done; {
		m, err := l.ask1(&saslauthenticate.Request{AuthBytes: say}, 0)
		if err != nil {
			// Brokers before 2.0 hang up on a wrong password.
			return cmp.Or(notAnEnd(err), error(kafka.SASLAuthenticationFailed))
		}
		answer := m.(*saslauthenticate.Response)
		if answer.ErrorCode != 0 {
			return kafka.Error(answer.ErrorCode)
		}
		if done, say, err = session.Next(ctx, answer.AuthBytes); err != nil {
			// The password of the server's proof is not ours: the same as theirs
			// not being what ours proves.
			return fmt.Errorf("%w: %w", kafka.SASLAuthenticationFailed, err)
		}
	}
	return nil
}

// notAnEnd is nil for an error that says that the other side hung up.
func notAnEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// until gives the connection the context's deadline, and ends what it is at when
// the context is cancelled.
func (l *link) until(ctx context.Context) (stop func() bool) {
	end, _ := ctx.Deadline()
	_ = l.conn.SetDeadline(end)
	return context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
}

// joined adds why a context ended to what that came to.
func joined(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, context.Cause(ctx))
}

func (l *link) close() { _ = l.conn.Close() }

// greet asks which versions the broker takes.
func (l *link) greet(ctx context.Context) error {
	stop := l.until(ctx)
	defer stop()
	m, err := l.ask1(&apiVersions{}, 0)
	if err != nil {
		return joined(ctx, err)
	}
	answer := m.(*apiVersions)
	l.takes = answer.takes
	return kafkaError(answer.code)
}

// ask sends requests one behind the other without waiting in between, and
// returns their answers in order: a broker keeps the order of a connection.
func (l *link) ask(ctx context.Context, requests ...protocol.Message) ([]protocol.Message, error) {
	numbers := make([]int16, len(requests))
	for i, r := range requests {
		version, ok := l.takes.of(r.ApiKey())
		if !ok {
			return nil, fmt.Errorf("%w: of %s", kafka.UnsupportedVersion, r.ApiKey())
		}
		numbers[i] = version
	}
	stop := l.until(ctx)
	defer stop()
	first := l.id
	l.id += int32(len(requests))
	sent := make(chan error, 1)
	go func() {
		for i, r := range requests {
			if err := send(l.conn, r, numbers[i], first+int32(i)); err != nil {
				sent <- err
				_ = l.conn.SetDeadline(time.Unix(1, 0)) // nobody will answer what was not asked
				return
			}
		}
		sent <- nil
	}()
	answers := make([]protocol.Message, 0, len(requests))
	for i, r := range requests {
		m, err := l.receive(r, numbers[i], first+int32(i))
		if err != nil {
			_ = l.conn.Close() // what comes next belongs to nobody
			if failed := <-sent; failed != nil {
				err = failed
			}
			return answers, joined(ctx, err)
		}
		answers = append(answers, m)
	}
	return answers, <-sent
}

// ask1 asks before the versions are known.
func (l *link) ask1(r protocol.Message, version int16) (protocol.Message, error) {
	id := l.id
	l.id++
	if err := send(l.conn, r, version, id); err != nil {
		return nil, err
	}
	return l.receive(r, version, id)
}

func send(w io.Writer, r protocol.Message, version int16, id int32) error {
	if own, ok := r.(ownRequest); ok {
		_, err := w.Write(own.encode(version, id))
		return err
	}
	return protocol.WriteRequest(w, version, id, clientID, r)
}

// receive reads one answer, whole and of a bounded size, before it is decoded.
func (l *link) receive(r protocol.Message, version int16, id int32) (m protocol.Message, err error) {
	var head [4]byte
	if _, err := io.ReadFull(l.read, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > maxFrame {
		// "HTTP" and a TLS alert are sizes as well.
		return nil, fmt.Errorf("%w: an answer that begins with %q", errNotKafka, head[:])
	}
	frame := make([]byte, 4+size)
	copy(frame, head[:])
	if _, err := io.ReadFull(l.read, frame[4:]); err != nil {
		return nil, err
	}
	if got := int32(binary.BigEndian.Uint32(frame[4:])); got != id {
		return nil, fmt.Errorf("%w: answer %d to question %d", errNotKafka, got, id)
	}
	defer func() {
		// The library's decoder indexes and allocates by what it reads.
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%w: %v", errNotKafka, broken)
		}
	}()
	if own, ok := r.(ownRequest); ok {
		return own.decode(frame[8:], version)
	}
	_, m, err = protocol.ReadResponse(bufio.NewReader(bytes.NewReader(frame)), r.ApiKey(), version)
	return m, err
}

// errNotKafka is what is said where the other side does not speak Kafka's
// protocol, or not as we know it.
var errNotKafka = errors.New("not an answer in Kafka's protocol")
