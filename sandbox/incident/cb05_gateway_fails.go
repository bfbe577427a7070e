package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"payops-mcp/sandbox/ingest/wire"
	"payops-mcp/sandbox/paysim"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/gateway"
	"payops-mcp/sandbox/stack"
	"payops-mcp/shared/catalog"
)

// CB-05: the payment gateway refuses every authorization. Its breaker opens,
// which only Prometheus tells of, and the service answers as if every payment had
// been made before: 409, without a payment.
var _ = add(Incident{ID: "CB-05", Parts: paying | stack.PartPrometheus,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askBreaker(), askWhyOpen(), askPayments("payments last hour"), askPattern()}, Quotes: []string{wire.PGAuthAPI, "turned away"}}
		err := w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx, defect.FailuresAs409) })
		if err != nil {
			return did, err
		}
		if err := setGateway(ctx, w, &did, gateway.Behaviour{FailureRate: 1, Only: gateway.Authorize}); err != nil {
			return did, err
		}
		if err := awaitBreaker(ctx, w, wire.PGAuthAPI, wire.Open); err != nil {
			return did, err
		}
		// More than are usual by so much that nobody takes them for duplicates.
		if err := changeLoad(ctx, w, &did, 40); err != nil {
			return did, err
		}
		if err := awaitShare(ctx, w, `uri="/payments/authorize", status="409"`, 0.3); err != nil {
			return did, err
		}
		spike, err := spikes409(ctx, w)
		if err != nil {
			return did, err
		}
		if !spike {
			did.Unshown = append(did.Unshown, catalog.Ingest409Spike)
		}
		// Right after its start a system has so few requests that this was so before
		// Prometheus saw the breaker open, and turn calls away.
		return did, awaitShown(ctx, w, noticedWithin, fmt.Sprintf("min(increase(resilience4j_circuitbreaker_not_permitted_calls_total{name=%q}[1m])) > 1", wire.PGAuthAPI))
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return errors.Join(restoreLoad(ctx, w, did), restoreGateway(ctx, w, did),
			w.eachPaysim(paysim.RoleIngest, func(p *stack.Paysim) error { return p.SetDefects(ctx) }))
	},
})

// spikes409 reports whether the authorizations that are answered 409 are so many that the
// catalog calls it a spike: five times the share of the hour before. After other outages
// of the gateway within the hour no share may ever be that. The shares move until somebody
// asks, so that this one is given a minute to get clear of the line.
func spikes409(ctx context.Context, w *World) (bool, error) {
	share := func(over string) string { return shareQuery(`uri="/payments/authorize"`, `status="409"`, over) }
	below := func(times int) string {
		return fmt.Sprintf("%s < %d * (%s)", share("[5m]"), times, share("[1h] offset 5m"))
	}
	if awaitShown(ctx, w, time.Minute, share("[5m]")+" unless "+below(6)) == nil {
		return true, nil
	}
	less, _, _, err := w.Stack.Prometheus.API().Query(ctx, below(5), time.Now())
	if err != nil {
		return false, err
	}
	found, ok := less.(model.Vector)
	if !ok {
		return false, fmt.Errorf("prometheus answers a comparison with %s", less.Type())
	}
	return len(found) == 0, nil
}

// setGateway changes how well the payment gateway works and keeps how it worked.
func setGateway(ctx context.Context, w *World, did *Injected, b gateway.Behaviour) error {
	return w.eachPaysim(paysim.RoleGateway, func(p *stack.Paysim) error {
		before, err := p.Behaviour(ctx)
		if err != nil {
			return err
		}
		kept, err := json.Marshal(before)
		if err != nil {
			return err
		}
		if did.Kept == nil {
			did.Kept = map[string]string{}
		}
		did.Kept["gateway"] = string(kept)
		return p.SetBehaviour(ctx, b)
	})
}

// restoreGateway undoes setGateway.
func restoreGateway(ctx context.Context, w *World, did Injected) error {
	kept, ok := did.Kept["gateway"]
	if !ok {
		return nil
	}
	var before gateway.Behaviour
	if err := json.Unmarshal([]byte(kept), &before); err != nil {
		return err
	}
	return w.eachPaysim(paysim.RoleGateway, func(p *stack.Paysim) error { return p.SetBehaviour(ctx, before) })
}
