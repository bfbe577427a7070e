package paydb

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"payops-mcp/shared/foreign"
)

// What information_schema shows is what the account may see: the schema is
// compared only for one that may read all of it.
const (
	sqlTablesThere = `SELECT LOWER(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (%)`
	sqlForeignKeys = `SELECT LOWER(TABLE_NAME), LOWER(REFERENCED_TABLE_NAME) FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'payment_id' AND REFERENCED_COLUMN_NAME = 'payment_id' AND TABLE_NAME IN (%)`
)

func (r *Reader) wholeSchema(ctx context.Context, h *Health) error {
	names := TableNames()
	var there []string
	err := r.run(ctx, "the tables there are", fill(sqlTablesThere, marks(len(names))), anys(names), func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		there = append(there, name)
		return err
	})
	if err != nil {
		return err
	}
	bound := map[string][]string{}
	err = r.run(ctx, "the foreign keys there are", fill(sqlForeignKeys, marks(len(names))), anys(names), func(rows *sql.Rows) error {
		var child, parent string
		err := rows.Scan(&child, &parent)
		bound[child] = append(bound[child], parent)
		return err
	})
	if err != nil {
		return err
	}
	all := map[string]Table{}
	for _, name := range names {
		if !slices.Contains(there, name) {
			all[name] = Table{Name: name}
			continue
		}
		t, err := r.look(ctx, name) // how it is at present is the question
		if err != nil {
			return err
		}
		for _, parent := range schemaSQL[name].parents {
			if !slices.Contains(bound[name], parent) {
				t.Unbound = append(t.Unbound, parent)
			}
		}
		all[name] = t
	}
	h.Schema = all
	return nil
}

const (
	// maxMisrouted is how many merchants on the wrong shard are looked at one by one.
	maxMisrouted = 20
	// maxPlaced is how many merchants are held against the shard rule, and placeTime how
	// long may pass before those of the next statement are not.
	maxPlaced = 200_000
	placeTime = 2 * time.Second
)

// Misrouted are the merchants that the shard rule puts on another shard than the
// one that has their payments.
type Misrouted struct {
	Looked int  // merchants there are, as far as they were looked at
	Whole  bool // all of them were
	All    int  // how many are on the wrong shard
	Some   []MisroutedMerchant
}

// MisroutedMerchant is one of them, with what it has on the wrong shard.
type MisroutedMerchant struct {
	Merchant    foreign.Text
	Payments    int64
	First, Last time.Time
}

const sqlOfMerchant = `SELECT COUNT(*), MIN(requested_at), MAX(requested_at) FROM % WHERE merchant_id = ?`

// misrouted looks for merchants that do not belong on the shard. Where it fails on the way,
// what was found until then is in h.
func (r *Reader) misrouted(ctx context.Context, belongs func(merchant string) bool, h *Health) error {
	t, err := r.paymentTable(ctx)
	if err != nil {
		return err
	}
	index := t.index("merchant_id", "requested_at")
	if index == "" {
		return nil
	}
	names, err := r.merchants(ctx, index)
	if err != nil {
		return err
	}
	m := &Misrouted{}
	h.Misrouted = m
	for end := placedUntil(ctx); ; {
		if err := r.misplaced(ctx, index, names, belongs, m); err != nil {
			return err
		}
		m.Looked += len(names)
		m.Whole = len(names) < maxMerchants
		if m.Whole || m.Looked >= maxPlaced || !time.Now().Before(end) {
			return nil
		}
		if names, err = r.merchantsAfter(ctx, index, names[len(names)-1]); err != nil {
			return err
		}
	}
}

// placedUntil is when no more merchants are held against the shard rule: a call that is
// nearly over needs the rest of its time to tell what was found.
func placedUntil(ctx context.Context) time.Time {
	left := placeTime
	if end, bounded := ctx.Deadline(); bounded {
		left = min(left, time.Until(end)/2)
	}
	return time.Now().Add(left)
}

// misplaced adds those of some merchants that do not belong on the shard.
func (r *Reader) misplaced(ctx context.Context, index string, names []string, belongs func(merchant string) bool, m *Misrouted) error {
	for _, name := range names {
		if belongs(name) {
			continue
		}
		if len(m.Some) < maxMisrouted {
			one, err := r.misroutedMerchant(ctx, index, name)
			if err != nil {
				return err
			}
			m.Some = append(m.Some, one)
		}
		m.All++
	}
	return nil
}

// misroutedMerchant looks at what a merchant has on the wrong shard.
func (r *Reader) misroutedMerchant(ctx context.Context, index, name string) (one MisroutedMerchant, err error) {
	one.Merchant = foreign.Text(name)
	err = r.run(ctx, "the payments of a merchant on the wrong shard", fill(sqlOfMerchant, force(index)), []any{name}, func(rows *sql.Rows) error {
		var first, last sql.NullTime
		err := rows.Scan(&one.Payments, &first, &last)
		one.First, one.Last = first.Time, last.Time
		return err
	})
	return one, err
}
