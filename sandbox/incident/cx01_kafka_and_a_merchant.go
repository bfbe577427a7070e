package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// CX-01: Kafka is down, and independently of it one merchant is blocked for ever.
var _ = add(both("CX-01", "CB-01", "RD-01"))

// both is two incidents at the same time. They are looked up when it happens:
// files come in any order.
func both(id, first, second string) Incident {
	i := Incident{ID: id, Parts: paying}
	i.Inject = func(ctx context.Context, w *World) (Injected, error) {
		all := Injected{Kept: map[string]string{}}
		for _, part := range []string{first, second} {
			one, err := Get(part)
			if err != nil {
				return all, err
			}
			did, err := one.Start(ctx, w)
			if err != nil {
				return all, err
			}
			kept, err := json.Marshal(did)
			if err != nil {
				return all, err
			}
			all.Kept[part] = string(kept)
			all.Asks = append(all.Asks, did.Asks...)
			all.Quotes = append(all.Quotes, did.Quotes...)
			all.Never = append(all.Never, did.Never...)
			all.Aside = append(all.Aside, did.Aside...)
		}
		return all, nil
	}
	i.Undo = func(ctx context.Context, w *World, did Injected) error {
		var errs []error
		for _, part := range []string{second, first} {
			kept, ok := did.Kept[part]
			if !ok {
				continue
			}
			var before Injected
			one, err := Get(part)
			if err == nil {
				err = json.Unmarshal([]byte(kept), &before)
			}
			if err == nil {
				err = one.Undo(ctx, w, before)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("undo %s: %w", part, err))
			}
		}
		return errors.Join(errs...)
	}
	return i
}
