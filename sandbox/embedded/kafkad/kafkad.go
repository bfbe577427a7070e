// Package kafkad is a Kafka for where there is none: kfake, the fake cluster of
// franz-go, which speaks the real protocol. Stopped and started again, it is on
// the same port with its data.
//
// It is for a first look and proves nothing: one broker, nothing replicated.
// Tests speak to real brokers.
package kafkad

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Cluster is a Kafka of one broker.
type Cluster struct {
	addr string
	port int
	dir  string

	mu      sync.Mutex
	running *kfake.Cluster // nil while stopped
}

// New makes a cluster that listens on an address of this machine and keeps its
// data in a folder. Start starts it.
func New(addr, dir string) (*Cluster, error) {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	return &Cluster{addr: addr, port: port, dir: dir}, nil
}

// Addr is where the broker listens.
func (c *Cluster) Addr() string { return c.addr }

// Start starts the broker, if it does not run, with the data that it had.
func (c *Cluster) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return nil
	}
	k, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(c.port), kfake.DataDir(c.dir), kfake.ClusterID("embedded"),
		kfake.BrokerConfigs(map[string]string{"default.replication.factor": "1", "offsets.topic.replication.factor": "1"}),
	)
	if err != nil {
		return errors.Join(fmt.Errorf("embedded Kafka on %s", c.addr), err)
	}
	c.running = k
	return nil
}

// Stop ends the broker and its connections. Its data stays.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		c.running.Close()
		c.running = nil
	}
}
