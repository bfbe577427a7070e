package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// ST-05: for a quarter of an hour the payment gateway has refused nine of ten
// settlements, all with one code.
var _ = add(Incident{ID: "ST-05", Parts: stack.PartMariaDB, Undo: restoreBooks,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		n := w.between(150, 250)
		code, statements := refusedBetween(w, n, w.between(800, 900), 5, "retry_count=1, last_retry_at=NOW(3)")
		return requestIncident{kind: "settlement", status: "CAPTURED", least: n, most: n, statements: statements,
			then: func(_ context.Context, w *World, did *Injected, place int, hit []victim) error {
				// How much money cannot be told: others were refused for other reasons.
				did.Quotes = []string{code, strconv.Itoa(len(refused(hit))), w.Stack.Shards[place].Name()}
				return nil
			}}.inject(ctx, w)
	},
})
