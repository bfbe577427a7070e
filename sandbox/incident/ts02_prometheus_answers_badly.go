package incident

import "payops-mcp/sandbox/ingest"

// TS-02: Prometheus answers that it cannot, in one of the ways it does.
var _ = add(promFault("TS-02", func(w *World) ingest.Fault {
	return []ingest.Fault{
		{Kind: ingest.Reply, Status: 503, ContentType: "text/plain; charset=utf-8", Body: "Service Unavailable"},
		{Kind: ingest.Reply, Status: 422, ContentType: "application/json", Body: `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`},
		{Kind: ingest.Reply, Status: 503, ContentType: "application/json", Body: `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`},
	}[w.Rand.IntN(3)]
}))
