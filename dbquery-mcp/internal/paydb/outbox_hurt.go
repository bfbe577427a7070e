package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"payops-mcp/shared/foreign"
)

const sqlHurt = `SELECT payment_id, LEFT(merchant_id, 256), CHAR_LENGTH(merchant_id), amount, LEFT(currency, 16) FROM payment FORCE INDEX (%s) WHERE payment_id IN (%s)`

const (
	hurtChunk = 1_000
	maxHurt   = 20_000
)

// CurrencySum is money of one currency.
type CurrencySum struct {
	Currency foreign.Text
	Amount   Sum
}

// MerchantCount is how many payments of a merchant are hurt.
type MerchantCount struct {
	Merchant foreign.Text
	Payments int
}

// Hurt is whose payments something is about, and how much money.
type Hurt struct {
	Payments  int
	Merchants []MerchantCount // most payments first
	Amounts   []CurrencySum   // largest currency by payments first; never added up across currencies
	// NotFound are ids that the shard has no payment of (of these merchants).
	NotFound int
	// Cut: there were more than 20,000 payments, the first of them were looked up.
	Cut bool
}

// Whose is for which payments to look up whose they are.
type Whose struct {
	IDs []int64
	// Within are the merchants of whom something may be told; none: all.
	Within []string
}

// Hurt looks up payments by their ids, each list on the shard of its place; shards
// without ids are not asked.
func (db *DB) Hurt(ctx context.Context, of []Whose) ([]Reply[Hurt], error) {
	places := map[string]int{}
	for i, s := range db.shards {
		places[s.name] = i
	}
	return ask(ctx, db, func(ctx context.Context, r *Reader) (Hurt, error) { return r.hurt(ctx, of[places[r.shard.name]]) })
}

func (r *Reader) hurt(ctx context.Context, of Whose) (h Hurt, err error) {
	ids := slices.Compact(slices.Sorted(slices.Values(of.IDs)))
	if len(ids) == 0 {
		return h, nil
	}
	t, err := r.paymentTable(ctx)
	if err != nil {
		return h, err
	}
	byID := t.index("payment_id")
	if byID == "" {
		return h, r.unreadable(t, "payment_id")
	}
	if len(ids) > maxHurt {
		ids, h.Cut = ids[:maxHurt], true
	}
	within := map[string]bool{}
	for _, m := range of.Within {
		within[m] = true
	}
	merchants, counts := map[foreign.Text]int{}, map[foreign.Text]int{}
	sums := map[foreign.Text]*Sum{}
	for some := range slices.Chunk(ids, hurtChunk) {
		query := fmt.Sprintf(sqlHurt, quoteName(byID), marks(len(some)))
		err := r.run(ctx, "whose payments these are", query, anys(some), func(rows *sql.Rows) error {
			var id int64
			var merchant, amount, currency sql.NullString
			var length sql.NullInt64
			if err := rows.Scan(&id, &merchant, &length, &amount, &currency); err != nil {
				return err
			}
			if len(within) > 0 && !within[merchant.String] {
				return nil
			}
			name, c := cut(merchant, length.Int64), text(currency)
			h.Payments++
			merchants[name]++
			counts[c]++
			if sums[c] == nil {
				sums[c] = new(Sum)
			}
			return sums[c].Add(cmp.Or(amount.String, "0"))
		})
		if err != nil {
			return h, err
		}
	}
	h.NotFound = len(ids) - h.Payments
	for name, n := range merchants {
		h.Merchants = append(h.Merchants, MerchantCount{name, n})
	}
	slices.SortFunc(h.Merchants, func(a, b MerchantCount) int {
		return cmp.Or(cmp.Compare(b.Payments, a.Payments), cmp.Compare(a.Merchant, b.Merchant))
	})
	for c, s := range sums {
		h.Amounts = append(h.Amounts, CurrencySum{c, *s})
	}
	slices.SortFunc(h.Amounts, func(a, b CurrencySum) int {
		return cmp.Or(cmp.Compare(counts[b.Currency], counts[a.Currency]), cmp.Compare(a.Currency, b.Currency))
	})
	return h, nil
}
