package incident

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// requestIncident changes requests to the payment gateway, and what belongs to them,
// of some payments of one status on one shard.
type requestIncident struct {
	kind        string // settlement or refund
	status      string
	least, most int
	statements  []string // "%" stands for the ids
	amounts     bool     // the answer must quote the sums by currency
	ids         bool     // and the ids
	then        func(context.Context, *World, *Injected, int, []victim) error
}

func (r requestIncident) inject(ctx context.Context, w *World) (Injected, error) {
	did := Injected{Asks: []Ask{askSettlements(r.kind)}}
	shard, place := w.anyShard()
	hit, err := w.victims(ctx, shard, r.status, w.between(r.least, r.most))
	if err != nil {
		return did, err
	}
	did.Quotes = []string{strconv.Itoa(len(hit)), shard.Name()}
	if r.amounts {
		did.Quotes = append(did.Quotes, worth(hit)...)
	}
	if r.ids {
		for _, v := range hit {
			did.Quotes = append(did.Quotes, strconv.FormatInt(v.ID, 10))
		}
	}
	if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
		return did, err
	}
	if err := change(ctx, shard, ids(hit), r.statements...); err != nil {
		return did, err
	}
	if r.then == nil {
		return did, nil
	}
	return did, r.then(ctx, w, &did, place, hit)
}

// refused are those of the payments that refusedBetween has fail.
func refused(all []victim) []victim {
	return slices.DeleteFunc(slices.Clone(all), func(v victim) bool { return v.ID%10 == 0 })
}

// refusedBetween has settlements of captured payments fail at the payment gateway
// over some time, nine of ten; since and until are seconds ago. The code is quoted.
func refusedBetween(w *World, n, since, until int, retried string) (code string, statements []string) {
	code = fmt.Sprintf("PG_E%d", w.between(100, 999))
	// Spread by the ids, which lie at random.
	when := fmt.Sprintf("NOW(3) - INTERVAL %d SECOND + INTERVAL (payment_id * 7919) MOD %d SECOND", since, since-until)
	return code, []string{
		"UPDATE settlement_request SET requested_at=" + when + " WHERE payment_id IN (%)",
		"UPDATE payment SET status='CAPTURE_FAILED', updated_at=updated_at WHERE payment_id IN (%) AND payment_id MOD 10 <> 0",
		"DELETE FROM ledger_entry WHERE payment_id IN (%) AND payment_id MOD 10 <> 0",
		"UPDATE settlement_request SET status='FAILED', completed_at=NULL, pg_transaction_id=NULL, pg_response_code='" + code + "', " + retried + " WHERE payment_id IN (%) AND payment_id MOD 10 <> 0",
	}
}
