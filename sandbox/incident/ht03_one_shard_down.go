package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/ingest"
	"payops-mcp/sandbox/stack"
)

// HT-03: the second shard's database is gone. The merchants that live there get
// 500, about half of the traffic; the others are served.
var _ = add(Incident{ID: "HT-03", Parts: stack.PartMariaDB | stack.PartIngest,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		if len(w.Stack.Shards) < 2 {
			return Injected{}, errors.New("the stack has no second shard to stop")
		}
		shard := w.Stack.Shards[1]
		did := Injected{
			Asks:   []Ask{askPayments("payments last hour"), askBreaker()},
			Quotes: []string{"shard2", shard.ClientAddr()},
		}
		if err := changeState(ctx, w, &did, halfFails); err != nil {
			return did, err
		}
		return did, shard.Stop(ctx)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		if len(w.Stack.Shards) < 2 {
			return nil
		}
		return errors.Join(restoreState(ctx, w, did), w.Stack.Shards[1].Start(ctx))
	},
})

// halfFails adds a 500 to every request that is served.
func halfFails(s ingest.State) ingest.State {
	var failing []ingest.Traffic
	for _, t := range s.HTTP {
		if t.Status == 200 {
			t.Status = 500
			failing = append(failing, t)
		}
	}
	s.HTTP = append(failing, s.HTTP...)
	return s
}
