package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// The payments of a merchant in the order of time with their records, and a
// merchant's records without a payment, in the order of their keys. A repeated request is
// answered with a record's body whatever its http_status, which is always written as 200.
const (
	sqlPaymentsWithRecords = `SELECT p.payment_id, LEFT(p.merchant_id, 256), p.amount, LEFT(p.currency, 16), LEFT(p.status, 64), LEFT(p.idempotency_key, 256), p.requested_at,
  LEFT(JSON_VALUE(c.response_body, '$.paymentId'), 64), LEFT(JSON_VALUE(c.response_body, '$.amount'), 64), LEFT(JSON_VALUE(c.response_body, '$.currency'), 64),
  c.merchant_id IS NULL
FROM payment p FORCE INDEX (%) LEFT JOIN idem_response_cache c FORCE INDEX (%) ON c.merchant_id = p.merchant_id AND c.idempotency_key = p.idempotency_key
WHERE p.merchant_id = ?`

	sqlPaymentsInOrder = ` ORDER BY p.requested_at, p.payment_id LIMIT ?`

	sqlKeyAfter = `SELECT idempotency_key FROM idem_response_cache FORCE INDEX (%) WHERE merchant_id = ? AND idempotency_key > ? ORDER BY idempotency_key LIMIT 1 OFFSET ?`

	sqlGhosts = `SELECT LEFT(c.merchant_id, 256), LEFT(c.idempotency_key, 256), c.created_at, LEFT(JSON_VALUE(c.response_body, '$.paymentId'), 64)
FROM idem_response_cache c FORCE INDEX (%) LEFT JOIN payment p FORCE INDEX (%) ON p.merchant_id = c.merchant_id AND p.idempotency_key = c.idempotency_key
WHERE c.merchant_id = ? AND c.idempotency_key > ? AND p.payment_id IS NULL`
)

// merchantWalk goes through one merchant.
type merchantWalk struct {
	walk     *keysWalk
	merchant string
	tables   keysTables
	before   time.Time // what is younger may still be on its way

	whole             bool
	payments, records int64
	missing           []NoRecord // the newest, oldest first
	missingAll        int64
	oldest            NoRecord // of all that are missing
	mismatches        []KeySuspect
	ghosts            []Ghost
	alike, rare       []Pair
	// There are more than these.
	mismatchesCut, ghostsCut, alikeCut bool

	byChance    float64
	firstRecord time.Time
	first, last time.Time // of the payments seen
	amounts     map[amountKey]*amountSeen
	lately      []recent // the payments of the last ten seconds, oldest first
	crowded     bool     // there were more than are held
	near        int64    // pairs of payments of different amounts within ten seconds
}

func (m *merchantWalk) run(ctx, end context.Context, r *Reader) error {
	m.amounts = map[amountKey]*amountSeen{}
	if m.tables.byTime != "" && m.tables.byRecord != "" {
		if done, err := m.readPayments(ctx, end, r); err != nil || !done {
			return err
		}
		m.pairUp()
	}
	if m.tables.byKey != "" && m.tables.byRecord != "" {
		if done, err := m.readGhosts(ctx, end, r); err != nil || !done {
			return err
		}
	}
	m.whole = true
	return nil
}

// exact says that the merchant was asked for by name, and no other spelling of it
// is meant.
func (m *merchantWalk) exact() bool { return len(m.walk.q.Merchants) > 0 }

// readPayments reports whether it came to the end.
func (m *merchantWalk) readPayments(ctx, end context.Context, r *Reader) (done bool, err error) {
	t, window := m.tables.payment, *m.walk.window
	query := fill(fillIndex(sqlPaymentsWithRecords, m.tables.byTime), quoteName(m.tables.byRecord))
	var after *Payment
	for end.Err() == nil {
		var c conds
		if m.exact() {
			c.add("BINARY CONVERT(p.merchant_id USING utf8mb4) = BINARY ?", m.merchant)
		}
		if !window.Since.IsZero() {
			c.add("p.requested_at >= ?", t.up("requested_at", window.Since))
		}
		if !window.Until.IsZero() {
			c.add("p.requested_at < ?", t.up("requested_at", window.Until))
		}
		if after != nil {
			at, _ := t.down("requested_at", after.RequestedAt)
			c.add("p.requested_at >= ? AND (p.requested_at > ? OR p.payment_id > ?)", at, at, after.ID)
		}
		text, args := query, []any{m.merchant}
		if len(c.sql) > 0 {
			text, args = text+" AND "+c.expression(), append(args, c.args...)
		}
		n := 0
		err := r.run(ctx, "payments of a merchant with their records", text+sqlPaymentsInOrder, append(args, keysPage), func(rows *sql.Rows) error {
			n++
			p, err := m.payment(r, rows)
			after = p
			return err
		})
		if err != nil {
			return false, err
		}
		if n < keysPage {
			return true, nil
		}
	}
	return false, nil
}

// payment takes one row.
func (m *merchantWalk) payment(r *Reader, rows *sql.Rows) (*Payment, error) {
	p := &Payment{Shard: r.shard.name}
	var merchant, amount, currency, status, key, id, said, in sql.NullString
	var at sql.NullTime
	var none sql.NullBool
	err := rows.Scan(&p.ID, &merchant, &amount, &currency, &status, &key, &at, &id, &said, &in, &none)
	if err != nil {
		return p, err
	}
	p.Merchant, p.Amount, p.Currency, p.Status, p.Key, p.RequestedAt = text(merchant), amount.String, text(currency), text(status), text(key), at.Time
	m.payments++
	if m.first.IsZero() {
		m.first = at.Time
	}
	m.last = at.Time
	switch {
	case none.Bool && at.Time.Before(m.before):
		m.miss(NoRecord{p.ID, p.Merchant, at.Time})
	case none.Bool:
	default:
		m.records++
		if m.firstRecord.IsZero() {
			m.firstRecord = at.Time
		}
		s := KeySuspect{Payment: *p, PaymentID: text(id), Amount: text(said), Currency: text(in)}
		if s.compare(); len(s.Differs) > 0 {
			m.mismatchesCut = keep(&m.mismatches, maxSuspects, s) || m.mismatchesCut
		}
	}
	m.count(p)
	return p, nil
}

// miss takes a payment without a record, which is younger than those before it.
func (m *merchantWalk) miss(p NoRecord) {
	if m.missingAll++; m.missingAll == 1 {
		m.oldest = p
	}
	if len(m.missing) == 2*maxMissing {
		m.missing = append(m.missing[:0], m.missing[maxMissing:]...)
	}
	m.missing = append(m.missing, p)
}

// compare notes what differs between the payment and its record.
func (s *KeySuspect) compare() {
	s.Differs = nil
	if string(s.PaymentID) != fmt.Sprint(s.Payment.ID) {
		s.Differs = append(s.Differs, "paymentId")
	}
	if !decimal.MatchString(string(s.Amount)) || compareAmounts(string(s.Amount), s.Payment.Amount) != 0 {
		s.Differs = append(s.Differs, "amount")
	}
	if s.Currency != s.Payment.Currency {
		s.Differs = append(s.Differs, "currency")
	}
}

func (m *merchantWalk) readGhosts(ctx, end context.Context, r *Reader) (done bool, err error) {
	t, window := m.tables.record, *m.walk.window
	query := fill(fillIndex(sqlGhosts, m.tables.byRecord), quoteName(m.tables.byKey))
	for after := ""; end.Err() == nil; {
		var to string
		last := true
		err := r.run(ctx, "where a page of records ends", fillIndex(sqlKeyAfter, m.tables.byRecord), []any{m.merchant, after, keysPage}, func(rows *sql.Rows) error {
			last = false
			return rows.Scan(&to)
		})
		if err != nil {
			return false, err
		}
		c := conds{sql: []string{"c.created_at < ?"}, args: []any{t.up("created_at", m.before)}}
		if !last {
			c.add("c.idempotency_key <= ?", to)
		}
		if m.exact() {
			c.add("BINARY CONVERT(c.merchant_id USING utf8mb4) = BINARY ?", m.merchant)
		}
		if !window.Since.IsZero() {
			c.add("c.created_at >= ?", t.up("created_at", window.Since))
		}
		if !window.Until.IsZero() {
			c.add("c.created_at < ?", t.up("created_at", window.Until))
		}
		args := slices.Concat([]any{m.merchant, after}, c.args, []any{maxSuspects - len(m.ghosts) + 1})
		err = r.run(ctx, "records of a merchant without a payment", query+" AND "+c.expression()+" ORDER BY c.idempotency_key LIMIT ?", args, func(rows *sql.Rows) error {
			g := Ghost{Shard: r.shard.name}
			var key, names sql.NullString
			var at sql.NullTime
			err := rows.Scan(&g.Merchant, &key, &at, &names)
			g.Key, g.CreatedAt, g.Names = text(key), at.Time, text(names)
			m.ghostsCut = keep(&m.ghosts, maxSuspects, g)
			return err
		})
		if err != nil || last || m.ghostsCut {
			return err == nil, err
		}
		after = to
	}
	return false, nil
}
