// Package web serves MCP over streamable HTTP: stateless, for several clients at
// once, behind a guard that keeps out browsers of other sites, requests without
// the token and bodies without an end; beside it health and metrics.
//
//	/mcp      the protocol
//	/healthz  200 while the process lives
//	/readyz   200 while it takes calls; a line for each source. Told to end, it takes no connection any more, and says 503 to
//	          whom it still answers
//	/metrics  for Prometheus: calls, errors and durations by tool, health of the sources
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/server"
)

const (
	// headPatience is how long a request's head may take, bodyPatience the whole
	// of it: arguments of our tools are small.
	headPatience = 5 * time.Second
	bodyPatience = 15 * time.Second
	idle         = 2 * time.Minute
	// afterCall is how long an answer may take to be written after the call's
	// own deadline.
	afterCall = 10 * time.Second
	// lastCalls is how long calls in flight may go on after the end has begun.
	lastCalls = 5 * time.Second
	// maxBody is the longest request taken, in bytes, as on stdin.
	maxBody = 1 << 20
)

// Options are how to serve.
type Options struct {
	Addr        string // host:port; port 0 is any free one
	Token       string // bearer token that every client must send; may be empty on a loopback address
	CallTimeout time.Duration
	Health      *Health
	Metrics     *Metrics
	Log         *slog.Logger
	Listening   func(net.Addr) // called once connections are taken; may be nil
}

// Serve serves until ctx ends; calls in flight are then given lastCalls. It
// refuses to listen where others can reach it without a token.
func Serve(ctx context.Context, mcp *server.MCPServer, o Options) error {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fmt.Errorf("--http: want HOST:PORT, such as 127.0.0.1:8090: %w", err)
	}
	if o.Token == "" && !isLoopback(host) {
		return fmt.Errorf("--http: others can reach %s: set PAYOPS_HTTP_TOKEN_FILE to a file with the token that clients must send, or listen on 127.0.0.1", o.Addr)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	if o.Listening != nil {
		o.Listening(listener.Addr())
	}
	return o.serve(ctx, listener, mcp)
}

// serve serves the connections of a listener until ctx ends.
func (o Options) serve(ctx context.Context, listener net.Listener, mcp *server.MCPServer) error {
	s := &http.Server{
		Handler: o.handler(ctx, mcp), ReadHeaderTimeout: headPatience, ReadTimeout: bodyPatience, IdleTimeout: idle,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("--http: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCalls)
	defer cancel()
	if err := s.Shutdown(end); errors.Is(err, context.DeadlineExceeded) {
		o.Log.LogAttrs(end, slog.LevelWarn, "calls still running at the end were left behind")
		return s.Close()
	} else if err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	return nil
}

// handler is the whole of what is served. ending is done when the process has
// been told to end.
func (o Options) handler(ending context.Context, mcp *server.MCPServer) http.Handler {
	// Each request stands by itself: no session to lose when a process restarts.
	streamable := server.NewStreamableHTTPServer(mcp, server.WithStateLess(true), server.WithStreamableHTTPLogger(o.Log))
	protocol := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost { // a listening stream has no end
			// A connection that cannot have deadlines does not write slowly.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(o.CallTimeout + afterCall))
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if r.Method == http.MethodGet { // it would hold up the end
			defer context.AfterFunc(ending, cancel)()
		}
		streamable.ServeHTTP(w, r.WithContext(ctx))
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", protocol)
	mux.Handle("GET /readyz", o.Health.ready(ending))
	mux.Handle("GET /metrics", o.Metrics.handler(o.Health))
	inside := guard{token: o.Token}.wrap(mux)
	outside := http.NewServeMux()
	outside.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	outside.Handle("/", inside)
	return outside
}
