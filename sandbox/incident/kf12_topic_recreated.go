package incident

import (
	"context"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/stack"
)

// KF-12: a topic ends before what the refund workers have committed in it, as
// after it was deleted and created again.
var _ = add(Incident{ID: "KF-12", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		const group, topic = bus.RefundGroup, bus.RefundRequested
		did := Injected{Asks: []Ask{askKafka(), askLag(group)}, Kept: map[string]string{}}
		if err := w.eachPaysim(paysim.RoleRefund, func(p *stack.Paysim) error { return p.PauseLoop(ctx, group) }); err != nil {
			return did, err
		}
		if err := awaitGroup(ctx, w, group, "Empty"); err != nil {
			return did, err
		}
		before, err := committedBy(ctx, w, group, topic)
		if err != nil {
			return did, err
		}
		ends, err := logEnds(ctx, w, topic)
		if err != nil {
			return did, err
		}
		beyond := ends[0] + int64(w.between(5_000, 9_000))
		did.Kept["committed"] = strconv.FormatInt(before[0], 10)
		did.Quotes = []string{topic, fmt.Sprintf("committed %d > end", beyond)}
		return did, commit(ctx, w, group, topic, 0, beyond)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		if text, ok := did.Kept["committed"]; ok {
			before, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return err
			}
			if err := commit(ctx, w, bus.RefundGroup, bus.RefundRequested, 0, before); err != nil {
				return err
			}
		}
		return w.eachPaysim(paysim.RoleRefund, func(p *stack.Paysim) error { return p.ResumeLoop(ctx, bus.RefundGroup) })
	},
})
