package worker

import (
	"context"
	"database/sql"
	"errors"

	"payops-mcp/sandbox/paysim/bus"
	"payops-mcp/sandbox/paysim/defect"
	"payops-mcp/sandbox/paysim/paydb"
)

// Ledger is the consumer that posts captures and refunds.
func (d *Desk) Ledger(brokers []string) *bus.Consumer {
	return bus.NewConsumer(bus.Config{
		Brokers: brokers, Login: d.Login, Group: bus.LedgerGroup, Topics: []string{bus.Captured, bus.Refunded}, Lanes: lanes, Log: d.Log,
		Handle: d.post,
		Dead: func(ctx context.Context, r bus.Record, why error) error {
			return d.bury(ctx, bus.PaymentDLQ, r, why)
		},
	})
}

// A posting is made when the payment has none of the kind. The payment's row is
// locked first, so that of two that post side by side the second sees what the
// first did.
const (
	postOnce = `INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount)
SELECT p.payment_id, ?, ?, ? FROM payment p LEFT JOIN ledger_entry l ON l.payment_id=p.payment_id AND l.debit_account=? AND l.credit_account=?
WHERE p.payment_id=? AND l.entry_id IS NULL FOR UPDATE`
	postAlways = `INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount) VALUES (?,?,?,?)`
)

// post handles one record.
func (d *Desk) post(ctx context.Context, r bus.Record) error {
	var q asked
	if err := decode(r, &q); err != nil {
		return err
	}
	debit, credit := paydb.Receivable, paydb.Cash
	if r.Topic == bus.Refunded {
		debit, credit = credit, debit
	}
	pool := d.Cluster.For(q.MerchantID)
	if d.Defects.Has(defect.NoMerchant) {
		pool = d.Cluster.Shard(1)
	} else if q.MerchantID == "" {
		return &bus.Poison{Err: errors.New("no merchantId: the shard is not known")}
	}
	var n int64
	err := pool.Do(ctx, func(conn *sql.Conn) (err error) {
		if d.Defects.Has(defect.NoDedupe) {
			n, err = paydb.Exec(ctx, conn, postAlways, q.PaymentID, debit, credit, q.Amount)
		} else {
			n, err = paydb.Exec(ctx, conn, postOnce, debit, credit, q.Amount, debit, credit, q.PaymentID)
		}
		return err
	})
	if paydb.Refused(err) {
		return &bus.Poison{Err: err}
	}
	if err != nil || n == 1 {
		return err
	}
	// Nothing was inserted: it was posted before, or there is no payment.
	_, err = lookup(ctx, pool, q.PaymentID)
	return err
}
