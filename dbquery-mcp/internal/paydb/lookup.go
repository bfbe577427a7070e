package paydb

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// What stands near a question that found nothing.
const (
	sqlNewestOfMerchant = `SELECT merchant_id, requested_at FROM %
WHERE merchant_id = ? AND BINARY CONVERT(merchant_id USING utf8mb4) = BINARY ? ORDER BY requested_at DESC LIMIT 1`
	sqlTwinsOfMerchant = `SELECT CONVERT(merchant_id USING utf8mb4) AS id, MAX(requested_at) FROM %
WHERE merchant_id = ? GROUP BY BINARY CONVERT(merchant_id USING utf8mb4) LIMIT 10`
	sqlMerchants      = `SELECT DISTINCT merchant_id FROM payment FORCE INDEX (%) ORDER BY merchant_id LIMIT ?`
	sqlMerchantsAfter = `SELECT DISTINCT merchant_id FROM payment FORCE INDEX (%) WHERE merchant_id > ? ORDER BY merchant_id LIMIT ?`
)

// maxMerchants is how many merchants one statement gives.
const maxMerchants = 5000

// maxLike is how many payments with a key of like spelling are told.
const maxLike = 3

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
	// Keys are up to 3 payments with a key that the database's collation takes for
	// one of those asked for, whatever the other conditions.
	Keys []Payment
}

// NearQuery is what to look for near a question.
type NearQuery struct {
	Merchants, Keys []string
	IDs             []int64
	// Within are the merchants of whom something may be told; none: all.
	Within []string
}

// Near looks for merchants and payments whatever the other conditions.
func (db *DB) Near(ctx context.Context, q NearQuery) ([]Reply[Near], error) {
	return ask(ctx, db, func(ctx context.Context, r *Reader) (n Near, err error) {
		t, err := r.paymentTable(ctx)
		if err != nil {
			return n, err
		}
		index := t.index("merchant_id", "requested_at")
		if len(q.Merchants) > 0 {
			if n.Merchants, err = r.newest(ctx, index, q.Merchants); err != nil {
				return n, err
			}
			if len(n.Merchants) == 0 && len(q.Within) == 0 && index != "" {
				if n.Names, err = r.merchants(ctx, index); err != nil {
					return n, err
				}
			}
		}
		if len(q.IDs) > 0 {
			if n.IDs, err = r.some(ctx, t, PaymentQuery{IDs: q.IDs, Merchants: q.Within, Limit: len(q.IDs)}); err != nil {
				return n, err
			}
		}
		if len(q.Keys) > 0 {
			n.Keys, err = r.some(ctx, t, PaymentQuery{Keys: q.Keys, AnySpelling: true, Merchants: q.Within, Limit: maxLike})
		}
		return n, err
	})
}

func (r *Reader) some(ctx context.Context, t Table, q PaymentQuery) ([]Payment, error) {
	q.Order = Newest
	query, args := q.list(q.walk(t, nil), conds{})
	return r.rows(ctx, "payments by their ids or keys", query, args)
}

// newest asks by the index, or without one for as long as a count may take.
func (r *Reader) newest(ctx context.Context, index string, merchants []string) (map[string]time.Time, error) {
	from := "payment"
	if index != "" {
		from = force(index)
	}
	found := map[string]time.Time{}
	each := func(rows *sql.Rows) error {
		var id string
		var at sql.NullTime
		err := rows.Scan(&id, &at)
		found[id] = at.Time
		return err
	}
	for _, m := range merchants {
		before := len(found)
		err := r.query(ctx, countTimeout, "the newest payment of a merchant", fill(sqlNewestOfMerchant, from), []any{m, m}, each)
		if err == nil && len(found) == before {
			err = r.query(ctx, countTimeout, "merchants of like spelling", fill(sqlTwinsOfMerchant, from), []any{m}, each)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// merchants are the first there are, in the order of the index.
func (r *Reader) merchants(ctx context.Context, index string) ([]string, error) {
	return r.merchantsBy(ctx, fillIndex(sqlMerchants, index), maxMerchants)
}

// merchantsAfter are the next behind one.
func (r *Reader) merchantsAfter(ctx context.Context, index, last string) ([]string, error) {
	return r.merchantsBy(ctx, fillIndex(sqlMerchantsAfter, index), last, maxMerchants)
}

func (r *Reader) merchantsBy(ctx context.Context, query string, args ...any) (names []string, err error) {
	err = r.run(ctx, "the merchants there are", query, args, func(rows *sql.Rows) error {
		var name sql.NullString
		err := rows.Scan(&name)
		if name.Valid {
			names = append(names, name.String)
		}
		return err
	})
	return names, err
}

func fillIndex(query, index string) string { return fill(query, quoteName(index)) }

func fill(query, with string) string { return strings.Replace(query, "%", with, 1) }
