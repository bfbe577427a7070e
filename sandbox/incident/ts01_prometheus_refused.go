package incident

import (
	"context"
)

// TS-01: Prometheus does not run.
var _ = add(Incident{ID: "TS-01", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		return Injected{Asks: []Ask{askPattern(), askWhyOpen()}, Quotes: []string{"refused", w.Stack.Prometheus.ClientAddr()}}, w.Stack.Prometheus.Stop(ctx)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error { return w.Stack.Prometheus.Start(ctx) },
})
