package paydb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// StatisticsQuery is which payments to count, and into which parts of time.
type StatisticsQuery struct {
	Merchants []string // these alone, to the letter; none: all
	// Plan is asked once, with what every shard that answers told of itself.
	Plan func(begin StatisticsBegin) ([]Window, error)
	// Progress is told how many of how many parts are counted, one call at a time;
	// may be nil.
	Progress func(done, total int)
}

// StatisticsBegin is what must be known before time can be cut into parts.
type StatisticsBegin struct {
	Now    time.Time // the clock of the first shard that answered
	Oldest time.Time // the oldest payment of all shards; zero: there is none, or no index tells
}

// Statistics is what a shard counted, a part of time at a time.
type Statistics struct {
	Parts  []StatisticsPart // one for each window that was asked for
	Newest time.Time        // when the newest payment of any kind was requested; zero: not looked at
	// Scans says that no index serves the question here: each part reads the table.
	Scans bool
}

// StatisticsPart is one window's payments. Without Groups it was not counted.
type StatisticsPart struct {
	Groups  []StatisticsGroup
	Counted bool
	// NoMerchants says that there are too many to tell them apart: Merchant is empty.
	NoMerchants bool
	Failure     *fault.Failure // why it was not counted; nil when there was no time left
}

// StatisticsGroup is how many payments are alike, and their sum.
type StatisticsGroup struct {
	Status, Currency, Merchant foreign.Text
	Count                      int64
	Amount                     Sum
}

const (
	sqlStatistics = `SELECT LEFT(status, 64), LEFT(currency, 16), LEFT(merchant_id, 256), COUNT(*), SUM(amount) FROM %`
	sqlWithout    = `SELECT LEFT(status, 64), LEFT(currency, 16), '', COUNT(*), SUM(amount) FROM %`

	// Byte by byte: the column's own collation takes m-7 for M-7.
	sqlByMerchants      = ` GROUP BY payment.status, payment.currency, BINARY CONVERT(payment.merchant_id USING utf8mb4) LIMIT ?`
	sqlWithoutMerchants = ` GROUP BY payment.status, payment.currency LIMIT ?`

	sqlOldestOf         = `SELECT MIN(requested_at) FROM payment FORCE INDEX (%) WHERE status = ?`
	sqlOldestOfMerchant = `SELECT MIN(requested_at) FROM payment FORCE INDEX (%) WHERE merchant_id = ?`
)

const (
	// maxStatisticsGroups bounds the groups of one part.
	maxStatisticsGroups = 20_000
	// giveUp is after how many parts in a row that failed no more are asked for.
	giveUp = 3
)

// statisticsBegin is what a shard told before it counts.
type statisticsBegin struct {
	now, oldest, newest time.Time
	statuses            []string // that stand in the table; nil: not known
}

// Statistics counts payments on every shard. parts are the windows that were
// asked for; none when no shard answered.
func (db *DB) Statistics(ctx context.Context, q StatisticsQuery) (replies []Reply[Statistics], parts []Window, begin StatisticsBegin, err error) {
	begins, err := ask(ctx, db, func(ctx context.Context, r *Reader) (statisticsBegin, error) { return r.statisticsBegin(ctx, q) })
	if err != nil {
		return nil, nil, begin, err
	}
	replies = make([]Reply[Statistics], len(begins))
	for i, b := range begins {
		replies[i] = Reply[Statistics]{Asked: b.Asked, Facts: Statistics{Newest: b.Facts.newest}}
		if !b.Source.OK() || b.SameAs != "" {
			continue
		}
		begin.Now = cmp.Or(begin.Now, b.Facts.now)
		if o := b.Facts.oldest; !o.IsZero() && (begin.Oldest.IsZero() || o.Before(begin.Oldest)) {
			begin.Oldest = o
		}
	}
	if begin.Now.IsZero() {
		return replies, nil, begin, nil
	}
	if parts, err = q.Plan(begin); err != nil {
		return nil, nil, begin, err
	}
	ctx, cancel := early(ctx)
	defer cancel()
	var mu sync.Mutex
	done := 0
	counted := func() {
		if q.Progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		done++
		q.Progress(done, len(parts)*len(replies))
	}
	errs := make([]error, len(replies))
	fault.TogetherEach(len(replies), func(i int) {
		if replies[i].Source.OK() && replies[i].SameAs == "" {
			errs[i] = db.statistics(ctx, i, q, begins[i].Facts.statuses, parts, &replies[i], counted)
		}
	})
	return replies, parts, begin, errors.Join(errs...)
}

func (r *Reader) statisticsBegin(ctx context.Context, q StatisticsQuery) (b statisticsBegin, err error) {
	b.now = r.Now()
	t, err := r.paymentTable(ctx)
	if err != nil {
		return b, err
	}
	if missing := t.Drift().Missing; len(missing) > 0 {
		return b, r.lacks(t, missing)
	}
	oldest := func(query, value string) error {
		return r.run(ctx, "the oldest payment", query, []any{value}, func(rows *sql.Rows) error {
			var at sql.NullTime
			err := rows.Scan(&at)
			if at.Valid && (b.oldest.IsZero() || at.Time.Before(b.oldest)) {
				b.oldest = at.Time
			}
			return err
		})
	}
	byStatus, byMerchant := t.index("status", "requested_at"), t.index("merchant_id", "requested_at")
	switch {
	case len(q.Merchants) > 0 && byMerchant != "":
		for _, m := range q.Merchants {
			if err := oldest(fillIndex(sqlOldestOfMerchant, byMerchant), m); err != nil {
				return b, err
			}
		}
	case len(q.Merchants) == 0 && byStatus != "":
		if b.statuses, b.newest, err = r.statuses(ctx, PaymentQuery{}, byStatus); err != nil {
			return b, err
		}
		for _, s := range b.statuses {
			if err := oldest(fillIndex(sqlOldestOf, byStatus), s); err != nil {
				return b, err
			}
		}
	}
	if b.newest.IsZero() {
		b.newest, err = r.newestOfAll(ctx, t)
	}
	return b, err
}

// statistics counts one shard's parts, each in a transaction of its own: none is
// held open for long.
func (db *DB) statistics(ctx context.Context, place int, q StatisticsQuery, statuses []string, parts []Window, into *Reply[Statistics], counted func()) error {
	into.Facts.Parts = make([]StatisticsPart, len(parts))
	failed := 0
	for i, w := range parts {
		part := &into.Facts.Parts[i]
		if ctx.Err() != nil || failed >= giveUp {
			continue
		}
		reply, err := askShard(ctx, db.shards[place], func(ctx context.Context, r *Reader) (StatisticsPart, error) {
			t, err := r.paymentTable(ctx)
			if err != nil {
				return StatisticsPart{}, err
			}
			from, c := q.from(t, statuses)
			into.Facts.Scans = from == "payment"
			return r.part(ctx, t, from, c, w)
		})
		if err != nil {
			return err
		}
		into.Source.Took += reply.Source.Took
		into.Tables = reply.Tables
		if reply.Source.OK() {
			*part, failed = reply.Facts, 0
			part.Counted = true
			counted()
			continue
		}
		failed++
		part.Failure = reply.Source.Err
		if reply.Phase == Connecting { // the shard is gone
			into.Source.Err, into.Source.Asked, into.Phase, into.Number = reply.Source.Err, reply.Source.Asked, reply.Phase, reply.Number
			return nil
		}
	}
	return nil
}

// from is what to read, and which rows of it.
func (q StatisticsQuery) from(t Table, statuses []string) (from string, c conds) {
	byStatus, byMerchant := t.index("status", "requested_at"), t.index("merchant_id", "requested_at")
	from = "payment"
	switch {
	case len(q.Merchants) > 0:
		if byMerchant != "" {
			from = force(byMerchant)
		}
		c.exactly("merchant_id", q.Merchants)
	case byStatus != "" && len(statuses) > 0:
		from = force(byStatus)
		list, args := in("status", statuses)
		c.add(list, args...)
	}
	return from, c
}

func (r *Reader) part(ctx context.Context, t Table, from string, c conds, w Window) (p StatisticsPart, err error) {
	if !w.Since.IsZero() {
		c.add("requested_at >= ?", t.up("requested_at", w.Since))
	}
	if !w.Until.IsZero() {
		c.add("requested_at < ?", t.up("requested_at", w.Until))
	}
	if p.Groups, err = r.groups(ctx, fill(sqlStatistics, from)+c.where()+sqlByMerchants, c.args); err != nil || len(p.Groups) <= maxStatisticsGroups {
		return p, err
	}
	p.NoMerchants = true
	p.Groups, err = r.groups(ctx, fill(sqlWithout, from)+c.where()+sqlWithoutMerchants, c.args)
	return p, err
}

func (r *Reader) groups(ctx context.Context, query string, args []any) (all []StatisticsGroup, err error) {
	err = r.run(ctx, "payments counted by status, currency and merchant", query, append(slices.Clip(args), maxStatisticsGroups+1), func(rows *sql.Rows) error {
		var g StatisticsGroup
		var status, currency, merchant, amount sql.NullString
		if err := rows.Scan(&status, &currency, &merchant, &g.Count, &amount); err != nil {
			return err
		}
		g.Status, g.Currency, g.Merchant = text(status), text(currency), text(merchant)
		all = append(all, g)
		return all[len(all)-1].Amount.Add(cmp.Or(amount.String, "0"))
	})
	return all, err
}
