package redisdb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"
)

// dialer connects, with TLS where config is given, within dialTimeout for each of
// the two steps.
func dialer(config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if config == nil {
			return &attentive{Conn: conn}, nil
		}
		own := config.Clone()
		if host, _, err := net.SplitHostPort(addr); err == nil {
			own.ServerName = host
		}
		secure := tls.Client(conn, own)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake's error says more
			return nil, &handshakeError{err}
		}
		return &attentive{Conn: secure}, nil
	}
}

// handshakeError is that of a TLS handshake on a connection that was accepted.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// attentive is a connection whose first answer is listened to. A Redis that has no
// connection left, or is in protected mode, says so and hangs up; go-redis takes
// any error in the first answer for a server too old for HELLO, goes on, and knows
// only that it was hung up on.
type attentive struct {
	net.Conn
	heard bool
}

// Read reads, and fails with what a Redis said that hangs up.
func (c *attentive) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.heard || n == 0 {
		return n, err
	}
	c.heard = true
	line, _, _ := strings.Cut(string(p[:min(n, 512)]), "\r\n")
	for _, refusal := range []string{"-ERR max number of clients", "-DENIED "} {
		if strings.HasPrefix(line, refusal) {
			return 0, &refusedError{line[1:]}
		}
	}
	return n, err
}

// SyscallConn lets go-redis see whether an idle connection was closed. It looks at
// the outermost connection only, and would use a dead one below TLS.
func (c *attentive) SyscallConn() (syscall.RawConn, error) {
	conn := c.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if raw, ok := conn.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// refusedError is what a Redis said before it hung up.
type refusedError struct{ reply string }

func (e *refusedError) Error() string { return e.reply }
