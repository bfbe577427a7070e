package incident

import (
	"context"

	"payops-mcp/sandbox/ingest"
)

// HT-52: authorizations take long while the payment gateway answers at once and no pool
// is used up. What the service waits for, it does not show.
var _ = add(Incident{ID: "HT-52", Parts: showing, Undo: restoreState,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askStack(), askPattern()}, Quotes: []string{"authorize is slow", "p95"}}
		rate, mean := float64(w.between(60, 90)), 1.6+w.Rand.Float64()
		err := changeState(ctx, w, &did, func(s ingest.State) ingest.State { return withTraffic(s, authorize(200, rate, mean)) })
		if err != nil {
			return did, err
		}
		// Among all that was fast until now.
		return did, awaitShown(ctx, w, noticedWithin, `histogram_quantile(0.95, sum by (le) (increase(http_server_requests_seconds_bucket{job="ingest-service",uri="/payments/authorize"}[5m]))) > 1.2`)
	},
})
