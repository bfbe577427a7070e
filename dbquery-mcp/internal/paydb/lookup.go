package paydb

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// What stands near a question that found nothing.
const (
	sqlNewestOfMerchant = `SELECT merchant_id, requested_at FROM payment FORCE INDEX (%)
WHERE merchant_id = ? AND BINARY CONVERT(merchant_id USING utf8mb4) = BINARY ? ORDER BY requested_at DESC LIMIT 1`
	sqlTwinsOfMerchant = `SELECT CONVERT(merchant_id USING utf8mb4) AS id, MAX(requested_at) FROM payment FORCE INDEX (%)
WHERE merchant_id = ? GROUP BY BINARY CONVERT(merchant_id USING utf8mb4) LIMIT 10`
	sqlMerchants = `SELECT DISTINCT merchant_id FROM payment FORCE INDEX (%) ORDER BY merchant_id LIMIT ?`
)

const maxMerchants = 5000

// Near is what a shard has near what was asked for.
type Near struct {
	// Merchants are those asked for, with their newest payment; or, where there is
	// no payment of one, those that the database's collation takes for it (m-7 for
	// M-7), as it spells them.
	Merchants map[string]time.Time
	// Names are the merchants there are, up to 5000; nil when not asked for.
	Names []string
	// IDs are the payments with the ids asked for, whatever the other conditions.
	IDs []Payment
}

// Near looks for merchants and payments whatever the other conditions. With
// within set, payments of other merchants stay out of it, and so do their names.
func (db *DB) Near(ctx context.Context, merchants []string, ids []int64, within []string) ([]Reply[Near], error) {
	return ask(ctx, db, func(ctx context.Context, r *Reader) (n Near, err error) {
		t, err := r.paymentTable(ctx)
		if err != nil {
			return n, err
		}
		index := t.index("merchant_id", "requested_at")
		if len(merchants) > 0 && index != "" {
			if n.Merchants, err = r.newest(ctx, index, merchants); err != nil {
				return n, err
			}
			if len(n.Merchants) == 0 && len(within) == 0 {
				if n.Names, err = r.merchants(ctx, index); err != nil {
					return n, err
				}
			}
		}
		if len(ids) > 0 {
			q := PaymentQuery{IDs: ids, Merchants: within, Order: Newest, Limit: len(ids)}
			query, args := q.list(q.walk(t, nil), conds{})
			n.IDs, err = r.rows(ctx, "payments by their ids", query, args)
		}
		return n, err
	})
}

func (r *Reader) newest(ctx context.Context, index string, merchants []string) (map[string]time.Time, error) {
	found := map[string]time.Time{}
	each := func(rows *sql.Rows) error {
		var id string
		var at time.Time
		err := rows.Scan(&id, &at)
		found[id] = at
		return err
	}
	for _, m := range merchants {
		before := len(found)
		err := r.query(ctx, countTimeout, "the newest payment of a merchant", fillIndex(sqlNewestOfMerchant, index), []any{m, m}, each)
		if err == nil && len(found) == before {
			err = r.query(ctx, countTimeout, "merchants of like spelling", fillIndex(sqlTwinsOfMerchant, index), []any{m}, each)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (r *Reader) merchants(ctx context.Context, index string) (names []string, err error) {
	err = r.run(ctx, "the merchants there are", fillIndex(sqlMerchants, index), []any{maxMerchants}, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

func fillIndex(query, index string) string { return strings.Replace(query, "%", quoteName(index), 1) }
