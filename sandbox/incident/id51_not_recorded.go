package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// ID-51: payments without the record that a repeated request is answered from.
var _ = add(Incident{ID: "ID-51", Parts: stack.PartMariaDB, Undo: restoreRows,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askDuplicates()}}
		shard, place := w.anyShard()
		keys := map[string]bool{}
		where := ""
		for n := w.between(1, 3); len(keys) < n; {
			v, key, err := w.recent(ctx, shard)
			if err != nil {
				return did, err
			}
			if keys[key] {
				continue
			}
			keys[key] = true
			if where != "" {
				where += ","
			}
			where += "'" + key + "'"
			did.Quotes = append(did.Quotes, strconv.FormatInt(v.ID, 10), v.Merchant)
		}
		where = "idempotency_key IN (" + where + ")"
		did.Quotes = append(did.Quotes, shard.Name())
		if err := keepRows(ctx, w, &did, place, "idem_response_cache", where); err != nil {
			return did, err
		}
		_, err := shard.Admin().ExecContext(ctx, "DELETE FROM idem_response_cache WHERE "+where)
		return did, err
	},
})
