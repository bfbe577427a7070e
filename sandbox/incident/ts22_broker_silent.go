package incident

import (
	"context"
	"strconv"

	"payops-mcp/sandbox/faultnet"
)

// TS-22: one broker of three does not answer the server, and everybody else.
var _ = add(Incident{ID: "TS-22", Parts: paying, Brokers: 3, Proxied: true,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		id := strconv.Itoa(w.between(1, 3))
		did := Injected{Asks: []Ask{askKafka()}, Quotes: []string{"kafka broker " + id, "lower bound"}, Kept: map[string]string{"broker": "kafka-" + id}}
		return did, brokerNetwork(ctx, w, did, faultnet.Fault{Mode: faultnet.BlackHole})
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return brokerNetwork(ctx, w, did, faultnet.Fault{})
	},
})

// brokerNetwork breaks or mends the way from the servers under test to a broker.
func brokerNetwork(ctx context.Context, w *World, did Injected, f faultnet.Fault) error {
	broker, err := w.Stack.Part(did.Kept["broker"])
	if err != nil {
		return err
	}
	return broker.SetNetwork(ctx, f)
}
