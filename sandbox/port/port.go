// Package port finds loopback addresses for servers that are about to be started.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Servers keep their ports while they are down, and a JVM needs a second
// before it listens. So ports are taken from below the ranges from which Linux
// (32768 up) and macOS (49152 up) serve outgoing connections and port 0:
// otherwise any other client on the machine could get one in the meantime.
const (
	lowest = 20000
	beyond = 32000
)

// given are those that this process has given out already.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// Free is a loopback address, "127.0.0.1:PORT", on which nobody listens. No process of
// this user gets it from here again as long as this one runs, where the system can lock;
// any other may still take it before its user does.
func Free() (addr string, err error) {
	given.Lock()
	defer given.Unlock()
	var last error
	for range 200 {
		port := lowest + rand.IntN(beyond-lowest)
		if given.ports[port] || !claim(port) {
			continue
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			last = err
			continue
		}
		if err := l.Close(); err != nil {
			return "", err
		}
		given.ports[port] = true
		return addr, nil
	}
	return "", errors.Join(fmt.Errorf("no free port between %d and %d", lowest, beyond), last)
}
