package redisdb

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
)

// node is a server and the keys, by index, that are asked of it.
type node struct {
	name          string
	client        *redis.Client
	network, addr string // to dial it; empty when Sentinel knows where it is
	replica       string // its address, where it stands for a master
	asking        bool   // it takes over the slots of its keys: see asking.go
	keys          []int
}

// nodes divides keys by the servers that hold them. An INFO of the server that
// holds a key says whether that key can be written, so a cluster is not asked as
// one: each node answers for its own.
func (db *DB) nodes(ctx context.Context, keys []string) ([]node, *fault.Failure) {
	if db.unset != nil {
		return nil, db.unset
	}
	all := make([]int, len(keys))
	for i := range keys {
		all[i] = i
	}
	if db.cluster == nil {
		n := node{name: db.String(), client: db.client, keys: all}
		if db.target.kind == single {
			n.network, n.addr = db.client.Options().Network, db.client.Options().Addr
		}
		return []node{n}, nil
	}
	var nodes []node
	at := map[string]int{}
	for _, i := range all {
		client, err := db.owner(ctx, keys[i])
		if err != nil {
			return nil, failureOf(err)
		}
		addr := client.Options().Addr
		if _, ok := at[addr]; !ok {
			at[addr] = len(nodes)
			nodes = append(nodes, node{name: "redis " + addr, client: client, network: "tcp", addr: addr})
		}
		nodes[at[addr]].keys = append(nodes[at[addr]].keys, i)
	}
	return nodes, nil
}

// owner finds the master that holds a key, within replyTimeout.
func (db *DB) owner(ctx context.Context, key string) (*redis.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	return db.cluster.MasterForKey(ctx, key)
}

// moved reports whether a node of a cluster did not have, or could not say, what
// was asked of it: after a failover the map of the cluster is out of date.
func (r Reading) moved() bool {
	for _, c := range r.Counters {
		if c.Err != nil && (c.Err.Class == fault.WrongServer || c.Err.Class == fault.Unreachable) {
			return true
		}
	}
	return false
}

// moving is what to do while a cluster that we follow sends us on.
const moving = "The cluster is moving keys between its nodes; ask again, or give the account +asking, so that they can be followed"

// moving says what to do where a node of a cluster that we follow sends us on.
func (r Reading) moving() {
	for _, s := range r.Servers {
		if err := s.Source.Err; err != nil && err.Next == next[fault.WrongServer] {
			err.Next = moving
		}
	}
}

// reload fetches the map of the cluster anew. It reports whether a key that was
// not found has another owner now.
func (db *DB) reload(ctx context.Context, keys []string, r Reading) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	db.cluster.ReloadState(ctx)
	for {
		for i, c := range r.Counters {
			client, err := db.owner(ctx, keys[i])
			if c.Err != nil && err == nil && !strings.HasSuffix(r.Servers[c.Server].Source.Name, " "+client.Options().Addr) {
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ofKeys puts a command about each key to the server that has it, all at once, and tells
// what was answered to which. Keys whose server did not answer, or refused the command,
// are passed over, as those are that are not there.
func ofKeys[C redis.Cmder](ctx context.Context, db *DB, keys []string, put func(pipe redis.Pipeliner, key string) C, told func(at int, cmd C)) {
	eachOf(ctx, db, keys, put, func(at int, cmd C) {
		if cmd.Err() == nil {
			told(at, cmd)
		}
	})
}

// eachOf is ofKeys that tells errors too, of servers that answered.
func eachOf[C redis.Cmder](ctx context.Context, db *DB, keys []string, put func(pipe redis.Pipeliner, key string) C, told func(at int, cmd C)) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	nodes, failure := db.nodes(ctx, keys)
	if failure != nil {
		return
	}
	for _, n := range nodes {
		pipe := n.client.Pipeline()
		cmds := make([]C, len(n.keys))
		for i, at := range n.keys {
			cmds[i] = put(pipe, keys[at])
		}
		if pipe.Len() == 0 || exec(ctx, pipe) != nil {
			continue
		}
		for i, at := range n.keys {
			told(at, cmds[i])
		}
	}
}

// Exist reports which keys are there, by a probe that counts as no lookup; a key that it
// does not tell of, for want of the right or because it has moved, is read. The failure is
// that of a key which could not be read either: whether it is there is not known.
func (db *DB) Exist(ctx context.Context, keys []string) (there []bool, failure *fault.Failure) {
	there, told := make([]bool, len(keys)), make([]bool, len(keys))
	eachOf(ctx, db, keys, func(pipe redis.Pipeliner, key string) *redis.IntCmd { return pipe.MemoryUsage(ctx, key, 1) },
		func(at int, size *redis.IntCmd) {
			there[at] = size.Err() == nil
			told[at] = there[at] || errors.Is(size.Err(), redis.Nil)
		})
	var rest []string
	var at []int
	for i, key := range keys {
		if !told[i] {
			rest, at = append(rest, key), append(at, i)
		}
	}
	if len(rest) == 0 {
		return there, nil
	}
	for i, c := range db.Counters(ctx, rest).Counters {
		there[at[i]] = c.Err == nil && c.Last().Exists
		failure = cmp.Or(failure, c.Err)
	}
	return there, failure
}

// Check returns a question for --check: does the target answer all that the tools
// ask of it? key is a name that no merchant has; looking for it counts as two
// keyspace misses.
func (db *DB) Check(key string) func(context.Context) fault.Source {
	return func(ctx context.Context) fault.Source {
		ctx, cancel := Within(ctx)
		defer cancel()
		r := db.Counters(ctx, []string{key})
		s := r.Servers[0]
		s.Source.Name = db.String()
		if s.Source.OK() && s.InfoErr != nil {
			s.Source.Err, s.Source.Asked = s.InfoErr, "INFO"
		}
		return s.Source
	}
}
