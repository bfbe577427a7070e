package incident

import (
	"context"
	"errors"
	"time"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/stack"
)

// oneThread has the settlement worker take one capture at a time, each of which
// takes so long at the gateway: the real one has one thread.
func oneThread(ctx context.Context, w *World, did *Injected, each time.Duration) error {
	err := w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error { return p.SetDefects(ctx, defect.OneByOne) })
	return errors.Join(err, setGateway(ctx, w, did, gateway.Behaviour{Latency: each, Only: gateway.Capture}))
}

// restoreWorker undoes oneThread, a pause of the worker, and changeLoad.
func restoreWorker(ctx context.Context, w *World, did Injected) error {
	err := w.eachPaysim(paysim.RoleSettlement, func(p *stack.Paysim) error {
		return errors.Join(p.SetDefects(ctx), p.ResumeLoop(ctx, bus.SettlementGroup))
	})
	return errors.Join(err, restoreGateway(ctx, w, did), restoreLoad(ctx, w, did))
}
