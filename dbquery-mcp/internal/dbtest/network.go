package dbtest

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Endpoint is a host and a port.
type Endpoint struct {
	Host string
	Port int
}

func endpoint(t testing.TB, l net.Listener) Endpoint {
	t.Helper()
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return Endpoint{host, n}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Refused is an endpoint where nothing listens.
func Refused(t testing.TB) Endpoint {
	t.Helper()
	l := listen(t)
	_ = l.Close()
	return endpoint(t, l)
}

// Serves is an endpoint that does as handle says with each connection.
func Serves(t testing.TB, handle func(net.Conn)) Endpoint {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() { handle(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return endpoint(t, l)
}

// Silent is an endpoint that takes connections and never says a word.
func Silent(t testing.TB) Endpoint { return Serves(t, func(net.Conn) {}) }

// HangsUp is an endpoint that takes connections and closes them.
func HangsUp(t testing.TB) Endpoint { return Serves(t, func(c net.Conn) { _ = c.Close() }) }

// Link is a way to a server that can go dead while connections are open.
type Link struct {
	Endpoint
	mu   sync.Mutex
	to   *Shard
	dead bool
	age  int // of connections; those of an earlier one are forgotten
}

// NewLink leads to a shard.
func NewLink(t testing.TB, to *Shard) *Link {
	t.Helper()
	l := &Link{to: to}
	l.Endpoint = Serves(t, func(client net.Conn) {
		l.mu.Lock()
		age, to := l.age, l.to
		l.mu.Unlock()
		server, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(to.Port)))
		if err != nil {
			_ = client.Close()
			return
		}
		var both sync.WaitGroup
		both.Go(func() { l.relay(server, client, age); _ = server.Close() })
		both.Go(func() { l.relay(client, server, age); _ = client.Close() })
		both.Wait()
	})
	return l
}

// Die lets every byte from now on vanish.
func (l *Link) Die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

// Forget lets every byte vanish of the connections that are open, as a firewall
// does that has started anew; new ones work.
func (l *Link) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.age++
}

// Lead leads new connections to another shard, as a failover does.
func (l *Link) Lead(to *Shard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

func (l *Link) relay(to io.Writer, from io.Reader, age int) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		lost := l.dead || age != l.age
		l.mu.Unlock()
		if lost {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
