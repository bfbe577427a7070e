package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// KF-04: the settlement worker has stopped. Payments are authorized and their
// capture requests reach Kafka, where nobody takes them.
var _ = add(Incident{ID: "KF-04", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askKafka(), askLag(bus.SettlementGroup), askReconciliation()}, Quotes: []string{bus.SettlementGroup, "Empty", "members 0"}}
		if err := w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.PauseLoop(ctx, bus.SettlementGroup) }); err != nil {
			return did, err
		}
		if err := awaitGroup(ctx, w, bus.SettlementGroup, "Empty"); err != nil {
			return did, err
		}
		done, err := committedBy(ctx, w, bus.SettlementGroup, bus.CaptureRequested)
		if err != nil {
			return did, err
		}
		did.Quotes = append(did.Quotes, fmt.Sprintf("committed %d", done[0]))
		return did, awaitLag(ctx, w, bus.SettlementGroup, bus.CaptureRequested, int64(w.between(20, 60)))
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		return w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.ResumeLoop(ctx, bus.SettlementGroup) })
	},
})
