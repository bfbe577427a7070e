package tools

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

// Refunds are a small part of all requests, and for the last ten minutes all of them
// failed: of all requests that is 3%.
func TestOneRouteFails(t *testing.T) {
	t.Parallel()
	refunds := func(status string, n int) string {
		return fmt.Sprintf("http_server_requests_seconds_count{method=\"POST\",uri=\"/payments/refund/{paymentId}\",status=%q} %d\n", status, n)
	}
	now := time.Now()
	p := promtest.Start(t, hour(func(second int) string {
		served, failed := (second+3600)/7, 0
		if at := 3000; second > at {
			served, failed = (at+3600)/7, (second-at)/7
		}
		page := promtest.Healthy() + pools + traffic(second, map[string]float64{"200": 4}, 0.2) + refunds("200", served)
		if failed > 0 {
			page += refunds("500", failed)
		}
		return page
	}))
	c := wholeServer(t, 30*time.Second, p.URL, noKafka(t), api(t, instance(closed, "UP", 200)))
	const told = `of "/payments/refund/{paymentId}" are answered 5xx`
	a, r := analyze(t, c, `{}`)
	if a.Verdict != "attention" || !slices.Contains(a.Codes(), "INGEST_5XX_SPIKE") || !strings.Contains(r.Text, "100% (") || !strings.Contains(r.Text, told) {
		t.Errorf("now: %s\n%s", a.Verdict, r.Text)
	}
	if s, states := stackOf(t, c); !slices.Contains(s.Codes(), "INGEST_5XX_SPIKE") || states["traffic"] != "attention" {
		t.Errorf("the stack: %v, traffic %s", s.Codes(), states["traffic"])
	}
	at := func(minutes int) string { return now.Add(time.Duration(-minutes) * time.Minute).Format(time.RFC3339) }
	if a, r := analyze(t, c, fmt.Sprintf(`{"since":%q,"until":%q}`, at(40), at(1))); !slices.Contains(a.Codes(), "INGEST_5XX_SPIKE") || !strings.Contains(r.Text, told) {
		t.Errorf("a time that is over: %s\n%s", a.Verdict, r.Text)
	}
	if a, r := analyze(t, c, fmt.Sprintf(`{"since":%q,"until":%q}`, at(40), at(11))); a.Verdict != "ok" || len(a.Findings) > 0 {
		t.Errorf("before it began: %s\n%s", a.Verdict, r.Text)
	}
}
