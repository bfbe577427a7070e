package redisdb

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// allSlots is how many hash slots a cluster has.
const allSlots = 16384

// whole fails a server that is asked about all keys, was named as one Redis, and is
// one node of several: what it has is a part, and would read as all.
func (db *DB) whole(ctx context.Context, n node, s *Server) {
	if db.target.kind != single || s.Source.Err != nil || s.Info == nil || !s.Info.Cluster {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	said := "cluster_enabled:1"
	switch nodes, err := n.client.ClusterNodes(ctx).Result(); {
	case err != nil:
		said += "; CLUSTER NODES: " + failureOf(err).Said.String()
	case ownSlots(nodes) == allSlots:
		return
	default:
		said += fmt.Sprintf("; this node has %d of %d slots", ownSlots(nodes), allSlots)
	}
	s.Source.Err = &fault.Failure{Class: fault.WrongServer, Said: foreign.Text(said), Next: next[fault.WrongServer]}
}

// ownSlots counts the slots that a node says are its own in CLUSTER NODES.
func ownSlots(nodes string) (n int) {
	for line := range strings.Lines(nodes) {
		fields := strings.Fields(line)
		if len(fields) < 8 || !strings.Contains(fields[2], "myself") {
			continue
		}
		for _, slots := range fields[8:] {
			first, last, ranged := strings.Cut(slots, "-")
			from, err := strconv.Atoi(first) // what is on its way stands in brackets
			if err != nil {
				continue
			}
			to := from
			if ranged {
				if to, err = strconv.Atoi(last); err != nil {
					continue
				}
			}
			n += to - from + 1
		}
	}
	return n
}
