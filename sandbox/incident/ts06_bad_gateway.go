package incident

import "payops-mcp/sandbox/ingest"

// TS-06: a proxy in front of the ingest API answers 502 with an HTML page.
var _ = add(apiFault("TS-06", ingest.BadGateway(), "502", "text/html"))
