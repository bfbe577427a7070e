package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come at once.
const patience = 30 * time.Second

// peer is a host that speaks raw JSON-RPC to a server in a process of its own, so
// that a test sees each byte of its stdout.
type peer struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr *buffer

	mu      sync.Mutex
	changed *sync.Cond
	got     []message
	stray   []string // lines of stdout that are no JSON-RPC
	over    bool     // stdout has ended
}

type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Result json.RawMessage `json:"result"`
	line   string
}

// text returns the text of a tool's answer.
func (m message) text() string {
	var r struct {
		Content []struct{ Text string }
	}
	if json.Unmarshal(m.Result, &r) != nil || len(r.Content) != 1 {
		return ""
	}
	return r.Content[0].Text
}

// isError reports whether a tool's answer is marked as an error.
func (m message) isError() bool {
	var r struct{ IsError bool }
	return json.Unmarshal(m.Result, &r) == nil && r.IsError
}

// data returns what run_test says.
func (m message) data(t *testing.T) runOut {
	t.Helper()
	var r struct {
		StructuredContent struct{ Data runOut }
	}
	if err := json.Unmarshal(m.Result, &r); err != nil {
		t.Fatalf("%v in %s", err, m.line)
	}
	return r.StructuredContent.Data
}

func child(ctx context.Context, environ []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append([]string{"SERVE_TEST_CHILD=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PAYOPS_CALL_TIMEOUT=20s",
		"GORACE=atexit_sleep_ms=0"}, environ...)
	return cmd
}

func start(t *testing.T, environ ...string) *peer {
	t.Helper()
	return startWith(t, nil, environ...)
}

// startWith starts the server with flags.
func startWith(t *testing.T, args []string, environ ...string) *peer {
	t.Helper()
	p := &peer{t: t, cmd: child(context.Background(), environ, args...), stderr: &buffer{}}
	p.changed = sync.NewCond(&p.mu)
	p.cmd.Stderr = p.stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = in
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(out)
	}()
	t.Cleanup(func() {
		p.in.Close()
		_ = p.cmd.Process.Kill() // if it is still there
		<-read
		_ = p.cmd.Wait()
		for _, s := range p.stray {
			t.Errorf("stdout carried %q", s)
		}
		if t.Failed() {
			t.Logf("stderr:\n%s", p.stderr)
		}
	})
	return p
}

func (p *peer) read(out io.Reader) {
	r := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := r.ReadString('\n')
		p.mu.Lock()
		if line != "" {
			m := message{line: line}
			if json.Unmarshal([]byte(line), &m) != nil || m.JSONRPC != "2.0" || !strings.HasSuffix(line, "\n") {
				p.stray = append(p.stray, line)
			}
			p.got = append(p.got, m)
		}
		p.over = err != nil
		p.changed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// send writes lines, each with a line break.
func (p *peer) send(lines ...string) {
	p.t.Helper()
	p.write(strings.Join(lines, "\n") + "\n")
}

func (p *peer) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// await waits until the messages that came fulfil a condition.
func (p *peer) await(what string, ok func(got []message) bool) {
	p.t.Helper()
	stop := time.AfterFunc(patience, func() {
		p.mu.Lock()
		p.over = true
		p.changed.Broadcast()
		p.mu.Unlock()
	})
	defer stop.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !ok(p.got) {
		if p.over {
			p.t.Fatalf("no %s came; %d messages did", what, len(p.got))
		}
		p.changed.Wait()
	}
}

// answer waits for the answer to a request.
func (p *peer) answer(id any) (m message) {
	p.t.Helper()
	raw, err := json.Marshal(id)
	if err != nil {
		p.t.Fatal(err)
	}
	p.await(fmt.Sprintf("answer to %s", raw), func(got []message) bool {
		for _, m = range got {
			if string(m.ID) == string(raw) {
				return true
			}
		}
		return false
	})
	return m
}

// messages returns what came so far.
func (p *peer) messages() []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// answered counts the answers to a request that came.
func (p *peer) answered(id string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		if string(m.ID) == id {
			n++
		}
	}
	return n
}

// initialize shakes hands as a host of a protocol version does.
func (p *peer) initialize(version string) message {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return p.answer("init")
}

// exit waits until the process is gone and returns its exit code and how long
// that took.
func (p *peer) exit() (code int, took time.Duration) {
	p.t.Helper()
	start := time.Now()
	p.mu.Lock()
	stop := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer stop.Stop()
	for !p.over {
		p.changed.Wait()
	}
	p.mu.Unlock()
	err := p.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(start)
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// awaitLog waits until one line of the log holds all of these.
func (p *peer) awaitLog(parts ...string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		for line := range strings.Lines(p.stderr.String()) {
			found := 0
			for _, part := range parts {
				if strings.Contains(line, part) {
					found++
				}
			}
			if found == len(parts) {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("no line of the log has %q", parts)
		}
		time.Sleep(2 * time.Millisecond) // between two looks at the log
	}
}

// awaitPong returns when the server has read everything that was sent before.
func (p *peer) awaitPong() {
	p.t.Helper()
	p.mu.Lock()
	id := fmt.Sprintf("pong %d", len(p.got))
	p.mu.Unlock()
	p.send(`{"jsonrpc":"2.0","id":"` + id + `","method":"ping"}`)
	p.answer(id)
}
