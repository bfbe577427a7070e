package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// NM-05: the ledger's group once read payment.authorized and has committed there.
// It does not any more, and the topic grows.
var _ = add(Incident{ID: "NM-05", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askKafka(), askLag(bus.LedgerGroup)}, Quotes: []string{bus.LedgerGroup}}
		pause := func(p *stack.Paysim) error { return p.PauseLoop(ctx, bus.LedgerGroup) }
		resume := func(p *stack.Paysim) error { return p.ResumeLoop(ctx, bus.LedgerGroup) }
		if err := w.eachPaysim(paysim.RoleLedger, pause); err != nil {
			return did, err
		}
		// Only of a group without members does a broker take a commit by hand.
		if err := awaitGroup(ctx, w, bus.LedgerGroup, "Empty"); err != nil {
			return did, err
		}
		for p := range 6 {
			if err := commit(ctx, w, bus.LedgerGroup, bus.Authorized, p, 0); err != nil {
				return did, fmt.Errorf("commit on %s/%d: %w", bus.Authorized, p, err)
			}
		}
		if err := w.eachPaysim(paysim.RoleLedger, resume); err != nil {
			return did, err
		}
		return did, awaitDrained(ctx, w, bus.LedgerGroup, bus.Captured, bus.Refunded)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		for p := range 6 {
			if err := commit(ctx, w, bus.LedgerGroup, bus.Authorized, p, -1); err != nil {
				return err
			}
		}
		return w.eachPaysim(paysim.RoleLedger, func(p *stack.Paysim) error { return p.ResumeLoop(ctx, bus.LedgerGroup) })
	},
})
