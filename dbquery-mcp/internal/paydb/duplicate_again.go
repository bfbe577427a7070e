package paydb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

func (w *keysWalk) anySuspect(replies []Reply[Keys]) bool {
	return slices.ContainsFunc(replies, func(r Reply[Keys]) bool {
		k := r.Facts
		return k.suspects()+len(k.Across) > 0
	})
}

// suspects counts what is to be read a second time.
func (k *Keys) suspects() int {
	return len(k.Mismatches) + len(k.Ghosts) + len(k.Missing) + len(k.Alike) + len(k.Rare)
}

// again reads every suspect once more: what was on its way is there now.
func (w *keysWalk) again(ctx context.Context, replies []Reply[Keys]) {
	fault.TogetherEach(len(replies), func(i int) {
		k := &replies[i].Facts
		steps := []func(context.Context, *Reader, keysTables) error{
			func(ctx context.Context, r *Reader, t keysTables) error { return k.recordsAgain(ctx, r, t, w.q.Within) },
			k.ghostsAgain, k.pairsAgain,
		}
		for _, step := range steps {
			if k.suspects() == 0 {
				return
			}
			reply, err := askShard(ctx, w.db.shards[i], func(ctx context.Context, r *Reader) (struct{}, error) {
				tables, err := r.keysTables(ctx)
				if err != nil {
					return struct{}{}, err
				}
				return struct{}{}, step(ctx, r, tables)
			})
			if err != nil || !reply.Source.OK() {
				k.Unlooked = append(k.Unlooked, "suspects, a second time: "+reply.Source.Asked)
			}
		}
	})
	for i := range replies {
		w.ghostsElsewhere(ctx, replies, i)
	}
}

const sqlRecordsAgain = `SELECT p.payment_id, c.merchant_id IS NULL, LEFT(JSON_VALUE(c.response_body, '$.paymentId'), 64), LEFT(JSON_VALUE(c.response_body, '$.amount'), 64),
  LEFT(JSON_VALUE(c.response_body, '$.currency'), 64), p.amount, LEFT(p.currency, 16)
FROM payment p FORCE INDEX (%) LEFT JOIN idem_response_cache c FORCE INDEX (%) ON c.merchant_id = p.merchant_id AND c.idempotency_key = p.idempotency_key
WHERE p.payment_id IN (%)`

func (k *Keys) recordsAgain(ctx context.Context, r *Reader, t keysTables, within []string) error {
	if t.byID == "" {
		return nil
	}
	ids := make([]int64, 0, maxSuspects)
	for _, s := range k.Mismatches {
		ids = append(ids, s.Payment.ID)
	}
	for _, m := range first(maxSuspects, k.Missing) {
		ids = append(ids, m.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	still, has := map[int64]KeySuspect{}, map[int64]bool{}
	query := fill(fill(fillIndex(sqlRecordsAgain, t.byID), quoteName(t.byRecord)), marks(len(ids)))
	err := r.run(ctx, "suspects, a second time", query, anys(ids), func(rows *sql.Rows) error {
		var s KeySuspect
		var id, said, in, amount, currency sql.NullString
		var none sql.NullBool
		err := rows.Scan(&s.Payment.ID, &none, &id, &said, &in, &amount, &currency)
		s.Payment.Amount, s.Payment.Currency = amount.String, text(currency)
		s.PaymentID, s.Amount, s.Currency = text(id), text(said), text(in)
		has[s.Payment.ID] = !none.Bool
		if s.compare(); !none.Bool && len(s.Differs) > 0 {
			still[s.Payment.ID] = s
		}
		return err
	})
	if err != nil {
		return err
	}
	k.Mismatches = slices.DeleteFunc(k.Mismatches, func(s KeySuspect) bool { return len(still[s.Payment.ID].Differs) == 0 })
	for i, s := range k.Mismatches {
		now := still[s.Payment.ID]
		k.Mismatches[i].Differs, k.Mismatches[i].PaymentID, k.Mismatches[i].Amount, k.Mismatches[i].Currency = now.Differs, now.PaymentID, now.Amount, now.Currency
	}
	before := len(k.Missing)
	found := func(m NoRecord) bool { return has[m.ID] }
	k.Missing, k.Oldest = slices.DeleteFunc(k.Missing, found), slices.DeleteFunc(k.Oldest, found)
	k.MissingAll -= int64(before - len(k.Missing))
	if err := k.recordsBefore(ctx, r, t); err != nil {
		return err
	}
	return k.others(ctx, r, within)
}

const (
	// Whether a merchant's payments before a moment have records.
	sqlRecordsBefore = `SELECT p.requested_at FROM (SELECT merchant_id, idempotency_key, requested_at FROM payment FORCE INDEX (%) WHERE merchant_id = ? AND requested_at < ? ORDER BY requested_at DESC LIMIT 200) AS p
JOIN idem_response_cache c FORCE INDEX (%) ON c.merchant_id = p.merchant_id AND c.idempotency_key = p.idempotency_key LIMIT 1`

	// maxOldest is of how many merchants the payments before are looked at.
	maxOldest = 10
)

// recordsBefore looks before the window where the oldest payments in it have no
// record: only if those before have none either are old records cleared away.
func (k *Keys) recordsBefore(ctx context.Context, r *Reader, t keysTables) error {
	oldest := slices.DeleteFunc(slices.Concat(k.Oldest, k.Missing), func(m NoRecord) bool { return !m.At.Before(k.FirstRecord) })
	slices.SortFunc(oldest, func(a, b NoRecord) int { return a.At.Compare(b.At) })
	seen := map[foreign.Text]bool{}
	for _, m := range oldest {
		if seen[m.Merchant] || len(seen) == maxOldest || t.byTime == "" {
			continue
		}
		seen[m.Merchant] = true
		query := fill(fillIndex(sqlRecordsBefore, t.byTime), quoteName(t.byRecord))
		err := r.run(ctx, "records before the window", query, []any{string(m.Merchant), t.payment.up("requested_at", m.At)}, func(rows *sql.Rows) error {
			var at time.Time
			err := rows.Scan(&at)
			if at.Before(k.FirstRecord) {
				k.FirstRecord = at
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// others finds whose payment a record names that is not its own, as far as that
// merchant may be told of.
func (k *Keys) others(ctx context.Context, r *Reader, within []string) error {
	var ids []int64
	for _, s := range k.Mismatches {
		var id int64
		if _, err := fmt.Sscan(string(s.PaymentID), &id); err == nil && id != s.Payment.ID && fmt.Sprint(id) == string(s.PaymentID) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	table, err := r.paymentTable(ctx)
	if err != nil {
		return err
	}
	found, err := r.some(ctx, table, PaymentQuery{IDs: ids, Merchants: within, Limit: len(ids)})
	for i, s := range k.Mismatches {
		for _, p := range found {
			if fmt.Sprint(p.ID) == string(s.PaymentID) && p.ID != s.Payment.ID {
				k.Mismatches[i].Other = &p
			}
		}
	}
	return err
}

const sqlGhostAgain = `SELECT c.created_at FROM idem_response_cache c FORCE INDEX (%) LEFT JOIN payment p FORCE INDEX (%) ON p.merchant_id = c.merchant_id AND p.idempotency_key = c.idempotency_key
WHERE c.merchant_id = ? AND c.idempotency_key = ? AND p.payment_id IS NULL`

func (k *Keys) ghostsAgain(ctx context.Context, r *Reader, t keysTables) error {
	var still []Ghost
	for _, g := range k.Ghosts {
		query := fill(fillIndex(sqlGhostAgain, t.byRecord), quoteName(t.byKey))
		err := r.run(ctx, "a record without a payment, a second time", query, []any{g.Merchant, string(g.Key)}, func(*sql.Rows) error {
			still = append(still, g)
			return nil
		})
		if err != nil {
			return err
		}
	}
	k.Ghosts = still
	return nil
}

// ghostsElsewhere looks on the other shards for the payments of ghosts.
func (w *keysWalk) ghostsElsewhere(ctx context.Context, replies []Reply[Keys], i int) {
	for n, g := range first(maxMisrouted, replies[i].Facts.Ghosts) {
		for j := range replies {
			if j == i || !replies[j].Source.OK() || replies[j].SameAs != "" {
				continue
			}
			reply, err := askShard(ctx, w.db.shards[j], func(ctx context.Context, r *Reader) ([]Payment, error) {
				return r.byKeys(ctx, g.Merchant, []string{string(g.Key)})
			})
			if err == nil && reply.Source.OK() && len(reply.Facts) > 0 {
				replies[i].Facts.Ghosts[n].Elsewhere = replies[j].Shard
			}
		}
	}
}

const sqlAmountBefore = `SELECT COUNT(*) FROM (SELECT 1 FROM payment FORCE INDEX (%) WHERE merchant_id = ? AND requested_at >= ? AND requested_at < ? AND amount = % AND currency = ? LIMIT 10) AS few`

const (
	// history is how far back is looked for other payments of a pair's amount.
	history = 7 * 24 * time.Hour
	// maxHistory is for how many pairs of a shard that is done, and historyTime how long
	// it goes on where there are more.
	maxHistory  = 50
	historyTime = 2 * time.Second
)

// pairsAgain drops the pairs of which one was given back meanwhile, and learns how
// usual the amount is: first of those that count by that alone.
func (k *Keys) pairsAgain(ctx context.Context, r *Reader, t keysTables) error {
	if len(k.Alike)+len(k.Rare) == 0 || t.byID == "" || t.byTime == "" {
		return nil
	}
	paid, err := r.paid(ctx, t.payment, slices.Concat(k.Alike, k.Rare))
	if err != nil {
		return err
	}
	k.Alike = slices.DeleteFunc(k.Alike, func(p Pair) bool { return !paid(p) })
	if !k.chance() {
		if err := k.rareAgain(ctx, r, t, paid); err != nil {
			return err
		}
	}
	for i, p := range first(max(0, maxHistory-k.RareJudged), k.Alike) {
		if k.Alike[i].Others, err = r.amountBefore(ctx, t, p.A); err != nil {
			return err
		}
	}
	return nil
}

// chance reports whether there are many pairs, and hardly more than chance makes:
// then it is of no account how usual their amounts are, and takes long to learn.
func (k *Keys) chance() bool {
	return k.RareAll > maxHistory && float64(k.RareAll) <= 2*k.ByChance
}

// rareAgain learns how usual the amount is of pairs in the order in which they were
// drawn, and keeps of those what is still paid.
func (k *Keys) rareAgain(ctx context.Context, r *Reader, t keysTables, paid func(Pair) bool) (err error) {
	var still []Pair
	judged, began := 0, time.Now()
	defer func() { k.Rare, k.RareJudged = still, judged }()
	for _, p := range k.Rare {
		if len(still) >= maxHistory && time.Since(began) > historyTime {
			break
		}
		if paid(p) {
			if p.Others, err = r.amountBefore(ctx, t, p.A); err != nil {
				return err
			}
			still = append(still, p)
		}
		judged++
	}
	return nil
}

// paid tells of pairs whether both payments are still open.
func (r *Reader) paid(ctx context.Context, t Table, pairs []Pair) (func(Pair) bool, error) {
	var ids []int64
	for _, p := range pairs {
		ids = append(ids, p.A.ID, p.B.ID)
	}
	now, err := r.some(ctx, t, PaymentQuery{IDs: ids, Limit: len(ids)})
	paid := map[int64]bool{}
	for _, p := range now {
		paid[p.ID] = slices.Contains(open, p.Status)
	}
	return func(p Pair) bool { return paid[p.A.ID] && paid[p.B.ID] }, err
}

// amountBefore counts a merchant's payments of the same amount before a payment, up
// to 10; nil where it has none.
func (r *Reader) amountBefore(ctx context.Context, t keysTables, p Payment) (*int, error) {
	if !decimal.MatchString(p.Amount) {
		return nil, nil
	}
	n := 0
	from, to := t.payment.up("requested_at", p.RequestedAt.Add(-history)), t.payment.up("requested_at", p.RequestedAt)
	err := r.query(ctx, countTimeout, "payments of the same amount before", fill(fillIndex(sqlAmountBefore, t.byTime), p.Amount), []any{string(p.Merchant), from, to, string(p.Currency)},
		func(rows *sql.Rows) error { return rows.Scan(&n) })
	if err != nil {
		return nil, err
	}
	return &n, nil
}

func (r *Reader) byKeys(ctx context.Context, merchant string, keys []string) ([]Payment, error) {
	t, err := r.paymentTable(ctx)
	if err != nil {
		return nil, err
	}
	uk := t.index("merchant_id", "idempotency_key")
	if uk == "" {
		return nil, nil
	}
	list, args := in("idempotency_key", keys)
	return r.rows(ctx, "payments of a merchant by their keys", sqlPaymentColumns+" FROM "+force(uk)+" WHERE merchant_id = ? AND "+list, slices.Concat([]any{merchant}, args))
}

const (
	// keysAsked is how many keys are looked up on another shard at once.
	keysAsked = 200
	// maxAcross is how many payments of one merchant are looked up on another shard.
	maxAcross = 10_000

	sqlCountOfMerchant = `SELECT COUNT(*) FROM (SELECT 1 FROM payment FORCE INDEX (%) WHERE merchant_id = ? LIMIT ?) AS some`
)

// across looks for keys that two shards have. A merchant lives on one shard, so
// only those that are on two are looked at, beginning on the one where there is less.
func (w *keysWalk) across(ctx context.Context, lists []Reply[keysList], replies []Reply[Keys]) {
	for i := range lists {
		for j := range i {
			if !lists[i].Source.OK() || !lists[j].Source.OK() || lists[i].SameAs != "" || lists[j].SameAs != "" {
				continue
			}
			for _, m := range common(lists[i].Facts.merchants, lists[j].Facts.merchants) {
				w.twins(ctx, m, j, i, replies)
			}
		}
	}
}

// common are merchants that both lists have, in whatever case: a database takes
// m-7 for M-7.
func common(a, b []string) (both []string) {
	fold := func(s string) string { return strings.ToLower(strings.TrimRight(s, " ")) }
	have := map[string]bool{}
	for _, m := range a {
		have[fold(m)] = true
	}
	for _, m := range b {
		if have[fold(m)] {
			both = append(both, m)
			have[fold(m)] = false
		}
	}
	return both
}

func (w *keysWalk) twins(ctx context.Context, merchant string, i, j int, replies []Reply[Keys]) {
	unlooked := func(why string) {
		k := &replies[i].Facts
		k.Unlooked = append(k.Unlooked, fmt.Sprintf("keys of a merchant that is on %s and %s: %s", replies[i].Shard, replies[j].Shard, why))
	}
	counts := map[int]int{}
	for _, place := range []int{i, j} {
		n, err := w.countOf(ctx, place, merchant)
		if err != nil {
			unlooked(string(err.Class))
			return
		}
		counts[place] = n
	}
	from, to := i, j
	if counts[j] < counts[i] {
		from, to = j, i
	}
	if counts[from] == 0 {
		return // records alone
	}
	var after *Payment
	for seen := 0; ; {
		page, err := w.pageOf(ctx, from, merchant, after)
		if err != nil {
			unlooked(string(err.Class))
			return
		}
		if len(page) == 0 {
			return
		}
		if seen += len(page); seen > maxAcross {
			unlooked(fmt.Sprintf("more than %d payments on either", maxAcross))
			return
		}
		var keys []string
		for _, p := range page {
			keys = append(keys, string(p.Key))
		}
		reply, callErr := askShard(ctx, w.db.shards[to], func(ctx context.Context, r *Reader) ([]Payment, error) { return r.byKeys(ctx, merchant, keys) })
		if callErr != nil || !reply.Source.OK() {
			unlooked("lookup failed")
			return
		}
		for _, there := range reply.Facts {
			for _, here := range page {
				if strings.EqualFold(string(here.Key), string(there.Key)) && (w.window.holds(here.RequestedAt) || w.window.holds(there.RequestedAt)) {
					replies[i].Facts.Across = append(replies[i].Facts.Across, Twin{here, there})
				}
			}
		}
		after = &page[len(page)-1]
	}
}

// holds reports whether a time lies in the window.
func (w Window) holds(at time.Time) bool {
	return (w.Since.IsZero() || !at.Before(w.Since)) && (w.Until.IsZero() || at.Before(w.Until))
}

func (w *keysWalk) countOf(ctx context.Context, place int, merchant string) (n int, failed *fault.Failure) {
	reply, err := askShard(ctx, w.db.shards[place], func(ctx context.Context, r *Reader) (n int, err error) {
		t, err := r.paymentTable(ctx)
		index := t.index("merchant_id", "requested_at")
		if err != nil || index == "" {
			return 0, err
		}
		err = r.run(ctx, "how many payments a merchant has", fillIndex(sqlCountOfMerchant, index), []any{merchant, maxAcross + 1}, func(rows *sql.Rows) error { return rows.Scan(&n) })
		return n, err
	})
	if err != nil {
		return 0, fault.FailureOf(err, fault.Unexpected)
	}
	return reply.Facts, reply.Source.Err
}

// pageOf is a page of a merchant's payments in the order of time.
func (w *keysWalk) pageOf(ctx context.Context, place int, merchant string, after *Payment) ([]Payment, *fault.Failure) {
	reply, err := askShard(ctx, w.db.shards[place], func(ctx context.Context, r *Reader) ([]Payment, error) {
		t, err := r.paymentTable(ctx)
		if err != nil {
			return nil, err
		}
		c := conds{sql: []string{"merchant_id = ?"}, args: []any{merchant}}
		if after != nil {
			at, _ := t.down("requested_at", after.RequestedAt)
			c.add("requested_at >= ? AND (requested_at > ? OR payment_id > ?)", at, at, after.ID)
		}
		query := sqlPaymentColumns + " FROM " + force(t.index("merchant_id", "requested_at")) + c.where() + " ORDER BY requested_at, payment_id LIMIT ?"
		return r.rows(ctx, "payments of a merchant that is on two shards", query, append(c.args, keysAsked))
	})
	if err != nil {
		return nil, fault.FailureOf(err, fault.Unexpected)
	}
	return reply.Facts, reply.Source.Err
}
