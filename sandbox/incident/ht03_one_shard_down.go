package incident

import (
	"context"
	"errors"

	"payops-mcp/sandbox/stack"
)

// HT-03: the second shard's database is gone. The merchants that live there get
// 500, about half of the traffic; the others are served.
var _ = add(Incident{ID: "HT-03", Parts: paying | stack.PartPrometheus,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		if len(w.Stack.Shards) < 2 {
			return Injected{}, errors.New("the stack has no second shard to stop")
		}
		shard := w.Stack.Shards[1]
		did := Injected{
			Asks:   []Ask{askPayments("payments last hour"), askDatabases(), askBreaker(), askWhyOpen(), askStack()},
			Quotes: []string{"shard2", shard.ClientAddr()},
		}
		before, err := w.Stack.Load(ctx)
		if err != nil {
			return did, err
		}
		if err := shard.Kill(ctx); err != nil {
			return did, err
		}
		least := before.Stats.Answers[500] + w.between(10, 30)
		err = await(ctx, "payments that fail", func(ctx context.Context) (bool, error) {
			now, err := w.Stack.Load(ctx)
			return now.Stats.Answers[500] >= least, err
		})
		if err != nil {
			return did, err
		}
		return did, awaitShare(ctx, w, `status=~"5.."`, 0.06)
	},
	Undo: func(ctx context.Context, w *World, _ Injected) error {
		if len(w.Stack.Shards) < 2 {
			return nil
		}
		return w.Stack.Shards[1].Start(ctx)
	},
})
