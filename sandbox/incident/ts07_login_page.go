package incident

import "payops-mcp/sandbox/ingest"

// TS-07: a single sign-on proxy answers in the ingest API's place.
var _ = add(apiFault("TS-07", ingest.LoginPage(), "text/html"))
