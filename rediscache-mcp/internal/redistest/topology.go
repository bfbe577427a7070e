package redistest

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// Name is what Sentinel and Replicated call their master.
const Name = "main"

// Replica starts a server that copies a master, and waits until it keeps up.
func Replica(t testing.TB, master *Server, conf ...string) *Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(master.Addr)
	s := Start(t, append([]string{fmt.Sprintf("replicaof %s %s", host, port), "repl-diskless-sync-delay 0"}, conf...)...)
	s.Await("the replica to keep up", func() bool {
		return s.Stat("master_link_status") == "up" && strings.Contains(master.Stat("slave0")+master.Stat("slave1"), "state=online")
	})
	return s
}

// Sentinel starts a sentinel that watches a master, calls it Name, and replaces it
// by a replica soon after it is gone. It waits until the replicas are known.
func Sentinel(t testing.TB, master *Server, replicas int) *Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(master.Addr)
	s := start(t, "--sentinel", []string{
		fmt.Sprintf("sentinel monitor %s %s %s 1", Name, host, port),
		"sentinel down-after-milliseconds " + Name + " 300",
		"sentinel failover-timeout " + Name + " 3000",
	})
	s.Await("the sentinel to know the replicas", func() bool {
		return strings.Contains(s.Do("INFO", "sentinel"), fmt.Sprintf("status=ok,address=%s,slaves=%d", master.Addr, replicas))
	})
	return s
}

// Cluster starts a cluster of masters, each with an even share of the slots.
func Cluster(t testing.TB, masters int, conf ...string) []*Server {
	t.Helper()
	var all []*Server
	var buses []string
	for range masters {
		_, bus, _ := strings.Cut(Refusing(t), ":") // 10000 above the port may be out of range
		all = append(all, Start(t, append([]string{"cluster-enabled yes", "cluster-node-timeout 2000", "cluster-port " + bus}, conf...)...))
		buses = append(buses, bus)
	}
	for i, s := range all {
		s.Must("CLUSTER", "ADDSLOTSRANGE", 16384*i/masters, 16384*(i+1)/masters-1)
		s.Must("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i > 0 {
			host, port, _ := net.SplitHostPort(s.Addr)
			all[0].Must("CLUSTER", "MEET", host, port, buses[i])
		}
	}
	for _, s := range all {
		s.Await("the cluster to form", func() bool {
			info := s.Do("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", masters)) &&
				strings.Contains(info, "cluster_slots_ok:16384")
		})
	}
	return all
}

// ID is how a node of a cluster names itself.
func (s *Server) ID() string {
	s.t.Helper()
	return s.Do("CLUSTER", "MYID")
}
