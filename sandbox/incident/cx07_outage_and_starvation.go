package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// CX-07: the payment gateway's outage is over, and what it refused is never tried
// again.
var _ = add(Incident{ID: "CX-07", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		n := w.between(120, 200)
		ended := w.between(3600, 7200)
		code, statements := refusedBetween(w, n, ended+900, ended, "retry_count=0, last_retry_at=NULL")
		return requestIncident{kind: "settlement", status: "CAPTURED", least: n, most: n, statements: statements,
			then: func(_ context.Context, w *World, did *Injected, place int, hit []victim) error {
				failed := refused(hit)
				did.Quotes = append(worth(failed), code, strconv.Itoa(len(failed)), w.Stack.Shards[place].Name())
				return nil
			}}.inject(ctx, w)
	},
})
