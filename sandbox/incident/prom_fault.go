package incident

import (
	"context"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// promFault is an incident in which something else answers where Prometheus is
// asked; the payment system is well. The stand-in for ingest says it, at the paths
// of Prometheus' API alone.
func promFault(id string, f func(*World) ingest.Fault, quotes ...string) Incident {
	return Incident{ID: id, Parts: showing,
		Inject: func(ctx context.Context, w *World) (Injected, error) {
			wrong := f(w)
			wrong.Path = "/api/v1"
			place := w.Stack.Ingest[0]
			return Injected{Asks: []Ask{askPattern(), askWhyOpen()}, Quotes: quotes,
				Settings: map[string]string{"PROMETHEUS_URL": place.URL()}}, place.SetFault(ctx, wrong)
		},
		Undo: func(ctx context.Context, w *World, _ Injected) error {
			return w.eachIngest(func(in *stack.Ingest) error { return in.SetFault(ctx, ingest.Fault{}) })
		},
	}
}
