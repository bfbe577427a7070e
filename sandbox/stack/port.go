package stack

import "net"

// FreeAddr is a loopback address on which nobody listens, for a server that has
// to come back on it: outgoing connections do not get its port meanwhile.
func FreeAddr() (string, error) { return freeAddr() }

// freeAddr is a loopback address on which nobody listens. Another process may
// still take it before its user does.
func freeAddr() (string, error) {
	port, err := freeKafkaPort()
	if err != nil {
		return "", err
	}
	return loopback(port), nil
}

// onFreeAddr opens something that listens, on another address when somebody
// else was faster.
func onFreeAddr[T any](open func(addr string) (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		addr, err := freeAddr()
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
