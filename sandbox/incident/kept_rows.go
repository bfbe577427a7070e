package incident

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"payops-mcp/sandbox/stack"
)

// What incidents that change or delete rows of any table have in common: the rows are
// kept as they were, and come back.

// keptTable are the rows of a table for which a condition holds.
type keptTable struct {
	Shard        int
	Table, Where string
	Rows         []map[string]*string
}

// keepRows remembers the rows of a table for which a condition holds, for
// restoreRows. The condition must be about what nothing else has: rows that hold it
// then are deleted before these come back.
func keepRows(ctx context.Context, w *World, did *Injected, place int, table, where string) error {
	rows, err := readRows(ctx, w.Stack.Shards[place].Admin(), "SELECT * FROM "+table+" WHERE "+where)
	if err != nil {
		return fmt.Errorf("%s: %w", w.Stack.Shards[place].Name(), err)
	}
	return did.keep("rows "+strconv.Itoa(len(did.Kept)), keptTable{place, table, where, rows})
}

// restoreRows brings back what keepRows has kept.
func restoreRows(ctx context.Context, w *World, did Injected) error {
	return eachKept(did, "rows ", func(k keptTable) error {
		if err := k.restore(ctx, w.Stack.Shards[k.Shard]); err != nil {
			return fmt.Errorf("%s: %s: %w", w.Stack.Shards[k.Shard].Name(), k.Table, err)
		}
		return nil
	})
}

func (k keptTable) restore(ctx context.Context, shard *stack.MariaDB) error {
	return within(ctx, shard.Admin(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+k.Table+" WHERE "+k.Where); err != nil {
			return err
		}
		for _, row := range k.Rows {
			set, args := assign(row)
			if _, err := tx.ExecContext(ctx, "INSERT INTO "+k.Table+" SET "+set, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// restoreBooksAndRows undoes both kinds of change.
func restoreBooksAndRows(ctx context.Context, w *World, did Injected) error {
	return errors.Join(restoreRows(ctx, w, did), restoreBooks(ctx, w, did))
}

// older picks n payments of a status at random that are hours old, with others before
// and after them. They have a settlement, and nothing has happened to them before.
func (w *World) older(ctx context.Context, shard *stack.MariaDB, status string, n int) ([]victim, error) {
	all, err := w.settled(ctx, shard, status)
	if err != nil {
		return nil, err
	}
	all = all[len(all)/10 : len(all)-len(all)/10]
	if len(all) < n {
		return nil, fmt.Errorf("%s has %d settled payments that are %s, want %d", shard.Name(), len(all), status, n)
	}
	w.Rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:n]
	slices.SortFunc(all, func(a, b victim) int { return int(a.ID - b.ID) })
	return all, nil
}
