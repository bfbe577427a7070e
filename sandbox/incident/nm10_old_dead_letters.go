package incident

import (
	"context"

	"payops-mcp/sandbox/paysim/bus"
)

// NM-10: a dead-letter topic holds what was given up long ago, and gets nothing
// new. There is nothing to undo: it is as dead as before.
var _ = add(Incident{ID: "NM-10", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askKafka(), askDeadLetters()}, Quotes: []string{bus.PaymentDLQ, "0 new in 15m"}}
		return did, oldDeadLetters(ctx, w)
	},
	Undo: func(context.Context, *World, Injected) error { return nil },
})
