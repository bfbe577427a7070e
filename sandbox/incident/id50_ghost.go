package incident

import (
	"context"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// ID-50: a repeated request is answered with a payment that there is not: the record
// was written, the payment rolled back.
var _ = add(Incident{ID: "ID-50", Parts: stack.PartMariaDB, Undo: restoreRows,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askDuplicates()}}
		shard, place := w.anyShard()
		v, _, err := w.recent(ctx, shard)
		if err != nil {
			return did, err
		}
		var most int64
		if err := shard.Admin().QueryRowContext(ctx, "SELECT MAX(payment_id) FROM payment").Scan(&most); err != nil {
			return did, fmt.Errorf("%s: %w", shard.Name(), err)
		}
		key, strange := "order-"+w.token(10), most+int64(w.between(1000, 900_000))
		did.Asks = append(did.Asks, askIdempotency(v.Merchant, key))
		did.Quotes = []string{v.Merchant, key, strconv.FormatInt(strange, 10), shard.Name()}
		if err := keepRows(ctx, w, &did, place, "idem_response_cache", "idempotency_key='"+key+"'"); err != nil {
			return did, err
		}
		_, err = shard.Admin().ExecContext(ctx, fmt.Sprintf(`INSERT INTO idem_response_cache (merchant_id, idempotency_key, http_status, response_body, created_at)
VALUES (?, ?, 200, JSON_OBJECT('paymentId', ?, 'status', 'CAPTURE_REQUESTED', 'amount', ?, 'currency', ?), NOW(3) - INTERVAL %d MINUTE)`, w.between(15, 600)), v.Merchant, key, strange, v.Amount, v.Currency)
		return did, err
	},
})
