package incident

import "payops-mcp/sandbox/ingest"

// TS-64: the ingest API asks for a token that the server does not have.
var _ = add(apiFault("TS-64", ingest.Fault{Kind: ingest.Reply, Status: 401, ContentType: "application/json", Body: `{"status":401,"error":"Unauthorized"}`}, "401"))
