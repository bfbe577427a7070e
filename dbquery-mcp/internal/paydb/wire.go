package paydb

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// maxWireBytes is how much of an answer to a caller's own statement is taken in.
// Above the rows that are kept, it bounds a single row: the driver puts a row
// together whole, and one may have hundreds of columns with megabytes each.
const maxWireBytes = 64 << 20

// errWire breaks a connection on which more came than was allowed.
var errWire = errors.New("more came than is taken in")

// wire is a connection that can be told how much more it may bring.
type wire struct {
	net.Conn
	limited atomic.Bool
	left    atomic.Int64
}

// allow lets in n bytes from now on.
func (w *wire) allow(n int64) {
	w.left.Store(n)
	w.limited.Store(true)
}

// open lets in everything again, and reports whether the limit was reached.
func (w *wire) open() (exceeded bool) {
	return w.limited.Swap(false) && w.left.Load() < 0
}

// Read reads, and fails once too much has come.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.limited.Load() && w.left.Add(-int64(n)) < 0 {
		return n, errWire
	}
	return n, err
}

// SyscallConn lets the driver see whether a pooled connection is still open.
func (w *wire) SyscallConn() (syscall.RawConn, error) {
	c, ok := w.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return c.SyscallConn()
}

type wireKey struct{}
