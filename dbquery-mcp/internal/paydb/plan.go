package paydb

import (
	"slices"
	"strings"
)

// A page of payments is read by walking an index in the order that is asked for
// and stopping after a page, so that its cost does not grow with the table. One
// walk goes through one status or one merchant; what several give is merged by
// UNION ALL. payment has no index over requested_at alone.
const (
	sqlPaymentColumns = `SELECT payment_id, LEFT(merchant_id, 256) AS merchant_id, CHAR_LENGTH(merchant_id) AS merchant_length, amount,
  LEFT(currency, 16) AS currency, LEFT(status, 64) AS status, LEFT(idempotency_key, 256) AS idempotency_key,
  CHAR_LENGTH(idempotency_key) AS key_length, requested_at, updated_at`

	sqlTotalColumns = `SELECT LEFT(status, 64) AS status, LEFT(currency, 16) AS currency, COUNT(*) AS n, SUM(amount) AS amount`

	// A key alone: every merchant by a loose index scan, each looked up by the
	// unique index.
	sqlKeyOfAnyMerchant = `(SELECT DISTINCT merchant_id AS m FROM payment) AS merchants JOIN payment FORCE INDEX (%) ON payment.merchant_id = merchants.m`
)

// plan is how a query is answered on one shard.
type plan struct {
	by       string // the index, for people
	from     string
	branches []conds // each walks the index once; none: nothing can match
	// all are the same conditions without branches, for the totals.
	all conds
	// why totals would cost too much; empty if they would not
	uncounted string
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func force(index string) string { return "payment FORCE INDEX (" + quoteName(index) + ")" }

// walk chooses the index. wanted are the statuses of the database that are asked
// for, nil if they are not known.
func (q PaymentQuery) walk(t Table, wanted []string) plan {
	byID, uk := t.index("payment_id"), t.index("merchant_id", "idempotency_key")
	byMerchant, byStatus := t.index("merchant_id", "requested_at"), t.index("status", "requested_at")
	whole := func(index, from string, add func(*conds)) plan {
		var c conds
		add(&c)
		c = c.with(q.statusCond())
		return plan{by: index, from: from, branches: []conds{c}, all: c}
	}
	switch {
	case len(q.IDs) > 0 && byID != "":
		return whole(byID, force(byID), func(c *conds) {
			list, args := in("payment_id", q.IDs)
			c.add(list, args...)
			q.ofMerchants(c)
			q.withKeys(c)
		})
	case len(q.Keys) > 0 && len(q.Merchants) > 0 && uk != "":
		return whole(uk, force(uk), func(c *conds) { q.ofMerchants(c); q.withKeys(c) })
	case len(q.Keys) > 0 && uk != "":
		return whole(uk, fillIndex(sqlKeyOfAnyMerchant, uk), q.withKeys)
	case len(q.Merchants) > 0 && byMerchant != "":
		return q.walkMerchants(byMerchant)
	case len(q.Merchants) > 0 && uk != "":
		return whole(uk, force(uk), func(c *conds) { q.ofMerchants(c); q.withKeys(c) })
	case byStatus != "" && wanted != nil:
		return q.walkStatuses(byStatus, wanted)
	}
	p := whole("a scan of the table", "payment", func(c *conds) {
		if len(q.IDs) > 0 {
			list, args := in("payment_id", q.IDs)
			c.add(list, args...)
		}
		q.ofMerchants(c)
		q.withKeys(c)
	})
	p.uncounted = "no index serves this question here"
	return p
}

func (q PaymentQuery) ofMerchants(c *conds) {
	if len(q.Merchants) > 0 {
		c.exactly("merchant_id", q.Merchants)
	}
}

func (q PaymentQuery) withKeys(c *conds) {
	switch {
	case len(q.Keys) == 0:
	case q.AnySpelling:
		list, args := in("idempotency_key", q.Keys)
		c.add(list, args...)
	default:
		c.exactly("idempotency_key", q.Keys)
	}
}

func (q PaymentQuery) walkMerchants(index string) plan {
	p := plan{by: index, from: force(index)}
	q.ofMerchants(&p.all)
	q.withKeys(&p.all)
	p.all = p.all.with(q.statusCond())
	if q.Order.byAmount() {
		p.branches = []conds{p.all}
		return p
	}
	for _, m := range slices.Compact(slices.Sorted(slices.Values(q.Merchants))) {
		one := q
		one.Merchants = []string{m}
		var c conds
		one.ofMerchants(&c)
		one.withKeys(&c)
		p.branches = append(p.branches, c.with(q.statusCond()))
	}
	return p
}

func (q PaymentQuery) walkStatuses(index string, wanted []string) plan {
	p := plan{by: index, from: force(index)}
	if len(wanted) == 0 {
		return p
	}
	list, args := in("status", wanted)
	p.all.add(list, args...)
	q.withKeys(&p.all)
	if len(q.Statuses) == 0 {
		p.uncounted = "no time_range, no status and no merchant: that would read the whole table"
	}
	if q.Order.byAmount() {
		p.branches = []conds{p.all}
		return p
	}
	for _, s := range wanted {
		var c conds
		c.add("status = ?", s)
		q.withKeys(&c)
		p.branches = append(p.branches, c)
	}
	return p
}

func (q PaymentQuery) orderBy() string {
	way := " ASC"
	if q.Order.descending() {
		way = " DESC"
	}
	return " ORDER BY " + q.Order.Column() + way + ", payment_id" + way
}

// list is the statement for a page.
func (q PaymentQuery) list(p plan, rest conds) (sql string, args []any) {
	tail := q.orderBy() + " LIMIT ?"
	var parts []string
	for _, b := range p.branches {
		c := b.with(rest)
		parts = append(parts, sqlPaymentColumns+" FROM "+p.from+c.where()+tail)
		args = append(args, c.args...)
		args = append(args, q.Limit+1)
	}
	if len(parts) == 1 {
		return parts[0], args
	}
	return "(" + strings.Join(parts, ") UNION ALL (") + ")" + tail, append(args, q.Limit+1)
}

// totals is the statement that counts and sums.
func (q PaymentQuery) totals(p plan, rest conds) (sql string, args []any) {
	c := p.all.with(rest)
	return sqlTotalColumns + " FROM " + p.from + c.where() + " GROUP BY payment.status, payment.currency LIMIT ?", append(c.args, maxGroups+1)
}
