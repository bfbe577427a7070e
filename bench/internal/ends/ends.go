// Package ends holds addresses behind which there is nothing: what a server meets
// when the systems that it asks are down.
package ends

import (
	"net"
	"sync"
	"sync/atomic"
)

// BlackHole accepts connections and never answers.
type BlackHole struct {
	listener net.Listener
	accepted atomic.Int64

	mu   sync.Mutex
	held []net.Conn
}

// NewBlackHole listens on a free loopback port.
func NewBlackHole() (*BlackHole, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &BlackHole{listener: l}
	go b.accept()
	return b, nil
}

func (b *BlackHole) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.accepted.Add(1)
		b.mu.Lock()
		b.held = append(b.held, c)
		b.mu.Unlock()
	}
}

// Addr is where it listens, host:port.
func (b *BlackHole) Addr() string { return b.listener.Addr().String() }

// Accepted counts the connections so far.
func (b *BlackHole) Accepted() int64 { return b.accepted.Load() }

// Close ends it and its connections.
func (b *BlackHole) Close() {
	b.listener.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.held {
		c.Close()
	}
}

// Refused returns a loopback address that nobody listens on.
func Refused() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
