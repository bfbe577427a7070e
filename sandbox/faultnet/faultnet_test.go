package faultnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"payops-mcp/sandbox/faultnet"
)

// echo is a real TCP server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func newProxy(t *testing.T, upstream string) *faultnet.Proxy {
	t.Helper()
	p, err := faultnet.Listen("127.0.0.1:0", upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t *testing.T, p *faultnet.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func set(t *testing.T, p *faultnet.Proxy, f faultnet.Fault) {
	t.Helper()
	if err := p.Set(f); err != nil {
		t.Fatal(err)
	}
}

// ask sends a word and waits at most as long as given for its echo.
func ask(c net.Conn, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	if err := c.SetDeadline(start.Add(limit)); err != nil {
		return 0, err
	}
	if _, err := c.Write([]byte("ping")); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return time.Since(start), err
}

func TestPassMovesManyBytesBothWays(t *testing.T) {
	c := dial(t, newProxy(t, echo(t)))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MB
	var wait sync.WaitGroup
	wait.Go(func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	})
	got, err := io.ReadAll(c)
	wait.Wait()
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %d bytes (%v), want the %d that were sent", len(got), err, len(sent))
	}
}

func TestLatencyStartsAndEndsWhileConnected(t *testing.T) {
	p := newProxy(t, echo(t))
	c := dial(t, p)
	const delay = 150 * time.Millisecond
	set(t, p, faultnet.Fault{Latency: delay})
	if took, err := ask(c, 5*time.Second); err != nil || took < delay {
		t.Errorf("answer after %s (%v), want at least %s", took, err, delay)
	}
	set(t, p, faultnet.Fault{})
	// A busy machine may be slow once, not every time.
	fastest := time.Hour
	for range 20 {
		took, err := ask(c, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		fastest = min(fastest, took)
	}
	if fastest >= delay {
		t.Errorf("the fastest of 20 answers took %s, want less than %s", fastest, delay)
	}
}

func TestBlackHoleSilencesAndGivesBack(t *testing.T) {
	p := newProxy(t, echo(t))
	old := dial(t, p)
	if _, err := ask(old, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	set(t, p, faultnet.Fault{Mode: faultnet.BlackHole})
	fresh := dial(t, p) // accepted, as a real black hole's backlog does
	for name, c := range map[string]net.Conn{"open before": old, "opened now": fresh} {
		if _, err := ask(c, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: got %v, want silence", name, err)
		}
	}
	set(t, p, faultnet.Fault{})
	for name, c := range map[string]net.Conn{"open before": old, "opened now": fresh} {
		// The word that was swallowed comes back first.
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Errorf("%s: %v, want the swallowed word after recovery", name, err)
		}
	}
}

func TestResetHitsOldAndNew(t *testing.T) {
	p := newProxy(t, echo(t))
	old := dial(t, p)
	if _, err := ask(old, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	set(t, p, faultnet.Fault{Mode: faultnet.Reset})
	if _, err := ask(old, 5*time.Second); !isReset(err) {
		t.Errorf("open before: got %v, want a reset", err)
	}
	if err := dialAndAsk(p); !isReset(err) {
		t.Errorf("opened now: got %v, want a reset", err)
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// dialAndAsk is for connections whose reset may come as early as in the dial.
func dialAndAsk(p *faultnet.Proxy) error {
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = ask(c, 5*time.Second)
	return err
}

func TestRefuseAndComeBackOnTheSamePort(t *testing.T) {
	p := newProxy(t, echo(t))
	old := dial(t, p)
	set(t, p, faultnet.Fault{Mode: faultnet.Refuse})
	if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, want refused", err)
	}
	if _, err := ask(old, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("connection open before: %v, want it cut", err)
	}
	set(t, p, faultnet.Fault{Mode: faultnet.Pass})
	if _, err := ask(dial(t, p), 5*time.Second); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

func TestServerGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := dialAndAsk(newProxy(t, l.Addr().String())); !isReset(err) && !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the connection cut", err)
	}
}

func TestUnknownModeIsRefused(t *testing.T) {
	p := newProxy(t, echo(t))
	if err := p.Set(faultnet.Fault{Mode: "flaky"}); err == nil {
		t.Error("want an error that names the modes")
	}
	if got := p.Fault(); got != (faultnet.Fault{}) {
		t.Errorf("fault is %+v after a refused change", got)
	}
}
