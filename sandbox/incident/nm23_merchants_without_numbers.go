package incident

import (
	"context"
	"fmt"
	"strings"

	"payops-mcp/sandbox/stack"
)

// NM-23: merchants without a digit in their name, or with more digits than a
// number holds. They live on the first shard, as the payment system reads them.
var _ = add(Incident{ID: "NM-23", Parts: stack.PartMariaDB, Undo: removePlanted,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: askOfDatabases()}
		if _, err := w.second(); err != nil {
			return did, err
		}
		letters := make([]byte, 8)
		for i := range letters {
			letters[i] = byte('A' + w.Rand.IntN(26))
		}
		huge := strings.Repeat(fmt.Sprint(w.between(2, 9)), 13) + strings.Repeat(fmt.Sprint(w.between(1, 9)), 8) // odd or even
		for _, merchant := range []string{"MERCHANT_" + string(letters), huge} {
			if _, err := plantPayment(ctx, w.Stack.Shards[0], &did, merchant, fmt.Sprintf("order-%d", w.between(100_000, 999_999)), "KRW", int64(w.between(100, 90_000)), w.justCaptured()); err != nil {
				return did, err
			}
		}
		return did, nil
	},
})
