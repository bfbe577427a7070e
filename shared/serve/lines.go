package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"payops-mcp/shared/tool"
)

const (
	// maxLine is the longest request taken, in bytes; arguments of our tools are
	// small, and the library would take any length.
	maxLine = 1 << 20
	// lastAnswers is how long the end of stdin is held back for answers that are
	// still to come: the library cancels calls as soon as it sees it, and
	// "printf … | server" would lose its last answer.
	lastAnswers = 1500 * time.Millisecond
	// maxKept is the most memory, in bytes, that is kept for the next message.
	maxKept = 64 << 10
)

// lines stands between the process's streams and the library. It hands on whole
// lines of JSON up to maxLine, answers every other line itself, holds the end of
// input back until the requests before it are answered, and keeps answers to
// cancelled requests from the client.
type lines struct {
	ctx      context.Context // of serving
	end      func(error)     // ends serving
	in       *bufio.Reader
	pending  []byte // of a line not yet handed on
	requests *requests
	aside    *tool.Aside

	eof  context.Context // done when stdin has ended
	ends func()

	mu    sync.Mutex
	out   io.Writer
	whole []byte // where a message is put together; empty between two
}

func newLines(ctx context.Context, end func(error), in io.Reader, out io.Writer) *lines {
	eof, ends := context.WithCancel(context.WithoutCancel(ctx))
	return &lines{ctx: ctx, end: end, in: bufio.NewReaderSize(in, 64<<10), out: out, requests: newRequests(), aside: tool.NewAside(), eof: eof, ends: ends}
}

// Read hands on input line by line.
func (l *lines) Read(p []byte) (int, error) {
	for len(l.pending) == 0 {
		line, size, err := l.next()
		switch {
		case err != nil:
			l.ends()
			l.requests.await(l.ctx, lastAnswers)
			return 0, err
		case size > maxLine:
			l.refuse(line, mcp.INVALID_REQUEST, fmt.Sprintf("a request of %d bytes is over the %d bytes that are taken: send smaller arguments", size, maxLine))
		case len(bytes.TrimSpace(line)) == 0:
		case !utf8.Valid(line) || !l.requests.note(line):
			l.refuse(line, mcp.PARSE_ERROR, "the line is no JSON in UTF-8: send one JSON-RPC message a line")
		default:
			l.pending = line
		}
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

// next reads a line with its line break, which is added to a last line without
// one, and returns its length. Of a line over maxLine it keeps the head only.
func (l *lines) next() (line []byte, size int, err error) {
	for {
		part, err := l.in.ReadSlice('\n')
		size += len(part)
		line = append(line, part[:min(len(part), maxLine-len(line))]...)
		switch {
		case err == bufio.ErrBufferFull: //nolint:errorlint // ReadSlice returns the bare value
			continue
		case err != nil && size == 0:
			return nil, 0, err
		case err != nil && size <= maxLine:
			line = append(line, '\n')
		}
		return line, size, nil
	}
}

// refuse answers a line that the library does not get to see. Its id is told
// where it stands in what was read.
func (l *lines) refuse(line []byte, code int, message string) {
	data, err := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   any             `json:"error"`
	}{"2.0", idOf(line), map[string]any{"code": code, "message": message}})
	if err != nil {
		return // only an id that is no JSON could fail, and idOf returns none
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.write(append(data, '\n')) // a broken stdout ends serving by itself
}

// Write sends one message of the library, which writes each with one call.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := l.aside.PutBack(l.whole, p)
	if cap(whole) <= maxKept {
		l.whole = whole[:0]
	}
	if !l.requests.answered(p) {
		return len(p), nil
	}
	if err := l.write(whole); err != nil {
		return 0, err
	}
	return len(p), nil
}

// write is for who holds mu.
func (l *lines) write(p []byte) error {
	_, err := l.out.Write(p)
	if err != nil { // the host is gone: nobody reads an answer any more
		l.end(fmt.Errorf("write to stdout: %w", err))
	}
	return err
}

// idOf returns the id of a JSON object, of which only the head may be there or be
// JSON; null where it does not stand there.
func idOf(object []byte) json.RawMessage {
	null := json.RawMessage("null")
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return null
	}
	for {
		key, err := d.Token()
		if err != nil {
			return null
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return null
		}
		if key == "id" && utf8.Valid(value) {
			return value
		}
	}
}
