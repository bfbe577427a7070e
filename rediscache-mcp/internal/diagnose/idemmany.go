package diagnose

import (
	"fmt"
	"strings"
	"time"

	"payops-mcp/rediscache-mcp/internal/limiter"
	"payops-mcp/rediscache-mcp/internal/redisdb"
	"payops-mcp/shared/catalog"
	"payops-mcp/shared/report"
)

// IdemNoTTL judges cached answers without a TTL: how many were seen, and a few of
// them looked at again. It finds nothing when none of these is there any more.
func IdemNoTTL(seen int64, again []redisdb.Counter, lifetime limiter.Lifetime, source string, clock time.Time) (report.Finding, bool) {
	var names []string
	for _, c := range again {
		if s := c.Last(); c.Err == nil && c.TTLErr == nil && s.Exists && s.NoTTL {
			names = append(names, fmt.Sprintf("%q", c.Key))
		}
	}
	if len(names) == 0 {
		return report.Finding{}, false
	}
	list := strings.Join(names[:min(named, len(names))], ", ")
	why := fmt.Sprintf("ingest sets one of %s (%s), so something else wrote them, or an instance of ingest is configured differently", seconds(lifetime.TTL), setOrAssumed(lifetime.Set))
	if lifetime.TTL == 0 {
		why = "APP_IDEMPOTENCY_CACHE_TTL_SECONDS is 0 or less, so ingest sets none"
	}
	return report.NewFinding(catalog.IdemKeyNoTTL, "%d cached answers have no TTL and stay until somebody deletes them, %s among them: %s", seen, list, why).
		With(source, "SCAN, PTTL", fmt.Sprintf("%d keys with TTL -1; %d of %d looked at again still there", seen, len(names), len(again)), clock).
		Hurts("memory that is never given back; a repeated request gets the old answer for ever").
		Then("Compare APP_IDEMPOTENCY_CACHE_TTL_SECONDS over all ingest instances", "Find who else writes idempotency keys (deployments, scripts, a shared Redis)"), true
}
