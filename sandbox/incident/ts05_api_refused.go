package incident

import "payops-mcp/sandbox/ingest"

// TS-05: nothing listens where the ingest API is asked; Prometheus still sees
// the service itself.
var _ = add(apiFault("TS-05", ingest.Fault{Kind: ingest.Refuse}, "refused"))
