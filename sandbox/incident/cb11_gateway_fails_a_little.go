package incident

import (
	"context"
	"fmt"

	"payops-mcp/sandbox/ingest"
)

// CB-11: calls to the payment gateway fail, too few to open its breaker; each is
// answered 409 as if the payment had been made before.
var _ = add(Incident{ID: "CB-11", Parts: showing,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		share := w.between(15, 40)
		did := Injected{Asks: []Ask{askWhyOpen(), askPattern()}, Quotes: []string{fmt.Sprintf("%d%%", share)}}
		if err := changeState(ctx, w, &did, func(s ingest.State) ingest.State {
			failed := 20 * float64(share) / 100
			s = s.With(ingest.PGAuthAPI, ingest.Breaker{State: ingest.Closed, Successful: 100 - share, Failed: share, CallSeconds: 0.2,
				PerSecond: ingest.CallRates{Successful: 20 - failed, Failed: failed}})
			return withTraffic(s, authorize(200, 20-failed, 0.2), authorize(409, failed, 0.2))
		}); err != nil {
			return did, err
		}
		// A rate takes two scrapes.
		if err := w.Stack.WaitScraped(ctx); err != nil {
			return did, err
		}
		return did, w.Stack.WaitScraped(ctx)
	},
	Undo: restoreState,
})
