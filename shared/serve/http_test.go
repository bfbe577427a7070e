package serve_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// listener is a server in a process of its own that serves over HTTP.
type listener struct {
	*peer
	url string // without a path
}

var servingAt = regexp.MustCompile(`url=(http://[^/]+)/mcp`)

func listen(t *testing.T, environ ...string) listener {
	t.Helper()
	p := startWith(t, []string{"--http", "127.0.0.1:0"}, environ...)
	p.awaitLog("serving MCP over HTTP")
	return listener{p, servingAt.FindStringSubmatch(p.stderr.String())[1]}
}

// ask sends a request and returns the status and the body.
func (l listener) ask(t *testing.T, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, l.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func (l listener) client(t *testing.T, token string) *client.Client {
	t.Helper()
	var options []transport.StreamableHTTPCOption
	if token != "" {
		options = append(options, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	}
	c, err := client.NewStreamableHttpClient(l.url+"/mcp", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Initialize(t.Context(), mcp.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func over(do string) mcp.CallToolRequest {
	return mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "run_test", Arguments: map[string]any{"do": do}}}
}

func TestSeveralClientsOverHTTP(t *testing.T) {
	l := listen(t, "SERVE_TEST_CHECKS=ok refused")
	var wg sync.WaitGroup
	for range 4 {
		c := l.client(t, "")
		wg.Go(func() {
			for range 5 {
				r, err := c.CallTool(t.Context(), over("pause"))
				if err != nil || r.IsError {
					t.Errorf("%+v, %v", r, err)
				}
			}
			if r, err := c.CallTool(t.Context(), over("panic")); err != nil || !r.IsError || strings.Contains(fmt.Sprint(r), "hunter2") {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	if code, body := l.ask(t, http.MethodGet, "/healthz", ""); code != http.StatusOK || body != "ok\n" {
		t.Errorf("healthz: %d %q", code, body)
	}
	if code, body := l.ask(t, http.MethodGet, "/readyz", ""); code != http.StatusOK || body != "ready\nredis ok\ningest unreachable\n" {
		t.Errorf("readyz: %d %q", code, body)
	}
	_, metrics := l.ask(t, http.MethodGet, "/metrics", "")
	for _, want := range []string{
		`payops_mcp_calls_total{tool="run_test"} 24`, `payops_mcp_call_errors_total{tool="run_test"} 4`, `payops_mcp_calls_total{tool="spare_test"} 0`,
		`payops_mcp_call_duration_seconds_count{tool="run_test"} 24`, `payops_mcp_source_up{source="redis"} 1`, `payops_mcp_source_up{source="ingest"} 0`,
		`payops_mcp_calls_running 0`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics do not say %s", want)
		}
	}
}

const listTools = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

// A request of any size is what is between these.
const ping, pong = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"`, `"}}`

// endless reads as x, up to most, and counts.
type endless struct{ read atomic.Int64 }

// most is beyond all that can be on its way unread.
const most = 128 << 20

func (e *endless) Read(p []byte) (int, error) {
	if e.read.Load() >= most {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'x'
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestTheGuardOfHTTP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret-t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := listen(t, "PAYOPS_HTTP_TOKEN_FILE="+file)
	const right = "Bearer s3cret-t0ken"
	for name, x := range map[string]struct {
		path, body string
		header     []string
		code       int
	}{
		"as it should be":         {"/mcp", listTools, []string{"Authorization", right}, 200},
		"a page of this machine":  {"/mcp", listTools, []string{"Authorization", right, "Origin", "http://localhost:5173"}, 200},
		"no token":                {"/mcp", listTools, nil, 401},
		"another token":           {"/mcp", listTools, []string{"Authorization", "Bearer s3cret"}, 401},
		"another scheme":          {"/mcp", listTools, []string{"Authorization", "Basic s3cret-t0ken"}, 401},
		"metrics without a token": {"/metrics", "", nil, 401},
		"readiness without one":   {"/readyz", "", nil, 401},
		"health needs none":       {"/healthz", "", nil, 200},
		"a page of another site":  {"/mcp", listTools, []string{"Authorization", right, "Origin", "https://evil.example"}, 403},
		"a sandboxed page":        {"/mcp", listTools, []string{"Authorization", right, "Origin", "null"}, 403},
		"a name that was rebound": {"/mcp", listTools, []string{"Authorization", right, "Host", "evil.example"}, 403},
		"too large":               {"/mcp", ping + strings.Repeat("x", 1<<20) + pong, []string{"Authorization", right}, 413},
		"what is not there":       {"/sse", "", []string{"Authorization", right}, 404},
		"no JSON":                 {"/mcp", `{"jsonrpc":`, []string{"Authorization", right}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			method := http.MethodPost
			if x.path != "/mcp" {
				method = http.MethodGet
			}
			code, body := l.ask(t, method, x.path, x.body, x.header...)
			if code != x.code {
				t.Errorf("got %d, want %d: %.200s", code, x.code, body)
			}
			if strings.Contains(body, "s3cret") {
				t.Errorf("the token is told: %s", body)
			}
		})
	}
	// Nothing says how long such a body is: what is read of it is counted.
	stream := func(body io.Reader) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+"/mcp", io.MultiReader(strings.NewReader(ping), body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", right)
		r.Header.Set("Content-Type", "application/json")
		return http.DefaultClient.Do(r)
	}
	for name, x := range map[string]struct {
		pad  int
		code int
		said string
	}{
		"a body of unknown length":                   {1<<20 - len(ping) - len(pong), 200, `"result":{}`},
		"a body of unknown length that is too large": {1 << 20, 400, "request body too large"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := stream(strings.NewReader(strings.Repeat("x", x.pad) + pong))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != x.code || !strings.Contains(string(body), x.said) {
				t.Errorf("got %d %s, want %d and %s; %v", resp.StatusCode, body, x.code, x.said, err)
			}
		})
	}
	t.Run("a stream without an end", func(t *testing.T) {
		body := &endless{}
		resp, err := stream(body)
		if err == nil { // otherwise it was hung up on while it was still sending
			resp.Body.Close()
			if resp.StatusCode != 400 {
				t.Errorf("got %d", resp.StatusCode)
			}
		}
		if taken := body.read.Load(); taken >= most {
			t.Errorf("%d bytes were taken", taken)
		}
	})
	if strings.Contains(l.stderr.String(), "s3cret") {
		t.Error("the token is in the log")
	}
}

func TestHTTPOutsideOfLoopbackNeedsAToken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := child(ctx, nil, "--http", "0.0.0.0:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "PAYOPS_HTTP_TOKEN_FILE") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = child(ctx, nil, "--http", "8090").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "want HOST:PORT") {
		t.Errorf("%v: %s", err, out)
	}
}

// A call in flight is answered after the signal, and a listening client does not hold
// the process. When what of it happens is tested in package web.
func TestHTTPEndsInPeace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such signal here")
	}
	l := listen(t)
	c := l.client(t, "")
	stream, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"/mcp", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	stream.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(stream)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("nobody listens: %s", resp.Status)
	}
	answer := make(chan error, 1)
	go func() {
		r, err := c.CallTool(t.Context(), over("announce"))
		if err == nil && r.IsError {
			err = fmt.Errorf("%+v", r)
		}
		answer <- err
	}()
	l.awaitLog("announced")
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the listening client was not let go: %v", err)
	}
	if code, _ := l.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(l.stderr.String(), "left behind") {
		t.Error("the listening client held the process")
	}
}
