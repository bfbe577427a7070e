package stack

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
	kafkaPortMin = 20000
	kafkaPortMax = 32000
)

// kafkaPorts are those that this process has given out already.
var kafkaPorts = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}

// freeKafkaPort finds a loopback port that nobody listens on.
func freeKafkaPort() (int, error) {
	kafkaPorts.Lock()
	defer kafkaPorts.Unlock()
	var last error
	for range 200 {
		port := kafkaPortMin + rand.IntN(kafkaPortMax-kafkaPortMin)
		if kafkaPorts.taken[port] {
			continue
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			last = err
			continue
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
		kafkaPorts.taken[port] = true
		return port, nil
	}
	return 0, errors.Join(fmt.Errorf("no free port between %d and %d", kafkaPortMin, kafkaPortMax), last)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
