package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// HT-02: the service registry has lost every instance of ingest: Prometheus no
// longer scrapes any, and the gateway has nobody to send a request to.
var _ = add(Incident{ID: "HT-02", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askBreaker(), askWhyOpen()}, Quotes: []string{"503"}}
		err := w.eachIngest(func(in *stack.Ingest) error {
			return in.SetFault(ctx, ingest.Fault{Kind: ingest.Reply, Status: 503, ContentType: "application/json", Body: `{"status":503,"error":"Service Unavailable"}`})
		})
		if err != nil {
			return did, err
		}
		if err := w.Stack.Prometheus.SetTargets(); err != nil {
			return did, err
		}
		// Not scraped for longer than two intervals: the series have ended, and so
		// has what is still seen of them.
		_, err = w.Stack.Prometheus.WaitFor(ctx, `absent(up{job="ingest-service"}) and on() (max(max_over_time(timestamp(up{job="ingest-service"})[5m:1s])) < time() - 5)`)
		return did, err
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return errors.Join(w.Stack.Prometheus.SetTargets(w.Stack.Ingest...),
			w.eachIngest(func(in *stack.Ingest) error { return in.SetFault(ctx, ingest.Fault{}) }))
	},
})
