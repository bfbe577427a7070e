package incident

import (
	"context"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/stack"
)

// OB-08: the poller notes too late what it has sent, and sends every event twice.
var _ = add(Incident{ID: "OB-08", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askKafka(), askOutbox()}, Quotes: []string{bus.CaptureRequested, "eventId", "2 times"}}
		err := w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx, defect.PublishTwice) })
		if err != nil {
			return did, err
		}
		return did, w.Stack.WaitPaid(ctx, w.between(100, 150))
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx) })
	},
})
