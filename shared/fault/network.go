package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
)

// closedIdle is what net/http says, with an error of no type of its own, when the
// server hung up before it had read the request.
const closedIdle = "http: server closed idle connection"

// NetworkFailure makes a Failure of what kept an answer from coming. What an HTTP
// client adds to it, method and URL, is left out: it stands in the source.
func NetworkFailure(err error) *Failure {
	class := NetworkClass(err)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	f := FailureOf(err, Unexpected)
	if class != "" {
		f.Class = class
	}
	return f
}

// NetworkClass names what a failed network call means, whatever the driver:
// Unreachable, Timeout, Disconnected, or "" when err is not about the network.
func NetworkClass(err error) Class {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && !dns.IsTimeout {
		return Unreachable
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return Timeout
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return Unreachable
	}
	if u, ok := errors.AsType[*url.Error](err); ok && u.Err.Error() == closedIdle {
		return Disconnected
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return Disconnected
	}
	return ""
}
