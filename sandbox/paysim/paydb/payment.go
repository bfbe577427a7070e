package paydb

import (
	"context"
	"database/sql"
	"time"
)

// The statuses that the service writes.
const (
	CaptureRequested = "CAPTURE_REQUESTED"
	Captured         = "CAPTURED"
	CaptureFailed    = "CAPTURE_FAILED"
	RefundRequested  = "REFUND_REQUESTED"
	Refunded         = "REFUNDED"
	RefundFailed     = "REFUND_FAILED"
)

// The two accounts of the ledger: a capture debits the first and credits the
// second, a refund the reverse.
const (
	Receivable = "merchant_receivable"
	Cash       = "cash"
)

// Payment is one row of payment.
type Payment struct {
	ID          int64
	Merchant    string
	Amount      int64
	Currency    string
	Status      string
	RequestedAt time.Time
}

const selectPayment = `SELECT payment_id, merchant_id, amount, currency, status, requested_at FROM payment WHERE payment_id=?`

// Find reads one payment; sql.ErrNoRows when there is none.
func (p *Pool) Find(ctx context.Context, id int64) (Payment, error) {
	var pay Payment
	err := p.Do(ctx, func(conn *sql.Conn) error {
		return conn.QueryRowContext(ctx, selectPayment, id).
			Scan(&pay.ID, &pay.Merchant, &pay.Amount, &pay.Currency, &pay.Status, &pay.RequestedAt)
	})
	return pay, err
}

// Move changes the status of a payment if it still is what it was. It says
// whether it was; of several that try side by side one succeeds.
func Move(ctx context.Context, tx *sql.Tx, id int64, from, to string) (bool, error) {
	n, err := Exec(ctx, tx, `UPDATE payment SET status=? WHERE payment_id=? AND status=?`, to, id, from)
	return n == 1, err
}
