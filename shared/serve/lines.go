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

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// maxLine is the longest request taken, in bytes; arguments of our tools are
	// small, and the library would take any length.
	maxLine = 1 << 20
	// lastAnswers is how long the end of stdin is held back for answers that are
	// still to come: the library cancels calls as soon as it sees it, and
	// "printf … | server" would lose its last answer.
	lastAnswers = 1500 * time.Millisecond
)

// lines stands between the process's streams and the library. It hands on whole
// lines up to maxLine, answers a longer one itself, and holds the end of input
// back until the requests before it are answered.
type lines struct {
	ctx context.Context
	in  *bufio.Reader
	eof chan struct{} // closed when stdin has ended

	pending []byte // of a line not yet handed on

	mu      sync.Mutex
	out     io.Writer
	open    int           // requests without an answer
	settled chan struct{} // signalled when open falls to zero
}

func newLines(ctx context.Context, in io.Reader, out io.Writer) *lines {
	return &lines{ctx: ctx, in: bufio.NewReaderSize(in, 64<<10), out: out, eof: make(chan struct{}), settled: make(chan struct{}, 1)}
}

// Read hands on input line by line.
func (l *lines) Read(p []byte) (int, error) {
	for len(l.pending) == 0 {
		line, tooLong, err := l.next()
		switch {
		case tooLong > 0:
			l.refuse(line, tooLong)
		case len(line) > 0:
			if isRequest(line) {
				l.count(1)
			}
			l.pending = line
		case err != nil:
			l.await()
			return 0, err
		}
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

// next reads a line with its line break, which is added to a last line without
// one. Of a line over maxLine it keeps the head and returns the whole length.
func (l *lines) next() (line []byte, tooLong int, err error) {
	size := 0
	for {
		part, err := l.in.ReadSlice('\n')
		size += len(part)
		if room := maxLine - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		switch {
		case err == bufio.ErrBufferFull: //nolint:errorlint // ReadSlice returns the bare value
			continue
		case err != nil && size == 0:
			close(l.eof)
			return nil, 0, err
		case size > maxLine:
			return line, size, nil
		case err != nil:
			line = append(line, '\n')
		}
		return line, 0, nil
	}
}

// refuse answers a line that was too long. Its id is told where it stands in the head.
func (l *lines) refuse(head []byte, size int) {
	answer := struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   any             `json:"error"`
	}{"2.0", idOf(head), map[string]any{"code": mcp.INVALID_REQUEST,
		"message": fmt.Sprintf("a request of %d bytes is over the %d bytes that are taken: send smaller arguments", size, maxLine)}}
	data, err := json.Marshal(answer)
	if err != nil {
		return // numbers and strings always encode
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// A broken stdout shows at the library's next write, which ends serving.
	_, _ = l.out.Write(append(data, '\n'))
}

// idOf finds the id among the first members of a cut-off JSON object; null
// where it does not stand there.
func idOf(head []byte) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(head))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return json.RawMessage("null")
	}
	for {
		key, err := d.Token()
		if err != nil {
			return json.RawMessage("null")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return json.RawMessage("null")
		}
		if key == "id" {
			return value
		}
	}
}

// isRequest reports whether a line asks for an answer: it has a method and an id.
func isRequest(line []byte) bool {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	return json.Unmarshal(line, &m) == nil && m.Method != "" && len(m.ID) > 0
}

// Write writes one message of the library, which writes each with one call.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	n, err := l.out.Write(p)
	l.mu.Unlock()
	// The library writes id or method right behind the version; only what it
	// sends by itself has a method.
	if !bytes.Contains(p[:min(len(p), 64)], []byte(`"method":`)) {
		l.count(-1)
	}
	return n, err
}

func (l *lines) count(by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open += by; l.open <= 0 {
		l.open = 0
		select {
		case l.settled <- struct{}{}:
		default:
		}
	}
}

// await waits until every request is answered, for at most lastAnswers.
func (l *lines) await() {
	deadline := time.After(lastAnswers)
	for {
		l.mu.Lock()
		open := l.open
		l.mu.Unlock()
		if open == 0 {
			return
		}
		select {
		case <-l.settled:
		case <-deadline:
			return
		case <-l.ctx.Done():
			return
		}
	}
}
