package ends_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"payops-mcp/bench/internal/ends"
)

func TestABlackHoleAcceptsAndSaysNothing(t *testing.T) {
	hole, err := ends.NewBlackHole()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", hole.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for deadline := time.Now().Add(5 * time.Second); hole.Accepted() != 1; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are counted, want 1", hole.Accepted())
		}
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it says %d bytes and %v, want silence", n, err)
	}
	hole.Close()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after Close the connection gives %v, want its end", err)
	}
}

func TestRefused(t *testing.T) {
	addr, err := ends.Refused()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want connection refused", err)
	}
}

func TestSlow(t *testing.T) {
	const takes = 50 * time.Millisecond
	slow, err := ends.NewSlow(takes)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	begin := time.Now()
	resp, err := http.Get(slow.URL())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if took := time.Since(begin); resp.StatusCode != http.StatusOK || took < takes {
		t.Errorf("it answers %s after %s, want 200 after %s", resp.Status, took, takes)
	}
}
