package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"payops-mcp/shared/fault"
)

// Nearly every error is one that the network of this machine really gives.
func TestNetworkClass(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(t *testing.T) error
		want fault.Class
	}{
		"refused": {func(t *testing.T) error { return get(t, "http://"+closedAddress(t)) }, fault.Unreachable},
		"unknown name": {func(*testing.T) error { // no resolver is asked in a test
			return &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "db", IsNotFound: true}}
		}, fault.Unreachable},
		"black hole": {func(t *testing.T) error {
			l := listen(t, func(net.Conn) {})
			return get(t, "http://"+l)
		}, fault.Timeout},
		"read deadline": {func(t *testing.T) error {
			c := dial(t, listen(t, func(net.Conn) {}))
			if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			_, err := c.Read(make([]byte, 1))
			return err
		}, fault.Timeout},
		"closed before the request": {func(*testing.T) error {
			return &url.Error{Op: "Get", URL: "http://x", Err: errors.New("http: server closed idle connection")}
		}, fault.Disconnected},
		"closed before an answer": {func(t *testing.T) error {
			return get(t, "http://"+listen(t, func(c net.Conn) { c.Close() }))
		}, fault.Disconnected},
		"reset": {func(t *testing.T) error {
			c := dial(t, listen(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 1))
				_ = c.(*net.TCPConn).SetLinger(0) // close with a reset
				c.Close()
			}))
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			_, err := io.ReadAll(c)
			return err
		}, fault.Disconnected},
		"cut in the middle": {func(t *testing.T) error {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, "half")
			}))
			t.Cleanup(s.Close)
			return get(t, s.URL)
		}, fault.Disconnected},
		"none of the network": {func(*testing.T) error { return errors.New("syntax") }, ""},
		"nothing":             {func(*testing.T) error { return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.fail(t)
			if got := fault.NetworkClass(err); got != c.want {
				t.Errorf("%v is %q, want %q", err, got, c.want)
			}
		})
	}
}

// get fetches the whole of url and returns what went wrong.
func get(t *testing.T, url string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	return err
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listen accepts connections and hands them to serve.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String()
}

// closedAddress is one that nobody listens on.
func closedAddress(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A client's wrapper names method and URL, which may hold a secret; the failure
// keeps the class that the wrapped error had and leaves the wrapper out.
func TestNetworkFailureLeavesTheURLOut(t *testing.T) {
	f := fault.NetworkFailure(&url.Error{Op: "Get", URL: "http://u:hunter2@x", Err: errors.New("http: server closed idle connection")})
	if f.Class != fault.Disconnected || f.Said != "http: server closed idle connection" {
		t.Errorf("got %s, %q", f.Class, string(f.Said))
	}
}
