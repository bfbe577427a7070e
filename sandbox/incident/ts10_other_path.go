package incident

import "payops-mcp/sandbox/ingest"

// TS-10: the ingest API is not found at any of the paths it may have.
var _ = add(apiFault("TS-10", ingest.Fault{Kind: ingest.Reply, Status: 404, ContentType: "application/json", Body: `{"status":404,"error":"Not Found"}`},
	"api/circuit-breaker/status", "monitoring/circuit-breaker/status"))
