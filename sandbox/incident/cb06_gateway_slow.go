package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/ingest"
)

// CB-06: the payment gateway answers, and too slowly; its breaker tries again.
var _ = add(Incident{ID: "CB-06", Parts: showing, Undo: restoreState,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		// As many as are let through before it decides.
		calls := ingest.SettingsOf(ingest.PGAuthAPI).HalfOpenCalls
		mean, slow, refused := 2.1+w.Rand.Float64(), w.between(calls/2+1, calls-1), float64(w.between(3, 9))
		did := Injected{Asks: []Ask{askWhyOpen(), askPattern()}, Quotes: []string{ingest.PGAuthAPI, fmt.Sprintf("%d%%", 100*slow/calls)}}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			s = s.With(ingest.PGAuthAPI, ingest.Breaker{State: ingest.HalfOpen, Successful: calls, SlowSuccessful: slow, CallSeconds: mean,
				PerSecond: ingest.CallRates{Successful: 2, NotPermitted: refused}})
			return withTraffic(s, authorize(200, 2, mean), authorize(409, refused, 0.02))
		}); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
})
