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
	// maxMissing bounds the payments without a record that are remembered: the newest,
	// for the oldest are those whose records may have been cleared away.
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
	Mismatches  []KeySuspect // a record that answers with something else, up to 200
	Ghosts      []Ghost      // a record that no payment has the key of, up to 200
	Missing     []NoRecord   // payments without a record, newest first, up to 10000
	MissingAll  int64        // how many there are
	Oldest      []NoRecord   // the oldest of each merchant
	FirstRecord time.Time    // when the oldest payment with a record was requested
	Across      []Twin       // the same key on another shard
	Alike       []Pair       // payments whose keys are alike, up to 200
	// There are more than these.
	MismatchesCut, GhostsCut, AlikeCut bool
	// Rare are pairs of payments of an amount that their merchant rarely takes, up to
	// 200 drawn by lot, without those that were given back meanwhile.
	Rare       []Pair
	RareAll    int // pairs there are
	RareJudged int // of those looked at closer: given back, or in Rare with how many Others there are
	// ByChance is how many pairs of rare amounts within ten seconds a merchant's
	// customers make without any mistake, crowding as they do.
	ByChance float64
	// Crowded counts the merchants of whom not all payments of ten seconds were compared,
	// as where they were imported.
	Crowded int
	Newest  time.Time // when the newest payment of any kind was requested; zero: not looked at
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
		replies[i] = Reply[Keys]{Asked: lists[i].Asked, Facts: Keys{Newest: lists[i].Facts.newest}}
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
	newest    time.Time
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
	if l.newest, err = r.newestOfAll(ctx, k.payment); err != nil {
		return l, err
	}
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
	defer k.close()
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
	k.Payments, k.Records, k.MissingAll = k.Payments+one.payments, k.Records+one.records, k.MissingAll+one.missingAll
	k.takeMissing(one)
	k.MismatchesCut = keep(&k.Mismatches, maxSuspects, one.mismatches...) || k.MismatchesCut || one.mismatchesCut
	k.GhostsCut = keep(&k.Ghosts, maxSuspects, one.ghosts...) || k.GhostsCut || one.ghostsCut
	k.takePairs(one)
	k.ByChance += one.byChance
	if one.crowded {
		k.Crowded++
	}
	if !one.firstRecord.IsZero() && (k.FirstRecord.IsZero() || one.firstRecord.Before(k.FirstRecord)) {
		k.FirstRecord = one.firstRecord
	}
}

// takeMissing adds the payments of a merchant that have no record.
func (k *Keys) takeMissing(one merchantWalk) {
	if one.missingAll > 0 {
		k.Oldest = append(k.Oldest, one.oldest)
	}
	if k.Missing = append(k.Missing, one.missing...); len(k.Missing) > 2*maxMissing {
		k.Missing = youngest(k.Missing)
	}
}

// youngest are as many payments as may be remembered, the newest first.
func youngest(missing []NoRecord) []NoRecord {
	slices.SortFunc(missing, func(a, b NoRecord) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return first(maxMissing, missing)
}

// takePairs adds the pairs of a merchant.
func (k *Keys) takePairs(one merchantWalk) {
	k.AlikeCut = keep(&k.Alike, maxSuspects, one.alike...) || k.AlikeCut || one.alikeCut
	k.RareAll += len(one.rare)
	if k.Rare = append(k.Rare, one.rare...); len(k.Rare) > 2*maxSuspects {
		k.Rare = drawn(k.Rare)
	}
}

// close says what was left out on the way, and chooses what is looked at again.
func (k *Keys) close() {
	k.Missing, k.Rare = youngest(k.Missing), drawn(k.Rare)
	for _, x := range []struct {
		cut  bool
		what string
	}{{k.MismatchesCut, "records that differ from their payment"}, {k.GhostsCut, "records without a payment"}, {k.AlikeCut, "pairs of payments with keys alike"}} {
		if x.cut {
			k.Unlooked = append(k.Unlooked, fmt.Sprintf("%s, beyond the first %d", x.what, maxSuspects))
		}
	}
}

// Uncompared says which payments were not compared because too many came at once; empty
// for none.
func (k Keys) Uncompared() string {
	if k.Crowded == 0 {
		return ""
	}
	return fmt.Sprintf("pairs of payments with more than %d between them (merchants with so many within %v: %d)", maxHeld, maxGap, k.Crowded)
}
