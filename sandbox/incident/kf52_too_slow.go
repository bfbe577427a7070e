package incident

import (
	"context"
	"time"

	"payops-mcp/sandbox/paysim/bus"
)

// KF-52: more captures are asked for than the settlement worker, with its one
// thread, gets done.
var _ = add(Incident{ID: "KF-52", Parts: paying, Undo: restoreWorker,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const group = bus.SettlementGroup
		did := Injected{Asks: []Ask{askKafka(), askLag(group)}, Quotes: []string{group, bus.CaptureRequested + "/0", "falls behind"}}
		if err := oneThread(ctx, w, &did, time.Duration(w.between(150, 200))*time.Millisecond); err != nil {
			return did, err
		}
		if err := changeLoad(ctx, w, &did, 40); err != nil {
			return did, err
		}
		// On top of what waits already, which may have been falling until now.
		waiting, err := lagOf(ctx, w, group, bus.CaptureRequested)
		if err != nil {
			return did, err
		}
		return did, awaitLag(ctx, w, group, bus.CaptureRequested, waiting+int64(w.between(350, 450)))
	},
})
