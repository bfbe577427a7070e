package incident

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"payops-mcp/sandbox/stack"
)

// What incidents in the books have in common: they take payments that are long
// settled, keep all rows of them, and change some.

// victim is a payment whose books are broken.
type victim struct {
	ID       int64
	Merchant string
	Amount   int64
	Currency string
}

// settledBefore is how long nothing may have happened to a payment for it to be
// taken: longer than any grace.
const settledBefore = "INTERVAL 10 MINUTE"

// victims picks n payments of a status at random. They have a settlement, and nothing
// has happened to them before.
func (w *World) victims(ctx context.Context, shard *stack.MariaDB, status string, n int) ([]victim, error) {
	all, err := w.settled(ctx, shard, status)
	if err != nil {
		return nil, err
	}
	if len(all) < n {
		return nil, fmt.Errorf("%s has %d settled payments that are %s, want %d", shard.Name(), len(all), status, n)
	}
	w.Rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:n]
	slices.SortFunc(all, func(a, b victim) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// take notes that something happens to payments, so that nothing else does.
func (w *World) take(place int, ids []int64) {
	if w.taken == nil {
		w.taken = map[int]map[int64]bool{}
	}
	if w.taken[place] == nil {
		w.taken[place] = map[int64]bool{}
	}
	for _, id := range ids {
		w.taken[place][id] = true
	}
}

// settled are the payments of a status that have a settlement, by id.
func (w *World) settled(ctx context.Context, shard *stack.MariaDB, status string) ([]victim, error) {
	rows, err := shard.Admin().QueryContext(ctx, `SELECT payment_id, merchant_id, amount, currency FROM payment p
WHERE status=? AND updated_at < UTC_TIMESTAMP(3) - `+settledBefore+`
AND EXISTS (SELECT 1 FROM settlement_request s WHERE s.payment_id=p.payment_id) ORDER BY payment_id`, status)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shard.Name(), err)
	}
	defer func() { _ = rows.Close() }()
	var all []victim
	for rows.Next() {
		var v victim
		if err := rows.Scan(&v.ID, &v.Merchant, &v.Amount, &v.Currency); err != nil {
			return nil, err
		}
		if !w.taken[shard.Shard-1][v.ID] {
			all = append(all, v)
		}
	}
	return all, rows.Err()
}

// anyShard is one of the two, at random.
func (w *World) anyShard() (*stack.MariaDB, int) {
	place := w.Rand.IntN(min(len(w.Stack.Shards), 2))
	return w.Stack.Shards[place], place
}

func ids(all []victim) []int64 {
	out := make([]int64, len(all))
	for i, v := range all {
		out[i] = v.ID
	}
	return out
}

// span quotes how many they are, the first and the last.
func span(all []victim) []string {
	return []string{strconv.Itoa(len(all)), strconv.FormatInt(all[0].ID, 10), strconv.FormatInt(all[len(all)-1].ID, 10)}
}

// worth is what they come to in a currency.
func worth(all []victim) (quotes []string) {
	sums := map[string]int64{}
	for _, v := range all {
		sums[v.Currency] += v.Amount
	}
	for _, sum := range sums {
		quotes = append(quotes, strconv.FormatInt(sum, 10))
	}
	return quotes
}

// bookTables are those with rows of a payment, that name it by payment_id.
var bookTables = []string{"payment", "ledger_entry", "settlement_request", "refund_request"}

// keptRows are all rows that payments of a shard had, by table, as column and text.
type keptRows struct {
	Shard int                             `json:"shard"`
	IDs   []int64                         `json:"ids"`
	Rows  map[string][]map[string]*string `json:"rows"`
}

// keepBooks remembers all rows of payments, for restoreBooks. Ids without rows are
// remembered, too: what is inserted for them is deleted again.
func keepBooks(ctx context.Context, w *World, did *Injected, place int, ids []int64) error {
	kept := keptRows{Shard: place, IDs: ids, Rows: map[string][]map[string]*string{}}
	for _, table := range bookTables {
		rows, err := readRows(ctx, w.Stack.Shards[place].Admin(), "SELECT * FROM "+table+" WHERE payment_id IN ("+list(ids)+")")
		if err != nil {
			return fmt.Errorf("%s: %w", w.Stack.Shards[place].Name(), err)
		}
		kept.Rows[table] = rows
	}
	if err := did.keep("books "+strconv.Itoa(place), kept); err != nil {
		return err
	}
	w.take(place, ids)
	return nil
}

func list(ids []int64) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(words, ",")
}

func readRows(ctx context.Context, db *sql.DB, query string) (all []map[string]*string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]sql.RawBytes, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]*string{}
		for i, name := range names {
			if values[i] != nil {
				text := strings.TrimSuffix(strings.Replace(string(values[i]), "T", " ", 1), "Z")
				if !isTime(text) {
					text = string(values[i])
				}
				row[name] = &text
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// isTime tells what the driver makes of a TIMESTAMP from other text.
func isTime(text string) bool {
	return len(text) >= len("2006-01-02 15:04:05") && text[4] == '-' && text[10] == ' ' && text[13] == ':'
}

// restoreBooks gives payments back the rows that they had.
func restoreBooks(ctx context.Context, w *World, did Injected) error {
	return eachKept(did, "books ", func(kept keptRows) error {
		if err := kept.restore(ctx, w.Stack.Shards[kept.Shard].Admin()); err != nil {
			return fmt.Errorf("%s: %w", w.Stack.Shards[kept.Shard].Name(), err)
		}
		return nil
	})
}

// assign is a row as columns to be set, and their values.
func assign(row map[string]*string) (set string, args []any) {
	var columns []string
	for column, value := range row {
		columns, args = append(columns, column+"=?"), append(args, value)
	}
	return strings.Join(columns, ","), args
}

func (k keptRows) restore(ctx context.Context, db *sql.DB) error {
	return within(ctx, db, func(tx *sql.Tx) error {
		for _, table := range bookTables {
			if table != "payment" {
				if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE payment_id IN ("+list(k.IDs)+")"); err != nil {
					return err
				}
			}
			for _, row := range k.Rows[table] {
				set, args := assign(row)
				statement := "INSERT INTO " + table + " SET " + set
				if table == "payment" { // others refer to it
					statement = "UPDATE payment SET " + set + " WHERE payment_id=" + *row["payment_id"]
				}
				if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
					return fmt.Errorf("%s: %w", table, err)
				}
			}
		}
		return nil
	})
}

// change executes statements on a shard; "%" stands for the ids.
func change(ctx context.Context, shard *stack.MariaDB, ids []int64, statements ...string) error {
	for _, statement := range statements {
		if err := execute(ctx, shard.Admin(), strings.ReplaceAll(statement, "%", list(ids))); err != nil {
			return fmt.Errorf("%s: %w", shard.Name(), err)
		}
	}
	return nil
}

func askReconciliation() Ask {
	return Ask{Question: "Is all captured and refunded money in the books?", Server: "dbquery-mcp", Tool: "reconciliation_check", Args: map[string]any{}}
}

// The two directions of a posting, as a condition and as values.
const (
	isCapture  = "debit_account='merchant_receivable' AND credit_account='cash'"
	isReversal = "debit_account='cash' AND credit_account='merchant_receivable'"
)

// ledgerIncident breaks the books of some payments of one status, on one shard.
type ledgerIncident struct {
	status      string
	least, most int
	statements  []string // "%" stands for the ids
	quotes      func([]victim) []string
}

func (l ledgerIncident) inject(ctx context.Context, w *World) (Injected, error) {
	did := Injected{Asks: []Ask{askReconciliation()}}
	shard, place := w.anyShard()
	hit, err := w.victims(ctx, shard, l.status, w.between(l.least, l.most))
	if err != nil {
		return did, err
	}
	did.Quotes = append(append(span(hit), worth(hit)...), shard.Name())
	if l.quotes != nil {
		did.Quotes = append(did.Quotes, l.quotes(hit)...)
	}
	if err := keepBooks(ctx, w, &did, place, ids(hit)); err != nil {
		return did, err
	}
	return did, change(ctx, shard, ids(hit), l.statements...)
}
