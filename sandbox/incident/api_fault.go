package incident

import (
	"context"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// apiFault is an incident in which callers of the ingest API get nothing of use,
// while the service is well and Prometheus scrapes it.
func apiFault(id string, f ingest.Fault, quotes ...string) Incident {
	return Incident{ID: id, Parts: stack.PartIngest | stack.PartPrometheus,
		Inject: func(ctx context.Context, w *World) (Injected, error) {
			did := Injected{Asks: []Ask{askBreaker()}, Quotes: quotes}
			return did, w.eachIngest(func(in *stack.Ingest) error {
				did.Quotes = append(did.Quotes, in.Addr())
				return in.SetFault(ctx, f)
			})
		},
		Undo: func(ctx context.Context, w *World, _ Injected) error {
			return w.eachIngest(func(in *stack.Ingest) error { return in.SetFault(ctx, ingest.Fault{}) })
		},
	}
}
