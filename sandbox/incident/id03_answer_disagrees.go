package incident

import (
	"context"
	"encoding/json"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// kept is a record as it was before it was changed.
type kept struct {
	Shard               int
	Merchant, Key, Body string
}

// ID-03: the answer that is kept for a repeated request has another amount than
// the payment.
var _ = add(Incident{ID: "ID-03", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askDuplicates()}}
		shard, place := w.anyShard()
		v, key, err := w.recent(ctx, shard)
		if err != nil {
			return did, err
		}
		was := kept{Shard: place, Merchant: v.Merchant, Key: key}
		if err := shard.Admin().QueryRowContext(ctx, "SELECT response_body FROM idem_response_cache WHERE merchant_id = ? AND idempotency_key = ?", v.Merchant, key).Scan(&was.Body); err != nil {
			return did, err
		}
		if err := did.keep("record", was); err != nil {
			return did, err
		}
		other := v.Amount + int64(w.between(1, 5000))
		did.Asks = append(did.Asks, askIdempotency(v.Merchant, key))
		did.Quotes = []string{v.Merchant, key, strconv.FormatInt(v.ID, 10), strconv.FormatInt(v.Amount, 10), strconv.FormatInt(other, 10), shard.Name()}
		_, err = shard.Admin().ExecContext(ctx, "UPDATE idem_response_cache SET response_body = JSON_SET(response_body, '$.amount', ?) WHERE merchant_id = ? AND idempotency_key = ?", other, v.Merchant, key)
		return did, err
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		var was kept
		if did.Kept["record"] == "" {
			return nil
		}
		if err := json.Unmarshal([]byte(did.Kept["record"]), &was); err != nil {
			return err
		}
		_, err := w.Stack.Shards[was.Shard].Admin().ExecContext(ctx, "UPDATE idem_response_cache SET response_body = ? WHERE merchant_id = ? AND idempotency_key = ?", was.Body, was.Merchant, was.Key)
		return err
	},
})
