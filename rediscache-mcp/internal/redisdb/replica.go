package redisdb

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// PreferReplicas returns the target with scans sent to a replica of each master,
// where there is one. What a scan finds is still looked at again on the master.
func (t Target) PreferReplicas() Target {
	t.replicas = true
	return t
}

// replica returns a replica of a master, or the master itself and why.
func (db *DB) replica(ctx context.Context, master node) (n node, why string) {
	bounded, cancel := context.WithTimeout(ctx, replicaPatience)
	defer cancel()
	info, err := master.client.Info(bounded, "replication").Result()
	if err != nil {
		return master, "its replicas are not known: " + failureOf(err).Error()
	}
	why = "it has no replica that is online"
	for _, addr := range online(info) {
		client := db.clientAt(master.client, addr, addr, db.readOnly())
		n := node{name: fmt.Sprintf("redis %s, a replica of %s", addr, master.name), replica: addr, client: client, network: "tcp", addr: addr}
		l, err := n.line(bounded)
		if err == nil {
			l.close()
			return n, ""
		}
		why = fmt.Sprintf("its replica %s did not answer: %s", addr, failureOf(err).Error())
	}
	return master, why
}

// online reads the addresses of the replicas that keep up out of INFO.
func online(info string) (addrs []string) {
	best := map[string]int{}
	for text := range strings.Lines(info) {
		name, value, ok := strings.Cut(strings.TrimSpace(text), ":")
		number, replica := strings.CutPrefix(name, "slave")
		if _, err := strconv.Atoi(number); !ok || !replica || err != nil {
			continue
		}
		fields := map[string]string{}
		for one := range strings.SplitSeq(value, ",") {
			k, v, _ := strings.Cut(one, "=")
			fields[k] = v
		}
		if fields["state"] != "online" || fields["ip"] == "" {
			continue
		}
		addr := net.JoinHostPort(fields["ip"], fields["port"])
		lag, err := strconv.Atoi(fields["lag"])
		if err != nil {
			continue
		}
		at := len(addrs)
		for at > 0 && best[addrs[at-1]] > lag {
			at--
		}
		best[addr] = lag
		addrs = append(addrs[:at], append([]string{addr}, addrs[at:]...)...)
	}
	return addrs
}

// readOnly is what the replica of a cluster's master must be told first.
func (db *DB) readOnly() func(context.Context, *redis.Conn) error {
	if db.cluster == nil {
		return nil
	}
	return func(ctx context.Context, c *redis.Conn) error { return c.ReadOnly(ctx).Err() }
}

// clientAt is a client like another one, of another address, kept by name from its
// first use.
func (db *DB) clientAt(like *redis.Client, addr, name string, first func(context.Context, *redis.Conn) error) *redis.Client {
	db.mu.Lock()
	defer db.mu.Unlock()
	if c := db.besides[name]; c != nil {
		return c
	}
	o := *like.Options()
	o.Addr, o.Network, o.Dialer, o.OnConnect = addr, "tcp", dialer(db.target.tls), first
	c := redis.NewClient(&o)
	c.AddHook(&db.lookups)
	db.besides[name] = c
	return c
}
