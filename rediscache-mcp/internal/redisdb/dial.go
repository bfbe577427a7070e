package redisdb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"payops-mcp/shared/fault"
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
		own, asked := config.Clone(), false
		own.GetClientCertificate = func(wanted *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			for i := range own.Certificates {
				if wanted.SupportsCertificate(&own.Certificates[i]) == nil {
					return &own.Certificates[i], nil
				}
			}
			return &tls.Certificate{}, nil // which is to say that there is none
		}
		if host, _, err := net.SplitHostPort(addr); err == nil {
			own.ServerName = host
		}
		secure := tls.Client(conn, own)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake's error says more
			return nil, &handshakeError{err}
		}
		return &attentive{Conn: secure, asked: asked}, nil
	}
}

// handshakeError is that of a TLS handshake on a connection that was accepted.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// bareError is that of a connection that broke before its first answer, after the other
// side had asked for a certificate of ours. With TLS 1.3 it refuses us when the
// handshake is over for us, and what it says then may be lost. It has no Unwrap:
// go-redis takes one layer off an error of a connection's first words.
type bareError struct{ err error }

func (e *bareError) Error() string {
	return "it asked for a certificate of ours and hung up: " + e.err.Error()
}

// attentive is a connection whose first answer is listened to. A Redis that has no
// connection left, or is in protected mode, says so and hangs up; go-redis takes
// any error in the first answer for a server too old for HELLO, goes on, and knows
// only that it was hung up on.
type attentive struct {
	net.Conn
	heard bool
	asked bool // for a certificate of ours
}

// bare says what is behind an error before the first answer.
func (c *attentive) bare(err error) error {
	if err == nil || c.heard || !c.asked || fault.NetworkClass(err) != fault.Disconnected {
		return err
	}
	return &bareError{err}
}

// Write writes, and fails with why the other side is likely to have hung up.
func (c *attentive) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.bare(err)
}

// Read reads, and fails with what a Redis said that hangs up.
func (c *attentive) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.heard || n == 0 {
		return n, c.bare(err)
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
