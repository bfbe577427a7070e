package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"payops-mcp/shared/fault"
)

// What takes seconds and minutes is tested in a bubble of testing/synctest: its clock
// jumps to the next moment at which anything happens, so that limits are met exactly
// and a busy machine changes nothing. The network has no place in it; connections are
// pipes, which have deadlines, too.

// site is a server that runs in the bubble of a test.
type site struct {
	t       *testing.T
	dialed  chan net.Conn
	closed  chan struct{} // when no connection is taken any more
	release func()        // lets calls of hold be answered
	end     func()

	ended    chan struct{} // then there are:
	err      error
	lifetime time.Duration
	log      bytes.Buffer
}

const callTimeout = 30 * time.Second

// serve starts a server with a tool, hold, that heeds nothing but release.
func serve(t *testing.T) *site {
	t.Helper()
	held := make(chan struct{})
	s := &site{t: t, dialed: make(chan net.Conn), closed: make(chan struct{}), ended: make(chan struct{}), release: sync.OnceFunc(func() { close(held) })}
	m := server.NewMCPServer("test", "1")
	m.AddTool(mcp.NewTool("hold"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-held
		return mcp.NewToolResultText("held"), nil
	})
	o := options()
	o.Log = slog.New(slog.NewTextHandler(&s.log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	s.end = cancel
	start := time.Now()
	go func() {
		defer close(s.ended)
		s.err = o.serve(ctx, s, m)
		s.lifetime = time.Since(start)
	}()
	t.Cleanup(func() { // no goroutine may outlive the bubble
		s.release()
		s.end()
		if <-s.ended; s.err != nil {
			t.Error(s.err)
		}
	})
	return s
}

func options() Options {
	return Options{
		CallTimeout: callTimeout, Metrics: NewMetrics([]string{"hold"}), Log: slog.New(slog.DiscardHandler),
		Health: NewHealth(func(context.Context) []fault.Source { return nil }),
	}
}

// Accept implements net.Listener.
func (s *site) Accept() (net.Conn, error) {
	select {
	case c := <-s.dialed:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the server calls it once.
func (s *site) Close() error {
	close(s.closed)
	return nil
}

// Addr implements net.Listener.
func (s *site) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// connection is that of a client.
type connection struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

var errRefused = errors.New("no connection is taken")

func (s *site) dial() (*connection, error) {
	ours, theirs := net.Pipe()
	select {
	case s.dialed <- theirs:
	case <-s.closed:
		return nil, errRefused
	}
	s.t.Cleanup(func() { ours.Close() })
	// Where a limit is missing, the test is to say so, and not to wait for ever.
	if err := ours.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		s.t.Error(err)
	}
	return &connection{ours, s.t, bufio.NewReader(ours)}, nil
}

// connected sends the beginning of a request, or all of it, over a connection of its own.
func (s *site) connected(text string) *connection {
	s.t.Helper()
	c, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	c.send(text)
	return c
}

// send returns when the server has done with the text all that it does at once.
func (c *connection) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
}

// head reads the beginning of an answer.
func (c *connection) head(status int) *http.Response {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if r.StatusCode != status {
		c.t.Errorf("got %s, want %d", r.Status, status)
	}
	return r
}

// answer reads an answer.
func (c *connection) answer(status int) string {
	c.t.Helper()
	r := c.head(status)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	return string(body)
}

// hungUp reads what is left, until the server hangs up.
func (c *connection) hungUp() (left string) {
	c.t.Helper()
	data, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Errorf("it did not hang up: %v", err)
	}
	return string(data)
}

const (
	healthy = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	listen  = "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
)

// post is a request with a body of which length bytes are announced.
func post(length int, body string) string {
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body)
}

func call(body string) string { return post(len(body), body) }

const (
	list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	hold = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold","arguments":{}}}`
)

// Whoever sends or reads slower than anybody has to is not waited for.
func TestNobodyIsWaitedForWithoutEnd(t *testing.T) {
	for name, x := range map[string]struct {
		send   string
		within time.Duration
		status int // of an answer before the server hangs up, if there is one
	}{
		"the head never ends":   {healthy[:len(healthy)-2], headPatience, 0},
		"nothing is sent":       {"", headPatience, 0},
		"the body never ends":   {post(len(list), list[:9]), bodyPatience, http.StatusBadRequest},
		"nothing more is asked": {healthy, idle, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t)
				start := time.Now()
				c := s.connected(x.send)
				if x.status != 0 {
					c.answer(x.status)
				}
				left := c.hungUp()
				if took := time.Since(start); took != x.within || left != "" {
					t.Errorf("hung up after %s, want %s; it said %q", took, x.within, left)
				}
			})
		})
	}
}

// An answer that is not fetched is kept for as long as the call might have taken, and
// no longer.
func TestAnAnswerIsNotKeptWithoutEnd(t *testing.T) {
	for name, x := range map[string]struct {
		after time.Duration
		kept  bool
	}{
		"a slow client":               {callTimeout + afterCall - time.Second, true},
		"a client that reads no more": {callTimeout + afterCall + time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t)
				c := s.connected(call(list))
				time.Sleep(x.after)
				if x.kept {
					if body := c.answer(http.StatusOK); !strings.Contains(body, `"hold"`) {
						t.Errorf("got %s", body)
					}
				} else if left := c.hungUp(); left != "" {
					t.Errorf("still there after %s: %s", x.after, left)
				}
			})
		})
	}
}

// When the end has begun, no connection and no further request is taken, whoever
// listens is let go, and a call in flight is answered.
func TestTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		listener, late, caller := s.connected(listen), s.connected(healthy[:9]), s.connected(call(hold))
		stream := listener.head(http.StatusOK)
		defer stream.Body.Close()
		s.end()
		synctest.Wait() // all that happens at once has happened
		start := time.Now()
		if _, err := io.ReadAll(stream.Body); err != nil {
			t.Errorf("the stream: %v", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("who listens was let go after %s", took)
		}
		if _, err := s.dial(); !errors.Is(err, errRefused) {
			t.Error("a connection was taken")
		}
		late.send(healthy[9:])
		if left := late.hungUp(); left != "" {
			t.Errorf("a request that came too late was answered: %s", left)
		}
		s.release()
		if body := caller.answer(http.StatusOK); !strings.Contains(body, "held") {
			t.Errorf("the call in flight: %s", body)
		}
		<-s.ended
		if s.lifetime >= lastCalls || s.log.Len() > 0 {
			t.Errorf("after %s: %s", s.lifetime, &s.log)
		}
	})
}

// A call that does not come to an end is left behind.
func TestTheEndIsNotPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.connected(call(hold))
		s.end()
		<-s.ended
		if s.lifetime != lastCalls || !strings.Contains(s.log.String(), "left behind") {
			t.Errorf("after %s, want %s: %s", s.lifetime, lastCalls, &s.log)
		}
		if left := c.hungUp(); left != "" {
			t.Errorf("it was answered: %s", left)
		}
	})
}

// A probe that is served when the end begins is told of it: what it reports on takes
// no calls.
func TestReadiness(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	handler := options().handler(ctx, server.NewMCPServer("test", "1"))
	for _, want := range []struct {
		code int
		body string
	}{{http.StatusOK, "ready\n"}, {http.StatusServiceUnavailable, "ending\n"}} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
		if w.Code != want.code || w.Body.String() != want.body {
			t.Errorf("got %d %q, want %d %q", w.Code, w.Body, want.code, want.body)
		}
		end()
	}
}
