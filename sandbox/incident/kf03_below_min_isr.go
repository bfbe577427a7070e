package incident

import (
	"context"

	"payops-mcp/sandbox/paysim/bus"
)

// KF-03: a topic that the workers write to asks for more replicas in sync than it
// has. What waits for all replicas is refused there; the ingest service, which
// writes to other topics, goes on.
var _ = add(Incident{ID: "KF-03", Parts: paying,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		topic := []string{bus.Captured, bus.Refunded}[w.Rand.IntN(2)]
		did := Injected{Asks: []Ask{askKafka(), askReconciliation()}, Quotes: []string{topic, "in sync 1, min.insync 2"}, Kept: map[string]string{"topic": topic}}
		return did, setTopic(ctx, w, topic, "min.insync.replicas", "2")
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return setTopic(ctx, w, did.Kept["topic"], "min.insync.replicas", "")
	},
})
