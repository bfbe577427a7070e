package stack

import (
	"net"

	"payops-mcp/sandbox/port"
)

// onFreeAddr opens something that listens, on another address when somebody
// else was faster.
func onFreeAddr[T any](open func(addr string) (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		addr, err := port.Free()
		if err != nil {
			var none T
			return none, err
		}
		it, err := open(addr)
		if err == nil || attempt == 3 || addrFree(addr) {
			return it, err
		}
	}
}

// addrFree says whether nobody listens on an address of this machine.
func addrFree(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// hostPort splits an address that this package made.
func hostPort(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, ""
	}
	return host, port
}

// portOf is the port of an address that this package made.
func portOf(addr string) string {
	_, port := hostPort(addr)
	return port
}
