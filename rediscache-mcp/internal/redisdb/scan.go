package redisdb

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

const (
	// scanCount is the COUNT of SCAN: fewer keys a step and the round trips cost
	// more than the keys, more and other clients wait longer behind one step.
	scanCount = 500
)

// ScanSpec is what a scan looks for.
type ScanSpec struct {
	Match string // pattern of SCAN
	// Values asks for the head of each value, besides its TTL; TTLs for the TTL.
	Values, TTLs bool
	// Wanted, when not nil, says of which keys value and TTL are asked for; the
	// others are visited by name alone.
	Wanted func(key string) bool
	// Endless, when not nil, says of which keys without a TTL the head of the value is
	// asked for where only TTLs are.
	Endless func(key string) bool
	Budget  time.Duration
	// MaxKeys, when not 0, is how many keys are gone through, over all servers, give
	// or take a step of each.
	MaxKeys int64
	// Tell, when not nil, is told after each step how far the scan is: the share of
	// all keys, 0 to 1, and how many these are. It is called by one server at a time.
	Tell func(share float64, keys int64)
	// From is where an earlier scan stopped; nil is from the beginning.
	From []Position
}

// Found is a key that a scan came by. One that was gone when it was looked at is
// not among them. A key may come twice while Redis resizes its table.
type Found struct {
	Key    string
	Looked bool // value and TTL were asked for
	Sight  Sight
	At     time.Time // of the sight, by this machine's clock
	// Err is why its value could not be read, TTLErr why its TTL could not.
	Err, TTLErr *fault.Failure
	Server      int // index into Scan.Parts
}

// Scan goes through the keys of every master, side by side, until it is through
// or its budget is spent. Each step is one round trip: the values of the keys
// found by the step before, and the next keys. visit is called for one key at a
// time, names without a look as soon as they come. Memory does not grow with the
// number of keys.
func (db *DB) Scan(ctx context.Context, spec ScanSpec, visit func(Found)) Scan {
	start := time.Now()
	nodes, failure := db.masters(ctx)
	if failure != nil {
		return Scan{Took: time.Since(start), Parts: []Part{{Source: fault.Source{Name: db.String(), Asked: scanAsked(spec), Took: time.Since(start), Err: failure}}}}
	}
	all := Scan{Parts: make([]Part, len(nodes))}
	spec.MaxKeys = (spec.MaxKeys + int64(len(nodes)) - 1) / int64(len(nodes))
	var one sync.Mutex
	now := Scan{Parts: make([]Part, len(nodes))} // as far as each has come
	fault.TogetherEach(len(nodes), func(i int) {
		n, why := nodes[i], ""
		if db.target.replicas {
			n, why = db.replica(ctx, n)
		}
		p := n.scan(ctx, spec, start, db.cluster != nil, func(f Found) {
			f.Server = i
			one.Lock()
			defer one.Unlock()
			visit(f)
		}, func(p Part) {
			one.Lock()
			defer one.Unlock()
			if now.Parts[i] = p; spec.Tell != nil {
				spec.Tell(now.Share(), now.Keys())
			}
		})
		if db.cluster != nil {
			p.moving()
		}
		p.Assumed, p.Replica, p.NoReplica = db.target.assumed, n.replica, why
		all.Parts[i] = p
	})
	all.Took = time.Since(start)
	return all
}

func scanAsked(spec ScanSpec) string {
	asked := "SCAN COUNT 500"
	if spec.Match != "" {
		asked = "SCAN MATCH " + foreign.Text(spec.Match).Quoted() + " COUNT 500"
	}
	if spec.Values {
		asked += "; GETRANGE, PTTL of each"
	} else if spec.TTLs {
		asked += "; PTTL of each"
	}
	if spec.Endless != nil {
		asked += ", GETRANGE of counters that have none"
	}
	return asked
}

// masters lists the servers that hold keys.
func (db *DB) masters(ctx context.Context) ([]node, *fault.Failure) {
	if db.unset != nil {
		return nil, db.unset
	}
	if db.cluster == nil {
		return db.nodes(ctx, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	var mu sync.Mutex
	var nodes []node
	err := db.cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		addr := client.Options().Addr
		nodes = append(nodes, node{name: "redis " + addr, client: client, network: "tcp", addr: addr})
		return nil
	})
	if err != nil {
		return nil, failureOf(err)
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return nodes, nil
}

// others adds the masters that are not among nodes.
func (db *DB) others(ctx context.Context, nodes []node) ([]node, *fault.Failure) {
	all, failure := db.masters(ctx)
	for _, m := range all {
		if !slices.ContainsFunc(nodes, func(n node) bool { return n.name == m.name }) {
			nodes = append(nodes, m)
		}
	}
	return nodes, failure
}
