package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

var (
	given   = map[string]bool{}
	givenMu sync.Mutex
)

// freeAddr is a loopback address on which nobody listens. Its port is below
// those that the system gives to outgoing connections: one of them could
// otherwise take it while its process is down.
func freeAddr() (string, error) {
	givenMu.Lock()
	defer givenMu.Unlock()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(18000))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return "", err
		}
		if !given[addr] {
			given[addr] = true
			return addr, nil
		}
	}
	return "", errors.New("no free port found between 12000 and 30000")
}
