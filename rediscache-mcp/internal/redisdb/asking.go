package redisdb

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
)

// While a cluster moves a slot, its keys stand on two nodes. The one that gives it
// away answers ASK, with the address of the other, for a key that has gone. The other
// answers for such a key only where ASKING comes right before the command.

// asking puts ASKING before a command in a pipeline. What it answers shows in the
// answer to the command.
func asking(ctx context.Context, pipe redis.Pipeliner) {
	_ = pipe.Do(ctx, "asking") // put into the pipeline, which runs later
}

// before stands before each command about a key, for a node that takes over its slot.
func (n node) before(ctx context.Context, pipe redis.Pipeliner) {
	if n.asking {
		asking(ctx, pipe)
	}
}

// sentTo is where an ASK sends the question about a counter; empty when there is none.
// from is the address of the node that said it, which may leave out its own host.
func (c Counter) sentTo(from string) string {
	for _, f := range []*fault.Failure{c.Err, c.TTLErr} {
		if f == nil {
			continue
		}
		words := strings.Fields(f.Said.String())
		if len(words) != 3 || words[0] != "ASK" {
			continue
		}
		host, port, err := net.SplitHostPort(words[2])
		if err != nil {
			continue
		}
		if host == "" {
			if host, _, err = net.SplitHostPort(from); err != nil {
				continue
			}
		}
		return net.JoinHostPort(host, port)
	}
	return ""
}

// follow asks for the counters that are on their way to another node of the cluster
// there. What cannot be followed, for want of the right +asking above all, stays as
// it was.
func (db *DB) follow(ctx context.Context, q question, r *Reading) {
	away := map[string][]int{} // by address
	for i, c := range r.Counters {
		if to := c.sentTo(r.Servers[c.Server].addr); to != "" {
			away[to] = append(away[to], i)
		}
	}
	for _, addr := range slices.Sorted(maps.Keys(away)) {
		like, err := db.owner(ctx, q.keys[away[addr][0]])
		if err != nil {
			continue
		}
		n := node{name: "redis " + addr, network: "tcp", addr: addr, asking: true, client: db.clientAt(like, addr, addr+" asking", nil)}
		counters := make([]Counter, len(away[addr]))
		for i, at := range away[addr] {
			counters[i] = Counter{Key: q.keys[at], head: q.bytes}
		}
		s := db.look(ctx, n, counters, q.seen)
		if s.Source.Err != nil {
			continue
		}
		place := slices.IndexFunc(r.Servers, func(known Server) bool { return known.Source.Name == n.name })
		if place < 0 {
			place = len(r.Servers)
			r.Servers = append(r.Servers, s)
		}
		for i, at := range away[addr] {
			from := r.Counters[at].Server
			r.Counters[at] = counters[i]
			r.Counters[at].Server = place
			r.reconsider(from)
		}
	}
}

// reconsider takes back the failure of a server where none of its counters has one any
// more.
func (r *Reading) reconsider(server int) {
	s := &r.Servers[server]
	if s.Source.Err == nil || s.Source.Err.Class != fault.WrongServer {
		return
	}
	if !slices.ContainsFunc(r.Counters, func(c Counter) bool { return c.Server == server && (c.Err != nil || c.TTLErr != nil) }) {
		s.Source.Err = nil
	}
}
