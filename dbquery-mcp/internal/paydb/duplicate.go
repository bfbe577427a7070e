package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// KeysQuery is which payments and idempotency records to look through.
type KeysQuery struct {
	Merchants []string // these alone, to the letter; none: all there are
	After     string   // all: only those behind this one
	// Within are the merchants of whom something may be told, whomever a record of
	// theirs names; none: all.
	Within []string
	// Window is asked once, with the clock of the first shard that answers.
	Window func(now time.Time) (Window, error)
	// Progress is told how many of how many merchants are done, one call at a time;
	// may be nil.
	Progress func(done, total int)
}

const (
	// keysPage is how many rows one statement looks through.
	keysPage = 5000
	// keysBatch is how long one transaction goes through merchants before it ends
	// for another: none is held open for long.
	keysBatch = time.Second
	// keysReserve is how much of a call is kept for what comes after the walk.
	keysReserve = 0.35
	// recheck is how long a suspect is left alone before it is read again.
	recheck = 2 * time.Second
	// keysGrace is how young a payment or record may be without its other half.
	keysGrace = 120 * time.Second
	// maxSuspects bounds what is kept of each kind on a shard.
	maxSuspects = 200
	// maxMissing bounds the payments without a record that are remembered.
	maxMissing = 10_000
	// Near is how close two payments lie that may be one order.
	maxGap = 10 * time.Second
	// rareAmount is how often, at most, a merchant may take an amount in the
	// window for two of them to be remarkable.
	rareAmount = 3
)

// Keys is what was seen of a shard's idempotency.
type Keys struct {
	Merchants   int    // there are to go through
	Done        int    // of them looked through
	Last        string // the last of those; all before it are done, too
	Whole       bool   // all were
	Payments    int64  // looked at
	Records     int64  // of them with a record
	Unlooked    []string
	Mismatches  []KeySuspect // a record that answers with something else
	Ghosts      []Ghost      // a record that no payment has the key of
	Missing     []NoRecord   // payments without a record, up to 10000
	MissingAll  int64        // how many there are
	FirstRecord time.Time    // when the oldest payment with a record was requested
	Across      []Twin       // the same key on another shard
	Pairs       []Pair       // payments that may be one order
	// ByChance is how many pairs of rare amounts within ten seconds a merchant's
	// customers make without any mistake, crowding as they do.
	ByChance float64
}

// KeySuspect is a payment whose record answers with something else.
type KeySuspect struct {
	Payment                     Payment
	Differs                     []string     // paymentId, amount, currency
	PaymentID, Amount, Currency foreign.Text // in the record; Null where it has none
	Other                       *Payment     // whose payment the record names, when it is another that exists
}

// Ghost is a record that answers for a payment that does not exist.
type Ghost struct {
	Shard, Merchant string
	Key             foreign.Text
	CreatedAt       time.Time
	Names           foreign.Text // the payment id in the record
	Elsewhere       string       // shards that have a payment with this key
}

// NoRecord is a payment without a record.
type NoRecord struct {
	ID       int64
	Merchant foreign.Text
	At       time.Time
}

// Twin is a key that two shards have.
type Twin struct{ Here, There Payment }

// Pair is two payments of one merchant of the same amount within seconds.
type Pair struct {
	A, B    Payment
	Gap     time.Duration
	Similar bool // their keys differ in a suffix or in spelling alone
	Count   int  // payments of this merchant and amount in the window
	Others  *int // payments of this merchant and amount in the seven days before, up to 10; nil: not known
}

// Keys looks through the idempotency of every shard. The window is nil when no
// shard answered.
func (db *DB) Keys(ctx context.Context, q KeysQuery) ([]Reply[Keys], *Window, error) {
	w := &keysWalk{db: db, q: q}
	lists, err := ask(ctx, db, w.list)
	if err != nil {
		return nil, nil, err
	}
	end, cancel := w.until(ctx)
	defer cancel()
	replies := make([]Reply[Keys], len(lists))
	fault.TogetherEach(len(lists), func(i int) {
		replies[i] = Reply[Keys]{Asked: lists[i].Asked}
		if lists[i].Source.OK() && lists[i].SameAs == "" {
			w.walk(ctx, end, i, lists[i].Facts, &replies[i])
		}
	})
	w.across(ctx, lists, replies)
	if w.anySuspect(replies) {
		select {
		case <-time.After(recheck):
		case <-ctx.Done():
		}
		w.again(ctx, replies)
	}
	return replies, w.window, nil
}

// keysWalk is one call of Keys.
type keysWalk struct {
	db     *DB
	q      KeysQuery
	once   sync.Once
	window *Window
	failed error
	mu     sync.Mutex
	done   map[int]int
	total  map[int]int
}

// until is how long merchants are gone through.
func (w *keysWalk) until(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	return context.WithTimeout(ctx, time.Duration(float64(left)*(1-keysReserve)))
}

func (w *keysWalk) resolve(now time.Time) (Window, error) {
	w.once.Do(func() {
		window, err := w.q.Window(now)
		if w.failed = err; err == nil {
			window.Clock = now
			w.window = &window
		}
	})
	if w.failed != nil {
		return Window{}, w.failed
	}
	return *w.window, nil
}

// keysTables are the two tables and the indexes by which they are walked. An index
// that is missing is "".
type keysTables struct {
	payment, record               Table
	byTime, byKey, byID, byRecord string
}

func (r *Reader) keysTables(ctx context.Context) (k keysTables, err error) {
	if k.payment, err = r.paymentTable(ctx); err != nil {
		return k, err
	}
	if k.record, err = r.table(ctx, "idem_response_cache"); err != nil {
		return k, err
	}
	for _, t := range []Table{k.payment, k.record} {
		if missing := t.Drift().Missing; len(missing) > 0 {
			return k, r.lacks(t, missing)
		}
	}
	k.byTime, k.byKey, k.byID = k.payment.index("merchant_id", "requested_at"), k.payment.index("merchant_id", "idempotency_key"), k.payment.index("payment_id")
	k.byRecord = k.record.index("merchant_id", "idempotency_key")
	return k, nil
}

// unlooked says what cannot be looked at without reading whole tables over and over.
func (k keysTables) unlooked() (all []string) {
	if k.byTime == "" {
		all = append(all, "payments by merchant: payment has no index over merchant_id, requested_at")
	}
	if k.byKey == "" {
		all = append(all, "records without a payment: payment has no index over merchant_id, idempotency_key")
	}
	if k.byRecord == "" {
		all = append(all, "records: idem_response_cache has no index over merchant_id, idempotency_key")
	}
	return all
}

const sqlRecordMerchants = `SELECT DISTINCT merchant_id FROM idem_response_cache FORCE INDEX (%) ORDER BY merchant_id LIMIT ?`

// keysList is what there is to go through on a shard.
type keysList struct {
	merchants []string
	cut       bool // there are more
	unlooked  []string
}

// list finds the merchants to go through: those with payments and those with
// records, which without payments are ghosts.
func (w *keysWalk) list(ctx context.Context, r *Reader) (l keysList, err error) {
	if _, err := w.resolve(r.Now()); err != nil {
		return l, err
	}
	k, err := r.keysTables(ctx)
	if err != nil {
		return l, err
	}
	l.unlooked = k.unlooked()
	if len(w.q.Merchants) > 0 {
		l.merchants = slices.Clone(w.q.Merchants)
	} else {
		if k.byTime != "" {
			if l.merchants, err = r.merchants(ctx, k.byTime); err != nil {
				return l, err
			}
			l.cut = len(l.merchants) >= maxMerchants
		}
		if k.byRecord != "" {
			n := 0
			err = r.run(ctx, "the merchants that have records", fillIndex(sqlRecordMerchants, k.byRecord), []any{maxMerchants}, func(rows *sql.Rows) error {
				var name string
				err := rows.Scan(&name)
				l.merchants = append(l.merchants, name)
				n++
				return err
			})
			if err != nil {
				return l, err
			}
			l.cut = l.cut || n >= maxMerchants
		}
	}
	slices.Sort(l.merchants)
	l.merchants = slices.Compact(l.merchants)
	l.merchants = slices.DeleteFunc(l.merchants, func(m string) bool { return w.q.After != "" && m <= w.q.After })
	return l, nil
}

// walk goes through a shard's merchants until the end of its time.
func (w *keysWalk) walk(ctx, end context.Context, place int, l keysList, into *Reply[Keys]) {
	k := &into.Facts
	k.Merchants, k.Unlooked, k.Last = len(l.merchants), l.unlooked, w.q.After
	s := w.db.shards[place]
	for k.Done < len(l.merchants) && end.Err() == nil {
		reply, err := askShard(ctx, s, func(ctx context.Context, r *Reader) (struct{}, error) {
			tables, err := r.keysTables(ctx)
			if err != nil {
				return struct{}{}, err
			}
			for batch := time.Now(); k.Done < len(l.merchants) && end.Err() == nil && time.Since(batch) < keysBatch; {
				m := l.merchants[k.Done]
				one := merchantWalk{walk: w, merchant: m, tables: tables, before: r.Now().Add(-keysGrace)}
				if err := one.run(ctx, end, r); err != nil {
					return struct{}{}, err
				}
				if !one.whole {
					return struct{}{}, nil
				}
				k.take(one)
				k.Done, k.Last = k.Done+1, m
				w.progress(place, k.Done, len(l.merchants))
			}
			return struct{}{}, nil
		})
		into.Source.Took += reply.Source.Took
		if err != nil || !reply.Source.OK() {
			// What was looked through is kept; that it is not all is said.
			into.Source.Err, into.Source.Asked, into.Phase, into.Number = reply.Source.Err, reply.Source.Asked, reply.Phase, reply.Number
			return
		}
	}
	k.Whole = k.Done == len(l.merchants) && !l.cut
}

func (w *keysWalk) progress(place, done, total int) {
	if w.q.Progress == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		w.done, w.total = map[int]int{}, map[int]int{}
	}
	w.done[place], w.total[place] = done, total
	var d, t int
	for i := range w.done {
		d, t = d+w.done[i], t+w.total[i]
	}
	w.q.Progress(d, t)
}

// take adds what was seen of a merchant.
func (k *Keys) take(one merchantWalk) {
	k.Payments, k.Records, k.MissingAll = k.Payments+one.payments, k.Records+one.records, k.MissingAll+int64(len(one.missing))
	k.Missing = append(k.Missing, one.missing[:min(len(one.missing), maxMissing-len(k.Missing))]...)
	k.Mismatches = append(k.Mismatches, one.mismatches[:min(len(one.mismatches), maxSuspects-len(k.Mismatches))]...)
	k.Ghosts = append(k.Ghosts, one.ghosts[:min(len(one.ghosts), maxSuspects-len(k.Ghosts))]...)
	k.Pairs = append(k.Pairs, one.pairs[:min(len(one.pairs), maxSuspects-len(k.Pairs))]...)
	k.ByChance += one.byChance
	if !one.firstRecord.IsZero() && (k.FirstRecord.IsZero() || one.firstRecord.Before(k.FirstRecord)) {
		k.FirstRecord = one.firstRecord
	}
}

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
