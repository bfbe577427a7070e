package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// SH-01: payments of a merchant with an odd number on the first shard, where its
// captures and refunds do not find them.
var _ = add(Incident{ID: "SH-01", Parts: stack.PartMariaDB,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		merchant := fmt.Sprintf("MERCHANT-%d", 2*w.between(50_000, 400_000)+1)
		did := Injected{Asks: []Ask{askReconciliation(), askDatabases()}}
		if len(w.Stack.Shards) < 2 {
			return did, errors.New("the stack has no second shard")
		}
		shard := w.Stack.Shards[0]
		hit, err := w.victims(ctx, shard, "CAPTURED", w.between(120, 250))
		if err != nil {
			return did, err
		}
		did.Quotes = []string{merchant, strconv.Itoa(len(hit)), shard.Name(), w.Stack.Shards[1].Name()}
		text, err := json.Marshal(hit)
		if err != nil {
			return did, err
		}
		did.Kept = map[string]string{"payments": string(text), "merchant": merchant}
		return did, change(ctx, shard, ids(hit), fmt.Sprintf(`UPDATE idem_response_cache c JOIN payment p USING (merchant_id, idempotency_key)
SET c.merchant_id='%s' WHERE p.payment_id IN (%%)`, merchant), fmt.Sprintf("UPDATE payment SET merchant_id='%s', updated_at=updated_at WHERE payment_id IN (%%)", merchant))
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		var hit []victim
		if did.Kept["payments"] == "" {
			return nil
		}
		if err := json.Unmarshal([]byte(did.Kept["payments"]), &hit); err != nil {
			return err
		}
		of := map[string][]int64{}
		for _, v := range hit {
			of[v.Merchant] = append(of[v.Merchant], v.ID)
		}
		var errs []error
		for merchant, some := range of {
			errs = append(errs, change(ctx, w.Stack.Shards[0], some, fmt.Sprintf(`UPDATE idem_response_cache c JOIN payment p USING (merchant_id, idempotency_key)
SET c.merchant_id='%s' WHERE p.payment_id IN (%%)`, merchant), fmt.Sprintf("UPDATE payment SET merchant_id='%s', updated_at=updated_at WHERE payment_id IN (%%)", merchant)))
		}
		return errors.Join(errs...)
	},
})
