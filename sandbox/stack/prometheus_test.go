package stack_test

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
	"payops-mcp/sandbox/stack/stacktest"
)

// Prometheus sees the instances as the real one sees the real service.
func TestScrape(t *testing.T) {
	t.Parallel()
	s := stacktest.Fresh(t, stack.Options{Parts: stack.PartPrometheus | stack.PartIngest})
	ctx := t.Context()
	begin := time.Now()
	if err := s.Prometheus.WaitScraped(ctx, s.Ingest...); err != nil {
		t.Fatal(err)
	}
	t.Logf("first scrape after %s", time.Since(begin).Round(time.Millisecond))
	states, err := s.Prometheus.WaitFor(ctx, `resilience4j_circuitbreaker_state{job="ingest-service"}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(states) != 2*2*6 {
		t.Errorf("%d series of state, want 6 for each of 2 breakers of 2 instances", len(states))
	}
	ones := 0
	for _, sample := range states {
		ones += int(sample.Value)
		m := sample.Metric
		if m["application"] != "INGEST-SERVICE" || m["exported_application"] != "ingest-service" || m["group"] != "" ||
			m["instance"] != model.LabelValue(s.Ingest[0].Instance()) && m["instance"] != model.LabelValue(s.Ingest[1].Instance()) {
			t.Errorf("labels %v", m)
		}
	}
	if ones != 4 {
		t.Errorf("%d states are 1, want one for each breaker and instance", ones)
	}

	open := ingest.Breaker{State: ingest.Open, Failed: 5}
	if err := s.Ingest[1].SetBreaker(ctx, ingest.KafkaPublisher, open); err != nil {
		t.Fatal(err)
	}
	if err := s.Prometheus.WaitScraped(ctx, s.Ingest...); err != nil {
		t.Fatal(err)
	}
	is, err := s.Prometheus.WaitFor(ctx, `resilience4j_circuitbreaker_state{name="kafka-publisher",state="open"} == 1`)
	if err != nil || len(is) != 1 || is[0].Metric["instance"] != model.LabelValue(s.Ingest[1].Instance()) {
		t.Errorf("open breakers: %v (%v), want that of %s", is, err, s.Ingest[1].Instance())
	}
	// A stopped instance is down, not absent.
	if err := s.Ingest[0].Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prometheus.WaitFor(ctx, `up{job="ingest-service",instance="`+s.Ingest[0].Instance()+`"} == 0`); err != nil {
		t.Error(err)
	}
	if err := s.Ingest[0].Start(ctx); err != nil {
		t.Fatal(err)
	}
	// One that left the registry is absent.
	if err := s.Prometheus.SetTargets(s.Ingest[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prometheus.WaitFor(ctx, `absent(up{job="ingest-service",instance="`+s.Ingest[0].Instance()+`"})`); err != nil {
		t.Error(err)
	}
}
