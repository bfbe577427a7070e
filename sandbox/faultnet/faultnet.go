// Package faultnet is a TCP proxy that breaks on request: it stands between a
// client and a real server and can delay, silence, reset or refuse, changing
// its mind while connections are open.
package faultnet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Mode is what the proxy does to connections.
type Mode string

// The modes. The zero value means Pass.
const (
	// Pass hands everything on.
	Pass Mode = "pass"
	// Refuse closes the listener, so that a dial is refused, and resets
	// connections that are open.
	Refuse Mode = "refuse"
	// BlackHole accepts but moves no byte in either direction, as a firewall
	// that drops packets does to connections that are open. After a return to
	// Pass, what was sent meanwhile arrives.
	BlackHole Mode = "blackhole"
	// Reset resets connections that are open, and every new one at once.
	Reset Mode = "reset"
)

// Fault is what is wrong with the network. The zero value is a healthy one.
type Fault struct {
	Mode Mode `json:"mode,omitempty"`
	// Latency delays everything that the server answers, in nanoseconds in
	// JSON. It counts only while the mode is Pass.
	Latency time.Duration `json:"latency,omitempty"`
}

// Validate says what is wrong with a fault.
func (f Fault) Validate() error {
	switch f.Mode {
	case "", Pass, Refuse, BlackHole, Reset:
	default:
		return fmt.Errorf("unknown network fault %q: want %s, %s, %s or %s", f.Mode, Pass, Refuse, BlackHole, Reset)
	}
	if f.Latency < 0 {
		return fmt.Errorf("latency %s is negative", f.Latency)
	}
	return nil
}

// Proxy listens on a port of its own and connects to one server. Its methods
// may be called side by side.
type Proxy struct {
	addr, upstream string
	wait           sync.WaitGroup

	mu       sync.Mutex
	fault    Fault
	changed  chan struct{} // closed when fault changes or the proxy closes
	listener net.Listener  // nil while refusing
	conns    map[net.Conn]struct{}
	closed   bool
}

// Listen starts a proxy on addr ("127.0.0.1:0" picks a port) that connects to
// upstream.
func Listen(addr, upstream string) (*Proxy, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		addr: l.Addr().String(), upstream: upstream, listener: l,
		changed: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	p.wait.Go(func() { p.accept(l) })
	return p, nil
}

// Addr is the address that clients connect to; it never changes.
func (p *Proxy) Addr() string { return p.addr }

// Fault is what the proxy does at present.
func (p *Proxy) Fault() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// Set changes what the proxy does, for connections that are open too.
func (p *Proxy) Set(f Fault) error {
	if err := f.Validate(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	refusing := f.Mode == Refuse
	if !refusing && p.listener == nil {
		l, err := net.Listen("tcp", p.addr)
		if err != nil {
			return fmt.Errorf("listen again on %s: %w", p.addr, err)
		}
		p.listener = l
		p.wait.Go(func() { p.accept(l) })
	}
	if refusing && p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
	if refusing || f.Mode == Reset {
		p.resetAll()
	}
	return nil
}

// Close ends the proxy and every connection through it.
func (p *Proxy) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.changed)
		if p.listener != nil {
			_ = p.listener.Close()
		}
		p.resetAll()
	}
	p.mu.Unlock()
	p.wait.Wait()
	return nil
}

// resetAll resets every open connection; the lock is held.
func (p *Proxy) resetAll() {
	for c := range p.conns {
		reset(c)
	}
}

// reset closes a connection so that the other side sees a reset, not an end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (p *Proxy) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		p.wait.Go(func() { p.serve(c) })
	}
}

// track remembers a connection for resetAll; false means that it must not
// live at all.
func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.fault.Mode == Refuse || p.fault.Mode == Reset {
		reset(c)
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// pass waits out a black hole. It returns the latency in force, and false when
// the proxy was closed.
func (p *Proxy) pass() (time.Duration, bool) {
	for {
		p.mu.Lock()
		fault, changed, closed := p.fault, p.changed, p.closed
		p.mu.Unlock()
		if closed {
			return 0, false
		}
		if fault.Mode != BlackHole {
			return fault.Latency, true
		}
		<-changed
	}
}

func (p *Proxy) serve(client net.Conn) {
	if !p.track(client) {
		return
	}
	defer p.forget(client)
	defer func() { _ = client.Close() }()
	if _, open := p.pass(); !open {
		return
	}
	server, err := net.Dial("tcp", p.upstream)
	if err != nil {
		// What the client would have seen without a proxy is a refused
		// dial; it is connected already, so a reset is the nearest.
		reset(client)
		return
	}
	if !p.track(server) {
		return
	}
	defer p.forget(server)
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, false) })
	both.Go(func() { p.copy(client, server, true) })
	both.Wait()
}

// chunk is some bytes and when they may leave.
type chunk struct {
	data []byte
	due  time.Time
}

// copy moves bytes one way. A delay shifts the stream without thinning it:
// reading goes on while earlier bytes wait.
func (p *Proxy) copy(to, from net.Conn, delayed bool) {
	chunks := make(chan chunk, 64)
	broken := make(chan struct{})
	go func() {
		defer close(chunks)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				latency, open := p.pass()
				if !open {
					return
				}
				if !delayed {
					latency = 0
				}
				select {
				case chunks <- chunk{buf[:n], time.Now().Add(latency)}:
				case <-broken:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					reset(to)
				}
				return
			}
		}
	}()
	for c := range chunks {
		time.Sleep(time.Until(c.due))
		if _, open := p.pass(); !open {
			break
		}
		if _, err := to.Write(c.data); err != nil {
			reset(from)
			break
		}
	}
	close(broken)
	// Passes on the end of the stream in this direction only.
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
