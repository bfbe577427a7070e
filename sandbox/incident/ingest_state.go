package incident

import (
	"context"
	"encoding/json"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// changeState changes what every ingest instance tells of itself and keeps what
// it told before.
func changeState(ctx context.Context, w *World, did *Injected, change func(ingest.State) ingest.State) error {
	if did.Kept == nil {
		did.Kept = map[string]string{}
	}
	return w.eachIngest(func(in *stack.Ingest) error {
		before, err := in.State(ctx)
		if err != nil {
			return err
		}
		kept, err := json.Marshal(before)
		if err != nil {
			return err
		}
		did.Kept[in.Name()] = string(kept)
		return in.SetState(ctx, change(before))
	})
}

// restoreState gives every instance back the state that changeState kept.
func restoreState(ctx context.Context, w *World, did Injected) error {
	return w.eachIngest(func(in *stack.Ingest) error {
		kept, ok := did.Kept[in.Name()]
		if !ok {
			return nil
		}
		var before ingest.State
		if err := json.Unmarshal([]byte(kept), &before); err != nil {
			return err
		}
		return in.SetState(ctx, before)
	})
}
