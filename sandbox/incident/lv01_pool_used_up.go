package incident

import (
	"context"
	"errors"
	"strconv"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/stack"
)

// LV-01: the service asks the payment gateway while it holds a database connection,
// and the gateway has become slower, though not slow enough for its breaker: all
// connections are in use, and payments queue up for one.
var _ = add(Incident{ID: "LV-01", Parts: paying | stack.PartPrometheus,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askStack(), askPattern(), askWhyOpen()}, Quotes: []string{"HikariPool-1", "20 of 20 connections are taken", "threads wait"}, Kept: map[string]string{}}
		load, err := w.Stack.Load(ctx)
		if err != nil {
			return did, err
		}
		did.Kept["rate"] = strconv.FormatFloat(load.Rate, 'g', -1, 64)
		err = w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx, defect.GatewayInTx) })
		if err != nil {
			return did, err
		}
		slower := time.Duration(w.between(1500, 1700)) * time.Millisecond
		if err := setGateway(ctx, w, &did, gateway.Behaviour{Latency: slower, Only: gateway.Authorize}); err != nil {
			return did, err
		}
		// Twice as many as the connections of both instances can serve.
		if err := w.Stack.SetLoad(ctx, 120); err != nil {
			return did, err
		}
		return did, awaitShown(ctx, w, noticedWithin, `min by (pool) (min_over_time(hikaricp_connections_pending{job="ingest-service"}[10s])) > 0 and on (pool) max by (pool) (hikaricp_connections_active{job="ingest-service"}) >= 20`)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		rate, err := strconv.ParseFloat(did.Kept["rate"], 64)
		if err == nil {
			err = w.Stack.SetLoad(ctx, rate)
		}
		return errors.Join(err, restoreGateway(ctx, w, did),
			w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx) }))
	},
})

func askStack() Ask {
	return Ask{Question: "Is everything all right?", Server: "circuitbreaker-mcp", Tool: "check_stack_health", Args: map[string]any{}}
}
