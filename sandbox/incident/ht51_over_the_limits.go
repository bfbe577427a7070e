package incident

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"payops-mcp/sandbox/paysim/traffic"
	"payops-mcp/sandbox/stack"
)

// HT-51: merchants send more than they may and are answered 429, as they should
// be. Nothing is wrong with the service.
var _ = add(Incident{ID: "HT-51", Parts: paying | stack.PartPrometheus,
	Inject: func(ctx context.Context, w *World) (Injected, error) {
		did := Injected{Asks: []Ask{askStack(), askPattern()}, Quotes: []string{"429", "find_merchants_hitting_limits"}, Kept: map[string]string{}}
		var keys []string
		// The largest of them make more than half of the traffic.
		for _, merchant := range traffic.Merchants(w.between(8, 12)) {
			key := "rate:authorize:" + merchant
			keys = append(keys, key)
			if err := w.Stack.Redis.Admin().Set(ctx, key, strconv.Itoa(limits["authorize"]+w.between(1, 400)), 3*noticedWithin).Err(); err != nil {
				return did, err
			}
		}
		did.Kept["keys"] = strings.Join(keys, " ")
		return did, awaitShare(ctx, w, `status="429"`, 0.08)
	},
	Undo: func(ctx context.Context, w *World, did Injected) error {
		return w.Stack.Redis.Admin().Del(ctx, strings.Fields(did.Kept["keys"])...).Err()
	},
})

// enoughRequests are more than what nothing is concluded from: a system that was just
// started has few.
const enoughRequests = 100

// awaitShare waits until Prometheus shows that so large a part of the payment
// requests of five minutes were answered like this, and that it goes on.
func awaitShare(ctx context.Context, w *World, like string, least float64) error {
	const payments = `uri=~"/payments/.*"`
	share := func(over string) string { return shareQuery(payments, like, over) }
	err := awaitShown(ctx, w, noticedWithin+time.Minute, share("[5m]")+" > "+strconv.FormatFloat(least, 'f', -1, 64)+" and "+share("[10s]")+" > ("+share("[5m]")+") / 2 and "+requestsQuery(payments, "[5m]")+" > "+strconv.Itoa(enoughRequests))
	if err != nil {
		return errors.Join(errors.New("too few payment requests with "+like), err)
	}
	return nil
}

// shareQuery is the part of the requests of a kind that were answered like this.
func shareQuery(kind, like, over string) string {
	return requestsQuery(kind+", "+like, over) + " / " + requestsQuery(kind, over)
}

// requestsQuery counts the ingest service's requests of a kind.
func requestsQuery(kind, over string) string {
	return `sum(increase(http_server_requests_seconds_count{job="ingest-service", ` + kind + `}` + over + `))`
}
