package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"payops-mcp/shared/foreign"
)

// The payments of a merchant in the order of time with their records, and a
// merchant's records without a payment, in the order of their keys.
const (
	sqlPaymentsWithRecords = `SELECT p.payment_id, LEFT(p.merchant_id, 256), p.amount, LEFT(p.currency, 16), LEFT(p.status, 64), LEFT(p.idempotency_key, 256), p.requested_at,
  c.merchant_id IS NOT NULL AND c.http_status < 400, LEFT(JSON_VALUE(c.response_body, '$.paymentId'), 64), LEFT(JSON_VALUE(c.response_body, '$.amount'), 64), LEFT(JSON_VALUE(c.response_body, '$.currency'), 64),
  c.merchant_id IS NULL
FROM payment p FORCE INDEX (%) LEFT JOIN idem_response_cache c FORCE INDEX (%) ON c.merchant_id = p.merchant_id AND c.idempotency_key = p.idempotency_key
WHERE p.merchant_id = ?`

	sqlPaymentsInOrder = ` ORDER BY p.requested_at, p.payment_id LIMIT ?`

	sqlKeyAfter = `SELECT idempotency_key FROM idem_response_cache FORCE INDEX (%) WHERE merchant_id = ? AND idempotency_key > ? ORDER BY idempotency_key LIMIT 1 OFFSET ?`

	sqlGhosts = `SELECT LEFT(c.merchant_id, 256), LEFT(c.idempotency_key, 256), c.created_at, LEFT(JSON_VALUE(c.response_body, '$.paymentId'), 64)
FROM idem_response_cache c FORCE INDEX (%) LEFT JOIN payment p FORCE INDEX (%) ON p.merchant_id = c.merchant_id AND p.idempotency_key = c.idempotency_key
WHERE c.merchant_id = ? AND c.idempotency_key > ? AND c.http_status < 400 AND p.payment_id IS NULL`
)

// merchantWalk goes through one merchant.
type merchantWalk struct {
	walk     *keysWalk
	merchant string
	tables   keysTables
	before   time.Time // what is younger may still be on its way

	whole             bool
	payments, records int64
	missing           []NoRecord
	mismatches        []KeySuspect
	ghosts            []Ghost
	pairs             []Pair
	byChance          float64
	firstRecord       time.Time
	first, last       time.Time // of the payments seen
	amounts           map[amountKey]*amountSeen
	lately            []amountAt        // the payments of the last ten seconds
	same              map[amountKey]int // of those, by amount
	near              int64             // pairs of payments of different amounts within ten seconds
}

type amountKey struct{ amount, currency string }

// amountAt is a payment's amount and when it was requested.
type amountAt struct {
	amountKey
	at time.Time
}

type amountSeen struct {
	count int
	last  Payment
	pairs []Pair
}

func (m *merchantWalk) run(ctx, end context.Context, r *Reader) error {
	m.amounts, m.same = map[amountKey]*amountSeen{}, map[amountKey]int{}
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
			after = &p
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
func (m *merchantWalk) payment(r *Reader, rows *sql.Rows) (Payment, error) {
	p := Payment{Shard: r.shard.name}
	var merchant, amount, currency, status, key, id, said, in sql.NullString
	var at sql.NullTime
	var usable, none sql.NullBool
	err := rows.Scan(&p.ID, &merchant, &amount, &currency, &status, &key, &at, &usable, &id, &said, &in, &none)
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
		m.missing = append(m.missing, NoRecord{p.ID, p.Merchant, at.Time})
	case none.Bool:
	default:
		m.records++
		if m.firstRecord.IsZero() {
			m.firstRecord = at.Time
		}
	}
	if usable.Bool {
		s := KeySuspect{Payment: p, PaymentID: text(id), Amount: text(said), Currency: text(in)}
		if s.compare(); len(s.Differs) > 0 {
			m.mismatches = append(m.mismatches, s)
		}
	}
	m.count(p)
	return p, nil
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

// open are the statuses of a payment that has been, or will be, paid and not given
// back: after a failure the customer pays again with good reason.
var open = []foreign.Text{"READY", "REQUESTED", "AUTHORIZED", "CAPTURE_REQUESTED", "CAPTURED", "COMPLETED"}

func (m *merchantWalk) count(p Payment) {
	k := amountKey{p.Amount, string(p.Currency)}
	seen := m.amounts[k]
	if seen == nil {
		seen = &amountSeen{}
		m.amounts[k] = seen
	}
	seen.count++
	m.crowd(k, p.RequestedAt)
	if !slices.Contains(open, p.Status) {
		return
	}
	if gap := p.RequestedAt.Sub(seen.last.RequestedAt); seen.last.ID != 0 && gap <= maxGap && len(seen.pairs) < maxSuspects {
		seen.pairs = append(seen.pairs, Pair{A: seen.last, B: p, Gap: gap, Similar: similarKeys(string(seen.last.Key), string(p.Key))})
	}
	seen.last = p
}

// crowd counts the payments of other amounts that came just before.
func (m *merchantWalk) crowd(k amountKey, at time.Time) {
	gone := 0
	for gone < len(m.lately) && at.Sub(m.lately[gone].at) > maxGap {
		m.same[m.lately[gone].amountKey]--
		gone++
	}
	m.lately = m.lately[gone:]
	m.near += int64(len(m.lately) - m.same[k])
	m.lately = append(m.lately, amountAt{k, at})
	m.same[k]++
}

// crowding is how many more payments of different amounts, which are no mistake,
// lie within ten seconds than if the merchant's payments came evenly; at least 1.
// A sale, or a merchant who began to sell an hour ago, crowds them. Half a pair
// more on both sides keeps one pair of a quiet merchant from counting for much.
func (m *merchantWalk) crowding(span time.Duration) float64 {
	evenly := float64(m.payments*(m.payments-1)) * float64(maxGap) / float64(span)
	return max(1, (float64(m.near)+0.5)/(evenly+0.5))
}

// pairUp keeps the pairs that may be one order: of an amount that the merchant
// rarely takes, or with keys that are alike.
func (m *merchantWalk) pairUp() {
	span := m.last.Sub(m.first)
	if w := *m.walk.window; w.Bounded() {
		until := cmp.Or(w.Until, w.Clock)
		span = until.Sub(w.Since)
	}
	for _, seen := range m.amounts {
		rare := seen.count <= rareAmount
		if rare && span > 0 {
			m.byChance += m.crowding(span) * float64(seen.count*(seen.count-1)) * float64(maxGap) / float64(span)
		}
		for _, p := range seen.pairs {
			if rare || p.Similar {
				p.Count = seen.count
				m.pairs = append(m.pairs, p)
			}
		}
	}
	m.amounts, m.same, m.lately = nil, nil, nil
	slices.SortFunc(m.pairs, func(a, b Pair) int {
		return cmp.Or(a.A.RequestedAt.Compare(b.A.RequestedAt), cmp.Compare(a.A.ID, b.A.ID))
	})
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
		args := slices.Concat([]any{m.merchant, after}, c.args, []any{maxSuspects})
		err = r.run(ctx, "records of a merchant without a payment", query+" AND "+c.expression()+" ORDER BY c.idempotency_key LIMIT ?", args, func(rows *sql.Rows) error {
			g := Ghost{Shard: r.shard.name}
			var key, names sql.NullString
			var at sql.NullTime
			err := rows.Scan(&g.Merchant, &key, &at, &names)
			g.Key, g.CreatedAt, g.Names = text(key), at.Time, text(names)
			m.ghosts = append(m.ghosts, g)
			return err
		})
		if err != nil || last {
			return err == nil, err
		}
		after = to
	}
	return false, nil
}
