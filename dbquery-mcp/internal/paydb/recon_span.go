package paydb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
)

// Rows are added as payments happen, so those of neighbouring payments lie mostly
// together in the order of their table's own key. There they are read for a quarter of
// what the way over the index by payment costs, which looks every row up by itself.

// The keys of the first and of the last rows by payment.
const sqlEdges = `(SELECT 0, %[1]s FROM %[2]s FORCE INDEX (%[3]s) WHERE %[4]s ORDER BY payment_id LIMIT %[5]d)
UNION ALL (SELECT 1, %[1]s FROM %[2]s FORCE INDEX (%[3]s) WHERE %[4]s ORDER BY payment_id DESC LIMIT %[5]d)`

const (
	// edge is how many rows at each end tell where the rows of a range lie: half of
	// them may have come late.
	edge = 21
	// widest is how many keys for each payment a span may have.
	widest = 3
	// leastTogether is how many payments are worth a look at where their rows lie.
	leastTogether = 1_000
)

// span is where most rows of a range of payments lie, by their table's own key.
type span struct{ low, high int64 }

// together finds the span of a table's rows; ok is false where they lie apart, or
// where that cannot be known.
func (c *reconciling) together(ctx context.Context, t Table, ids someIDs) (s span, ok bool, err error) {
	key, index := t.key(), t.ordered("payment_id")
	if !ids.neighbours || len(c.books) < leastTogether || index == "" || t.ordered(key) == "" {
		return s, false, nil
	}
	var ends [2][]int64
	err = c.r.stream(ctx, "where the rows of "+t.Name+" lie", fmt.Sprintf(sqlEdges, key, t.Name, quoteName(index), ids.sql, edge), slices.Concat(ids.args, ids.args), func(row []driver.Value) error {
		end, _ := wholeOf(row[0])
		if at, numbered := wholeOf(row[1]); numbered { // other keys have no order that says when
			ends[end&1] = append(ends[end&1], at)
		}
		return nil
	})
	if err != nil || min(len(ends[0]), len(ends[1])) < edge {
		return s, false, err
	}
	s = span{middle(ends[0]), middle(ends[1])}
	return s, s.high >= s.low && s.high-s.low < int64(widest*len(c.books)), nil
}

func middle(keys []int64) int64 {
	slices.Sort(keys)
	return keys[len(keys)/2]
}

// eachOf reads all rows of the ids, once each: those of the span in its order, then
// the others, which the index finds without looking up what was read.
func (c *reconciling) eachOf(ctx context.Context, t Table, query string, ids someIDs, s span, row func([]driver.Value) error) error {
	key := t.key()
	inside := fmt.Sprintf("%[1]s >= ? AND %[1]s <= ? AND %[2]s", key, ids.sql)
	if err := c.r.stream(ctx, t.Name+" of a chunk", fmt.Sprintf(query, quoteName(t.ordered(key)), inside), slices.Concat([]any{s.low, s.high}, ids.args), row); err != nil {
		return err
	}
	c.place0 = 0
	outside := fmt.Sprintf("%[2]s AND (%[1]s < ? OR %[1]s > ?)", key, ids.sql)
	return c.r.stream(ctx, t.Name+" of a chunk that lie apart", fmt.Sprintf(query, quoteName(t.ordered("payment_id")), outside), append(slices.Clone(ids.args), s.low, s.high), row)
}
