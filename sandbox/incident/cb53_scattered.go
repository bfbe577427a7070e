package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/ingest/wire"
)

// CB-53: five sends of half an hour have failed, each for itself, and as the breaker
// counts no successes while it is closed, the fifth has opened it. Kafka is well.
var _ = add(Incident{ID: "CB-53", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askWhyOpen(), askStack()}, Quotes: []string{"OPEN", "5"}}
		started := time.Now().Add(-2 * time.Hour)
		err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			s.Started = started
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.Closed, Failed: 4})
		})
		if err != nil {
			return did, err
		}
		if err := w.Stack.WaitScraped(ctx); err != nil {
			return did, err
		}
		var failures []time.Duration
		for n := range 4 {
			failures = append(failures, time.Duration(w.between(30-8*n, 33-8*n))*time.Minute)
		}
		past, err := scatteredPast(ctx, w, failures)
		if err != nil {
			return did, err
		}
		if err := w.Stack.Prometheus.Relive(ctx, past); err != nil {
			return did, err
		}
		if err := w.Stack.WaitScraped(ctx); err != nil {
			return did, err
		}
		err = changeState(ctx, w, &Injected{}, func(s ingest.State) ingest.State {
			return s.With(ingest.KafkaPublisher, ingest.Breaker{State: ingest.Open, Failed: 5})
		})
		if err != nil {
			return did, err
		}
		return did, inState(ctx, w, ingest.KafkaPublisher, wire.Open, 0)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return errors.Join(restoreState(ctx, w, did), w.Stack.Prometheus.Remember(ctx))
	},
})

// scatteredPast is a past of forty minutes in which everything was as it is, but for
// the failed calls of the breaker around Kafka, of which there was one more each of
// these times ago.
func scatteredPast(ctx context.Context, w *World, failures []time.Duration) (string, error) {
	series, err := w.Stack.Prometheus.WaitFor(ctx, `{job="ingest-service", __name__=~"up|process_start_time_seconds|resilience4j_circuitbreaker_.*"}`)
	if err != nil {
		return "", err
	}
	now := time.Now()
	var text strings.Builder
	for _, s := range series {
		falls := s.Metric[model.MetricNameLabel] == "resilience4j_circuitbreaker_calls_seconds_count" && s.Metric["kind"] == "failed" && s.Metric["name"] == wire.KafkaPublisher
		for ago := 40 * time.Minute; ago > 0; ago -= 10 * time.Second {
			v := float64(s.Value)
			if falls {
				for _, f := range failures {
					if f < ago {
						v--
					}
				}
			}
			fmt.Fprintf(&text, "%s %g %.3f\n", written(s.Metric), v, float64(now.Add(-ago).UnixMilli())/1000)
		}
	}
	text.WriteString("# EOF\n")
	return text.String(), nil
}

// written is a series as OpenMetrics writes it.
func written(m model.Metric) string {
	var labels []string
	for name, value := range m {
		if name != model.MetricNameLabel {
			labels = append(labels, fmt.Sprintf("%s=%q", name, string(value)))
		}
	}
	slices.Sort(labels)
	return string(m[model.MetricNameLabel]) + "{" + strings.Join(labels, ",") + "}"
}
