package paysim_test

import (
	"testing"
	"time"

	"payops-mcp/sandbox/paysim/traffic"
)

// BenchmarkAuthorize measures authorizations over HTTP on two instances with
// everything behind them: limits, gateway, database, outbox, and workers that
// settle and post at the same time. It is to be run with a fixed number, as in
// -benchtime 10000x, and ends with a check that nothing was lost on the way.
func BenchmarkAuthorize(b *testing.B) {
	s := start(b, map[string]string{"PAYSIM_GATEWAY_LATENCY": "5ms", "PAYSIM_GATEWAY_JITTER": "1ms"})
	b.ResetTimer()
	began := time.Now()
	g := s.load(b, traffic.Options{Targets: s.fleet.IngestURLs(), Clients: 48, Payments: b.N}, nil)
	took := time.Since(began)
	b.StopTimer()
	stats := g.Stats()
	b.ReportMetric(float64(stats.Paid)/took.Seconds(), "payments/s")
	b.ReportMetric(float64(stats.P95.Microseconds())/1000, "p95-ms")
	b.Log(stats)
	s.holds(b, g)
}
