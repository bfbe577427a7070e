package incident

import "payops-mcp/sandbox/ingest"

// TS-09: the ingest API answers in a shape that is not the one known.
var _ = add(apiFault("TS-09", ingest.Fault{Kind: ingest.Reply, Status: 200, ContentType: "application/json", Body: `{"kafka-publisher":"Not Found"}`}, "Not Found"))
