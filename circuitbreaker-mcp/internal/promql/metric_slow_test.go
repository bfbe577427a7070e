package promql_test

import (
	"strings"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/shared/fault"
)

// A Prometheus that does not even count in time has not answered; whether the question
// was too much is for whoever asked to find out.
func TestMetricThatIsNotCountedInTime(t *testing.T) {
	t.Parallel()
	url := answering(t, 503, "application/json", `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`)
	e, err := promql.ReadExpression(`sum(rate(http_requests_total[5m]))`)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	m, err := client(t, url, promql.Options{}).Metric(t.Context(), e, promql.Span{Since: now.Add(-time.Hour), Until: now})
	if err != nil {
		t.Fatalf("the call is at fault: %v", err)
	}
	if m.Source.Err == nil || m.Source.Err.Class != fault.Timeout || !strings.Contains(m.Source.Err.Next, "narrow it with more labels") {
		t.Errorf("%+v", m.Source)
	}
}
