package paydb

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"
)

// However rows lie, whether most stand together or none do, a chunk has the same
// books as when every row is looked up by its payment.
func TestRowsAreReadOnceHoweverTheyLie(t *testing.T) {
	const payments = 3000
	for name, x := range map[string]struct {
		together bool // must be seen
		damage   []string
	}{
		"as they were added": {true, nil},
		"some came late": {true, []string{
			"UPDATE ledger_entry SET entry_id = entry_id + 1000000 WHERE payment_id MOD 17 = 3",
			"UPDATE settlement_request SET id = id + 1000000 WHERE payment_id MOD 17 = 5",
			"INSERT INTO ledger_entry (entry_id, payment_id, debit_account, credit_account, amount) SELECT -payment_id, payment_id, 'fees', 'cash', 3 FROM payment WHERE payment_id MOD 50 = 7",
		}},
		"some are of nobody": {true, []string{
			"UPDATE ledger_entry SET entry_id = entry_id + 1000000 WHERE payment_id = 700 OR payment_id = 701 AND debit_account = 'cash'",
			"INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) SELECT payment_id, 'cash', 'merchant_receivable', 1 FROM payment WHERE payment_id MOD 100 = 0",
			"DELETE FROM payment WHERE payment_id MOD 100 IN (0, 1, 2)",
		}},
		"gaps": {true, []string{
			"DELETE FROM ledger_entry WHERE payment_id MOD 3 = 1",
			"DELETE FROM payment WHERE payment_id BETWEEN 400 AND 900",
			"DELETE FROM ledger_entry WHERE payment_id BETWEEN 400 AND 600",
		}},
		"in any order": {false, []string{
			"UPDATE ledger_entry SET entry_id = 100000 + (payment_id * 7919) MOD 30011 * 10 + (debit_account = 'cash')",
			"UPDATE settlement_request SET id = 1000000 + (payment_id * 7919) MOD 30011",
		}},
		"the other way round": {false, []string{
			"UPDATE ledger_entry SET entry_id = 1000000 - payment_id * 10 - (debit_account = 'cash')",
			"UPDATE settlement_request SET id = 1000000 - payment_id",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			db := withBooks(t, payments)
			db.Shards[0].Exec(t, "SET foreign_key_checks=0")
			for _, statement := range x.damage {
				db.Shards[0].Exec(t, statement)
			}
			onFirst(t.Context(), t, openDB(t, db), func(ctx context.Context, r *Reader) error {
				ids := idRange(0, payments)
				var both [2]reconciling
				for place, neighbours := range []bool{true, false} {
					c := &both[place]
					*c = reconciling{r: r, q: ReconcileQuery{Checks: Checks{true, true}, Grace: time.Minute, Judge: simple}, size: payments}
					c.out.Control, c.out.Pairs = map[string]*Control{}, map[AccountPair]*Amounts{}
					if err := c.look(ctx); err != nil {
						return err
					}
					if err := c.readPayments(ctx, 0, payments); err != nil {
						return err
					}
					ids.neighbours = neighbours
					for _, table := range []Table{c.ledger, c.settlement} {
						if _, together, err := c.together(ctx, table, ids); err != nil || together && !neighbours || x.together && together != neighbours {
							t.Errorf("%s: together %t, %v", table.Name, together, err)
						}
					}
					if err := c.children(ctx, ids, func(err error) error { return err }); err != nil {
						return err
					}
				}
				a, b := &both[0], &both[1]
				if len(a.books) < payments*8/10 || !slices.Equal(a.books, b.books) {
					t.Errorf("other books: %d and %d", len(a.books), len(b.books))
				}
				if !reflect.DeepEqual(a.out, b.out) || a.out.Entries == 0 || a.out.Settlements == 0 || a.out.Refunds == 0 {
					t.Errorf("other totals: %+v and %+v", a.out, b.out)
				}
				if !reflect.DeepEqual(a.doubts.fresh, b.doubts.fresh) {
					t.Errorf("other orphans: %v and %v", a.doubts.fresh, b.doubts.fresh)
				}
				if name == "some are of nobody" && len(a.doubts.fresh) != payments*3/100 {
					t.Errorf("%d orphans", len(a.doubts.fresh))
				}
				return nil
			})
		})
	}
}
