package incident

import (
	"context"
	"fmt"
	"strings"
	"time"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/stack"
)

// What incidents of the stand-in for the ingest service have in common: they set
// what it tells of itself and wait until Prometheus has seen it.

// showing are the parts that a breaker's state is seen through, and Kafka, which
// is well.
const showing = stack.PartIngest | stack.PartPrometheus | stack.PartKafka

func askPattern() Ask {
	return Ask{Question: "What has failed in the last hour?", Server: "circuitbreaker-mcp", Tool: "analyze_failure_pattern", Args: map[string]any{}}
}

// breakerShows is an incident in which every instance tells another state.
func breakerShows(id string, asks []Ask, quotes []string, change func(*World, ingest.State) ingest.State) Incident {
	return Incident{ID: id, Parts: showing,
		Inject: func(ctx context.Context, w *World) (Injected, error) {
			did := Injected{Asks: asks, Quotes: quotes}
			if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State { return change(w, s) }); err != nil {
				return did, err
			}
			return did, w.Stack.WaitScraped(ctx)
		},
		Undo: restoreState,
	}
}

// inState waits until Prometheus has seen every instance's breaker in a state for a
// time.
func inState(ctx context.Context, w *World, breaker string, state wire.State, least time.Duration) error {
	query := fmt.Sprintf(`count(resilience4j_circuitbreaker_state{name=%q, state=%q} == 1 and min_over_time(resilience4j_circuitbreaker_state[%ds]) == 1) == %d`,
		breaker, strings.ToLower(string(state)), max(1, int(least.Seconds())), len(w.Stack.Ingest))
	return awaitShown(ctx, w, least+noticedWithin, query)
}

// awaitShown waits until Prometheus answers a query with something, for so long at most.
func awaitShown(ctx context.Context, w *World, within time.Duration, query string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := w.Stack.Prometheus.WaitFor(ctx, query)
	return err
}

// withTraffic replaces the authorizations that are answered with a status.
func withTraffic(s ingest.State, more ...ingest.Traffic) ingest.State {
	kept := more
	for _, t := range s.HTTP {
		replaced := false
		for _, m := range more {
			replaced = replaced || m.URI == t.URI && m.Status == t.Status
		}
		if !replaced {
			kept = append(kept, t)
		}
	}
	s.HTTP = kept
	return s
}

func authorize(status int, perSecond, seconds float64) ingest.Traffic {
	return ingest.Traffic{Method: "POST", URI: "/payments/authorize", Status: status, PerSecond: perSecond, MeanSeconds: seconds}
}
