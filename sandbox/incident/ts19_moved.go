package incident

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/stack"
)

// clusterFile holds the map of a cluster, as its node keeps it.
const clusterFile = "nodes.conf"

// TS-19: Redis is a node of a cluster, and the server is told of that node as if it
// were a Redis by itself. The keys that it is asked for belong to another node.
var _ = add(Incident{ID: "TS-19", Parts: stack.PartRedis,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		elsewhere := fmt.Sprintf("127.0.0.1:%d", w.between(6400, 6900))
		merchant, action := w.merchant(), w.anyAction()
		did := Injected{Asks: []Ask{askRateLimit(merchant, action), askHitting(), askCacheStats(), askTTLs(), askIdempotency(merchant, orderKey(w.between(100_000, 999_999)))}, Quotes: []string{"MOVED", elsewhere}, Kept: map[string]string{}}
		dir := w.Stack.RedisDir()
		if dir == "" {
			return did, errors.New("redis: its configuration is not on this machine")
		}
		conf := filepath.Join(dir, "redis.conf")
		before, err := os.ReadFile(conf)
		if err != nil {
			return did, err
		}
		bus, err := freePort()
		if err != nil {
			return did, err
		}
		// This node has no slot, and the other one all of them.
		host, port, err := net.SplitHostPort(elsewhere)
		if err != nil {
			return did, err
		}
		nodes := fmt.Sprintf("%s %s@%d myself,master - 0 0 1 connected\n%s %s:%s@%d master - 0 0 2 connected 0-16383\nvars currentEpoch 2 lastVoteEpoch 0\n",
			strings.Repeat("a", 40), w.Stack.Redis.Addr(), bus, strings.Repeat("b", 40), host, port, bus+1)
		if err := w.Stack.Redis.Stop(ctx); err != nil {
			return did, err
		}
		did.Kept["conf"] = string(before)
		lines := fmt.Sprintf("cluster-enabled yes\ncluster-config-file %s\ncluster-port %d\ncluster-node-timeout 86400000\ncluster-require-full-coverage no\n", clusterFile, bus)
		err = errors.Join(os.WriteFile(filepath.Join(dir, clusterFile), []byte(nodes), 0o600),
			os.WriteFile(conf, append(append(bytes.TrimRight(before, "\n"), '\n'), lines...), 0o600), w.Stack.Redis.Start(ctx))
		if err != nil {
			return did, err
		}
		slot, err := w.Stack.Redis.Admin().ClusterKeySlot(ctx, "rate:"+action+":"+merchant).Result()
		did.Quotes = append(did.Quotes, strconv.FormatInt(slot, 10))
		if err != nil {
			return did, err
		}
		// A node waits for a moment before it takes its map for good.
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		for {
			err := refusedWith(ctx, w, "MOVED")
			if err == nil || ctx.Err() != nil {
				return did, err
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		before, ok := did.Kept["conf"]
		if !ok {
			return nil
		}
		dir := w.Stack.RedisDir()
		err := errors.Join(w.Stack.Redis.Stop(ctx), os.WriteFile(filepath.Join(dir, "redis.conf"), []byte(before), 0o600), os.Remove(filepath.Join(dir, clusterFile)))
		return errors.Join(err, w.Stack.Redis.Start(ctx))
	},
})

// freePort is a port on which nothing listens, nor on the one above it.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("an address of %T", l.Addr())
	}
	return addr.Port, nil
}
