package diagnose

import (
	"fmt"

	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// held is REDIS_SLOW of a server that answers us and holds others back, as while writes
// are paused; known is false where that cannot be seen. It is not certain: a module may
// hold its clients too, and counts that were reset no longer tell of those that wait for
// data.
func held(s redisdb.Server) (f report.Finding, found, known bool) {
	if s.Info == nil {
		return f, false, false
	}
	n, known := s.Info.Load.Held()
	if n == 0 {
		return f, false, known
	}
	value := fmt.Sprintf("blocked_clients:%d", n)
	if all := s.Info.Load.Clients; all != nil {
		value += fmt.Sprintf(" of connected_clients:%d", *all)
	}
	return report.NewFinding(catalog.RedisSlow, "%s holds %s back though none of them can wait for data: are writes paused (CLIENT PAUSE, a failover)?", s.Source.Name, clients(n)).
		With(s.Source.Name, "INFO clients, commandstats", value+", no call of BLPOP, XREAD, WAIT and the like", s.Info.Time).
		Hurts("if writes are paused: every authorize, capture and refund hangs in its INCR until the pause ends, whatever the counters say").
		Then("CLIENT LIST there: flags=b and cmd say who waits in what", "A failover pauses writes for a moment only: ask again; else find out who paused them, and have them end it (CLIENT UNPAUSE)").
		Unsure(), true, true
}

func clients(n int64) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}
