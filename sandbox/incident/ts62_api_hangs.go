package incident

import "payops-mcp/sandbox/ingest"

// TS-62: the ingest API takes requests and never answers; Prometheus still sees
// the service itself.
var _ = add(apiFault("TS-62", ingest.Fault{Kind: ingest.BlackHole}, "timeout"))
