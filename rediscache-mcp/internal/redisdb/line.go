package redisdb

import (
	"context"
	"hash/fnv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
)

// line is one connection to one process of Redis.
type line struct {
	conn    *redis.Conn
	process string // its run_id; empty where INFO is not allowed
	keys    int64  // DBSIZE
}

func (l *line) close() { _ = l.conn.Close() } // it goes back to the pool, or is dead

// line takes a connection for itself. One that was kept and turns out to be dead
// says nothing about the server: then the next is taken.
func (n node) line(ctx context.Context) (l *line, err error) {
	for range maxIdle + 1 {
		if l, err = n.greet(ctx); fault.NetworkClass(err) != fault.Disconnected {
			break
		}
	}
	return l, err
}

func (n node) greet(ctx context.Context) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	l := &line{conn: n.client.Conn()}
	pipe := l.conn.Pipeline()
	info, size := pipe.Info(ctx, "server"), pipe.DBSize(ctx)
	err := exec(ctx, pipe)
	if err == nil && info.Err() != nil && size.Err() != nil {
		err = size.Err() // it refuses everything
	}
	if err != nil {
		l.close()
		return nil, err
	}
	for text := range strings.Lines(info.Val()) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(text), "run_id:"); ok {
			l.process = id
		}
	}
	l.keys = size.Val()
	return l, nil
}

// again takes another connection in place of one that broke. It fails where that
// leads, or may lead, to another process.
func (n node) again(ctx context.Context, broken *line) (*line, error) {
	broken.close()
	l, err := n.line(ctx)
	if err != nil {
		return broken, err
	}
	if l.process != broken.process || l.process == "" {
		return l, &otherProcessError{l.process}
	}
	return l, nil
}

// otherProcessError ends a scan that lost its server; process answers now.
type otherProcessError struct{ process string }

func (*otherProcessError) Error() string {
	return "the connection broke in the middle of the scan, and another process of Redis answers now (restart or failover), or may do"
}

// hash identifies a process of Redis in a Position.
func (n node) hash(process string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(n.name + "\n" + process)) // a hash takes everything
	return h.Sum32()
}

// replicaPatience is how long a replica may take to answer for the first time.
const replicaPatience = time.Second
