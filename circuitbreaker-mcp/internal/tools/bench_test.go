package tools

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"payops-mcp/circuitbreaker-mcp/internal/ingest"
	"payops-mcp/circuitbreaker-mcp/internal/promql"
	"payops-mcp/circuitbreaker-mcp/internal/promtest"
)

// BenchmarkStatus compares a whole answer with what is behind it: the GET of the
// API alone, and a single query of Prometheus.
func BenchmarkStatus(b *testing.B) {
	s := httptest.NewServer(status(closed))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		b.Fatal(err)
	}
	p, err := url.Parse(promtest.Start(b, healthyPast(host(s.URL), "eureka:2")).URL)
	if err != nil {
		b.Fatal(err)
	}
	nowhere, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		b.Fatal(err)
	}
	get := func(b *testing.B, url string) {
		resp, err := http.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	b.Run("the GET alone", func(b *testing.B) {
		for b.Loop() {
			get(b, s.URL+"/circuit-breaker/status")
		}
	})
	b.Run("a query alone", func(b *testing.B) {
		for b.Loop() {
			get(b, p.String()+"/api/v1/query?query=up")
		}
	})
	api := ingest.New(ingest.Options{BaseURLs: []*url.URL{u}})
	for name, prometheus := range map[string]*url.URL{"an answer": p, "an answer without Prometheus": nowhere} {
		b.Run(name, func(b *testing.B) {
			src := Sources{Ingest: api, Prometheus: promql.New(promql.Options{URL: prometheus}), Zone: time.UTC}
			var slowest time.Duration
			for b.Loop() {
				a, err := src.status(b.Context(), StatusIn{})
				if err != nil {
					b.Fatal(err)
				}
				slowest += max(a.Sources[0].Took, a.Sources[1].Took)
			}
			b.ReportMetric(float64(slowest.Nanoseconds())/float64(b.N), "ns-slowest-source/op")
		})
	}
}
