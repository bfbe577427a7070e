package incident

import (
	"context"
	"fmt"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// NM-15: hundreds of captures wait since the settlement worker was restarted, and
// every second there are fewer.
var _ = add(Incident{ID: "NM-15", Parts: paying, Undo: restoreWorker,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const group = bus.SettlementGroup
		did := Injected{Asks: []Ask{askLag(group), askKafka()}, Quotes: []string{group, "falls"}}
		pause := func(p *stack.Paysim) error { return p.PauseLoop(ctx, group) }
		if err := w.eachPaysim(paysim.RoleSettlement, pause); err != nil {
			return did, err
		}
		if err := changeLoad(ctx, w, &did, 60); err != nil {
			return did, err
		}
		waiting := int64(w.between(700, 900))
		if err := awaitLag(ctx, w, group, bus.CaptureRequested, waiting); err != nil {
			return did, err
		}
		if err := w.Stack.SetLoad(ctx, 1); err != nil {
			return did, err
		}
		if err := oneThread(ctx, w, &did, 20*time.Millisecond); err != nil {
			return did, err
		}
		if err := w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.ResumeLoop(ctx, group) }); err != nil {
			return did, err
		}
		return did, await(ctx, fmt.Sprintf("fewer than %d records that wait", waiting), func(ctx context.Context) (bool, error) {
			lag, err := lagOf(ctx, w, group, bus.CaptureRequested)
			return lag < waiting, err
		})
	},
})
